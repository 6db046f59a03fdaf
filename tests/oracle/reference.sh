#!/usr/bin/env bash
# Random queries through a mount against a reference of the language that is written from the manual.
. "$(dirname "$0")/../lib/mount.sh"
mount_start -o clock=2016-02-01T00:00:00Z
python3 tests/oracle/reference_queries.py "$MNT" "${QUERIES:-400}" ${SEED:+"$SEED"} >"$WORK/reference.out" 2>&1
grep -v '^[0-9]* passed' "$WORK/reference.out"
line=$(tail -1 "$WORK/reference.out")
checks_passed=$(echo "$line" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
checks_failed=$(echo "$line" | sed -n 's/.*, \([0-9]*\) failed$/\1/p')
[ -n "$checks_passed" ] || { checks_passed=0 checks_failed=1; }
