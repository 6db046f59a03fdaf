#!/bin/bash
# Crash states, searched: a workload is recorded call by call, and a directory built of what a crash
# at some moment may leave of it: what was synced, and of the rest nothing, all, a part, one file's
# and not another's, torn, zeroed. Each is started, judged by a model of what was acknowledged and
# what was synced, written to, flushed, started twice more, compared, and checked. README.md tells more.
#
# COUNT=n (or STATES=n) states, at most SECONDS_MAX=n, SEED=n; MODE=default|sync|long, or with mount- before it through a
# mount (else each in turn); STRICT=1 tries POSIX's rule for names alone, else it is one state in ten.
set -u
cd "$(dirname "$0")/../.." || exit 2
SEED=${SEED:-1} COUNT=${COUNT:-240} STATES=${STATES:-1000000000} SECONDS_MAX=${SECONDS_MAX:-20} STRICT=${STRICT:-0}
[ "$STATES" -gt "$COUNT" ] || COUNT=$STATES
BUILD=${BUILD:-build}
STOP=${STOP:-5}       # failures shown of a recording
EACH=${EACH:-$((COUNT > 240 ? 80 : 40))}      # states of a recording: a short search has some of each mode
read -ra modes <<<"${MODE:-default mount-sync long mount-default sync mount-long}"
programs=$PWD/$BUILD/torture
# Thousands of small directories: in memory, where there is room.
base=${TMPDIR:-/dev/shm}
[ -w "$base" ] || base=/tmp
work=$(mktemp -d "$base/seriesfs-states.XXXXXX")
mkdir -p "$work/try" "$work/mnt"
unmount() { fusermount3 -qu "$1" 2>/dev/null || umount -l "$1" 2>/dev/null; }
trap 'for mnt in "$work"/mnt "$work"/*/mnt; do ! mountpoint -q "$mnt" || unmount "$mnt"; done; wait; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
tried=0 failed=0 recordings=0 mounted=0
began=$SECONDS

# --- recordings: number N in $work/N, with its seed and mode ---------------------------------------

seed_of() { echo $((SEED * 1000 + $1 / ${#modes[@]})); }
mode_of() { echo "${modes[$1 % ${#modes[@]}]}"; }

# await_mount MNT PID: until the daemon answers, or is gone
await_mount() { while ! mountpoint -q "$1" && kill -0 "$2" 2>/dev/null; do sleep 0.02; done; }

# A run that ends without a close, and one that goes on from there.
record() {
	local dir=$work/$1 seed mode first option=commit=1 daemon code
	seed=$(seed_of "$1") mode=$(mode_of "$1")
	local recorded=(env "RECORD_LOG=$dir/log" "RECORD_DIR=$dir/data" "RECORD_SEED=$seed" RECORD_DELAY_US=3000
		"LD_PRELOAD=$programs/record.so" timeout 120)

	mkdir -p "$dir/data" "$dir/mnt"
	if [ "${mode#mount-}" = "$mode" ]; then
		"${recorded[@]}" "$programs/states_work" "$dir/data" "$seed" "$mode" 0 kill &&
			"${recorded[@]}" "$programs/states_work" "$dir/data" "$seed" "$mode" 1000
		return
	fi
	[ "$mode" != mount-sync ] || option=sync
	[ "$mode" != mount-long ] || option=commit=3600
	for first in 0 1000; do
		"${recorded[@]}" "$BUILD/seriesfs" -f -o $option "$dir/data" "$dir/mnt" &
		daemon=$!
		await_mount "$dir/mnt" $daemon
		"${recorded[@]}" "$programs/states_work_mount" "$dir/mnt" "$seed" "${mode#mount-}" $first kill
		code=$?
		[ $first = 1000 ] || kill -9 $(pgrep -f "^$BUILD/seriesfs .*$dir/mnt\$")
		unmount "$dir/mnt"
		wait $daemon 2>/dev/null
		[ $code = 0 ] || return $code
	done
}

# Most of a recording is waiting, so the next is made while the states of one are tried.
start_recording() {
	mkdir -p "$work/$1"
	record "$1" >"$work/$1/errors" 2>&1 &
	recorder=$!
}

# What is needed to try a state again: threads never meet twice in the same way.
keep() {
	local kept
	kept=${KEEP:-$base/seriesfs-states.kept}/$(seed_of "$1")-$(mode_of "$1")
	mkdir -p "$kept/try"
	cp -r "$work/$1/log" "$work/$1/data" "$kept/"
	echo "    kept; again: $BUILD/torture/states $kept/log $kept/data $kept/try seed=$(seed_of "$1") strict=$STRICT only=N [keep=DIR]"
}

# --- states of one ------------------------------------------------------------------------------------

is_over() { [ $tried -ge "$COUNT" ] || [ $((SECONDS - began)) -ge "$SECONDS_MAX" ]; }

try_states() {
	local left=$((COUNT - tried)) some bad code
	[ $left -lt "$EACH" ] || left=$EACH
	"$programs/states" "$work/$1/log" "$work/$1/data" "$work/try" "seed=$(seed_of "$1")" count=$left "strict=$STRICT" \
		seconds=$((SECONDS_MAX - SECONDS + began + 1)) jobs="${JOBS:-$(nproc)}" stop="$STOP" >"$work/tries" 2>&1
	code=$?
	read -r some bad < <(sed -n 's/^\([0-9]*\) states, .* \([0-9]*\) failed$/\1 \2/p' "$work/tries" | tail -1)
	tried=$((tried + ${some:-0}))
	[ -n "${bad:-}" ] && [ $code -lt 2 ] || bad=1
	[ "$bad" != 0 ] || return
	failed=$((failed + bad))
	echo "FAILED: seed $(seed_of "$1"), mode $(mode_of "$1")"
	grep -v ' states, ' "$work/tries" | cut -c1-240
	keep "$1"
}

# State M as the daemon shows it, and seriesfs-check of what it leaves.
try_mounted() {
	local again=("$programs/states" "$work/$1/log" "$work/$1/data" "$work/try" "seed=$(seed_of "$1")" "only=$2" "strict=$STRICT")
	local daemon code

	"${again[@]}" keep="$work/kept" >"$work/out"
	"$BUILD/seriesfs" -f "$work/kept" "$work/mnt" 2>"$work/errors" &
	daemon=$!
	await_mount "$work/mnt" $daemon
	"${again[@]}" mounted="$work/mnt" >>"$work/out"
	code=$?
	unmount "$work/mnt"
	wait $daemon || code=1
	"$BUILD/seriesfs-check" "$work/kept" >"$work/checked" || grep -q 'zeroed\|zeros' "$work/out" || code=1
	tried=$((tried + 1)) mounted=$((mounted + 1))
	[ $code != 0 ] || return 0
	failed=$((failed + 1))
	echo "FAILED: through a mount, seed $(seed_of "$1"), mode $(mode_of "$1"), state $2"
	cat "$work/out" "$work/errors" "$work/checked" | grep -v '^[01] states' | head -20 | cut -c1-240
	keep "$1"
}

# --- all of it -----------------------------------------------------------------------------------------

n=0
start_recording 0
while ! is_over; do
	if ! wait $recorder; then
		echo "FAILED: the workload, seed $(seed_of $n), mode $(mode_of $n)"
		sed 's/^/	/' "$work/$n/errors" | head -20
		failed=$((failed + 1)) tried=$((tried + 1))
	fi
	recordings=$((recordings + 1))
	start_recording $((n + 1))
	if [ -s "$work/$n/log" ]; then
		try_states $n
		try_mounted $n $((n * 7 % EACH))
	fi
	rm -rf "${work:?}/$n"
	n=$((n + 1))
done
echo "states: $tried crash states of $recordings recordings ($mounted through a mount), $failed failed"
[ $tried -gt 0 ] || failed=$((failed + 1))
echo "$((tried > failed ? tried - failed : 0)) passed, $failed failed"
[ $failed = 0 ]
