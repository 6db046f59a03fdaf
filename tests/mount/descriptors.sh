#!/usr/bin/env bash
# What few file descriptors (ulimit -n) do to the mount and to seriesfs-check: with 64, everything works, if slower;
# with fewer, a start is refused with words; nothing stored is called damaged, and nothing is moved.
. "$(dirname "$0")/../lib/mount.sh"
days=100
check_program=${CHECK_PROGRAM:-$PWD/$BUILD/seriesfs-check}
total() { (exec 3<>"$MNT/db/exec"; echo 'select count(v), sum(v) from m' >&3; tail -n 1 <&3) | cut -d, -f3-; }
points() { # ROUND
	awk -v days="$days" -v round="$1" 'BEGIN {
		for (day = 0; day < days; day++) for (i = 0; i < 3; i++)
			printf "m,h=%d v=%di %d000000000\n", i, round, 1672531200 + day * 86400 + round * 60 + i
	}'
}

(ulimit -n 64 && mount_start 2>/dev/null)
mkdir -p "$MNT/db/autogen"
echo 'shard_duration 1d' >"$MNT/db/autogen/.policy"
for round in 1 2 3; do
	check "round $round: points of $days groups" bash -c "cat >'$MNT/db/write'" < <(points "$round")
	check "round $round: a flush" bash -c "echo flush >'$MNT/.seriesfs/ctl'"
	check "round $round: a snapshot" mkdir "$MNT/db/.snapshot/s$round"
	check "round $round: cold groups are rewritten" bash -c "echo 'compact db' >'$MNT/.seriesfs/ctl'"
	check_equal "round $round: all are there" \
		"$((round * days * 3)),$((days * 3 * round * (round + 1) / 2))" "$(total)"
done
check_equal "a snapshot has its own" "$((days * 3)),$((days * 3))" \
	"$(sed -n 2p "$MNT/db/.snapshot/s1/query/select count(v), sum(v) from m.csv" | cut -d, -f3-)"
for group in $(ls "$MNT/db/autogen" | head -n 20); do rm -r "$MNT/db/autogen/$group"; done
check_equal "20 groups dropped" "$(((days - 20) * 9)),$(((days - 20) * 18))" "$(total)"
check_equal "and no error is told" "" "$(cat "$MNT/.seriesfs/errors")"
mount_stop

whole=$("$check_program" "$DATA")
check_equal "the check without a bound" 0 $?
for files in 64 65 70 80 100; do
	said=$(ulimit -n $files; "$check_program" "$DATA" 2>&1)
	check_equal "the check with $files descriptors ends with 0" 0 $?
	check_equal "and finds the same" "$whole" "$(grep -v 'descriptors (ulimit' <<<"$said")"
	said=$(ulimit -n $files; "$check_program" --repair "$DATA" 2>&1)
	check_equal "--repair with $files has nothing to mend" 0 $?
done
for files in 63 40 20; do
	said=$(ulimit -n $files; "$check_program" --repair "$DATA" 2>&1)
	check_equal "the check with $files is refused" 8 $?
	check_equal "with words" "seriesfs-check: $DATA: $files descriptors (ulimit -n) are too few: 64 are the least" "$said"
done
check_equal "nothing was moved" "" "$(ls "$DATA/set-aside" 2>/dev/null)"
check_equal "all points are there" "$whole" "$("$check_program" "$DATA")"
