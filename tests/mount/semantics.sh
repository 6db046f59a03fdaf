#!/usr/bin/env bash
# Answers that public reports of InfluxDB are about, and what is right there: each value is worked out by hand, in the
# comment beside it. InfluxDB 1.6.7 is wrong in most of them (tests/oracle/DIFFERENCES.md).
. "$(dirname "$0")/../lib/mount.sh"
mount_start -o clock=2016-02-01T00:00:00Z

# ask DATABASE QUERY: through exec, the rows alone, times in seconds
ask() {
	exec 3<>"$MNT/$1/exec.csv?epoch=${epoch:-s}"
	echo "$2" >&3
	cat <&3 | tail -n +2
	exec 3>&-
}
# database NAME LINE…
database() {
	local name=$1
	shift
	mkdir "$MNT/$name"
	[ $# = 0 ] || printf '%s\n' "$@" >"$MNT/$name/write"
}
# is WHAT DATABASE QUERY ROW…
is() {
	local what=$1 name=$2 query=$3
	shift 3
	check_equal "$what" "$(printf '%s\n' "$@")" "$(ask "$name" "$query")"
}

# --- times under OR narrow the range

database a 'd,dev=x v=1 1s' 'd,dev=y v=2 1s' 'd,dev=z v=3 9s'
is "SELECT of a time under OR" a "select v from d where dev='x' or time < 5s" d,1,1

# --- unsigned numbers

database b 'n rx=100u 1s' 'n rx=5u 2s' 'n rx=9u 3s' 'h u=18446744073709551610u 1s' 'h u=6u 2s'
# 100 to 5 is a counter that began anew; 5 to 9 is 4 in a second.
is "no rate where a counter begins anew" b "select non_negative_derivative(rx,1s) from n" n,3,4
is "no difference there either" b "select non_negative_difference(rx) from n" n,3,4
is "derivative below zero" b "select derivative(rx,1s) from n" n,2,-95 n,3,4
is "difference below zero" b "select difference(rx) from n" n,2,-95 n,3,4
# (18446744073709551610 + 6) / 2 = 2^63
is "mean of large ones" b "select mean(u) from h" h,0,9223372036854776000
is "below zero" b "select rx - 10 as x from n" n,1,90 n,2,-5 n,3,-1
is "WHERE below zero" b "select rx from n where rx - 10 > 0" n,1,100
is "half of an odd one" b "select rx / 2 as x from n" n,1,50 n,2,2.5 n,3,4.5
is "times what is below zero" b "select rx * -3 as x from n where rx * -3 > -30" n,2,-15 n,3,-27
is "filled with what is below zero" b "select sum(rx) from n where time >= 1s and time < 3s and rx > 50 group by time(1s) fill(-7)" n,1,100 n,2,-7

# --- windows and changes of clocks

# 04:30Z is 05:30 in Berlin, before the 06:00 at which the next day begins: 10 + 1.
database e 'w v=10 2017-10-29T03:30:00Z' 'w v=1 2017-10-29T04:30:00Z' 's v=1 2017-03-26T03:30:00Z' 's v=2 2017-03-26T04:30:00Z'
range="time >= '2017-10-28 06:00:00' and time < '2017-10-30 06:00:00'"
# 2017-10-28T04:00:00Z
is "a day that begins at six, in autumn" e \
	"select sum(v) from w where $range group by time(1d,6h) fill(none) tz('Europe/Berlin')" w,1509163200,11
# On the 26th six o'clock is 04:00Z: one point before it, one behind it. The days begin at 05:00Z, 04:00Z, 04:00Z.
range="time >= '2017-03-25 06:00:00' and time < '2017-03-27 06:00:00'"
is "and in spring" e "select sum(v) from s where $range group by time(1d,6h) tz('Europe/Berlin')" s,1490418000,1 s,1490500800,2
# New York 2017-11-05: 02:00 comes after three hours, 04:00 two hours later, at 04:00Z 07:00Z 09:00Z.
printf 'y v=%s\n' '1 2017-11-05T04:30:00Z' '2 2017-11-05T05:30:00Z' '4 2017-11-05T06:30:00Z' '8 2017-11-05T07:30:00Z' >"$MNT/e/write"
range="time >= '2017-11-05 00:00:00' and time < '2017-11-05 04:00:00'"
is "two hours, of which one comes twice" e "select sum(v) from y where $range group by time(2h) fill(0) tz('America/New_York')" \
	y,1509854400,7 y,1509865200,8
is "an hour comes twice and is two windows" e "select sum(v) from y where $range group by time(1h) tz('America/New_York')" \
	y,1509854400,1 y,1509858000,2 y,1509861600,4 y,1509865200,8 y,1509868800,

# --- the latest first is another order, and the same numbers

database o 'c v=100 0' 'c v=110 10s' 'c v=125 20s'
is "rates" o "select non_negative_derivative(v,10s) from c order by time desc" c,20,15 c,10,10
is "the latest rate" o "select derivative(v,10s) from c order by time desc limit 1" c,20,15
is "differences" o "select non_negative_difference(v) from c order by time desc" c,20,15 c,10,10
is "differences, also below zero" o "select difference(v) from c order by time desc" c,20,15 c,10,10
is "elapsed" o "select elapsed(v,1s) from c order by time desc" c,20,10 c,10,10
is "running sums" o "select cumulative_sum(v) from c order by time desc" c,20,335 c,10,210 c,0,100
is "moving averages" o "select moving_average(v,2) from c order by time desc" c,20,117.5 c,10,105
# (100+110)/2*10 + (110+125)/2*10
is "the area" o "select integral(v) from c order by time desc" c,0,2225
# 5 s from 100 to 105, 5 s from 105 to 110, 5 s from 110 to 117.5, 5 s from 117.5 to 125
is "areas of windows" o "select integral(v) from c where time >= 0s and time < 20001ms group by time(5s) order by time desc limit 4 offset 1" \
	c,15,606.25 c,10,568.75 c,5,537.5 c,0,512.5
range="time >= 0s and time < 30s"
is "fill(previous)" o "select max(v) from c where $range group by time(5s) fill(previous) order by time desc" \
	c,25,125 c,20,125 c,15,110 c,10,110 c,5,100 c,0,100
is "fill(linear)" o "select max(v) from c where $range group by time(5s) fill(linear) order by time desc" \
	c,25, c,20,125 c,15,117.5 c,10,110 c,5,105 c,0,100
is "differences of windows" o "select difference(max(v)) from c where $range group by time(10s) order by time desc" c,20,15 c,10,10
is "moving averages of windows" o "select moving_average(max(v),2) from c where $range group by time(10s) order by time desc" c,20,117.5 c,10,105
is "in a subquery" o "select max(d) from (select difference(v) as d from c) order by time desc" c,20,15

# --- sums that no integer can hold

for i in 1 2 3 4 5 6; do echo "c t=1790000000000000000i ${i}s"; done | { mkdir "$MNT/f" && cat >"$MNT/f/write"; }
for i in 1 2 3; do echo "n t=-9223372036854775808i,p=9223372036854775807i ${i}s"; done >"$MNT/f/write"
for flushed in hot flushed cold; do
	is "a mean ($flushed)" f "select mean(t) from c" c,0,1790000000000000000
	# 6 * 1790000000000000000
	is "a sum ($flushed)" f "select sum(t) from c" c,0,10740000000000000000
	is "sums of windows ($flushed)" f "select sum(t), mean(t) from c where time >= 0s and time < 6001ms group by time(12s)" \
		c,0,10740000000000000000,1790000000000000000
	is "a moving average ($flushed)" f "select moving_average(t,6) from c" c,6,1790000000000000000
	is "a running sum ($flushed)" f "select cumulative_sum(t) from c" c,1,1790000000000000000 c,2,3580000000000000000 \
		c,3,5370000000000000000 c,4,7160000000000000000 c,5,8950000000000000000 c,6,10740000000000000000
	# between -2^63 and 2^63-1; 2^63 * 3
	is "the ends ($flushed)" f "select mean(t), median(t), spread(t), sum(t) from n" \
		n,0,-9223372036854776000,-9223372036854776000,0,-27670116110564327000
	case $flushed in
	hot) echo flush >"$MNT/.seriesfs/ctl" ;;
	flushed) echo "compact f" >"$MNT/.seriesfs/ctl" ;;
	esac
done
printf 'w v=%s\n' '-9223372036854775808i 1s' '9223372036854775807i 2s' >"$MNT/f/write"
# 2^63-1 - -2^63 = 2^64-1; their middle is -0.5
is "from one end to the other" f "select spread(v), median(v), mean(v) from w" w,0,18446744073709552000,-0.5,-0.5
is "the step from one end to the other" f "select difference(v) from w" w,2,18446744073709552000
is "its rate" f "select derivative(v) from w" w,2,18446744073709552000

# --- SLIMIT, SOFFSET count what is answered

database g 's,d=a v=1 1s' 's,d=b v=2 9s' 's,d=c v=3 9s'
is "SLIMIT" g "select v from s where time > 5s group by d slimit 1" s,b,9,2
is "SLIMIT and a field" g "select v from s where v > 1 group by d slimit 1" s,b,9,2
is "SOFFSET" g "select v from s group by d soffset 1" s,b,9,2 s,c,9,3
is "both" g "select v from s where time > 5s group by d slimit 1 soffset 1" s,c,9,3
is "of an aggregate" g "select sum(v) from s where time > 5s group by d slimit 1" s,b,5,2

# --- percentile(): the nearest rank, of which the least value is the lowest

database p 'c v=1 1s' 'c v=2 2s' 'c v=3 3s' 'c v=4 4s' 'c v=5 5s' 'c v=6 6s' 't v=1 1s' 't v=9 2s'
is "p5 of six" p "select percentile(v,5) from c" c,1,1
is "p20 of two" p "select percentile(v,20) from t" t,1,1
is "p0" p "select percentile(v,0) from c" c,1,1
is "p100" p "select percentile(v,100) from c" c,6,6
is "p5 of windows" p "select percentile(v,5) from c where time >= 1s and time < 7s group by time(3s)" c,0,1 c,3,3 c,6,6

# --- times of a subquery are the statement's

# 00:00 in New York is 05:00Z.
database q 'e v=1 2023-11-15T04:59:59Z' 'e v=2 2023-11-15T05:00:00Z'
is "tz() and a subquery" q \
	"select sum(x) from (select v as x from e where time >= '2023-11-15') where time < '2023-11-16' tz('America/New_York')" e,0,2

# --- mode(): of those that are as frequent the one that came first

database r 'c v=2,b=false,s="z" 0' 'c v=1,b=true,s="a" 5s' 'c v=1,b=true,s="a" 10s' 'c v=2,b=false,s="z" 15s' 'u v=9 1s' 'u v=3 2s'
is "mode of two" r "select mode(v), mode(b), mode(s) from c" c,0,2,false,z
is "mode where none comes twice" r "select mode(v) from u" u,0,9

# --- SHOW … WHERE

database s 'm,region=us v=1 1s' 'n v=1 1s' 'k,region=eu v=2 1s'
is "!= takes what has none" s "show measurements where region != 'us'" measurements,k measurements,n
is "!~ too" s "show measurements where region !~ /us/" measurements,k measurements,n
is "= nothing" s "show measurements where region = ''" measurements,n

# --- LIMIT counts rows of the answer

database l 'q v=1 0' 'q v=5 11s' 'q v=9 22s' 'q v=2 33s' 'q v=7 44s' 'q v=8 55s'
is "LIMIT of two transformations" l "select difference(v), moving_average(v,3) from q limit 3" q,11,4, q,22,4,5 q,33,-7,5.333333333333333
is "the first window of a moving average has its past" l \
	"select moving_average(mean(v),3) from q where time >= 20s and time < 60s group by time(10s)" q,20,5 q,30,5.333333333333333 q,40,6 q,50,5.666666666666667
# From 11s to 22s the line goes from 5 to 9; 10s to 20s has 10 s of the lines, 0s to 10s the rest.
is "areas go to the windows that they lie in" l \
	"select integral(v) from q where time >= 0s and time < 23s group by time(10s)" q,0,28.181818181818183 q,10,64.54545454545455 q,20,17.272727272727273
is "a point alone has none" l "select integral(v) from q where time = 11s" q,0,0
