#!/usr/bin/env bash
# Chunks that answer by their summaries: the same bytes as from the rows, hot and cold, and no
# chunk is decoded where its window covers it. A condition that is always true asks for the rows. Without
# exact=1 the last digits of sums of cold doubles may differ. Deletes, removals and late points come
# between flushes and rewrites.
. "$(dirname "$0")/../lib/mount.sh"

metric() { sed -n "s/^seriesfs_$1 //p" "$MNT/.seriesfs/metrics"; }

mount_start
echo "create database db with duration 0s shard duration 1h" >"$MNT/.seriesfs/exec"
seed=${SEED:-$RANDOM}
python3 tests/mount/summaries_data.py "$seed" >"$WORK/lines"
cat "$WORK/lines" >"$MNT/db/write"
judge() {
	python3 tests/mount/summaries_ask.py "$MNT" "$((seed + $2))" "${3:-150}" >"$WORK/asked" 2>&1
	check_equal "$1 (SEED=$seed)" "different: 0" "$(cat "$WORK/asked")"
}
judge "rows in memory answer as rows" 1
echo flush >"$MNT/.seriesfs/ctl"
judge "flushed chunks answer as their rows do" 2
check "some by their summaries alone" test "$(metric chunks_summarized_total)" -gt 100
python3 tests/mount/summaries_data.py "$seed" late >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
echo "delete from m where time >= 1700010000s and time < 1700010600s" >"$MNT/db/exec"
judge "overlapping and masked chunks answer as their rows do" 3
echo compact >"$MNT/.seriesfs/ctl"
judge "rewritten chunks answer as their rows do" 4

decoded=$(metric chunks_decoded_total)
summarized=$(metric chunks_summarized_total)
cat "$MNT/db/query/select mean(f), count(k), max(d) from m group by time(1h), host;.csv" >"$WORK/answer"
check_equal "hours of a whole chunk decode nothing" "$decoded" "$(metric chunks_decoded_total)"
check_equal "but use every chunk's summary" $((summarized + 15)) "$(metric chunks_summarized_total)"
# Not even cells: they begin with the minute.
for query in "mean(f), count(k)" "mean(f), count(s)"; do
	decoded=$(metric chunks_decoded_total)
	cat "$MNT/db/query/select $query from m group by time(7m,13s), host;.csv" >"$WORK/answer"
	check_equal "windows that no summary covers decode: $query" $((decoded + 15)) "$(metric chunks_decoded_total)"
done
check "EXPLAIN ANALYZE tells of what is summed, too" grep -q "15 chunks decoded" \
	"$MNT/db/query/explain analyze select mean(f), count(k) from m group by time(7m,13s);.csv"
check "EXPLAIN ANALYZE tells of them" grep -q "those of 15 chunks and cells by their summaries" \
	"$MNT/db/query/explain analyze select count(k) from m;.csv"

sed 's/^m,host=\(.\) k=\([0-9]*\)i.* \([0-9]*\)000000000$/\1 \3 \2/' "$WORK/lines" >"$WORK/model"
rm -r "$MNT/db/autogen"/2*
mount_stop
mount_start
cat "$WORK/lines" >"$MNT/db/write"
summarized=$(metric chunks_summarized_total)
for round in $(seq 1 "${ROUNDS:-10}"); do
	python3 tests/mount/summaries_change.py "$MNT" "$WORK/model" "$((seed + round))" >"$WORK/changes" 2>&1
	check_equal "round $round is as the model, SEED=$seed" "" "$(grep -qE 'NOT AS|Error' "$WORK/changes" && cat "$WORK/changes")"
	judge "round $round: what is left answers as its rows do" $((10 + round)) 20
done
summarized=$(($(metric chunks_summarized_total) - summarized))
check "often by summaries: $summarized" test "$summarized" -gt 10
mount_stop
