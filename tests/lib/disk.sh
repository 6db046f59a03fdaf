# A small disk under the data directory, for tests that fill it. Source it after mount.sh:
#
#	disk_start 64M                  # an ext4 of that size at $DATA, gone when the test ends
#	disk_fill                       # points of two weeks until it is full; prints how many of each
#
# Needs root; says so and ends the test else.

disk_start() {
	if [ "$(id -u)" != 0 ]; then
		echo "SKIPPED: a small disk needs root"
		exit 0
	fi
	truncate -s "$1" "$WORK/disk"
	mkfs.ext4 -q "$WORK/disk"
	# Where there are no loop devices, in memory.
	mount -o loop "$WORK/disk" "$DATA" 2>"$WORK/loop.err" || mount -t tmpfs -o "size=$1" tmpfs "$DATA"
	trap 'mount_stop; umount "$DATA"; mount_end' EXIT
}

disk_fill() {
	python3 - "$MNT" <<'PY'
"""Points of two weeks in turn, a kilobyte each, until the disk is full."""
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
}
