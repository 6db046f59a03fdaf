#!/usr/bin/env bash
# A group of several shards: its series are spread over them, and answers put them together again.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db" "$MNT/db/rp"
echo 'shards 4' >"$MNT/db/rp/.policy"
python3 - >"$MNT/db/write" <<'PY'
for series in range(200):
    for k in range(50):
        print(f"m,host=h{series} v={series * k}i {1700000000 + k}000000000")
PY
echo flush >"$MNT/.seriesfs/ctl"
check_equal "four stores" 4 "$(ls "$DATA/shard" | wc -l)"
check_equal "each has some of it" 4 "$(find "$DATA/shard" -name '*.ldb' -size +0 -o -name '*.log' -size +0 | cut -d/ -f1-20 | xargs -n 1 dirname | sort -u | wc -l)"
truth=$(python3 -c 'print(10000, sum(s * k for s in range(200) for k in range(50)), sep=",")')
# Blanks make another query of it: an answer is kept for a second.
total() { tail -n 1 "$MNT/db/query/select ${1:-}count(v), sum(v) from m;.csv" | cut -d, -f3-; }
check_equal "a query over all of them" "$truth" "$(total)"
check_equal "every series is whole" 10000 "$(cat "$MNT"/db/rp/2*/* | wc -l)"
echo 'shards 2' >"$MNT/db/rp/.policy"
check "points of another series go to a group that is there" \
	bash -c "echo 'm,host=more v=1i 1700000000000000000' >'$MNT/db/write'"
check "and to a new one" bash -c "echo 'm,host=more v=1i 1710000000000000000' >'$MNT/db/write'"
echo flush >"$MNT/.seriesfs/ctl"
check_equal "whose number of stores is the new one" 6 "$(ls "$DATA/shard" | wc -l)"
mount_stop
mount_start
check_equal "the same after a remount" "10002,$((${truth#*,} + 2))" "$(total)"
check_equal "rm of a series takes it alone" 9952 "$(rm "$MNT/db/rp/m,host=h7"; total " " | cut -d, -f1)"
