#!/usr/bin/env bash
# Cold chunks answer by the cells of their clock: hours, days and whole ranges decode nothing, what is cut
# decodes the vectors at the edges, and WHERE leaves alone what cannot match. Every answer is that of the rows.
. "$(dirname "$0")/../lib/mount.sh"

metric() { sed -n "s/^seriesfs_$1 //p" "$MNT/.seriesfs/metrics"; }

mount_start
echo "create database db with duration 0s shard duration 7d" >"$MNT/.seriesfs/exec"
seed=${SEED:-$RANDOM}
python3 tests/mount/cells_data.py "$seed" >"$WORK/lines"
cat "$WORK/lines" >"$MNT/db/write"
cat "$MNT"/db/autogen/*/m* >"$WORK/before"
echo compact >"$MNT/.seriesfs/ctl"
cat "$MNT"/db/autogen/*/m* | cmp - "$WORK/before"
check_equal "a rewrite with cells keeps every line" 0 $?
judge() {
	python3 tests/mount/cells_ask.py "$MNT" "$((seed + $2))" >"$WORK/asked" 2>&1
	check_equal "$1 (SEED=$seed)" "different: 0" "$(cat "$WORK/asked")"
}
judge "cells answer as their rows do" 1

# usage: costs NAME DECODED ROWS QUERY     chunks and rows that a query decodes, at most
costs() {
	local decoded rows
	decoded=$(metric chunks_decoded_total)
	rows=$(metric rows_decoded_total)
	cat "$MNT/db/query/$4" >"$WORK/answer" || return 1
	decoded=$(($(metric chunks_decoded_total) - decoded))
	rows=$(($(metric rows_decoded_total) - rows))
	check "$1: $decoded chunks, $rows rows decoded" test "$decoded" -le "$2" -a "$rows" -le "$3"
}
costs "hours of every host decode nothing" 0 0 "select mean(k), max(d), count(z), last(f) from m group by time(1h), host;.csv"
costs "days decode nothing" 0 0 "select mean(d), min(f), max(big) from m group by time(1d);.csv"
costs "everything decodes nothing" 0 0 "select mean(d), spread(k) from m;.csv"
costs "exact hours decode nothing" 0 0 "select mean(d) from m group by time(1h), host;.csv?exact=1"
costs "a range of whole hours decodes nothing" 0 0 \
	"select mean(k) from m where time >= 1700100000s - 3600s and time < 1700100000s + 7200s group by time(1h);.csv"
costs "a range that cuts hours decodes what is cut" 6 18432 \
	"select mean(k) from m where time >= 1700100001s and time < 1700200001s group by time(1h);.csv"
costs "half an hour of rows takes two vectors at most" 1 2048 \
	"select k from m where host = 'even' and time >= 1700100000s and time < 1700101800s;.csv"
costs "what is nowhere is not looked for" 0 0 "select count(k) from m where k >= 0 and d < 0;.csv"
check_equal "and gives nothing" "" "$(cat "$WORK/answer")"
costs "strings are counted without a look at them" 0 0 "select count(text) from m where host = 'even' group by time(1d);.csv"
check_equal "all of them" "3" "$(grep -c ',8640$' "$WORK/answer")"

echo "delete from m where time >= 1700040000s and time < 1700050000s" >"$MNT/db/exec"
head -2000 "$WORK/lines" | sed 's/k=[0-9]*i/k=7i/' >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
judge "with some of them masked and overlapped, too" 2
echo compact >"$MNT/.seriesfs/ctl"
judge "and after another rewrite" 3
mount_stop
