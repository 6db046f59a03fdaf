#!/usr/bin/env bash
# Random queries over random points against InfluxDB's own answers, byte for byte.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
python3 tests/oracle/random_queries.py "$MNT" "$WORK" "${QUERIES:-2000}" ${SEED:+"$SEED"} >"$WORK/random.out" 2>&1
grep -v '^[0-9]* passed' "$WORK/random.out"
line=$(tail -1 "$WORK/random.out")
checks_passed=$(echo "$line" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
checks_failed=$(echo "$line" | sed -n 's/.*, \([0-9]*\) failed$/\1/p')
[ -n "$checks_passed" ] || { checks_passed=0 checks_failed=1; cat "$WORK/random.out"; }
