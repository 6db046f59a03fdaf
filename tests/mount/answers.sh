#!/usr/bin/env bash
# query/TEXT and exec: exact sizes, one evaluation, slashes, errors, interrupts.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
for i in $(seq 100); do echo "m,h=h$((i % 3)) v=$i $((1700000000 + i))000000000"; done >"$MNT/db/write"
query=$MNT/db/query
text='select count(v) from m'
want="name,time,count
m,1970-01-01T00:00:00Z,100"
check_equal "cat" "$want" "$(cat "$query/$text")"
check_equal "its size is exact before open" "$(($(printf '%s' "$want" | wc -c) + 1))" "$(stat -c %s "$query/$text")"
check "cp" cp "$query/$text;.csv" "$WORK/copy"
check_equal "copies it whole" "$want" "$(cat "$WORK/copy")"
check "tar" tar -cf "$WORK/answer.tar" -C "$query" "$text;.csv"
check_equal "packs it whole" "$want" "$(tar -xOf "$WORK/answer.tar")"
check_equal "wc -c" "$(wc -c <"$WORK/copy")" "$(wc -c <"$query/$text")"
check_equal "mmap" "${want%%$'\n'*}" "$(python3 -c "
import mmap, sys
f = open(sys.argv[1], 'rb')
print(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:].decode().split(chr(10))[0])" "$query/$text")"
check_equal "st_ino is the text's" "$(stat -c %i "$query/$text")" "$(stat -c %i "$query/$text")"
check_equal "query/ lists nothing" "" "$(ls -A "$query")"
echo 'm v=1 1800000000000000000' >"$MNT/db/write"
wait_until 20 '[ "$(tail -n 1 "$query/$text" | cut -d, -f3)" = 101 ]' # an answer may be a second old
check_equal "a new point, a new answer" 101 "$(tail -n 1 "$query/$text" | cut -d, -f3)"
check_fails "what does not parse" "Invalid argument" cat "$query/selec v from m;"
check_fails "fails at stat as well" "Invalid argument" stat "$query/selec v from m;"
check "errors says why" grep -q 'error parsing query: found selec' "$MNT/db/errors"
check_fails "an unfinished one" "Invalid argument" cat "$query/select v from m where h =~ /^h"
check_fails "writing to an answer" "Operation not permitted" bash -c "echo x >'$query/$text'"
check_fails "what changes data" "Operation not permitted" cat "$query/drop measurement m;"
mkdir "$MNT/db/views"
ln -s "../query/$text;.csv" "$MNT/db/views/count.csv"
check_equal "a view" 101 "$(tail -n 1 "$MNT/db/views/count.csv" | cut -d, -f3)"

exec=$MNT/db/exec
check_equal "exec" "$(cat "$query/$text")" "$(bash -c "exec 3<>'$exec'; echo '$text' >&3; cat <&3")"
check_equal "again on the same descriptor" 202 \
	"$(bash -c "exec 3<>'$exec'; echo '$text' >&3; tail -n 1 <&3 | cut -d, -f3; echo '$text' >&3; tail -n 1 <&3 | cut -d, -f3" | paste -sd+ | bc 2>/dev/null ||
		bash -c "exec 3<>'$exec'; echo '$text' >&3; a=\$(tail -n 1 <&3 | cut -d, -f3); echo '$text' >&3; b=\$(tail -n 1 <&3 | cut -d, -f3); echo \$((a + b))")"
check_equal "read a; read b" "name,time,count m,1970-01-01T00:00:00Z,101" \
	"$(bash -c "exec 3<>'$exec'; echo '$text' >&3; read a <&3; read b <&3; echo \$a \$b")"
check_equal "without a newline, ended by the read" 101 \
	"$(bash -c "exec 3<>'$exec'; printf '$text' >&3; tail -n 1 <&3 | cut -d, -f3")"
check_equal "from Python, text mode" 101 "$(python3 -c "
f = open('$exec', 'r+')
f.write('$text\n'); f.flush(); f.seek(0)
print(f.read().split(',')[-1].strip())")"
check_fails "a bad request" "Invalid argument" bash -c "echo 'selec' >'$exec'"
check "leaves InfluxDB's error object" bash -c "exec 3<>'$exec.json'; echo selec >&3 2>/dev/null; cat <&3 | grep -q '\"error\"'"
check_fails "ctl, a word it has not" "Invalid argument" bash -c "echo nonsense >'$MNT/.seriesfs/ctl'"
check "ctl flush" bash -c "echo flush >'$MNT/.seriesfs/ctl'"
check "dropping a group" bash -c "echo 'drop db autogen 2023-11-13--2023-11-20' >'$MNT/.seriesfs/ctl'"
check_equal "takes its points" 1 "$(bash -c "exec 3<>'$exec'; echo '$text' >&3; tail -n 1 <&3 | cut -d, -f3")"
check "create through exec" bash -c "echo 'create database other' >'$exec'"
check "is a directory at once" test -d "$MNT/other"
check "drop through exec" bash -c "echo 'drop database other' >'$exec'; ! test -e '$MNT/other' && mkdir '$MNT/other'"
for page in help version; do
	check_equal "$page has its exact size" "$(cat "$MNT/.seriesfs/$page" | wc -c)" "$(stat -c %s "$MNT/.seriesfs/$page")"
done
for page in status metrics; do
	check_equal "$page is made when it is opened: its size is not known" 0 "$(stat -c %s "$MNT/.seriesfs/$page")"
	check "and it is read" grep -q series "$MNT/.seriesfs/$page"
done
mkdir "$MNT/chart"
for i in 0 1 2 4 5; do echo "m,h=<a&b> v=$i,w=1$i 160000000${i}000000000"; done >"$MNT/chart/write"
check "a chart is a picture with a line a column, gaps, a legend and a title" python3 tests/mount/answers_chart.py "$MNT/chart/query"
for i in $(seq 0 11); do echo "long v=${i}000000 $((1420070400 + i * 2592000))s"; done >"$MNT/chart/write"
check "ticks are months and millions, names and labels stay inside, dark has colours of its own" python3 tests/mount/answers_ticks.py "$MNT/chart/query"
mkdir "$MNT/copy"
cat "$MNT/chart/query/select * from /.*/ group by *;.lp" >"$MNT/copy/write"
check_equal "lp is a valid import" "$(cat "$MNT/chart/query/select * from /.*/;.json")" \
	"$(cat "$MNT/copy/query/select * from /.*/;.json")"
mkdir "$MNT/old"
printf '%s\n' 'test_merge_1 value="m11" 600' 'test_merge_1 value="m12" 800' 'test_merge_2 value="m21" 700' \
	'test_merge_2 value="m22" 900' 'test_merge_3 value="m31" 500' 'test_merge_3 value="m32" 1000' >"$MNT/old/write"
check_equal "merge of a regex is one series in time order, with where each row is from" \
	"m31 test_merge_3|m11 test_merge_1|m21 test_merge_2|m12 test_merge_1|m22 test_merge_2|m32 test_merge_3|" \
	"$(tail -n +2 "$MNT/old/query/select * from merge(/.*/)" | awk -F, '{ printf "%s %s|", $3, $4 }')"
check_equal "merge of two, infix" "merged 4" \
	"$(tail -n 1 "$MNT/old/query/select count(value) from test_merge_1 merge test_merge_2;.csv" | awk -F, '{ print $1, $3 }')"
check_equal "a merge of nothing is empty" "" "$(cat "$MNT/old/query/select * from merge(/nope/);.csv")"
