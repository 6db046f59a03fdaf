#!/usr/bin/env bash
# An unmount is over at once, however many shard groups were written to: what few points many of them have is synced and
# stays in the log. On a disk of its own, since syncs are what it would take.
. "$(dirname "$0")/../lib/mount.sh"
. "$(dirname "$0")/../lib/disk.sh"
CHECK=${SERIESFS%/*}/seriesfs-check
disk_start 400M
shards() { find "$DATA/shard" -maxdepth 1 -name '*[0-9]' | wc -l; }
# weeks COUNT [POINTS_OF_EACH]
weeks() { seq 0 $(($1 * ${2:-1} - 1)) | awk -v n="$1" '{ w = $1 % n; printf "c,n=%d v=%di %d000000000\n", w, w, 1500000000 + w * 604800 + $1 / n }'; }
sum() { cat "$MNT"/db/autogen/*/* | awk '{ n++; sub("v=", "", $2); sum += $2 } END { print n, sum }'; }
# end WHAT MILLISECONDS_MAX: unmount, and be told how long the daemon took
end() {
	local pid start
	pid=$(mount_pid) start=$(date +%s%N)
	fusermount3 -u "$MNT"
	wait_until 60 'is_gone "$pid"'
	took=$((($(date +%s%N) - start) / 1000000))
	echo "unmount: $1: $took ms"
	check "$1 ends within $2 ms: $took" test $took -lt "$2"
}
mount_start -o commit=3600
mkdir "$MNT/db"
weeks 100 >"$MNT/db/write"
end "100 groups of a point" 1000
check_equal "they are in the log" 0 "$(shards)"
check "seriesfs-check finds all of it whole" "$CHECK" "$DATA"
cp -a "$DATA" "$WORK/copy"
mount_start -o ro
check_equal "a mount that only reads has them" "100 4950" "$(sum)"
end "one that only read" 1000
mount_start
check_equal "and one that writes" "100 4950" "$(sum)"
check_equal "a query answers" 4950 "$(tail -n 1 "$MNT/db/query/select sum(v) from c" | cut -d, -f3)"
# They come once more with newer ones of the same time, and go with a drop.
echo "c,n=7 v=1000i $((1500000000 + 7 * 604800))000000000" >"$MNT/db/write"
rm "$MNT"/db/autogen/*/c,n=8
rm -r "$(dirname "$MNT"/db/autogen/*/c,n=9)"
end "a second time" 1000
mount_start
check_equal "what was written, removed and dropped since" "98 $((4950 - 7 - 8 - 9 + 1000))" "$(sum)"
# ctl brings them into shards, as ever.
echo flush >"$MNT/.seriesfs/ctl"
check_equal "a flush writes them, and that one of them is empty" 99 "$(shards)"
end "nothing to write" 1000
mount_start
check_equal "the same from shards" "98 $((4950 - 7 - 8 - 9 + 1000))" "$(sum)"
mount_stop

# A copy of the data directory is a backup: the log is in it.
mkdir "$WORK/mnt2"
check "a copy of the data directory mounts" "$SERIESFS" "$WORK/copy" "$WORK/mnt2"
check_equal "and has all" 100 "$(cat "$WORK"/mnt2/db/autogen/*/* | wc -l)"
fusermount3 -u "$WORK/mnt2"
wait_until 60 'flock -n "$WORK/copy/lock" true'

# More than a start reads in no time goes into shards.
mount_start
weeks 20 10000 >"$MNT/db/write"
mount_stop
check_equal "a long log is written" 1 "$(find "$DATA/wal" -name '0*' | wc -l)"
mount_start
check_equal "and all of it is there" $((20 * 10000 + 98 - 18)) "$(cat "$MNT"/db/autogen/*/* | wc -l)"
