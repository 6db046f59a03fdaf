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
programs=$PWD/$BUILD/torture
# Thousands of small directories: in memory, where there is room.
base=${TMPDIR:-/dev/shm}
[ -w "$base" ] || base=/tmp
work=$(mktemp -d "$base/seriesfs-states.XXXXXX")
trap 'fusermount3 -qu "$work/mnt" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
tried=0 failed=0 recordings=0 mounted=0
began=$SECONDS

recorded() {
	RECORD_LOG=$work/log RECORD_DIR=$work/data RECORD_SEED=$1 RECORD_DELAY_US=3000 LD_PRELOAD=$programs/record.so \
		timeout 120 "${@:2}" 2>"$work/errors"
}

# Wait until a daemon of ours answers; it is $daemon.
await_mount() {
	while ! mountpoint -q "$work/mnt" && kill -0 $daemon 2>/dev/null; do sleep 0.02; done
}

unmount() {
	fusermount3 -u "$work/mnt" 2>/dev/null || umount -l "$work/mnt" 2>/dev/null
}

# record SEED MODE: a run that ends without a close, and one that goes on from there
record() {
	rm -rf "$work/data" "$work/log"
	mkdir -p "$work/data" "$work/try" "$work/mnt"
	if [ "${2#mount-}" = "$2" ]; then
		recorded "$1" "$programs/states_work" "$work/data" "$1" "$2" 0 kill &&
			recorded "$1" "$programs/states_work" "$work/data" "$1" "$2" 1000
		return
	fi
	for first in 0 1000; do
		option=commit=1
		[ "$2" != mount-sync ] || option=sync
		[ "$2" != mount-long ] || option=commit=3600
		recorded "$1" "$BUILD/seriesfs" -f -o $option "$work/data" "$work/mnt" &
		daemon=$!
		await_mount
		recorded "$1" "$programs/states_work_mount" "$work/mnt" "$1" "${2#mount-}" $first kill
		code=$?
		[ $first = 1000 ] || kill -9 $(pgrep -f "^$BUILD/seriesfs .*$work/mnt\$")
		unmount
		wait $daemon 2>/dev/null
		[ $code = 0 ] || return $code
	done
}

# What is needed to try a state again: threads never meet twice in the same way.
keep() {
	kept=${KEEP:-$base/seriesfs-states.kept}/$1-$2
	mkdir -p "$kept"
	cp -r "$work/log" "$work/data" "$kept/"
	echo "    recording kept; again: mkdir -p $kept/try; $BUILD/torture/states $kept/log $kept/data $kept/try seed=$1 only=N [keep=DIR]"
}

# through_a_mount SEED N: state N as the daemon shows it, and seriesfs-check of what it leaves
through_a_mount() {
	local again=("$programs/states" "$work/log" "$work/data" "$work/try" "seed=$1" "only=$2" "strict=$STRICT")

	"${again[@]}" keep="$work/kept" >"$work/out"
	"$BUILD/seriesfs" -f "$work/kept" "$work/mnt" 2>"$work/errors" &
	daemon=$!
	await_mount
	"${again[@]}" mounted="$work/mnt" >>"$work/out"
	code=$?
	unmount
	wait $daemon || code=1
	"$BUILD/seriesfs-check" "$work/kept" >"$work/checked" || code=1
	tried=$((tried + 1)) mounted=$((mounted + 1))
	[ $code != 0 ] || return 0
	failed=$((failed + 1))
	echo "FAILED: through a mount, seed $1, mode $mode, state $2"
	cat "$work/out" "$work/errors" "$work/checked" | grep -v '^0 states\|^1 states' | head -20 | cut -c1-240
	keep "$1" $mode
}

seed=$((SEED * 1000))
while [ $tried -lt "$COUNT" ] && [ $((SECONDS - began)) -lt "$SECONDS_MAX" ]; do
	for mode in ${MODE:-default sync long mount-default mount-sync mount-long}; do
		[ $tried -lt "$COUNT" ] && [ $((SECONDS - began)) -lt "$SECONDS_MAX" ] || break
		recordings=$((recordings + 1))
		if ! record $seed $mode; then
			echo "FAILED: the workload, seed $seed, mode $mode"
			sed 's/^/	/' "$work/errors" | head -20
			failed=$((failed + 1)) tried=$((tried + 1))
			continue
		fi
		left=$((COUNT - tried))
		[ $left -lt "$EACH" ] || left=$EACH
		"$programs/states" "$work/log" "$work/data" "$work/try" seed=$seed count=$left strict="$STRICT" \
			seconds=$((SECONDS_MAX - SECONDS + began + 1)) jobs="${JOBS:-$(nproc)}" stop="$STOP" >"$work/tries" 2>&1
		code=$?
		read -r some bad < <(sed -n 's/^\([0-9]*\) states, .* \([0-9]*\) failed$/\1 \2/p' "$work/tries" | tail -1)
		tried=$((tried + ${some:-0}))
		[ -n "${bad:-}" ] && [ $code -lt 2 ] || bad=1
		through_a_mount $seed $((seed % EACH))
		[ "$bad" = 0 ] && continue
		failed=$((failed + bad))
		echo "FAILED: seed $seed, mode $mode"
		grep -v ' states, ' "$work/tries" | cut -c1-240
		keep $seed $mode
	done
	seed=$((seed + 1))
done
echo "states: $tried crash states of $recordings recordings ($mounted through a mount), $failed failed"
[ $tried -gt 0 ] || failed=$((failed + 1))
echo "$((tried > failed ? tried - failed : 0)) passed, $failed failed"
[ $failed = 0 ]
