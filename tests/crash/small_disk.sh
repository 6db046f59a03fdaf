#!/usr/bin/env bash
# A small disk that is full of log is not full: a writer that finds no room has a flush first, and is refused when that
# did not help. What is dropped gives its room at once, also points that are in the log alone. The same of a disk without
# any inode left. Nothing that was taken is lost by it, nor by kill -9.
. "$(dirname "$0")/../lib/mount.sh"
. "$(dirname "$0")/../lib/disk.sh"
cat >"$WORK/fill.py" <<'PY'
"""fill.py DB FIRST MAX PAD: points of a week until the disk is full, or MAX of them; prints how many were taken."""
import base64, errno, os, random, sys
fd = os.open(sys.argv[1] + "/write", os.O_WRONLY)
first, most, pad = map(int, sys.argv[2:5])
random.seed(first + 1)
taken = 0
while taken < most:
    lines = [b'm,host=h%d v=%di%s %d\n' % (k % 10, k, b',s="%s"' % base64.b64encode(os.urandom(pad)) if pad else b"",
                                           (1700000000 + first + taken + k) * 10**9) for k in range(500)]
    try:
        done = os.write(fd, b"".join(lines))
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
        break
    while done > 0:  # a short write took whole lines
        done -= len(lines.pop(0))
        taken += 1
    assert done == 0
print(taken)
PY
fill() { python3 "$WORK/fill.py" "$MNT/$1" "$2" "$3" "$4"; }
asked=0
all_there() { # with another text each time: an answer is kept for a second
	asked=$((asked + 1))
	check_equal "$1: every point that was taken is there" "$3" "$(tail -n 1 "$MNT/$2/query/select count(v) from m limit 1$asked" | cut -d, -f3)"
}

# try DISK LEAST PAD: it takes more than LEAST points of which a log would hold a fraction
try_disk() {
	local what=$1 least=$2 kept taken again
	mount_start
	mkdir "$MNT/kept" "$MNT/db"
	kept=$(fill kept 0 2000 0)
	taken=$(fill db 0 "$least" 0)
	check_equal "$what: $least points, of which the log alone would not hold half, are taken" "$least" "$taken"
	all_there "$what" db "$taken"
	rm -r "$MNT/db" && mkdir "$MNT/db"
	taken=$(fill db 0 100000 600)
	check "$what: it is full of what cannot be made smaller, after $taken points" [ "${taken:-0}" -gt 3000 -a "${taken:-0}" -lt 100000 ]
	check "$what: errors says so" grep -q 'no space left' "$MNT/db/errors"
	all_there "$what" db "$taken"
	mount_kill9
	mount_start 2>"$WORK/start.err"
	all_there "$what, after kill -9" db "$taken"
	check "$what: the full database is dropped" rm -r "$MNT/db"
	check "$what: and there is room at once" sh -c "mkdir '$MNT/db' && echo 'm v=1i 1700000000000000000' >'$MNT/db/write'"
	again=$(fill db 0 100000 600)
	check "$what: as much as before ($taken, now $again)" [ "${again:-0}" -gt $((taken * 3 / 4)) ]
	all_there "$what, the other database" kept "$kept"
	rm -r "$MNT/db"
	mkdir "$MNT/db"
	taken=$(fill db 0 1500 600)
	check_equal "$what: a third time" 1500 "$taken"
	# In the log alone, and dropped from there.
	group=$(ls "$MNT/db/autogen" | head -n 1)
	check "$what: a group is dropped" sh -c "echo 'drop db autogen $group' >'$MNT/.seriesfs/ctl'"
	all_there "$what, at the end" kept "$kept"
	mount_stop
	check "$what: all is clean" "$PWD/$BUILD/seriesfs-check" "$DATA"
	rm -rf "$DATA"/*
}

disk_start 64M
try_disk "an ext4 of 64 MB" 2000000
umount "$DATA"
mount -t tmpfs -o size=12m tmpfs "$DATA"
try_disk "a tmpfs of 12 MB" 400000

# Without inodes: each week takes a directory and some files.
umount "$DATA"
mount -t tmpfs -o size=64m,nr_inodes=300 tmpfs "$DATA"
mount_start
mkdir "$MNT/db"
weeks=0
while [ $weeks -lt 200 ] && echo "m v=1i $((1500000000 + weeks * 604800))000000000" 2>"$WORK/err" >"$MNT/db/write"; do
	weeks=$((weeks + 1))
	[ $((weeks % 10)) = 0 ] && echo flush >"$MNT/.seriesfs/ctl" 2>/dev/null
done
check "without inodes: $weeks weeks, then it is full" [ $weeks -gt 10 -a $weeks -lt 200 ]
check "in words that the shell shows" grep -q 'No space left on device' "$WORK/err"
all_there "without inodes" db $weeks
for group in $(ls "$MNT/db/autogen" | head -n 5); do check "drop of $group" sh -c "echo 'drop db autogen $group' >'$MNT/.seriesfs/ctl'"; done
check "then a week is taken at once" sh -c "echo 'm v=1i 1900000000000000000' >'$MNT/db/write'"
all_there "without inodes, then" db $((weeks - 4))
mount_kill9
mount_start 2>"$WORK/start.err"
all_there "without inodes, after kill -9" db $((weeks - 4))
