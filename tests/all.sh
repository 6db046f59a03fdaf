#!/usr/bin/env bash
# make test-all: every test, then what takes longer: the sanitizers over what they can find most in, more random
# queries, and the searches of tests/torture for MINUTES (5). Half an hour on two processors; the last line is the sum.
set -u
cd "$(dirname "$0")/.." || exit 2
passed=0 failed=0

# part WHAT COMMAND…: its last line is added
part() {
	local line output
	output=$(mktemp)
	echo "== $1"
	"${@:2}" 2>&1 | tee "$output"
	line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$output" | tail -n 1)
	rm -f "$output"
	[ -n "$line" ] || line="0 passed, 1 failed"
	passed=$((passed + ${line%% passed*}))
	line=${line#*, }
	failed=$((failed + ${line%% failed}))
}

part "every test" tests/run.sh
part "random queries beside InfluxDB" env QUERIES="${QUERIES:-20000}" SEED="${SEED:-$RANDOM}" tests/run.sh tests/oracle/random
part "addresses and undefined behaviour" env SANITIZE=address,undefined tests/run.sh \
	'/tests/\(test\|fuzz\)_\|/\(answers\|calls\|continuous\|damage\|delete\|first\|limits\|names\|scratch\|series\|snapshot\|start\|statements\|write\).sh\|torture/'
part "threads" env SANITIZE=thread tests/run.sh 'test_engine_threads\|test_index\|/\(answers\|bulk\|cold\|growing\|series\|shared\|tools\).sh\|random_calls'
part "searches" env MINUTES="${MINUTES:-5}" SEED="${SEED:-$RANDOM}" tests/torture.sh
echo "$passed passed, $failed failed"
[ $failed = 0 ]
