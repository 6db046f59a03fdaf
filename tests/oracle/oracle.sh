#!/usr/bin/env bash
# Answers through a mount against InfluxDB's own, byte for byte.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
python3 tests/oracle/compare.py "$MNT" "$WORK" >"$WORK/compare.out" 2>&1
grep -v '^[0-9]* passed' "$WORK/compare.out"
line=$(tail -1 "$WORK/compare.out")
checks_passed=$(echo "$line" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
checks_failed=$(echo "$line" | sed -n 's/.*, \([0-9]*\) failed$/\1/p')
[ -n "$checks_passed" ] || { checks_passed=0 checks_failed=1; cat "$WORK/compare.out"; }
