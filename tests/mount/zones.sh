#!/usr/bin/env bash
# Windows, and times of subqueries, with tz(): around changes of clocks by hand, and against zoneinfo (zones.py).
# COUNT=0 asks all of the questions of zones.py.
. "$(dirname "$0")/../lib/mount.sh"
mount_start -o clock=2061-01-01T00:00:00Z
db=$MNT/db
mkdir "$db"
# One shard: the points are of eighty years.
echo "create retention policy long on db duration inf replication 1 shard duration 1000w default" >"$db/exec"
# is WHAT QUERY ROW…: through exec, the rows alone, times in seconds
is() {
	local what=$1 query=$2
	shift 2
	exec 3<>"$db/exec.csv?epoch=s"
	echo "$query" >&3
	check_equal "$what" "$(printf '%s\n' "$@")" "$(cat <&3 | tail -n +2)"
	exec 3>&-
}

printf '%s\n' 'w v=10 2017-10-29T03:30:00Z' 'w v=1 2017-10-29T04:30:00Z' 's v=1 2017-03-26T03:30:00Z' 's v=2 2017-03-26T04:30:00Z' \
	'y v=1 2017-11-05T04:30:00Z' 'y v=2 2017-11-05T05:30:00Z' 'y v=4 2017-11-05T06:30:00Z' 'y v=8 2017-11-05T07:30:00Z' >"$db/write"
# 04:30Z is 05:30 in Berlin, before the 06:00 at which the next day begins: 10 + 1. The day began at 2017-10-28T04:00:00Z.
range="time >= '2017-10-28 06:00:00' and time < '2017-10-30 06:00:00'"
is "a day that begins at six, in autumn" \
	"select sum(v) from w where $range group by time(1d,6h) fill(none) tz('Europe/Berlin')" w,1509163200,11
is "counted from the end" \
	"select sum(v) from w where $range group by time(1d,6h) fill(0) order by time desc tz('Europe/Berlin')" w,1509253200,0 w,1509163200,11
# On the 26th six o'clock is 04:00Z: one point before it, one behind it. The days begin at 05:00Z and 04:00Z.
range="time >= '2017-03-25 06:00:00' and time < '2017-03-27 06:00:00'"
is "and in spring" "select sum(v) from s where $range group by time(1d,6h) tz('Europe/Berlin')" s,1490418000,1 s,1490500800,2
# New York 2017-11-05: 02:00 comes after three hours, 04:00 two hours later, at 04:00Z 07:00Z 09:00Z.
range="time >= '2017-11-05 00:00:00' and time < '2017-11-05 04:00:00'"
is "two hours, of which one comes twice" "select sum(v) from y where $range group by time(2h) fill(0) tz('America/New_York')" \
	y,1509854400,7 y,1509865200,8
is "an hour comes twice and is two windows" "select sum(v) from y where $range group by time(1h) tz('America/New_York')" \
	y,1509854400,1 y,1509858000,2 y,1509861600,4 y,1509865200,8 y,1509868800,
# The windows begin at 04:00Z, 07:00Z, 09:00Z, 11:00Z, the values are 7 at 04:00Z and 14 at 11:00Z: a unit an hour.
echo 'f v=7 1509854400s
f v=14 1509879600s' >"$db/write"
is "a line over windows of two and three hours" \
	"select max(v) from f where time >= 1509854400s and time <= 1509879600s group by time(2h) fill(linear) tz('America/New_York')" \
	f,1509854400,7 f,1509865200,10 f,1509872400,12 f,1509879600,14
# The windows begin at 06:00 local time, 04:00Z and 05:00Z: 30th - 29th is 11 after 5.
echo 'd v=5 2017-10-28T04:00:00Z
d v=11 2017-10-29T05:00:00Z' >"$db/write"
is "a window looks back at the one before it, of 25 hours" \
	"select difference(sum(v)) from d where time >= '2017-10-29 06:00:00' and time < '2017-10-30 06:00:00' group by time(1d,6h) tz('Europe/Berlin')" \
	d,1509253200,6

# --- times of a subquery are the statement's: 00:00 in New York is 05:00Z

printf '%s\n' 'e v=1 2023-11-15T04:59:59Z' 'e v=2 2023-11-15T05:00:00Z' 'e v=4 2023-11-16T04:59:59Z' >"$db/write"
is "tz() and the times of a subquery" \
	"select sum(x) from (select v as x from e where time >= '2023-11-15') where time < '2023-11-16' tz('America/New_York')" e,0,6
is "of one in another" \
	"select sum(y) from (select x as y from (select v as x from e where time >= '2023-11-15')) tz('America/New_York')" e,0,6
# The day of the 14th has 1, that of the 15th 2 + 4.
is "and its windows" \
	"select max(x) from (select sum(v) as x from e where time >= '2023-11-14' and time < '2023-11-16' group by time(1d)) tz('America/New_York')" \
	e,1700024400,6
is "tz() of its own is its own" \
	"select sum(x) from (select v as x from e where time >= '2023-11-15' tz('UTC')) tz('America/New_York')" e,0,7

check "windows are those of the clock on the wall" \
	python3 "$(dirname "$0")/zones.py" "$MNT" db "${SEED:-$RANDOM}" "${COUNT:-3}"
