#!/usr/bin/env bash
# What a range of windows shows: the windows before it, for functions that look back; those behind the last point, or
# none; and 0.8 statements, which have no empty windows. And expressions that are long lists of values.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
ask() { tail -n +2 "$MNT/db/query/$1"; }
values() { ask "$1" | cut -d, -f3 | xargs; }

# Looking back: minutes 0 to 9 hold 0, 1, 4, 9, … 81.
for i in 0 1 2 3 4 5 6 7 8 9; do echo "m v=$((i * i)) $((1700000040 + i * 60))s"; done >"$MNT/db/write"
from=1700000340s to=1700000640s # minutes 5 to 9
range="where time >= $from and time < $to group by time(1m)"
check_equal "a moving average of three means has its two windows before the range" \
	"16.666666666666668 25.666666666666668 36.666666666666664 49.666666666666664 64.66666666666667" \
	"$(values "select moving_average(mean(v), 3) from m $range;.csv")"
check_equal "as in a longer range" \
	"$(values "select moving_average(mean(v), 4) from m where time >= 1700000040s and time < $to group by time(1m);.csv" | cut -d' ' -f3-)" \
	"$(values "select moving_average(mean(v), 4) from m $range;.csv")"
check_equal "difference" "9 11 13 15 17" "$(values "select difference(mean(v)) from m $range;.csv")"
check_equal "derivative" "9 11 13 15 17" "$(values "select derivative(mean(v), 1m) from m $range;.csv")"
check_equal "cumulative_sum begins where the range does" "25 61 110 174 255" "$(values "select cumulative_sum(sum(v)) from m $range;.csv")"

# 0.8: windows that have points, unless fill() is said.
printf 'a v=1 10s\na v=2 11s\nb v=5 41s\n' >"$MNT/db/write"
check_equal "0.8 has no empty windows" "1.5 5" "$(values 'select mean(v) from merge(/^[ab]$/) group by time(10s);.csv')"
check_equal "but where they are asked for" "1.5 0 0 5" "$(values 'select mean(v) from merge(/^[ab]$/) where time < 50s group by time(10s) fill(0);.csv')"
check_equal "null, too" 4 "$(ask 'select mean(v) from merge(/^[ab]$/) where time < 50s group by time(10s) fill(null);.csv' | wc -l)"
check_equal "1.x keeps its rule" 5 "$(ask 'select mean(v) from a where time < 60s group by time(10s);.csv' | wc -l)"

# What people read ends with the last point; what programs read is InfluxDB's.
now=$(date +%s)
for i in 600 540 480; do echo "late v=$i $((now - i))s"; done >"$MNT/db/write"
echo "late w=1 $((now - 360))s" >"$MNT/db/write"
late="from late where time >= $((now - 600))s group by time(1s)"
check_equal "a table ends with the last point" 121 "$(ask "select mean(v) $late;.txt" | grep -c 20)"
check_equal "of any column" 241 "$(ask "select mean(v), mean(w) $late;.txt" | grep -c 20)"
check_equal "backwards it begins there" 121 "$(ask "select mean(v) $late order by time desc;.txt" | grep -c 20)"
check "to an end that was said" test "$(ask "select mean(v) from late where time >= $((now - 600))s and time <= now() group by time(1s);.txt" | grep -c 20)" -gt 590
check "a csv goes up to now" test "$(ask "select mean(v) $late;.csv" | wc -l)" -gt 590
check_equal "fill(0) of a chart, too" "" "$(ask "select sum(v) from late where time >= $((now - 600))s group by time(1m) fill(0);.txt" | tail -n +4 | grep ' 0$' | tail -n 1)"

# A dashboard with 40,000 hosts chosen. Two of them are there, and two others are not meant.
python3 - >"$WORK/hosts" <<'PY'
print("|".join(f"host-{i}\\.example\\.org" for i in range(40000)))
PY
printf '%s\n' 'h,host=host-7.example.org v=1 1s' 'h,host=host-39999.example.org v=2 2s' 'h,host=host-40000.example.org v=4 3s' 'h,host=host-7xexample.org v=8 4s' >"$MNT/db/write"
exec_ask() {
	exec 3<>"$MNT/db/exec"
	printf '%s\n' "$1" >&3
	tail -n +2 <&3
	exec 3>&-
}
check_equal "40,000 alternatives" "h,1970-01-01T00:00:00Z,3" "$(exec_ask "select sum(v) from h where host =~ /^($(cat "$WORK/hosts"))\$/")"
check_equal "in a group that is not kept" "h,1970-01-01T00:00:00Z,3" "$(exec_ask "select sum(v) from h where host =~ /^(?:$(cat "$WORK/hosts"))\$/")"
check_equal "their opposite" "h,1970-01-01T00:00:00Z,12" "$(exec_ask "select sum(v) from h where host !~ /^($(cat "$WORK/hosts"))\$/")"
check_equal "anywhere in the name" "h,1970-01-01T00:00:00Z,3" "$(exec_ask "select sum(v) from h where host =~ /$(cat "$WORK/hosts")/")"
check_equal "as names of measurements" "h,1970-01-01T00:00:00Z,15" "$(exec_ask "select sum(v) from /^($(cat "$WORK/hosts")|h)\$/")"
check_equal "a list with an empty word" "h,1970-01-01T00:00:00Z,15" "$(exec_ask "select sum(v) from h where none =~ /^(|a)\$/")"
check_equal "one that only looks like a list" "h,1970-01-01T00:00:00Z,9" "$(exec_ask 'select sum(v) from h where host =~ /^host-7|7.$/ and host =~ /^(host-7.*)$/')"
mount_end
