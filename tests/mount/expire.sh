#!/usr/bin/env bash
# The kernel remembers the names and attributes of directories for a moment: what others than it
# change is seen at once all the same.
. "$(dirname "$0")/../lib/mount.sh"
mount_start -o clock=2026-11-22T10:00:00Z
check "50 rounds of what statements make and drop" python3 tests/mount/expire_remembered.py "$MNT"

mkdir "$MNT/db" "$MNT/db/short"
echo 'duration 1h' >"$MNT/db/short/.policy"
echo 'm v=1' >"$MNT/db/short/.write"
group=$MNT/db/short/$(ls "$MNT/db/short")
check "a group is there" test -f "$group/m"
echo 'clock 2026-11-22T13:00:00Z' >"$MNT/.seriesfs/ctl"
(cd "$group" && echo retention >"$MNT/.seriesfs/ctl")
check_fails "retention drops it, though somebody stood in it" "No such file" stat "$group"
check_fails "and what was in it" "No such file" stat "$group/m"

# Who walks there all the while must not hold up who drops, nor the other way round.
mkdir "$MNT/other"
python3 tests/mount/expire_walk.py "$MNT" &
walkers=$!
python3 tests/mount/expire_walk.py "$MNT" &
walkers="$walkers $!"
drops=0
while kill -0 $! 2>/dev/null; do
	echo 'm v=1' >"$MNT/other/write" 2>/dev/null
	echo 'drop other autogen 2026-11-16--2026-11-23' >"$MNT/.seriesfs/ctl" && drops=$((drops + 1))
done
wait $walkers
check "dropped $drops times while others walked there" test "$drops" -gt 20
