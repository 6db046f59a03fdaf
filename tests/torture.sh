#!/usr/bin/env bash
# make torture MINUTES=20 SEED=1: all searches of tests/torture in turn, in rounds that grow, each with another seed,
# until the time is over. Then the figures of all rounds, and `N passed, N failed`.
#
# usage: tests/torture.sh [pattern]     only the searches whose path matches
#
# A search takes SEED, SECONDS_MAX (its time) and COUNT (its work, whichever comes first) from the environment and
# prints one line, `NAME: 312 of what it counts, 0 failed`. What fails says how to repeat it.
set -u
cd "$(dirname "$0")/.." || exit 2

pattern=${1:-.}
suffix=""
[ -z "${SANITIZE:-}" ] || suffix=-$(echo "$SANITIZE" | tr , -)
export BUILD="${BUILD:-build$suffix}"
MINUTES=${MINUTES:-20}
seed=${SEED:-1}
jobs=${JOBS:-$(nproc)}
export COUNT=${COUNT:-1000000000} STATES=${STATES:-1000000000}
. tests/lib/queue.sh

make -s ${SANITIZE:+SANITIZE=$SANITIZE} BUILD="$BUILD" -j"$(nproc)" all unit-tests tools || { echo "0 passed, 1 failed"; exit 1; }
searches=()
for search in tests/torture/*.sh; do
	! grep -q -- "$pattern" <<<"$search" || searches+=("$search")
done
[ ${#searches[@]} -gt 0 ] || { echo "0 passed, 1 failed"; exit 1; }

passed=0 failed=0 round=0 budget=20
end=$((SECONDS + MINUTES * 60))
# The last round has what is left, which is at least half of a search's last budget.
while left=$(((end - SECONDS) * jobs / ${#searches[@]})); [ $round = 0 ] || [ $left -gt $((budget / 4)) ]; do
	export SEED=$((seed + round)) SECONDS_MAX=$budget
	[ $left -gt $((budget * 2)) ] || SECONDS_MAX=$((left > 5 ? left : 5))
	export TEST_SECONDS_MAX=$((SECONDS_MAX * 3 + 300))
	echo "round $((round + 1)): SEED=$SEED, $SECONDS_MAX s each"
	queue_start
	for search in "${searches[@]}"; do queue_add bash "$search"; done
	queue_run
	sum=$(queue_sum | tail -n 1)
	passed=$((passed + ${sum%% passed*}))
	sum=${sum#*, }
	failed=$((failed + ${sum%% failed}))
	round=$((round + 1))
	budget=$((budget * 2))
done
echo "in all $round rounds:"
[ ! -e "$WORK_ALL/skipped" ] || sort -u "$WORK_ALL/skipped"
# Lines that differ in numbers alone are added up.
[ ! -e "$WORK_ALL/figures" ] || sort "$WORK_ALL/figures" | awk '
	{
		name = substr($0, 1, index($0, ":")) # kill9 has a number of its own
		words = rest = substr($0, length(name) + 1)
		gsub(/[0-9]+/, "#", words)
		words = name words
		if (!(words in count))
			order[++lines] = words
		for (n = 1; match(rest, /[0-9]+/); n++) {
			sum[words, n] += substr(rest, RSTART, RLENGTH)
			rest = substr(rest, RSTART + RLENGTH)
		}
		count[words]++
	}
	END {
		for (i = 1; i <= lines; i++) {
			line = order[i]
			for (n = 1; (words = index(line, "#")) > 0; n++)
				line = substr(line, 1, words - 1) sprintf("%d", sum[order[i], n]) substr(line, words + 1)
			print line
		}
	}'
echo "$passed passed, $failed failed"
[ $failed = 0 ]
