#!/usr/bin/env bash
# 400 daily shard groups under `ulimit -n 256`: groups are opened when they are asked, and closed again.
. "$(dirname "$0")/../lib/mount.sh"
ulimit -n 256
days=${DAYS:-400}
first_s=1672531200 # 2023-01-01, of each day three points of two series
descriptors_most=0
# How many files the daemon holds now; the most of all looks counts.
look() {
	descriptors=$(ls "/proc/$(mount_pid)/fd" | wc -l)
	[ "$descriptors" -le "$descriptors_most" ] || descriptors_most=$descriptors
}
# By exec: query/ gives an answer of less than a second ago once more.
count() {
	(exec 3<>"$MNT/db/exec"; echo 'select count(v), sum(v) from m' >&3; tail -n 1 <&3) | cut -d, -f3-
}
all_points() { # N points with values from 1 to N
	echo "$1,$(($1 * ($1 + 1) / 2))"
}

mount_start
check_equal "the daemon has the bound too" 256 \
	"$(sed -n 's/^Max open files *\([0-9]*\) .*/\1/p' "/proc/$(mount_pid)/limits")"
mkdir -p "$MNT/db/autogen"
check "one group a day" bash -c "echo 'shard_duration 1d' >'$MNT/db/autogen/.policy'"
awk -v days="$days" -v first="$first_s" 'BEGIN {
	for (day = 0; day < days; day++)
		for (i = 0; i < 3; i++)
			printf "m,h=%d v=%di %d000000000\n", i % 2, day * 3 + i + 1, first + day * 86400 + i * 3600
}' >"$WORK/points.lp"
points=$((days * 3))
check "points of every day" cp "$WORK/points.lp" "$MNT/db/write"
look
check_equal "as many groups" "$days" "$(ls "$MNT/db/autogen" | wc -l)"
check_equal "a query over all, from memory" "$(all_points $points)" "$(count)"
check "a flush of all" bash -c "echo flush >'$MNT/.seriesfs/ctl'"
look
check_equal "a directory each" "$days" "$(ls "$DATA/shard" | grep -c "[0-9]$")"
check_equal "a query over all, from disk" "$(all_points $points)" "$(count)"
look
check_equal "and day by day" "$days" \
	"$(grep -c ^m "$MNT/db/query/select count(v) from m where time >= '2023-01-01' and time < '2025-01-01' group by time(1d) fill(none);.csv")"
cat "$MNT"/db/autogen/*/* >"$WORK/read.lp"
look
check_equal "every file is readable" "$(sort "$WORK/points.lp" | md5sum)" "$(sort "$WORK/read.lp" | md5sum)"
check_equal "both series whole over all groups" "$points" "$(cat "$MNT/db/autogen/m,h=0" "$MNT/db/autogen/m,h=1" | wc -l)"
held=$(python3 tests/mount/shards_hold.py "$MNT" "$(mount_pid)")
check_equal "a hundred files open at once" 200 "${held#* }"
[ "${held% *}" -le "$descriptors_most" ] || descriptors_most=${held% *}
check "a second round into all of them" bash -c "sed 's/,h=/,again=/' '$WORK/points.lp' >'$MNT/db/write'; echo flush >'$MNT/.seriesfs/ctl'"
look
check_equal "which counts twice" "$((points * 2))" "$(count | cut -d, -f1)"
mount_stop

mount_start
check_equal "the same after a remount" "$((points * 2)),$((points * (points + 1)))" "$(count)"
check "rm -r of a group" rm -r "$MNT/db/autogen/2023-01-01--2023-01-02"
check_equal "leaves the others" "$((days - 1)) $((points * 2 - 6))" "$(ls "$MNT/db/autogen" | wc -l) $(count | cut -d, -f1)"
check "drop of another by ctl" bash -c "echo 'drop db autogen 2023-01-02--2023-01-03' >'$MNT/.seriesfs/ctl'"
check_equal "leaves the others too" "$((days - 2)) $((points * 2 - 12))" "$(ls "$MNT/db/autogen" | wc -l) $(count | cut -d, -f1)"
look
check "the descriptors stay under the bound: $descriptors_most" test "$descriptors_most" -lt 256
check_equal "errors has nothing to tell" "" "$(cat "$MNT/db/errors")"
check "rm -r of the database" rm -r "$MNT/db"
check_equal "leaves nothing" "" "$(ls -A "$MNT")"
