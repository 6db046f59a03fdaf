#!/usr/bin/env bash
# Ten thousand series of all types and odd names: out by rsync and back into an empty mount, and
# out again while a writer is at work.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
series=${SERIES:-10000}
mkdir "$MNT/db"
python3 tests/mount/backup_many_make.py "$series" "$WORK/points.lp"
check "the points go in" cp "$WORK/points.lp" "$MNT/db/write"
mkdir "$MNT/db/views" "$MNT/db/continuous" "$MNT/db/keep" "$MNT/empty" "$MNT/db/autogen/2030-01-07--2030-01-14"
echo 'duration 9000d' >"$MNT/db/keep/.policy"
ln -s '../query/select count(f) from m;.csv' "$MNT/db/views/a view"
echo 'select mean(f) into m5 from m group by time(5m)' >"$MNT/db/continuous/cq"
check "as many series" test "$(ls "$MNT"/db/autogen/2023-11-13--2023-11-20 | wc -l)" -ge "$series"
check_equal "all names fit" 0 "$(find "$MNT/db" -printf '%f\n' | LC_ALL=C awk 'length($0) > 255' | wc -l)"
everything='select * from /.+/;.json?epoch=ns'
answer=$(md5sum <"$MNT/db/query/$everything")
check "rsync copies out" rsync -a "$MNT/" "$WORK/backup/"
check_equal "the second has nothing to do" "" "$(rsync -ai "$MNT/" "$WORK/backup/")"
# A newline in a string is no end of a point: points, not lines, are compared.
points=$(getfattr -n user.seriesfs.points --only-values "$MNT/db/autogen" 2>/dev/null)
listed() { (cd "$1" && find . -printf '%P %y %m %s %T@ %l\n' | sed 's/ d \([0-9]*\) [0-9]* / d \1 /' | sort); }
listed "$WORK/backup" >"$WORK/listed"
mount_stop

rm -rf "$DATA"
mkdir "$DATA"
mount_start
check "rsync copies in" rsync -a "$WORK/backup/" "$MNT/"
check_equal "the answer to everything is the same" "$answer" "$(md5sum <"$MNT/db/query/$everything")"
check_equal "as many points" "$points" "$(getfattr -n user.seriesfs.points --only-values "$MNT/db/autogen" 2>/dev/null)"
check "nothing differs" diff -r --no-dereference "$WORK/backup" "$MNT"
check_equal "nor in names, modes, sizes, times" "" "$(diff "$WORK/listed" <(listed "$MNT") | head)"
check_equal "a second rsync in has nothing to do" "" "$(rsync -ai "$WORK/backup/" "$MNT/" | head)"
check_equal "nor one out" "" "$(rsync -ai "$MNT/" "$WORK/backup/" | head)"
check_equal "no scratch file is left" "" "$(cat "$MNT/db/errors")"
mount_stop
mount_start
check_equal "nor one out after a remount" "" "$(rsync -ai "$MNT/" "$WORK/backup/" | head)"

# With a writer at work a copy is whole for each file; the last one, without, is equal.
mkdir "$MNT/live"
head -n 1000 "$WORK/points.lp" | sed 's/^[^,]*,/still,/' | grep -aE '^still,i=[0-9]*,tag=[a-z]* [fnub]=[^,]*$' >"$MNT/live/write"
(
	i=0
	while [ ! -e "$WORK/enough" ]; do
		i=$((i + 1))
		echo "live,w=$((i % 10)) v=${i}i $((1700600000 + i))000000000"
		[ $((i % 50)) != 0 ] || sleep 0.01
	done >"$MNT/live/write"
	echo $i >"$WORK/written"
) &
writer=$!
sleep 0.3
check "rsync beside a writer" rsync -a "$MNT/live/autogen/" "$WORK/live/"
check "once more" rsync -a "$MNT/live/autogen/" "$WORK/live/"
check_equal "no file holds a torn line" 0 "$(cat "$WORK"/live/*/live,* | grep -cvE '^live,w=[0-9] v=[0-9]+i [0-9]{19}$')"
check "each is a beginning of what is there now" bash -c "
	for f in '$WORK'/live/*/live,*; do cmp -n \$(stat -c %s \"\$f\") \"\$f\" \"$MNT/live/autogen/\${f#$WORK/live/}\" || exit 1; done"
touch "$WORK/enough"
wait $writer
check "a last rsync" rsync -a "$MNT/live/autogen/" "$WORK/live/"
check "makes it equal" diff -r "$MNT/live/autogen" "$WORK/live"
check_equal "with all that was written" "$(cat "$WORK/written")" "$(cat "$WORK"/live/*/live,* | wc -l)"
check_equal "and another has nothing to do" "" "$(rsync -ai "$MNT/live/autogen/" "$WORK/live/")"
