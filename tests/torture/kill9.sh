#!/usr/bin/env bash
# kill -9 at random moments of everything at once: four writers, flushes, rewrites, drops, snapshots (crowd.py). What
# was acknowledged is there, once and whole. SEED, COUNT (cycles), SECONDS_MAX
. "$(dirname "$0")/../lib/mount.sh"
seed=${SEED:-1} end=$((SECONDS + ${SECONDS_MAX:-15})) cycle=0 points=0
RANDOM=$seed
while [ $SECONDS -lt $end ] && [ $cycle -lt "${COUNT:-1000}" ] && [ $checks_failed = 0 ]; do
	# A directory is used again some times, then a new one.
	[ $((cycle % 12)) != 0 ] || { rm -rf "$DATA" "$WORK/state" && mkdir "$DATA"; }
	options=memtable_mb=8,snapshots_max=64
	[ $((RANDOM % 3)) != 0 ] || options=$options,sync
	mount_start -o $options 2>/dev/null
	coproc LOAD { exec python3 tests/torture/crowd.py load "$MNT" "$WORK/state" "$seed.$cycle" 20 none 2>&1; }
	load=$LOAD_PID from=${LOAD[0]}
	read -r -t 30 word <&"$from" || word=nothing
	[ "$word" = loading ] || failed "SEED=$seed cycle $cycle: the load did not begin: $word"
	sleep "0.$((RANDOM % 9))$((RANDOM % 9 + 1))"
	mount_kill9
	wait "$load"
	# One in four starts is killed, too, in the midst of its recovery perhaps.
	if [ $((RANDOM % 4)) = 0 ]; then
		"$SERIESFS" -f -o $options "$DATA" "$MNT" 2>/dev/null &
		starting=$!
		sleep "0.0$((RANDOM % 9 + 1))"
		kill -9 $starting 2>/dev/null
		wait $starting 2>/dev/null
		fusermount3 -u "$MNT" 2>/dev/null || umount -l "$MNT" 2>/dev/null
	fi
	mount_start -o $options 2>/dev/null
	found=$(python3 tests/torture/crowd.py check "$MNT" "$WORK/state" kill 2>&1)
	check_equal "SEED=$seed cycle $cycle" points "${found#* }"
	[ $((cycle % 3)) = 0 ] || mount_stop
	[ $((cycle % 3)) != 0 ] || mount_kill9
	if [ $((cycle % 4)) = 3 ]; then
		check "SEED=$seed cycle $cycle: seriesfs-check" "$PWD/$BUILD/seriesfs-check" "$DATA"
	fi
	[[ $found != *points ]] || points=$((points + ${found% points}))
	cycle=$((cycle + 1))
done
echo "kill9: $cycle cycles, $points points judged, $checks_failed failed"
