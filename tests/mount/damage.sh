#!/usr/bin/env bash
# One damaged shard among others: EIO there and a word in errors, everything else goes on, and the
# damaged group can be dropped. seriesfs-check finds it offline.
. "$(dirname "$0")/../lib/mount.sh"
CHECK=$PWD/$BUILD/seriesfs-check
mount_start
mkdir "$MNT/db"
python3 tests/mount/damage_points.py >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
bad=$(ls "$MNT/db/autogen" | sed -n 2p)
mount_stop
check_equal "a whole directory is fine" 0 "$("$CHECK" "$DATA" >"$WORK/check.1" 2>&1; echo $?)"
check_equal "with its series and none damaged" "9 series 0 damaged" "$(awk 'END { print $1, $2, $(NF - 1), $NF }' "$WORK/check.1" | tr -d ,)"
# The shards have the groups' numbers, which count up with their weeks.
table=$(ls "$DATA"/shard/*/*.ldb | sed -n 2p)
python3 tests/mount/damage_flip.py "$table"
check_equal "damage is found offline" 4 "$("$CHECK" "$DATA" >"$WORK/check.2" 2>&1; echo $?)"
check "and told where" grep -q "^db/autogen/$bad.*damaged" "$WORK/check.2"
mount_start
check_fails "the damaged group cannot be read" "Input/output error" bash -c "cat '$MNT'/db/autogen/$bad/m,host=h0"
check_fails "nor a query that needs it answered" "Input/output error" cat "$MNT/db/query/select sum(v) from m"
check_equal "a query beside it is answered" "m 3000" \
	"$(tail -n 1 "$MNT/db/query/select count(v) from m where time < '2023-11-20'" | awk -F, '{ print $1, $3 }')"
check_equal "its neighbours are whole" 6000 \
	"$(for group in $(ls "$MNT/db/autogen" | grep -v "$bad"); do cat "$MNT/db/autogen/$group"/*; done | wc -l)"
check "errors tells of it" grep -q damaged "$MNT/db/errors"
check "writing goes on" bash -c "echo 'm,host=h0 v=1 1700000000000000001' >'$MNT/db/write'"
check "the damaged group can be dropped" bash -c "echo 'drop db autogen $bad' >'$MNT/.seriesfs/ctl'"
check_equal "and then everything is answered" "m 6001" \
	"$(tail -n 1 "$MNT/db/query/select  count(v) from m" | awk -F, '{ print $1, $3 }')"
# A table that loses its end while LevelDB has it mapped: what needs it is EIO, and the mount lives.
table=$(ls -S "$DATA"/shard/*/*.ldb | head -1)
truncate -s 5000 "$table"
check_fails "a table cut under the mount is damage" "Input/output error" cat "$MNT/db/query/select sum(v) from m;.csv?exact=1"
check "the mount lives" grep -q . "$MNT/.seriesfs/version"
mount_stop

# A catalog that was cut between two records, without a copy: what it forgot is left alone, and told.
rm -rf "$DATA"
mkdir "$DATA"
mount_start
mkdir "$MNT/old"
echo 'm v=1 1700000000000000000' >"$MNT/old/write"
sync "$MNT/old/write"
size=$(stat -c %s "$DATA/catalog")
mkdir "$MNT/new"
echo 'm v=2 1700000000000000000' >"$MNT/new/write"
mkdir "$MNT/new/.snapshot/kept"
mount_stop
before=$(cd "$DATA" && ls -d shard/* snapshot/*/*)
rm "$DATA/catalog.copy"
truncate -s "$size" "$DATA/catalog"
mount_start 2>"$WORK/said"
check_equal "what a cut catalog forgot is still there" "$before" "$(cd "$DATA" && ls -d shard/* snapshot/*/*)"
check "it is told at the start" grep -q "catalog is damaged" "$WORK/said"
check "and in errors" grep -q "catalog is damaged" "$MNT/.seriesfs/errors"
check_equal "what it knows is answered" 1 "$(tail -n 1 "$MNT/old/query/select v from m" | cut -d, -f3)"
mkdir "$MNT/third"
echo 'm v=3 1700000000000000000' >"$MNT/third/write"
echo flush >"$MNT/.seriesfs/ctl"
check_equal "what is new has none of its numbers" 1 "$(ls -d "$DATA"/shard/* | grep -v "mark\$" | grep -cvxF "$(echo "$before" | sed "s|^|$DATA/|")")"
check_equal "and its own point" 3 "$(tail -n 1 "$MNT/third/query/select v from m" | cut -d, -f3)"
mount_stop
check_equal "seriesfs-check finds it" 4 "$("$CHECK" "$DATA" >"$WORK/check.3" 2>&1; echo $?)"
"$CHECK" --repair "$DATA" >"$WORK/check.4" 2>&1
check_equal "--repair sets it aside" "2" "$(ls -d "$DATA"/set-aside/*/* | wc -l)"
check_equal "and leaves nothing" 0 "$("$CHECK" "$DATA" >"$WORK/check.5" 2>&1; echo $?)"

# Several databases whose measurements share names are no damage.
rm -rf "$DATA"
mkdir "$DATA"
mount_start
mkdir "$MNT/k" "$MNT/l"
echo 'cpu usage=1 1700000000000000000' >"$MNT/k/write"
echo 'cpu temperature=1 1700000000000000000' >"$MNT/l/write"
mount_stop
check "databases that share names are whole" "$CHECK" "$DATA"
