#!/usr/bin/env bash
# On a full disk what is deleted gives room, though its shard has to be written anew for that: the bytes that stay
# count, and those that go need none.
. "$(dirname "$0")/../lib/mount.sh"
. "$(dirname "$0")/../lib/disk.sh"
# The eighth of it that is kept free is more than what one flush takes.
disk_start 160M
mount_start -o memtable_mb=8
mkdir "$MNT/db"
check "the disk is full" disk_fill
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
