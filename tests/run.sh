#!/bin/sh
# Every test, in the order of cost: tidy, unit, query, mount, crash, examples.
# The last line is the sum: `N passed, N failed`; above it stands what was skipped, and why.
#
# usage: tests/run.sh [pattern]     only the scripts and programs whose path matches
#        SANITIZE=address,undefined tests/run.sh
set -u
cd "$(dirname "$0")/.." || exit 2

pattern=${1:-.}
suffix=""
[ -z "${SANITIZE:-}" ] || suffix=-$(echo "$SANITIZE" | tr , -)
export BUILD="${BUILD:-build$suffix}"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99:log_path=${TMPDIR:-/tmp}/seriesfs-asan.$$}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"
export LSAN_OPTIONS="${LSAN_OPTIONS:-suppressions=$PWD/tests/lib/lsan.supp}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-exitcode=98:die_after_fork=0:suppressions=$PWD/tests/lib/tsan.supp:log_path=${TMPDIR:-/tmp}/seriesfs-asan.$$}"
passed=0
failed=0
output=$(mktemp)
skipped=$(mktemp)
trap 'rm -f "$output" "$skipped"' EXIT

# Run one test; its last line says `N passed, N failed`, one that begins with SKIPPED what it did not try.
run() {
	echo "$2" | grep -q -- "$pattern" || return 0
	start=$(date +%s)
	"$@" >"$output" 2>&1 </dev/null
	code=$?
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$output" | tail -1)
	p=${line%% passed*}
	f=$(echo "$line" | sed 's/.*, \([0-9]*\) failed.*/\1/')
	[ -n "$line" ] || { p=0 f=1; }
	[ $code = 0 ] || [ "${f:-0}" -gt 0 ] || f=1
	passed=$((passed + p))
	failed=$((failed + f))
	printf '%-44s %5s passed %3s failed %4ds\n' "$2" "$p" "$f" $(($(date +%s) - start))
	grep '^SKIPPED' "$output" | tee -a "$skipped" | sed 's/^/    /'
	[ "$f" = 0 ] || grep -vE '^[0-9]+ passed' "$output" | tail -60 | sed 's/^/    /'
}

make -s ${SANITIZE:+SANITIZE=$SANITIZE} BUILD="$BUILD" -j"$(nproc)" all unit-tests tools || { echo "0 passed, 1 failed"; exit 1; }

[ -n "${SANITIZE:-}" ] || run sh tests/tidy.sh
[ -n "${SANITIZE:-}" ] || run bash tests/portable.sh
for test in "$BUILD"/tests/test_*; do
	case $test in *.d|*.o) ;; *) run env "$test" ;; esac
done
for test in "$BUILD"/tests/fuzz_*; do
	case $test in *.d|*.o) ;; *) run env "$test" "tests/fuzz/corpus/${test##*/fuzz_}" ;; esac
done
for test in tests/oracle/*.sh tests/mount/*.sh tests/crash/*.sh tests/examples/*.sh; do
	run bash "$test"
done
for report in "${TMPDIR:-/tmp}"/seriesfs-asan.$$.*; do
	[ -e "$report" ] || continue
	failed=$((failed + 1))
	echo "sanitizer report:"
	head -60 "$report"
	rm -f "$report"
done
cat "$skipped"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
