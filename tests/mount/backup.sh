#!/usr/bin/env bash
# rsync, tar and cp -a out of a mount and back into an empty one: nothing is lost or changed.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
{
	for i in $(seq 1 300); do
		echo "cpu,host=h$((i % 7)),path=/var/log usage=0.$i,n=${i}i,big=${i}u,up=true,s=\"a, b=c\" $((1700000000 + i * 3600))000000000"
	done
	echo 'odd\ name,a\=b=c\,d v=1 1700000000000000000'
	echo 'ünïcode,t=ü v=-0 1700000000000000000'
	echo '.dot,%=% v=1e300 1700000000000000000'
	printf 'long,t=%0300d v=1 1700000000000000000\n' 7
	printf 'text s="two\nlines" 1700000000000000000\n'
} >"$WORK/points.lp"
check "the points go in" cp "$WORK/points.lp" "$MNT/db/write"
mkdir "$MNT/db/keep"
echo 'duration 30d' >"$MNT/db/keep/.policy"
mkdir "$MNT/db/views"
ln -s '../query/select count(usage) from cpu;.csv' "$MNT/db/views/count.csv"
chmod 750 "$MNT/db"
everything='select * from /.+/;.csv'
check_equal "every row is in the answer, one of them over two lines" 306 "$(grep -c . <(grep -v ^name "$MNT/db/query/$everything"))"
answer=$(md5sum <"$MNT/db/query/$everything")

check "rsync copies out" rsync -a "$MNT/" "$WORK/backup/"
check_equal "the second rsync has nothing to do" "" "$(rsync -ai "$MNT/" "$WORK/backup/")"
check "tar packs" tar -C "$MNT" -cf "$WORK/backup.tar" db
mount_stop

restore() { # restore WHAT COMMAND…
	what=$1
	shift
	rm -rf "$DATA"
	mkdir -p "$DATA"
	mount_start
	check "$what goes back" "$@"
	check "$what: nothing differs" diff -r --no-dereference "$WORK/backup" "$MNT"
	check_equal "$what: the answers are the same" "$answer" \
		"$(md5sum <"$MNT/db/query/$everything")"
}
restore rsync rsync -a "$WORK/backup/" "$MNT/"
check_equal "rsync again has nothing to do" "" "$(rsync -ai "$WORK/backup/" "$MNT/")"
check_equal "rsync out again has nothing to do" "" "$(rsync -ai "$MNT/" "$WORK/backup/")"
check_equal "the mode is back" 750 "$(stat -c %a "$MNT/db")"
mount_stop
restore tar tar -C "$MNT" -xf "$WORK/backup.tar"
mount_stop
restore cp cp -a "$WORK/backup/db" "$MNT/"
mount_stop
export BORG_BASE_DIR="$WORK" BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
check "borg takes it" bash -c "borg init -e none '$WORK/borg' && cd '$WORK/backup' && borg create '$WORK/borg::one' ."
restore borg bash -c "cd '$MNT' && borg extract '$WORK/borg::one'"
