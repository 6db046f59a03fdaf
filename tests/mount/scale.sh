#!/bin/sh
# Many series and many points: what is counted is work and memory, not time.
ON_DISK=1 # the kernel counts what is written to it
. "$(dirname "$0")/../lib/mount.sh"

# metric NAME: its value now
metric() { sed -n "s/^seriesfs_$1 //p" "$MNT/.seriesfs/metrics"; }

# --- a stat formats nothing --------------------------------------------------------
mount_start
mkdir "$MNT/db"
"$TOOLS/gen" 50 200 dec2 >"$WORK/dec2.lp"
cat "$WORK/dec2.lp" >"$MNT/db/write"
printf '%s\n' 'm,s=a\ b x=1e21,t="a \"b\" \\ c",b=true 5' 'm,s=a\ b x=-0.25 -7' 'm,s=a\ b i=-3i 99' >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
mount_stop
mount_start
sizes=$(find "$MNT/db/autogen/" -mindepth 2 -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
check_equal "sizes of flushed series are known without decoding" 0 "$(metric chunks_decoded_total)"
check_equal "and are exact" "$(cat "$MNT"/db/autogen/*/* | wc -c)" "$sizes"
# The kernel asks once more and more until it hears that there are none.
check_fails "there are no ACLs" "Operation not supported" getfattr -n system.posix_acl_access "$MNT/db"
check_fails "nor capabilities" "Operation not supported" getfattr -n security.capability "$MNT/db/autogen"
mount_stop

# --- many series --------------------------------------------------------------------
rm -rf "$DATA" && mkdir "$DATA"
mount_start
mkdir "$MNT/db"
"$TOOLS/gen" 20000 1 int >"$WORK/wide.lp"
"$TOOLS/gen" 20000 2 gauge >"$WORK/short.lp"
cat "$WORK/wide.lp" >"$MNT/db/write" &
cat "$WORK/short.lp" >"$MNT/db/write"
wait $!
check_equal "two writers of new series lose none" 40000 "$(metric series)"
check_equal "nor a byte" "$(cat "$WORK/wide.lp" "$WORK/short.lp" | wc -c)" "$(metric text_bytes_taken_total)"
check "400 bytes a series in the index, of ten tags or of two" \
	test "$(metric index_bytes)" -le $((40000 * 400))
check "150 bytes a row in memory" test "$(metric memtable_bytes)" -le $((60000 * 150))
echo flush >"$MNT/.seriesfs/ctl"
check "150 bytes for a chunk of two rows to be found" test "$(metric directory_bytes)" -le $((40000 * 150))
check "what was written to disk is known" test "$(metric disk_bytes_written)" -gt "$(du -sb "$DATA/shard" | cut -f1)"
check "and for each byte of text" awk "BEGIN { exit !($(metric write_amplification) > 0.01) }"
mount_stop
mount_start
check_equal "a start knows every series" 40000 "$(metric series)"
check_equal "and opens no shard" 0 "$(metric shards_opened_total)"
check_equal "nor loads what lies where" 0 "$(metric directory_bytes)"
grep -q 20000 "$MNT/db/query/select count(value) from sensor"
check_equal "a query opens the one it needs" 1 "$(metric shards_opened_total)"
check "and loads that" test "$(metric directory_bytes)" -gt $((20000 * 72))
cat "$WORK/short.lp" >"$MNT/db/write"
mount_kill9
mount_start
check_equal "nor does one after kill -9" 0 "$(metric shards_opened_total)"
check_equal "which knows every series" 40000 "$(metric series)"
check_equal "and every point" "sensor,1970-01-01T00:00:00Z,40000" \
	"$(tail -n 1 "$MNT/db/query/select count(value) from sensor")"
mount_stop

# --- memory has an end ---------------------------------------------------------------
rm -rf "$DATA" && mkdir "$DATA"
mount_start -o memtable_mb=8,write_threads=4,query_threads=1
mkdir "$MNT/db"
"$TOOLS/gen" 500 600 rand >"$WORK/long.lp"
for name in a b c d; do
	sed "s/^sensor/$name/" "$WORK/long.lp" >"$WORK/$name.lp"
done
for name in a b c d; do
	cat "$WORK/$name.lp" >"$MNT/db/write" &
	writers="${writers:-} $!"
done
wait $writers
# Who waits has a megabyte of text in hand, which is less in memory.
check "writers wait for memory" test "$(metric memtable_peak_bytes)" -le $(((8 + 4) << 20))
check "of which there is little" test "$(metric memtable_peak_bytes)" -gt $((4 << 20))
check "so they were flushed meanwhile" test "$(metric flushes_total)" -ge 3
check_equal "and nothing is lost" "300000,300000,300000,300000" \
	"$(cut -d, -f3- "$MNT/db/query/select count(value) from a, b, c, d" | grep -v count | paste -sd,)"
check_fails "threads have a bound" "expected a number from 0 to 16" "$SERIESFS" -o write_threads=17 "$DATA" "$MNT"
