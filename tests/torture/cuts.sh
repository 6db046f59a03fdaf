#!/usr/bin/env bash
# Power cuts under everything at once (crowd.py) on a real ext4 and xfs: the daemon is killed, then the file system told
# to drop all that is not on its disk (FS_IOC_SHUTDOWN), mounted again, and what was synced must be there. Kill first, cut
# second: a sync that is under way in a cut may say it succeeded. SEED, COUNT (cuts), SECONDS_MAX
# shellcheck disable=SC2093
[ -n "${CUTS_INSIDE:-}" ] || {
	if [ "$(id -u)" != 0 ] || ! unshare -m --propagation private true 2>/dev/null; then
		echo "SKIPPED: power cuts need root and a mount namespace of their own"
		echo "cuts: 0 cuts, 0 failed"
		echo "0 passed, 0 failed"
		exit 0
	fi
	# Nobody else's process holds the disk in here.
	exec env CUTS_INSIDE=1 unshare -m --propagation private bash "$0" "$@"
}
. "$(dirname "$0")/../lib/mount.sh"
seed=${SEED:-1} end=$((SECONDS + ${SECONDS_MAX:-18})) cuts=0 points=0
RANDOM=$seed
kinds=()
for kind in ext4 xfs; do
	truncate -s 400M "$WORK/$kind.img"
	if ! command -v "mkfs.$kind" >/dev/null; then
		echo "SKIPPED: cuts on $kind, for want of mkfs.$kind"
	elif "mkfs.$kind" -q "$WORK/$kind.img" 2>/dev/null && mount -o loop "$WORK/$kind.img" "$DATA" 2>/dev/null; then
		umount "$DATA"
		kinds+=("$kind")
	else
		echo "SKIPPED: cuts on $kind, which cannot be mounted here"
	fi
	rm -f "$WORK/$kind.img"
done
trap 'mount_stop; umount "$DATA" 2>/dev/null || umount -l "$DATA" 2>/dev/null || true; mount_end' EXIT
# All that is not on the disk is gone.
shutdown_disk() {
	python3 -c 'import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(fd, 0x8004587d, struct.pack("I", 2))  # FS_IOC_SHUTDOWN, without a flush of the log' "$DATA"
}
while [ ${#kinds[@]} -gt 0 ] && [ $SECONDS -lt $end ] && [ $cuts -lt "${COUNT:-1000}" ] && [ $checks_failed = 0 ]; do
	# A disk is cut some times, then a new one.
	if [ $((cuts % 3)) = 0 ]; then
		kind=${kinds[$((cuts / 3 % ${#kinds[@]}))]}
		rm -f "$WORK/img" "$WORK/state"
		truncate -s 400M "$WORK/img"
		"mkfs.$kind" -q "$WORK/img"
		mount -o loop "$WORK/img" "$DATA"
		[ ! -d "$DATA/lost+found" ] || rmdir "$DATA/lost+found"
	fi
	options=memtable_mb=8,snapshots_max=64 mode=fsync
	[ $((RANDOM % 2)) != 0 ] || options=$options,sync mode=sync
	mount_start -o $options 2>/dev/null
	coproc LOAD { exec python3 tests/torture/crowd.py load "$MNT" "$WORK/state" "$seed.$cuts" 20 $mode 2>&1; }
	load=$LOAD_PID from=${LOAD[0]}
	read -r -t 30 word <&"$from" || word=nothing
	[ "$word" = loading ] || failed "SEED=$seed cut $cuts: the load did not begin: $word"
	sleep "$((RANDOM % 2)).$((RANDOM % 9))$((RANDOM % 9 + 1))"
	mount_kill9
	wait "$load"
	check "SEED=$seed cut $cuts on $kind: the disk is cut" shutdown_disk
	umount "$DATA" || umount -l "$DATA"
	check "SEED=$seed cut $cuts on $kind: and there again" mount -o loop "$WORK/img" "$DATA"
	mount_start -o $options 2>/dev/null
	found=$(python3 tests/torture/crowd.py check "$MNT" "$WORK/state" cut 2>&1)
	check_equal "SEED=$seed cut $cuts on $kind with $options" points "${found#* }"
	mount_stop
	check "SEED=$seed cut $cuts on $kind with $options: seriesfs-check" "$PWD/$BUILD/seriesfs-check" "$DATA"
	[[ $found != *points ]] || points=$((points + ${found% points}))
	cuts=$((cuts + 1))
	[ $((cuts % 3)) != 0 ] || umount "$DATA"
done
echo "cuts: $cuts cuts, $points points judged, $checks_failed failed"
