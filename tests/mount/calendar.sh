#!/usr/bin/env bash
# Months and years as units: windows in the zones' own calendars, arithmetic beside times, fill,
# what is computed over windows of unlike lengths, and continuous queries.
. "$(dirname "$0")/../lib/mount.sh"
mount_start -o clock=2016-12-31T23:59:30Z
db=$MNT/db
mkdir "$db"
# Through exec: an answer is looked up again for a second.
ask() {
	exec 3<>"$db/exec.csv${2:+?$2}"
	echo "$1" >&3
	cat <&3
	exec 3>&-
}
rows() { ask "$@" | tail -n +2; }

# A point a day at midnight UTC of 2015 and 2016, v counts the days from 0.
python3 tests/mount/calendar_points.py >"$db/write"
year="time >= '2015-01-01' and time < '2016-01-01'"
check_equal "months" "days,2015-01-01T00:00:00Z,31
days,2015-02-01T00:00:00Z,28
days,2015-03-01T00:00:00Z,31
days,2015-04-01T00:00:00Z,30" "$(rows "select count(v) from days where $year group by time(1month) limit 4")"
check_equal "a leap year's" "days,2016-02-01T00:00:00Z,29" \
	"$(rows "select count(v) from days where time >= '2016-02-10' - 1month and time < '2016-03-01' group by time(1M) offset 1")"
check_equal "quarters, latest first" "days,2015-10-01T00:00:00Z,92
days,2015-07-01T00:00:00Z,92" \
	"$(rows "select count(v) from days where $year group by time(3months) order by time desc limit 2")"
check_equal "years" "days,2015-01-01T00:00:00Z,365
days,2016-01-01T00:00:00Z,366" "$(rows "select count(v) from days where time < '2017-01-01' group by time(1y)")"
check_equal "two years begin in even ones" "days,2014-01-01T00:00:00Z,365
days,2016-01-01T00:00:00Z,366" "$(rows "select count(v) from days where time < '2017-01-01' group by time(2years)")"
check_equal "from the 10th on" "days,2014-12-10T00:00:00Z,9
days,2015-01-10T00:00:00Z,31" \
	"$(rows "select count(v) from days where $year group by time(1month, 9d) limit 2")"
check_equal "the last day, by another offset" "days,2014-12-31T00:00:00Z,30
days,2015-01-31T00:00:00Z,28" \
	"$(rows "select count(v) from days where $year group by time(1month, -1d) limit 2")"
check_equal "no upper bound is now" "days,2016-12-01T00:00:00Z,31" \
	"$(rows "select count(v) from days where time > now() - 1month group by time(1month)" | tail -n 1)"
check_equal "a month of a subquery" "days,2015-01-01T00:00:00Z,30" \
	"$(rows "select sum(n) / 12 - 0.41666666666666785 from (select count(v) as n from days where $year group by time(1month)) where time >= '2015-01-01'" | cut -d. -f1)"
check_equal "local months have the hour of the clock's change" "days,2015-03-01T00:00:00+01:00,31
days,2015-04-01T00:00:00+02:00,30" "$(rows \
	"select count(v) from days where time >= '2015-03-01' and time < '2015-05-01' group by time(1month) tz('Europe/Berlin')")"

# fill
gaps="from gaps where time >= '2015-01-01' and time < '2015-08-01' group by time(1month)"
check_equal "fill(null)" "0,,59,90,,,400" "$(rows "select max(v) $gaps" | cut -d, -f3 | paste -sd,)"
check_equal "fill(none)" "0,59,90,400" "$(rows "select max(v) $gaps fill(none)" | cut -d, -f3 | paste -sd,)"
check_equal "fill(5)" "0,5,59,90,5,5,400" "$(rows "select max(v) $gaps fill(5)" | cut -d, -f3 | paste -sd,)"
check_equal "fill(previous)" "0,0,59,90,90,90,400" "$(rows "select max(v) $gaps fill(previous)" | cut -d, -f3 | paste -sd,)"
# February begins 31 of 59 days behind January; May 30 and June 61 of 91 behind April.
check_equal "fill(linear) goes by days, not by months" "0,31,59,90,192.2,297.8,400" \
	"$(rows "select max(v) $gaps fill(linear)" | cut -d, -f3 | awk '{ printf "%s%.4g", sep, $1; sep = "," }')"
check_equal "fill(linear), backwards" "400,298,192,90,59,31,0" \
	"$(rows "select max(v) $gaps fill(linear) order by time desc" | cut -d, -f3 | awk '{ printf "%s%.0f", sep, $1; sep = "," }')"

# Windows of unlike lengths.
check_equal "derivative a day" "1,1,1" \
	"$(rows "select derivative(first(v), 1d) from days where time >= '2015-01-01' and time < '2015-05-01' group by time(1month)" | tail -n 3 | cut -d, -f3 | paste -sd,)"
check_equal "non_negative_derivative over a gap" "1,1,3.4065934065934065" \
	"$(rows "select non_negative_derivative(max(v), 1d) $gaps" | cut -d, -f3 | paste -sd,)"
check_equal "difference" "31,28,31" \
	"$(rows "select difference(first(v)) from days where time >= '2015-02-01' and time < '2015-05-01' group by time(1month)" | cut -d, -f3 | paste -sd,)"
check_equal "elapsed" "31,28,31" \
	"$(rows "select elapsed(first(v), 1d) from days where time >= '2015-02-01' and time < '2015-05-01' group by time(1month)" | cut -d, -f3 | paste -sd,)"
check_equal "moving_average" "15.5,45" \
	"$(rows "select moving_average(first(v), 2) from days where time >= '2015-02-01' and time < '2015-04-01' group by time(1month)" | cut -d, -f3 | paste -sd,)"
check_equal "cumulative_sum" "31,59,90" \
	"$(rows "select cumulative_sum(count(v)) from days where time >= '2015-01-01' and time < '2015-04-01' group by time(1month)" | cut -d, -f3 | paste -sd,)"
check_fails "holt_winters" "Invalid argument" \
	cat "$db/query/select holt_winters(first(v), 3, 0) from days where $year group by time(1month);"
check "needs windows of one length" grep -q 'holt_winters needs windows of one length, not months' "$db/errors"

# Arithmetic beside a time: first(v) is the day that a bound is.
day_of() { rows "select first(v) from days where time >= $1" epoch=s | cut -d, -f3; }
day() { echo $((($(date -u -d "$1" +%s) - 1420070400) / 86400)); }
check_equal "the day is cut to the month's end" "$(day 2016-02-29)" "$(day_of "'2016-01-31' + 1month")"
check_equal "back as well" "$(day 2016-02-29)" "$(day_of "'2016-03-31' - 1month")"
check_equal "from one leap day to the next year" "$(day 2016-02-28)" "$(day_of "'2016-02-29' - 1year + 12months")"
check_equal "years" "$(day 2016-06-15)" "$(day_of "'2014-06-15' + 2years")"
check_equal "over the end of a year" "$(day 2016-01-30)" "$(day_of "'2015-11-30' + 2months")"
check_equal "left to right" "$(day 2016-03-29)" "$(day_of "'2016-01-31' + 1month + 1month")"
check_equal "with durations" "$(day 2015-03-01)" "$(day_of "'2015-01-28' + 1month + 1d")"
check_equal "from now()" "$(day 2016-12-01)" "$(day_of "now() - 1month")"
check_equal "of a number" "$(day 2015-02-01)" "$(day_of "1420070400000000000 + 1month")"
check_equal "on the local calendar" "2016-04-01T00:00:00+02:00" \
	"$(rows "select count(v) from days where time >= '2016-03-01' + 1month and time < '2016-04-03' group by time(1d) tz('Europe/Berlin')" | head -n 1 | cut -d, -f2)"
for text in "group by time(1month + 1d)" "group by time(1d, 1month)" "group by time(0months)" "where time > 1month" \
	"where time > now() - 1M" "where time > now() - 1y" "where time > now() - 2 * 1month" "where v > 1month"; do
	check_fails "$text" "Invalid argument" cat "$db/query/select count(v) from days $text;"
	check "$text: why" grep -q 'invalid duration' "$db/errors"
	: >"$db/errors"
done

# Random windows in many zones, by a calendar of Python's.
check "windows are those of the zones' calendars" python3 tests/mount/calendar_windows.py "$db" "${SEED:-}"

# A continuous query of months is due when one begins.
mkdir "$db/continuous"
echo 'select count(v) from fed group by time(1month) into monthly backfill(false)' >"$db/continuous/monthly"
printf 'fed v=1 %s\n' 2016-12-01T00:00:00Z 2016-12-31T23:00:00Z 2017-01-01T00:00:00Z >"$db/write"
echo continuous >"$MNT/.seriesfs/ctl"
check_equal "not yet" "" "$(rows 'select * from monthly')"
echo 'clock 2017-01-01T00:00:00Z' >"$MNT/.seriesfs/ctl"
echo continuous >"$MNT/.seriesfs/ctl"
check_equal "the month that ended" "monthly,2016-12-01T00:00:00Z,2" "$(rows 'select * from monthly')"
echo 'clock 2017-02-01T00:00:01Z' >"$MNT/.seriesfs/ctl"
echo continuous >"$MNT/.seriesfs/ctl"
check_equal "the next one" "monthly,2017-01-01T00:00:00Z,1" "$(rows 'select * from monthly' | tail -n 1)"
echo 'select sum(v) from days group by time(1y) into yearly' >"$db/continuous/yearly"
echo continuous >"$MNT/.seriesfs/ctl"
check_equal "backfill by years" "yearly,2015-01-01T00:00:00Z,66430
yearly,2016-01-01T00:00:00Z,200385" "$(rows 'select * from yearly')"
