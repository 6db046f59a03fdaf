#!/usr/bin/env bash
# On overlayfs a directory of the lower layer has no other name: rename(2) is EXDEV. What a rewrite would
# gain is given up then, once and with a word; a drop works all the same, over restarts too.
. "$(dirname "$0")/../lib/mount.sh"
skip() {
	echo "SKIPPED overlay: $1"
	exit
}
[ "$(id -u)" = 0 ] || skip "not root"
grep -q overlay /proc/filesystems || skip "the kernel has none"
mkdir "$WORK/layers"
mount -t tmpfs none "$WORK/layers" || skip "nothing may be mounted here"
trap 'mount_stop; umount -l "$WORK/over" "$WORK/layers" 2>/dev/null; mount_end' EXIT
mkdir "$WORK/over" "$WORK/layers/upper" "$WORK/layers/work"
points() { seq 0 5 | awk -v v="$1" '{ for (k = 0; k < 50; k++) printf "c,n=%d v=%di %d000000000\n", $1, v, 1500000000 + $1 * 604800 + k * 10 }'; }
mount_start -o cold_seconds=0
mkdir "$MNT/db"
for v in 1 2 3; do
	points $v >"$MNT/db/write"
	echo flush >"$MNT/.seriesfs/ctl"
done
lines=$(cat "$MNT"/db/autogen/*/* | md5sum)
mount_stop
mv "$DATA" "$WORK/layers/lower"
mount -t overlay none -o "lowerdir=$WORK/layers/lower,upperdir=$WORK/layers/upper,workdir=$WORK/layers/work" "$WORK/over" ||
	skip "it cannot be mounted"
DATA=$WORK/over
check_fails "a directory of the lower layer cannot be renamed" "cross-device" \
	python3 -c "import os, glob; d = glob.glob('$DATA/shard/*[0-9]')[0]; os.rename(d, d + '.x')"

"$SERIESFS" -f -o cold_seconds=1,cold_period_seconds=1 "$DATA" "$MNT" 2>"$WORK/said" &
wait_until 20 'mountpoint -q "$MNT"'
check_equal "it reads" "$lines" "$(cat "$MNT"/db/autogen/*/* | md5sum)"
wait_until 20 '[ "$(grep -c "left as" "$WORK/said")" -ge 6 ]'
sleep 3
check_equal "a rewrite that cannot be is told once a group" 6 "$(grep -c "left as" "$WORK/said")"
check_equal "and nothing else is" "" "$(grep -v "left as" "$WORK/said")"
check "ctl compact is no failure" bash -c "echo compact >'$MNT/.seriesfs/ctl'"
check_equal "it reads the same" "$lines" "$(cat "$MNT"/db/autogen/*/* | md5sum)"
points 4 >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
lines=$(cat "$MNT"/db/autogen/*/* | md5sum)
check_equal "and takes points" 300 "$(cat "$MNT"/db/autogen/*/* | grep -c v=4i)"
group=$(ls "$MNT/db/autogen" | head -1)
echo "drop db autogen $group" >"$MNT/.seriesfs/ctl"
check_equal "a drop is one" 5 "$(ls "$MNT/db/autogen" | wc -l)"
mkdir "$MNT/db/.snapshot/s"
check_equal "a snapshot, too" 250 "$(cat "$MNT"/db/.snapshot/s/autogen/*/* | wc -l)"
mount_stop
mount_start 2>"$WORK/said"
check_equal "after a restart all else is there" 250 "$(cat "$MNT"/db/autogen/*/* | grep -c v=4i)"
check_equal "and the dropped one is not" "" "$(ls "$MNT/db/autogen" | grep -F "$group")"
wait_until 20 '[ "$(ls "$DATA/shard" | grep -c "[0-9]$")" = 5 ]'
check_equal "nor its directory" 5 "$(ls "$DATA/shard" | grep -c "[0-9]$")"
rm -r "$MNT/db"
check_equal "a database goes" "" "$(ls "$MNT")"
mount_stop
"${SERIESFS%/*}/seriesfs-check" "$DATA" >"$WORK/check.out" 2>&1
check_equal "the directory is whole" 0 $?
