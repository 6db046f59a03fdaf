#!/usr/bin/env bash
# A dropped shard costs the same at any size, also when it is corrupt and when the disk is full; after kill -9
# behind it nothing comes back, and the space does. LARGE_MB=n
. "$(dirname "$0")/../lib/mount.sh"
group=2023-11-13--2023-11-20
fill() { # DATABASE
	mkdir "$MNT/$1"
	python3 -c 'for k in range(20000): print(f"m v={k * 7919 % 10007}i {1700000000 + k}000000000")' >"$MNT/$1/write"
	echo flush >"$MNT/.seriesfs/ctl"
}
# Drops a group, gives the milliseconds that took.
drop() {
	python3 -c 'import os, sys, time
fd = os.open(sys.argv[1] + "/.seriesfs/ctl", os.O_WRONLY)
start = time.monotonic()
os.write(fd, b"drop %s autogen %s\n" % (sys.argv[2].encode(), sys.argv[3].encode()))
print(int((time.monotonic() - start) * 1000))' "$MNT" "$1" "$group"
}
shard_newest() { ls -td "$DATA"/shard/*[0-9] | head -1; }
leftover() { find "$DATA" -size +1M | wc -l; }

mount_start
fill small
small=$(drop small)
fill large
dd if=/dev/zero of="$(shard_newest)/padding" bs=1M count="${LARGE_MB:-300}" status=none
large=$(drop large)
echo "drop: small in $small ms, of ${LARGE_MB:-300} MB in $large ms"
check_equal "the group is gone" "" "$(ls "$MNT/large/autogen")"
wait_until 20 '[ "$(leftover)" = 0 ]'
check_equal "and its bytes, soon" 0 "$(leftover)"

fill corrupt
mount_stop
for file in "$(shard_newest)"/*; do head -c 3000 /dev/urandom >"$file"; done
mount_start
took=$(drop corrupt)
echo "drop: a corrupt one in $took ms"
check "a corrupt one is dropped" test -n "$took"
check_equal "and is gone" "" "$(ls "$MNT/corrupt/autogen")"

# By rm -r as well, though it cannot be listed; what it is of goes on.
for spoiled in heads middles; do
	fill "rm_$spoiled"
	echo 'm v=1 1800000000000000000' >"$MNT/rm_$spoiled/write"
	mount_stop
	for file in "$DATA/shard/$(ls "$DATA/shard" | grep "[0-9]$" | sort -n | tail -n 2 | head -n 1)"/*; do
		[ $spoiled = heads ] && seek=0 || seek=$(($(stat -c %s "$file") / 3))
		head -c 3000 /dev/urandom | dd of="$file" bs=1 seek=$seek conv=notrunc status=none
	done
	mount_start
	[ $spoiled = middles ] || check_fails "rmdir takes nothing that it cannot see" "Input/output error" rmdir "$MNT/rm_heads/autogen/$group"
	check "rm -r takes a shard whose $spoiled are spoiled" rm -r "$MNT/rm_$spoiled/autogen/$group"
	check_equal "and no other" "2027-01-11--2027-01-18" "$(ls "$MNT/rm_$spoiled/autogen")"
	check_equal "of which all is there" "m v=1 1800000000000000000" "$(cat "$MNT/rm_$spoiled/autogen/m")"
	check "the rest, too" rm -r "$MNT/rm_$spoiled"
done

for cycle in 1 2 3 4 5; do
	fill "killed$cycle"
	dd if=/dev/zero of="$(shard_newest)/padding" bs=1M count=50 status=none
	drop "killed$cycle" >/dev/null
	mount_kill9
	mount_start
	check_equal "nothing comes back by kill -9" "" "$(ls "$MNT/killed$cycle/autogen")"
	wait_until 20 '[ "$(leftover)" = 0 ]'
	check_equal "nor stays its space" 0 "$(leftover)"
done
