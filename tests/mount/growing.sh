#!/usr/bin/env bash
# A series that grows while others read it, through both of its names at once: READS reads in
# all, never a NUL, never a torn or stale line, never shorter than before; tail -f loses nothing.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
echo 'g v=0i 1700000000000000000' >"$MNT/db/write"
group=$MNT/db/autogen/2023-11-13--2023-11-20
reads=12000
[ "${BUILD%thread}" = "$BUILD" ] || reads=3000 # a tenth as fast
grow() { python3 tests/mount/growing_grow.py "$MNT/db/autogen/g" "$group/g" "$MNT/db/write" "${READS:-$reads}" "$WORK/tail" 2>"$WORK/grow.err"; }
check_equal "readers of what grows in memory" fine "$(grow)"
sed 's/^/	/' "$WORK/grow.err"
# Once more from the start, with flushes and rewrites falling in between.
rm "$MNT/db/autogen/g"
echo 'g v=0i 1700000000000000000' >"$MNT/db/write"
(while [ ! -e "$WORK/enough" ]; do echo flush >"$MNT/.seriesfs/ctl"; sleep 0.1; done) &
check_equal "readers of what is flushed meanwhile" fine "$(READS=${READS:-$((reads / 2))} grow)"
touch "$WORK/enough"
wait
sed 's/^/	/' "$WORK/grow.err"
# A cached version: nobody wrote for a while, and then somebody does, with the file open.
sleep 2.2
check_equal "a quiet one that wakes up" fine "$(python3 tests/mount/growing_wake.py "$MNT/db/autogen/g" "$group/g" 2>&1 | tail -n 1)"
# Many hold it open: the answer to one reader's stat must not cost another one what it was told.
sleep 2.2
check_equal "a quiet one that many have open" fine \
	"$(python3 tests/mount/growing_crowd.py "$MNT/db/autogen/g" "$MNT/db/write" "${CROWD_SECONDS:-3}" 2>"$WORK/grow.err")"
sed 's/^/	/' "$WORK/grow.err"
