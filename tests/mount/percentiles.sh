#!/usr/bin/env bash
# Percentiles, medians and counts of distinct values of far more values than a query's memory holds:
# exact where they are of few kinds, an error where they are not.
. "$(dirname "$0")/../lib/mount.sh"
mount_start -o query_memory_mb=2
mkdir "$MNT/db"
seed=${SEED:-$RANDOM}
check "exact over 200,000 values in a megabyte, seed $seed" python3 tests/mount/percentiles_judge.py "$MNT" "$seed"
echo flush >"$MNT/.seriesfs/ctl"
python3 tests/mount/percentiles_points.py >"$MNT/db/write"
check_fails "values that are all different are too much" "Disk quota exceeded" cat "$MNT/db/query/select median(v) from r"
check "which is told" grep -q 'query memory\|memory' "$MNT/db/errors"
