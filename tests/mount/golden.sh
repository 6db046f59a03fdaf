#!/usr/bin/env bash
# Golden tests: tests/golden/*.txt, as tests/lib/golden.py reads them.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
python3 tests/lib/golden.py "$MNT" tests/golden/*.txt >"$WORK/golden.out" 2>&1
grep -vE '^[0-9]+ passed' "$WORK/golden.out"
line=$(tail -n 1 "$WORK/golden.out")
checks_passed=$(echo "$line" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
checks_failed=$(echo "$line" | sed -n 's/.*, \([0-9]*\) failed$/\1/p')
[ -n "$checks_passed" ] || checks_passed=0 checks_failed=1
