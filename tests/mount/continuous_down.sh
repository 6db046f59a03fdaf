#!/usr/bin/env bash
# A continuous query writes the same whether the daemon was there at each boundary or came back late: sums that go on,
# functions that look back, fill(0), RESAMPLE, offsets and zones. And 10,000 windows are made up for in bearable time.
. "$(dirname "$0")/../lib/mount.sh"
day=2026-11-22T
mount_start -o clock=${day}10:00:30Z
ctl() { echo "$1" >"$MNT/.seriesfs/ctl"; }
ask() { exec 3<>"$MNT/$1/exec"; echo "$2" >&3; cat <&3; exec 3>&-; }
values() { ask "$1" "select $3 from \"$2\"" | tail -n +2 | cut -d, -f2- | sed "s/$day//" | xargs; }
queries=(
	'sum;select cumulative_sum(sum(v)) as x into NAME from m group by time(1m)'
	'two;select moving_average(mean(v), 2) as x into NAME from m group by time(1m)'
	'three;select moving_average(mean(v), 3) as x into NAME from m group by time(1m)'
	'step;select difference(mean(v)) as x into NAME from m group by time(1m)'
	'rate;select derivative(max(v), 1m) as x into NAME from m group by time(1m), h'
	'zero;select count(v) as x into NAME from m group by time(1m) fill(0)'
	'zeros;select sum(v) as x into NAME from m group by time(1m), h fill(0)'
	'before;select mean(v) as x into NAME from m group by time(1m) fill(previous)'
	'again;RESAMPLE EVERY 1m FOR 3m select cumulative_sum(sum(v)) as x into NAME from m group by time(1m)'
	"zone;select cumulative_sum(count(v)) as x into NAME from m group by time(2m, 20s) fill(0) tz('Asia/Kolkata')"
	'inner;select sum(d) as x into NAME from (select difference(mean(v)) as d from m group by time(20s)) group by time(1m)'
	'plain;select mean(v) as x, count(v) as n into NAME from m group by time(1m)'
)
points() { # MINUTE: minute 3 and 6 are empty; the series b comes in minute 7
	case $1 in 3 | 6) return ;; esac
	printf "m,h=a v=%s ${day}10:0$1:%s0Z\n" $1 1 $(($1 * $1)) 4
	[ $1 -lt 7 ] || echo "m,h=b v=$1 ${day}10:0$1:20Z"
}
at() { ctl "clock $day$1:00Z"; ctl continuous; }
make() { # DATABASE
	mkdir "$MNT/$1" "$MNT/$1/autogen" "$MNT/$1/continuous"
	for query in "${queries[@]}"; do
		text=${query#*;}
		echo "${text/NAME/${query%%;*}}" >"$MNT/$1/continuous/${query%%;*}"
	done
	ctl continuous
}
make up
for minute in 0 1 2 3 4 5 6 7 8 9; do
	points $minute >"$MNT/up/write"
	[ $minute -lt 9 ] && at 10:0$((minute + 1)) || at 10:10
done
check_equal "sums of windows" "10:00:00Z,0 10:01:00Z,2 10:02:00Z,6 10:04:00Z,20 10:05:00Z,30 10:07:00Z,63 10:08:00Z,80 10:09:00Z,99" "$(values up sum x)"
check_equal "a moving average has the window before" \
	"10:01:00Z,0.5 10:02:00Z,2 10:05:00Z,12.5 10:08:00Z,23.833333333333336 10:09:00Z,29.833333333333336" "$(values up two x)"
check_equal "of three it has two" "10:02:00Z,1.3333333333333333 10:09:00Z,26.88888888888889" "$(values up three x)"
check_equal "a difference" "10:01:00Z,1 10:02:00Z,2 10:05:00Z,5 10:08:00Z,5.666666666666668 10:09:00Z,6.333333333333332" "$(values up step x)"
check_equal "fill(0) writes zeros for empty windows" \
	"10:00:00Z,2 10:01:00Z,2 10:02:00Z,2 10:03:00Z,0 10:04:00Z,2 10:05:00Z,2 10:06:00Z,0 10:07:00Z,3 10:08:00Z,3 10:09:00Z,3" "$(values up zero x)"
check_equal "of each series, from its first point on" "10:07:00Z,7 10:08:00Z,8 10:09:00Z,9" \
	"$(ask up "select x from zeros where h = 'b'" | tail -n +2 | cut -d, -f2- | sed "s/$day//" | xargs)" 2>/dev/null
for query in "${queries[@]}"; do
	name=${query%%;*}
	ask up "select * from \"$name\" group by *" >"$WORK/up.$name"
done
mount_stop

# The same points; from 10:04 on nobody is there.
DATA=$WORK/data2
mkdir "$DATA"
mount_start -o clock=${day}10:00:30Z
make down
for minute in 0 1 2 3; do
	points $minute >"$MNT/down/write"
	at 10:0$((minute + 1))
done
for minute in 4 5 6 7 8 9; do points $minute >"$MNT/down/write"; done
mount_stop
mount_start -o clock=${day}10:10:00Z
ctl continuous
for query in "${queries[@]}"; do
	name=${query%%;*}
	ask down "select * from \"$name\" group by *" >"$WORK/down.$name"
	check "$name has rows" test -s "$WORK/up.$name"
	check "$name is the same after six minutes of absence" diff "$WORK/up.$name" "$WORK/down.$name"
done

# A week of minutes.
ctl "clock ${day}10:10:30Z"
mkdir "$MNT/long" "$MNT/long/autogen" "$MNT/long/continuous"
echo 'select cumulative_sum(sum(v)) as x into out from m group by time(1m)' >"$MNT/long/continuous/q"
ctl continuous
python3 -c "
import datetime
start = int(datetime.datetime(2026, 11, 22, 10, 11, tzinfo=datetime.timezone.utc).timestamp())
for i in range(10000):
    print(f'm v=1 {start + i * 60}s')
" >"$MNT/long/write"
rm "$MNT"/down/continuous/*
started=$(date +%s%N)
ctl "clock 2026-11-29T08:51:00Z"
ctl continuous
echo "	10,000 windows in $((($(date +%s%N) - started) / 1000000)) ms"
check_equal "all windows are there" 10000 "$(ask long 'select count(x) from out' | tail -n 1 | cut -d, -f3)"
mount_end
