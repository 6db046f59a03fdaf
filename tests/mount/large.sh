#!/usr/bin/env bash
# A large answer streams: who takes its head does not pay for its tail, and memory is bounded.
. "$(dirname "$0")/../lib/mount.sh"

rows() { awk '/rows_decoded/ && !/^#/ { print $NF }' "$MNT/.seriesfs/metrics"; }
peak_kib() { awk '/^VmHWM/ { print $2 }' "/proc/$(mount_pid)/status"; }
# Fewer than a quarter of the rows that the whole answer takes.
few() { [ $(($2 - $1)) -lt $((whole / 4)) ] || { echo "$1 to $2 of $whole"; false; }; }

mount_start -o query_memory_mb=1,answers_mb=1
mkdir "$MNT/db"
"$TOOLS/gen" 2 150000 int 7 1451865600 10 >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
query="$MNT/db/query/select * from cpu"
before=$(rows) peak=$(peak_kib)
check_equal "every row is there" 300001 "$(cat "$query" | wc -l)"
whole=$(($(rows) - before))
check "that decoded all of them" [ "$whole" -ge 300000 ]
skipped_sanitized "RSS: freed memory is kept from use, and has a shadow" ||
	check "and little memory: $peak to $(peak_kib) KiB" [ $(($(peak_kib) - peak)) -lt 32768 ]

before=$(rows)
check_equal "the head of it" "name,time" "$(cat "$query where usage_user >= 0" | head -n 1 | cut -c 1-9)"
check "took few rows" few "$before" "$(rows)"
sleep 0.5
check "and goes on with none when the reader is gone" few "$before" "$(rows)"
before=$(rows)
check_equal "json, too" '{"results":[{"statement_id":0,"series":[{"name":"cpu"' "$(head -c 53 "$query;.json?epoch=ns")"
check "at once" few "$before" "$(rows)"
before=$(rows)
check_equal "the end of time first" 2016-01-21 \
	"$(cat "$query order by time desc" | head -n 2 | tail -n 1 | grep -o '2016-01-[0-9]*' | head -n 1)"
check "at once" few "$before" "$(rows)"
mount_stop
