#!/usr/bin/env bash
# What is counted: after a life in little every counter of .seriesfs/metrics has moved, so that a
# row of counters.def which nobody counts shows; and memory has its owners.
ON_DISK=1 # the kernel counts what is written to it
. "$(dirname "$0")/../lib/mount.sh"

metric() { sed -n "s/^seriesfs_$1 //p" "$MNT/.seriesfs/metrics"; }

mount_start -o commit=3600,memtable_mb=8,shards_open=2,write_threads=4
check_equal "nothing was counted yet" 0 "$(grep '^seriesfs_.*_total' "$MNT/.seriesfs/metrics" | awk '{ n += $2 } END { print n }')"
mkdir "$MNT/db"
"$TOOLS/gen" 500 400 rand >"$WORK/long.lp"
for name in a b c d; do
	sed "s/^sensor/$name/" "$WORK/long.lp" >"$WORK/$name.lp"
done
for name in a b c d; do
	cat "$WORK/$name.lp" >"$MNT/db/write" &
	writers="${writers:-} $!"
done
wait $writers
check_equal "points" 800000 "$(metric points_written_total)"
check_equal "values" 800000 "$(metric values_written_total)"
check_equal "bytes of text" "$(cat "$WORK"/[abcd].lp | wc -c)" "$(metric text_bytes_taken_total)"
echo 'm v=1,w=2 0' >"$MNT/db/write"
check_equal "a row is a point, a field a value" "800001 800002" \
	"$(metric points_written_total) $(metric values_written_total)"
check_fails "a line is refused" "Invalid argument" bash -c "echo 'm v=' >'$MNT/db/write'"
check_equal "and counted" 1 "$(metric lines_refused_total)"

syncs=$(metric wal_syncs_total)
sync "$MNT/db/autogen/m"
check "fsync is a sync of the log" test "$(metric wal_syncs_total)" -gt "$syncs"
check "what is not flushed lies in memory" test "$(metric memtable_bytes)" -gt 0
flushes=$(metric flushes_total)
echo flush >"$MNT/.seriesfs/ctl"
check "a flush" test "$(metric flushes_total)" -gt "$flushes"
check_equal "ends that" 0 "$(metric memtable_bytes)"
check "and makes where its chunks lie known" test "$(metric directory_bytes)" -gt $((2000 * 72 - 1))

given=$(metric text_bytes_given_total)
bytes=$(cat "$MNT"/db/autogen/*/a,id=s7,* | wc -c)
check_equal "bytes that were read" "$bytes" $(($(metric text_bytes_given_total) - given))
"$TOOLS/gen" 1 5000 int >"$MNT/db/write"
echo compact >"$MNT/.seriesfs/ctl"
grep -q 200000 "$MNT/db/query/select count(value) from a"
grep -q 200000 "$MNT/db/query/select count(value) from a"
check_equal "two looks, one query" "1 0" "$(metric queries_total) $(metric query_errors_total)"
check "the other an answer that was there" test "$(metric answers_reused_total)" -ge 1
check "which is kept in memory" test "$(metric answer_bytes)" -gt 0
grep -q sum "$MNT/db/query/select sum(usage_idle) from cpu"
explain() { cat "$MNT/db/query/explain analyze $1;.txt?fresh=1"; }
explain "select value from a where time < '2016-01-01T00:00:10Z'" >"$WORK/explained"
check "EXPLAIN ANALYZE tells what was decoded, and how long all took" grep -qE \
	'^READING: 500 chunks decoded, 0 by their summaries, 0 skipped; [0-9.]+ ms' "$WORK/explained"
check_equal "by operator" "RAN PLANNING READING COMPUTING" \
	"$(sed -n 's/^\([A-Z]*\): .* ms$/\1/p' "$WORK/explained" | paste -sd' ')"
echo 'late v=1 1' >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
echo 'late v=1 2' >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
check "and what was not" grep -q '^READING: 1 chunks decoded, 0 by their summaries, 1 skipped' \
	<(explain "select v from late where time = 2")
check_fails "a query fails" "Invalid argument" cat "$MNT/db/query/select nothing(v) from m;"
check "and is counted" test "$(metric query_errors_total)" -ge 1
rm "$MNT"/db/autogen/*/a,id=s8,*
for day in 10 20 30; do echo "far v=1 $((day * 86400))s" >"$MNT/db/write"; done
echo flush >"$MNT/.seriesfs/ctl"
cat "$MNT/db/query/select * from far" >"$WORK/far"
check "shards make room for each other" test "$(metric shards_closed_total)" -ge 1
echo "drop db autogen $(ls "$MNT/db/autogen" | head -n 1)" >"$MNT/.seriesfs/ctl"

# Whether a writer had to wait is a matter of speed.
check_equal "every counter has moved" "" \
	"$(sed -n '/writer_waits/d; s/^\(seriesfs_[a-z_]*_total\) 0$/\1/p' "$MNT/.seriesfs/metrics" | paste -sd' ')"
owned=0
for owner in memtable index directory series_text answer scratch; do
	owned=$((owned + $(metric ${owner}_bytes)))
done
check "memory that has an owner is memory of the process" test "$owned" -lt "$(metric resident_bytes)"
check "write amplification is what was written to disk for what was taken" awk \
	"BEGIN { a = $(metric disk_bytes_written) / $(metric text_bytes_taken_total); r = a / $(metric write_amplification); exit !(r > 0.95 && r < 1.05) }"

# What each policy holds, and when its oldest group is due.
mkdir "$MNT/held" "$MNT/held/short"
printf 'duration 2h\nshard_duration 1h\n' >"$MNT/held/short/.policy"
hour=$(($(date +%s) / 3600 * 3600))
printf 'm,h=%s v=1 %ds\n' a $((hour - 3600)) b $((hour - 3600)) a "$hour" >"$MNT/held/short/.write"
mkdir "$MNT/held/autogen"
echo 'm,h=c v=1 1s' >"$MNT/held/autogen/.write"
policy() { grep "^policy held $1 " "$MNT/.seriesfs/status"; }
check "status has the series of a database" grep -q '^database held series 3$' "$MNT/.seriesfs/status"
check_equal "groups and points of a policy" "policy held short groups 2 points 3" "$(policy short | cut -d' ' -f1-7)"
check_equal "its next retention" "next_retention $(date -u -d @$((hour + 7200)) +%FT%TZ)" "$(policy short | cut -d' ' -f10-)"
check_equal "which one without a duration has not" "groups 1 points 1 bytes 0 next_retention never" "$(policy autogen | cut -d' ' -f4-)"
echo flush >"$MNT/.seriesfs/ctl"
check "bytes are there once it is flushed" test "$(policy short | cut -d' ' -f9)" -gt 1000
held() { sed -n "s/^seriesfs_policy_$1{database=\"held\",policy=\"short\"} //p" "$MNT/.seriesfs/metrics"; }
check_equal "metrics have the same" "2 3 $((hour + 7200))" "$(held groups) $(held points) $(held next_retention_seconds)"
mount_stop
mount_start
check_equal "of shards that nobody asked they tell no points" "2 " "$(held groups) $(held points)"
check_equal "status asks" 3 "$(policy short | cut -d' ' -f7)"
