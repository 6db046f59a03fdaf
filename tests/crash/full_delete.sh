#!/usr/bin/env bash
# On a full disk what is deleted gives room, though its shard has to be written anew for that: the bytes that stay
# count, and those that go need none.
. "$(dirname "$0")/../lib/mount.sh"
if [ "$(id -u)" != 0 ]; then
	echo "SKIPPED: a small disk needs root"
	exit 0
fi
# The eighth of it that is kept free is more than what one flush takes.
truncate -s 160M "$WORK/disk"
mkfs.ext4 -q "$WORK/disk"
# Where there are no loop devices, in memory.
mount -o loop "$WORK/disk" "$DATA" 2>"$WORK/loop.err" || mount -t tmpfs -o size=160m tmpfs "$DATA"
trap 'mount_stop; umount "$DATA"; mount_end' EXIT
cat >"$WORK/fill.py" <<'PY'
"""fill.py MNT: points of two weeks in turn, a kilobyte each, until the disk is full."""
import base64, errno, os, sys
fd = os.open(sys.argv[1] + "/db/write", os.O_WRONLY)
taken = [0, 0]
refused = 0
while refused < 2:
    week = (taken[0] + taken[1]) // 100 % 2
    lines = [b'm,week=%d v="%s" %d\n' % (week, base64.b64encode(os.urandom(900)), (1700000000 + week * 604800 + taken[week] + k) * 10**9)
             for k in range(100)]
    try:
        done = os.write(fd, b"".join(lines))
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
        refused += 1
        continue
    while done > 0:  # a short write took whole lines
        done -= len(lines.pop(0))
        taken[week] += 1
print(*taken)
PY
mount_start -o memtable_mb=8
mkdir "$MNT/db"
check "the disk is full" python3 "$WORK/fill.py" "$MNT"
used() { df -k --output=used "$DATA" | tail -n 1; }
full=$(used)
check "deletes on a full disk" bash -c "echo \"delete from m where week = '0'\" >'$MNT/db/exec'; rm '$MNT/db/autogen/2023-11-20--2023-11-27/m,week=1'"
check "a rewrite of what is left of it" bash -c "echo compact >'$MNT/.seriesfs/ctl'"
for _ in $(seq 50); do
	[ "$(used)" -lt 16384 ] && break
	sleep 0.1
done
check "its space is back: $full, $(used)" test "$(used)" -lt 16384
check "points are taken again" bash -c "echo 'm,week=0 v=\"back\" 1700000000000000000' >'$MNT/db/write'"
check_equal "and are all there is" 1 "$(cat "$MNT"/db/autogen/*/* | wc -l)"
mount_stop
