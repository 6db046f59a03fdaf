#!/usr/bin/env bash
# 400 daily shard groups under few descriptors: opened when asked, a bounded number at once.
. "$(dirname "$0")/../lib/mount.sh"
ulimit -n 256
mount_start -o shards_open=16
mkdir "$MNT/db" "$MNT/db/days"
printf 'shard_duration 1d\ndefault true\n' >"$MNT/db/days/.policy"
python3 - >"$WORK/points.lp" <<'PY'
for day in range(400):
    for host in "abc":
        for k in range(5):
            print(f"m,host={host} v={day * 5 + k}i {1600000000 + day * 86400 + k}000000000")
PY
check "6,000 points in 400 groups go in" cp "$WORK/points.lp" "$MNT/db/write"
check_equal "a directory a day" 400 "$(ls "$MNT/db/days" | wc -l)"
check "they go from memory into their shards" bash -c "echo flush >'$MNT/.seriesfs/ctl'"
truth=$(python3 -c 'print(6000, 3 * sum(range(2000)), sep=",")')
total() { tail -n 1 "$MNT/db/query/select count(v), sum(v) from m;.csv" | cut -d, -f3-; }
check_equal "a query over all of them" "$truth" "$(total)"
check_equal "every series file reads" 6000 "$(cat "$MNT"/db/days/*/* | wc -l)"
check_equal "the series over all groups too" 2000 "$(wc -l <"$MNT/db/days/m,host=b")"
used=$(ls "/proc/$(mount_pid)/fd" | wc -l)
check "the daemon stays below its descriptors ($used)" [ "$used" -lt 200 ]
mount_stop
check_equal "the data is in 400 shards" 400 "$(ls "$DATA/shard" | wc -l)"
mount_start -o shards_open=16
check_equal "the same after a remount" "$truth" "$(total)"
check_equal "and day by day" 400 \
	"$(grep -c ^m "$MNT/db/query/select count(v) from m where time >= '2020-09-13' and time < '2021-10-18' group by time(1d) fill(none);.csv")"
group=$(ls "$MNT/db/days" | head -1)
check "rm -r of one" rm -r "$MNT/db/days/$group"
check_equal "leaves the others" 399 "$(ls "$MNT/db/days" | wc -l)"
check_equal "with what they hold" 5985 "$(total | cut -d, -f1)"
