#!/bin/sh
# Shards rewritten into full chunks: nothing that is read changes, room comes back, what is
# settled is left alone, late points go in; and the daemon does it by itself.
. "$(dirname "$0")/../lib/mount.sh"

metric() { sed -n "s/^seriesfs_$1 //p" "$MNT/.seriesfs/metrics"; }
ask() { cat "$MNT/db/query/$1;.csv"; }
dump() { cat "$MNT"/db/autogen/*/* | sort | cksum; }
bytes() { du -sb "$DATA/shard" | cut -f1; }

mount_start
mkdir "$MNT/db"
# Every series in ten pieces, those of every second piece twice.
for i in 0 1 2 3 4 5 6 7 8 9; do
	"$TOOLS/gen" 5 300 dec2 7 $((1700000000 + i * 3000)) 10 >"$WORK/piece"
	cat "$WORK/piece" >"$MNT/db/write"
	echo flush >"$MNT/.seriesfs/ctl"
	if [ $((i % 2)) = 0 ]; then cat "$WORK/piece" >"$MNT/db/write"; fi
done
echo flush >"$MNT/.seriesfs/ctl"
before=$(dump)
host=$(find "$MNT"/db/autogen/ -mindepth 2 -type f -name '*hostname=host_0*' -printf '%f\n')
check "compact takes a database" sh -c "echo 'compact db' >'$MNT/.seriesfs/ctl'"
check_equal "a rewrite changes no byte of the series" "$before" "$(dump)"
check_equal "one shard was rewritten" 1 "$(metric rewrites_total)"
check "compact takes a policy" sh -c "echo 'compact db autogen' >'$MNT/.seriesfs/ctl'"
check "compact takes everything" sh -c "echo compact >'$MNT/.seriesfs/ctl'"
check_equal "what is settled is not rewritten" 1 "$(metric rewrites_total)"
check_fails "an unknown group is refused" "Invalid argument" bash -c "echo 'compact db autogen no' >'$MNT/.seriesfs/ctl'"

decoded=$(metric chunks_decoded_total)
cat "$MNT"/db/autogen/*/"$host" >"$WORK/one"
check_equal "3,000 rows of a series are one chunk" $((decoded + 1)) "$(metric chunks_decoded_total)"

full=$(bytes)
rm "$MNT"/db/autogen/*/*hostname=host_1* "$MNT"/db/autogen/*/*hostname=host_2* "$MNT"/db/autogen/*/*hostname=host_3*
left=$(dump)
echo 'compact db' >"$MNT/.seriesfs/ctl"
wait_until 20 '[ "$(bytes)" -lt $((full * 6 / 10)) ]' # the old directory is deleted beside
check_equal "what was left is left" "$left" "$(dump)"
check "deleted series give their room back: $full, now $(bytes)" test "$(bytes)" -lt $((full * 6 / 10))

line=$(tail -n 1 "$WORK/one")
echo "${line% *} $((${line##* } + 1))" >"$MNT/db/write"
check_equal "a late point goes in" 3001 "$(ask "select count(usage_user) from cpu where hostname = 'host_0'" | tail -n 1 | cut -d, -f3)"
late=$(dump)
echo compact >"$MNT/.seriesfs/ctl"
check_equal "and is taken along" "$late" "$(dump)"
check_equal "by a later rewrite" 3 "$(metric rewrites_total)"
mount_stop
mount_start
check_equal "all of it is there after a restart" "$late" "$(dump)"
echo compact >"$MNT/.seriesfs/ctl"
check_equal "which knows what is settled" 0 "$(metric rewrites_total)"
mount_stop

# --- by itself ---------------------------------------------------------------------
rm -rf "$DATA" && mkdir "$DATA"
mount_start -o cold_seconds=1,cold_period_seconds=1
mkdir "$MNT/db"
cat "$WORK/piece" >"$MNT/db/write"
echo "now v=1" >"$MNT/db/write"
wait_until 20 '[ "$(metric rewrites_total)" != 0 ]'
sleep 2.2
check_equal "a group that is past and quiet is rewritten once, the present one is not" 1 "$(metric rewrites_total)"
check_equal "and has its points" 1500 "$(ask "select count(usage_user) from cpu" | tail -n 1 | cut -d, -f3)"
mount_stop
