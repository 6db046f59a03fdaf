#!/usr/bin/env bash
# Random queries over many series by one thread and by four, in memory, in shards and rewritten, and
# where points were deleted in each of these: with exact=1 the same bytes each time, sums of doubles
# among them; without it the same by any number of threads, and but for last digits those of exact=1.
. "$(dirname "$0")/../lib/mount.sh"

seed=${SEED:-$RANDOM} queries=${QUERIES:-150}
python3 tests/mount/shared_data.py "$seed" >"$WORK/lines"
asked=0
ask() { # OPTIONS
	asked=$((asked + 1))
	python3 tests/mount/shared_ask.py "$MNT" "$seed" "$1" "$queries" "$asked"
}
mount_start -o scan_threads=1
echo "create database db with duration 0s shard duration 1h" >"$MNT/.seriesfs/exec"
cat "$WORK/lines" >"$MNT/db/write"
ask "&exact=1" >"$WORK/one"
ask "" >"$WORK/plain"
check "most queries are answered (SEED=$seed)" test "$(grep -c '"series"' "$WORK/one")" -gt $((queries / 2))
check "hot sums are exact ones (SEED=$seed)" cmp "$WORK/one" "$WORK/plain"
mount_stop
mount_start -o scan_threads=4
exact() { # WHAT
	ask "&exact=1" >"$WORK/other"
	check "$1, exactly (SEED=$seed)" cmp "$WORK/one" "$WORK/other"
}
plain() { # WHAT
	ask "" >"$WORK/plain"
	check "$1, but for last digits (SEED=$seed)" python3 tests/mount/shared_near.py "$WORK/one" "$WORK/plain"
}
again() { # WHAT
	ask "" >"$WORK/other"
	check "$1, to the byte (SEED=$seed)" cmp "$WORK/plain" "$WORK/other"
}
again "four threads, from the log"
echo flush >"$MNT/.seriesfs/ctl"
exact "from shards"
plain "from shards"
echo compact >"$MNT/.seriesfs/ctl"
exact "rewritten"
plain "rewritten"
mount_stop
mount_start -o scan_threads=1
again "rewritten, by one thread"

threads=1 queries=60
for settle in flush "" compact flush compact; do
	python3 tests/mount/shared_change.py "$MNT" "$((seed + asked))" || failed "the changes were not taken (SEED=$seed)"
	ask "&exact=1" >"$WORK/one"
	plain "deleted, $threads threads"
	[ -z "$settle" ] || echo "$settle" >"$MNT/.seriesfs/ctl"
	exact "deleted, $threads threads, after ${settle:-nothing}"
	plain "deleted, $threads threads, after ${settle:-nothing}"
	mount_stop
	threads=$((5 - threads))
	mount_start -o "scan_threads=$threads"
	again "deleted, $threads threads, ${settle:-as it was}"
	exact "deleted, $threads threads, ${settle:-as it was}"
done
check "points are left" test "$(cat "$MNT"/db/autogen/2*/* | wc -l)" -gt 1000
