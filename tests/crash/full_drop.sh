#!/usr/bin/env bash
# On a disk without any room left a shard is dropped all the same, by each way there is, also when it is corrupt; its
# space comes back, and points are taken again without a restart. Nothing of it comes back by kill -9.
. "$(dirname "$0")/../lib/mount.sh"
. "$(dirname "$0")/../lib/disk.sh"
disk_start 64M
first=2023-11-13--2023-11-20 second=2023-11-20--2023-11-27
count() { (exec 3<>"$MNT/db/exec"; echo "select count(v) from m where week = '$1'" >&3; tail -n 1 <&3) | cut -d, -f3; }
shard_id() { (exec 3<>"$MNT/db/exec"; echo 'show shards' >&3; grep 2023-11-13T <&3) | cut -d, -f2; }
# What the daemon keeps free goes as well, but for what a name and a line of a log take.
rest() {
	for i in $(seq 20); do # tables that were merged go meanwhile
		sleep 0.2
		[ "$(stat -f -c %a "$DATA")" -gt 100 ] || break
		dd if=/dev/zero of="$DATA/rest.$i" bs=1k 2>/dev/null
		truncate -s "-64K" "$DATA/rest.$i"
	done
}
spoil() { for file in "$DATA/shard/$(ls "$DATA/shard" | sort -n | head -n 1)"/*; do dd if=/dev/urandom of="$file" bs=3000 count=1 conv=notrunc status=none; done; }
by_ctl() { echo "drop db autogen $first" >"$MNT/.seriesfs/ctl"; }
by_rm() { rm -r "$MNT/db/autogen/$first"; }
by_statement() { (exec 3<>"$MNT/db/exec" && echo "drop shard $(shard_id)" >&3); }
by_ctl_corrupt() { by_ctl; }
by_rm_corrupt() { by_rm; }

for way in by_ctl by_statement by_rm by_ctl_corrupt by_rm_corrupt; do
	mount_start -o memtable_mb=8
	mkdir "$MNT/db"
	read -r week0 week1 < <(disk_fill)
	check "$way: the disk is full after $week0 and $week1 points" [ "${week1:-0}" -gt 10000 ]
	case $way in
	*corrupt)
		mount_stop
		spoil
		mount_start -o memtable_mb=8 2>"$WORK/start.err"
		check_fails "$way: it cannot be read" "Input/output error" ls "$MNT/db/autogen/$first"
		;;
	*)
		rest
		check "$way: nearly no block is free" [ "$(stat -f -c %a "$DATA")" -le 200 ]
		;;
	esac
	check "$way: it is dropped" $way
	check_equal "$way: and gone" "$second" "$(ls "$MNT/db/autogen")"
	check_equal "$way: the other is whole" "$week1" "$(count 1)"
	for _ in $(seq 100); do
		echo 'm,week=0 v="back" 1700000000000000000' 2>/dev/null >"$MNT/db/write" && break
		sleep 0.1
	done
	check_equal "$way: points are taken again" 1 "$(count 0)"
	rm -f "$DATA"/rest.*
	mount_kill9
	mount_start -o memtable_mb=8 2>"$WORK/start.err"
	check_equal "$way: after kill -9 nothing came back, nor went" "1 $week1" "$(count 0) $(count 1)"
	check "$way: a flush" bash -c "echo flush >'$MNT/.seriesfs/ctl'"
	check_equal "$way: the same" "1 $week1" "$(count 0) $(count 1)"
	mount_stop
	check "$way: all is clean" "$PWD/$BUILD/seriesfs-check" "$DATA"
	rm -rf "$DATA"/*
done
