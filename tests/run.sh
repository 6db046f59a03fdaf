#!/usr/bin/env bash
# Every test, as many at a time as there are processors, in the order of cost: tidy, unit, fuzz corpora, oracle, mount,
# crash, torture (searches, with their defaults), examples; those that need the machine for themselves at the end.
# The last line is the sum: `N passed, N failed`; above it stands what was skipped, and why.
#
# usage: tests/run.sh [pattern]     only the scripts and programs whose path matches
#        SANITIZE=address,undefined tests/run.sh
#        JOBS=1 tests/run.sh        one after the other
set -u
cd "$(dirname "$0")/.." || exit 2

pattern=${1:-.}
suffix=""
[ -z "${SANITIZE:-}" ] || suffix=-$(echo "$SANITIZE" | tr , -)
export BUILD="${BUILD:-build$suffix}"
. tests/lib/queue.sh
queue_start
add() { ! grep -q -- "$pattern" <<<"$2" || queue_add "$@"; }

make -s ${SANITIZE:+SANITIZE=$SANITIZE} BUILD="$BUILD" -j"$(nproc)" all unit-tests tools || { echo "0 passed, 1 failed"; exit 1; }

[ -n "${SANITIZE:-}" ] || add sh tests/tidy.sh
[ -n "${SANITIZE:-}" ] || add bash tests/portable.sh
for test in "$BUILD"/tests/test_*; do
	case $test in *.d | *.o) ;; *) add env "$test" ;; esac
done
for test in "$BUILD"/tests/fuzz_*; do
	case $test in *.d | *.o) ;; *) add env "$test" "tests/fuzz/corpus/${test##*/fuzz_}" ;; esac
done
for test in tests/oracle/*.sh tests/mount/*.sh tests/crash/*.sh tests/torture/*.sh tests/examples/*.sh; do
	[ ! -e "$test" ] || add bash "$test"
done
queue_run
[ ! -e "$WORK_ALL/skipped" ] || cat "$WORK_ALL/skipped"
queue_sum
