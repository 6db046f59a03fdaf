#!/usr/bin/env bash
# Each call on the data directory fails, once at its n-th time or from there on for good: EIO, ENOSPC, EDQUOT, EMFILE,
# ENOMEM, a short write, a sync that loses what it was to write. The mass is tried in a process that works as the daemon
# does (calls/calls.c), a sample through a real mount (calls/mount.py). calls/ and README.md tell more.
#
# COUNT=n runs, at most SECONDS_MAX=n, SEED=n; MOUNTS=n of the sample.
set -u
cd "$(dirname "$0")/../.." || exit 2
SEED=${SEED:-1} COUNT=${COUNT:-320} SECONDS_MAX=${SECONDS_MAX:-20}
BUILD=${BUILD:-build}
programs=$PWD/$BUILD/torture
# Thousands of small directories: in memory, where there is room.
base=${TMPDIR:-/dev/shm}
[ -w "$base" ] || base=/tmp
work=$(mktemp -d "$base/seriesfs-calls.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
jobs=${JOBS:-$(nproc)}
mounts=${MOUNTS:-$((COUNT / 40 < SECONDS_MAX / 4 ? COUNT / 40 : SECONDS_MAX / 4))}
each=$((COUNT / jobs + 1)) pids=()

for job in $(seq "$jobs"); do
	mkdir "$work/$job"
	timeout $((SECONDS_MAX * 3 + 300)) "$programs/calls" "$work/$job" all $each $((SEED * 1000 + job)) "$SECONDS_MAX" >"$work/$job/out" 2>&1 &
	pids+=($!)
done
if [ -e /dev/fuse ] && [ "$mounts" -gt 0 ]; then
	mkdir "$work/mount"
	timeout $((SECONDS_MAX * 3 + 300)) python3 tests/torture/calls/mount.py "$PWD/$BUILD/seriesfs" "$programs/fail.so" "$work/mount" "$mounts" "$SEED" \
		"$SECONDS_MAX" >"$work/mount/out" 2>&1
fi
for pid in "${pids[@]}"; do wait "$pid"; done

# Of each the last line is `2570 calls, 150 runs, 0 failed, 3 stuck`.
calls=0 runs=0 failed=0 stuck=0 mounted=0
for out in "$work"/*/out; do
	grep -vE '^[0-9]+ calls, ' "$out"
	if ! read -r a b c d < <(sed -nE 's/^([0-9]+) calls, ([0-9]+) runs, ([0-9]+) failed, ([0-9]+) stuck$/\1 \2 \3 \4/p' "$out" | tail -n 1); then
		echo "FAILED: $out ended early"
		failed=$((failed + 1))
		continue
	fi
	[ "$out" = "$work/mount/out" ] && mounted=$b || calls=$a
	runs=$((runs + b)) failed=$((failed + c)) stuck=$((stuck + d))
done
echo "calls: $runs failing calls (of a work of $calls, $mounted through a mount; after $stuck of those that fail once something is refused until a restart), $failed failed"
[ $runs -gt 0 ] || failed=$((failed + 1))
echo "$((runs > failed ? runs - failed : 0)) passed, $failed failed"
[ $failed = 0 ]
