#!/usr/bin/env bash
# WHERE means the same rows in SELECT, DELETE, DROP SERIES and SHOW: by hand, and by random conditions (where.py).
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/a"
ask() {
	exec 3<>"$MNT/a/exec.csv?epoch=s"
	echo "$1" >&3
	cat <&3 | tail -n +2
	exec 3>&-
}
# left_by STATEMENT: of x and y at 1s and z at 9s
left_by() {
	ask "drop measurement d" >/dev/null
	printf 'd,dev=x v=1 1s\nd,dev=y v=2 1s\nd,dev=z v=3 9s\n' >"$MNT/a/write"
	ask "$1" >/dev/null
	ask "select v from d" | cut -d, -f3 | paste -sd,
}
# Times under OR narrow the range: dev=x before 5s is x alone; no y is at 8s or later.
check_equal "x alone goes" "2,3" "$(left_by "delete from d where dev='x' or time < 5s")"
check_equal "no y at 8s or later" "1,2,3" "$(left_by "delete from d where dev='y' or time >= 8s")"
# A time in parentheses is a time: x and y are before 2s, z behind 5s.
check_equal "a time in parentheses" "3" "$(left_by "delete from d where (time) < 2s")"
check_equal "a time behind its bound" "1,2" "$(left_by "delete from d where 5s < (time)")"
# No time is 1s and 9s.
check_equal "two times at once are none" "1,2,3" "$(left_by "delete from d where time = 1s or time = 9s")"
check_equal "SELECT of a time in parentheses" $'d,1,1\nd,1,2' "$(left_by "" >/dev/null; ask "select v from d where (time) < 2s")"

# SHOW: what has no tag has ''; a name that is a tag and a field is the tag.
printf 'm,region=us v=1 1s\nn v=1 1s\nk,region=eu v=2 1s\nx,t=a t="q",v=1 1s\nx,t=b v=1 1s\n' >"$MNT/a/write"
check_equal "!= takes what has none" "d,k,n,x" "$(ask "show measurements where region != 'us'" | cut -d, -f2 | paste -sd,)"
check_equal "!~ too" "d,k,n,x" "$(ask "show measurements where region !~ /us/" | cut -d, -f2 | paste -sd,)"
check_equal "= nothing" "d,n,x" "$(ask "show measurements where region = ''" | cut -d, -f2 | paste -sd,)"
check_equal "cardinality of tag values in a range" $'k,1\nm,1' "$(ask "show tag values cardinality with key = region where time > 0")"
check_equal "a tag that is a field, too" ',"x,t=a"' "$(ask "show series from x where t = 'a'")"

check "the same rows everywhere" python3 "$(dirname "$0")/where.py" "$MNT" "${SEED:-$RANDOM}" "${COUNT:-60}"
