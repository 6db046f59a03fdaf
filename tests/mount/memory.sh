#!/usr/bin/env bash
# What a query allocates is counted, all of it: at the limit it ends with EDQUOT, below it many series stream in
# the order in which they always come, and afterwards the daemon is as small as before.
. "$(dirname "$0")/../lib/mount.sh"

rss_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$(mount_pid)/status"; }
# RSS once what is free went back, within three seconds.
settled_kib() {
	for _ in $(seq 30); do
		[ "$(rss_kib)" -lt "$1" ] && break
		sleep 0.1
	done
	rss_kib
}
metric() { awk -v name="seriesfs_$1" '$1 == name { print $NF }' "$MNT/.seriesfs/metrics"; }

# --- the order of rows: the same answer with little memory, where series are closed and opened again, as with much

python3 tests/mount/memory_points.py >"$WORK/points"
cat >"$WORK/queries" <<'END'
select * from cpu
select v, s from cpu order by time desc
select * from cpu, mem
select * from merge(cpu, mem)
select v from cpu where s =~ /a of/ and v > 1
select * from cpu order by time desc limit 50 offset 20
select s, v from cpu group by rack
select derivative(v) from cpu
select v + 1, s from (select v, s from cpu) where v > 0
select v from (select v, s from cpu, mem group by host) order by time desc
select max(v), s from (select v, s from cpu) where time > 0 group by time(1w)
select top(v, host, 5) from mem
select x.v, y.v from cpu as x inner join mem as y
END
ask_all() {
	while read -r query; do
		echo "-- $query"
		cat "$MNT/db/query/$query;.csv?fresh=1"
	done <"$WORK/queries"
}

mount_start
mkdir "$MNT/db"
cat "$WORK/points" >"$MNT/db/write"
ask_all >"$WORK/much"
check "answers with rows" [ "$(wc -l <"$WORK/much")" -gt 60000 ]
mount_stop
mount_start -o query_memory_mb=1,answers_mb=1
ask_all >"$WORK/little" 2>"$WORK/problems"
check "the same answers in 1 MiB, but for what keeps rows" cmp \
	<(grep -v '^$' "$WORK/much" | awk '/^--/ { keep = !/from \(|join/ } keep') \
	<(grep -v '^$' "$WORK/little" | awk '/^--/ { keep = !/from \(|join/ } keep')
check_equal "that is told from what is over the limit" 0 "$(grep -vc 'Disk quota exceeded' "$WORK/problems")"
opened=$(metric chunks_decoded_total)
mount_stop
mount_start -o query_memory_mb=8
ask_all >"$WORK/some" 2>&1
check "the same answers in 8 MiB, all of them" cmp "$WORK/much" "$WORK/some"
once=$(metric chunks_decoded_total)
check "in 1 MiB series were closed and opened again: $opened times, $once in 8 MiB" [ "$opened" -gt $((once * 5 / 4)) ]

# --- series whose rows together are more than the limit are decoded piece by piece, each once

"$TOOLS/gen" 20 6000 int >"$WORK/wide"
mkdir "$MNT/wide"
cat "$WORK/wide" >"$MNT/wide/write"
echo flush >"$MNT/.seriesfs/ctl"
once=$(metric chunks_decoded_total)
rows=$(metric rows_decoded_total)
for order in asc desc; do
	cat "$MNT/wide/query/select * from cpu order by time $order limit 100 offset 119850;.csv?fresh=1" >"$WORK/$order.some"
done
check_equal "20 series of 10 fields in 8 MiB: a chunk is opened once" 40 $(($(metric chunks_decoded_total) - once))
# Half a vector at the end of a series is looked at alone, where rows come newest first.
rows=$(($(metric rows_decoded_total) - rows))
check "and a row decoded once: $rows" [ "$rows" -le $((240000 + 20 * 1024)) ]
mount_stop
mount_start
for order in asc desc; do
	cat "$MNT/wide/query/select * from cpu order by time $order limit 100 offset 119850;.csv?fresh=1" >"$WORK/$order.much"
	check "the same rows as with much, $order" cmp "$WORK/$order.some" "$WORK/$order.much"
done
rm "$WORK/wide" "$WORK/"*.some "$WORK/"*.much

# --- 30,000 series: under a limit, and back

mkdir "$MNT/many" "$MNT/names"
seq 30000 | sed 's/.*/cpu,host=h&,region=r v=&i,w=2.5 1700000000000000000/' >"$MNT/many/write"
seq 30000 | sed 's/.*/m&,host=h& v=&i 1700000000000000000/' >"$MNT/names/write"
echo flush >"$MNT/.seriesfs/ctl"
mount_stop
mount_start -o query_memory_mb=20,answers_mb=1
# Indexes and directories stay in memory for all who come: they are no query's.
cat "$MNT/many/query/select count(v) from cpu" "$MNT/names/query/select count(v) from /m1.*/;.csv" >/dev/null
sleep 1.1
before=$(rss_kib)
for query in "many/query/select * from cpu" "names/query/select * from merge(/.*/)" "names/query/select * from /.*/;.csv"; do
	check_equal "$query: every row" 30000 "$(grep -c ',17\|,2023-' <"$MNT/$query")"
done
peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$(mount_pid)/status")
if ! skipped_sanitized "RSS: freed memory is kept from use, and has a shadow"; then
	check "in 20 MiB, and as much for the answer: $before to $peak KiB" [ $((peak - before)) -lt $((48 << 10)) ]
	after=$(settled_kib $((before + (32 << 10))))
	check "RSS after it is within 32 MiB: $before to $after KiB" [ $((after - before)) -lt $((32 << 10)) ]
fi
check_equal "no query is running, none is counted" 0 "$(metric query_bytes)"
mount_stop
mount_start -o query_memory_mb=2
for query in "many/query/select * from cpu" "names/query/select * from merge(/.*/)" \
	"many/query/select first(v) from cpu group by host" \
	"many/query/select max(v) from (select v from cpu)" "many/query/select percentile(v, 5), w from cpu"; do
	check_fails "$query: 2 MiB are too little" "Disk quota exceeded" cat "$MNT/$query;.csv?fresh=1"
done
check "and says so" grep -q "the query needs more than its 2097152 bytes of memory" "$MNT/many/errors"
peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$(mount_pid)/status")
[ -n "${SANITIZE:-}" ] || check "it took little more before it was ended: $peak KiB" [ "$peak" -lt $((64 << 10)) ]
mount_stop

# --- defaults fit the machine

rm -rf "$DATA"
mkdir "$DATA"
skipped_sanitized "512 MiB of address space: shadows need terabytes" || ulimit -S -v 524288
mount_start
ulimit -S -v unlimited
[ -n "${SANITIZE:-}" ] || check_equal "on 512 MiB" "memtable_mb 32 query_memory_mb 16 queries_memory_mb 25 answers_mb 16 scratch_mb 16 reserve_mb 8" \
	"$(grep -E '^(memtable|query_memory|queries_memory|answers|scratch|reserve)_mb ' "$MNT/.seriesfs/status" | xargs)"
mkdir "$MNT/db"
for part in 1 2 3 4; do
	"$TOOLS/gen" 60 1500 dec2 $part $((1451606400 + part * 700000)) 10 >"$MNT/db/write" &
done
wait $(jobs -p)
dd if=/dev/zero bs=1M count=20 status=none of="$MNT/db/autogen/.cpu.big" 2>"$WORK/dd"
[ -n "${SANITIZE:-}" ] || check "scratch files have a sixteenth of it" grep -q "Disk quota exceeded" "$WORK/dd"
for query in "select * from cpu" "select usage_user, usage_idle from cpu where usage_user > 50" "select percentile(usage_user, 95), median(usage_idle) from cpu group by time(1d), hostname" \
	"select max(usage_user) from (select usage_user from cpu)"; do
	cat "$MNT/db/query/$query;.csv?fresh=1" 2>/dev/null | wc -c >>"$WORK/sizes" &
done
wait $(jobs -p)
check "answers came" [ "$(sort -n "$WORK/sizes" | tail -n 1)" -gt 10000000 ]
peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$(mount_pid)/status")
[ -n "${SANITIZE:-}" ] || check "the daemon stayed below a quarter of it: $peak KiB" [ "$peak" -lt $((128 << 10)) ]

# --- what writers have not ended counts, too

mount_stop
mount_start -o scratch_mb=1
check_equal "unfinished lines of open files are bounded together" "5 Disk quota exceeded" "$(python3 tests/mount/memory_lines.py "$MNT/db/write")"
check_equal "and taken again when they are closed" 1 "$(echo 'm v=1 1' >"$MNT/db/write"; grep -c v=1 "$MNT/db/autogen/m")"
mount_stop
