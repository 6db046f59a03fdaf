#!/usr/bin/env bash
# A group of several shards: its series are spread over them, and answers put them together again.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db" "$MNT/db/rp"
echo 'shards 4' >"$MNT/db/rp/.policy"
python3 tests/mount/spread_points.py >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
check_equal "four stores" 4 "$(ls "$DATA/shard" | grep -c "[0-9]$")"
check_equal "each has some of it" 4 "$(find "$DATA/shard" -mindepth 2 -name '*.ldb' -size +0 -o -name '*.log' -size +0 | cut -d/ -f1-20 | xargs -n 1 dirname | sort -u | wc -l)"
truth=$(python3 -c 'print(10000, sum(s * k for s in range(200) for k in range(50)), sep=",")')
# Blanks make another query of it: an answer is kept for a second.
total() { tail -n 1 "$MNT/db/query/select ${1:-}count(v), sum(v) from m;.csv" | cut -d, -f3-; }
check_equal "a query over all of them" "$truth" "$(total)"
check_equal "every series is whole" 10000 "$(cat "$MNT"/db/rp/2*/* | wc -l)"
echo 'shards 2' >"$MNT/db/rp/.policy"
check "points of another series go to a group that is there" \
	bash -c "echo 'm,host=more v=1i 1700000000000000000' >'$MNT/db/write'"
check "and to a new one" bash -c "echo 'm,host=more v=1i 1710000000000000000' >'$MNT/db/write'"
echo flush >"$MNT/.seriesfs/ctl"
check_equal "whose number of stores is the new one" 6 "$(ls "$DATA/shard" | grep -c "[0-9]$")"
mount_stop
mount_start
check_equal "the same after a remount" "10002,$((${truth#*,} + 2))" "$(total)"
check_equal "rm of a series takes it alone" 9952 "$(rm "$MNT/db/rp/m,host=h7"; total " " | cut -d, -f1)"

# Copies: a snapshot, its raw bytes, and rsync into an empty mount, of a group with three stores and one with two.
mount_stop
rm -rf "$DATA"
mkdir "$DATA"
mount_start
mkdir "$MNT/db" "$MNT/db/rp"
for group in "3 1700000000" "2 1710000000"; do
	echo "shards ${group% *}" >"$MNT/db/rp/.policy"
	for series in $(seq 40); do
		seq -f "m,host=h$series v=%gi" 30 | awk -v first="${group#* }" '{ printf "%s %d000000000\n", $0, first + NR }'
	done >"$MNT/db/write"
done
stores() { find "${1:-$DATA}/shard" -mindepth 1 -maxdepth 1 -name "*[0-9]" | wc -l; }
echo flush >"$MNT/.seriesfs/ctl"
check_equal "three stores, and two" 5 "$(stores)"
check "a rewrite of all" bash -c "echo compact >'$MNT/.seriesfs/ctl'"
echo 'm,host=h3 v=1000i 1700000001000000000' >"$MNT/db/write"
rm "$MNT"/db/rp/*/m,host=h7 "$MNT/db/rp/2023-11-13--2023-11-20/m,host=h8"
exec 3<>"$MNT/db/exec"
echo "delete from m where time > 1710000010s and host =~ /^h1/; drop series from m where host = 'h9'" >&3
exec 3>&-
rsync -a "$MNT/db/" "$WORK/before/"
# 40 series less h7, h8 and h9; 11 series of the second group lose 20 of 30 points, it has h8.
check_equal "each series, and no more" "$((37 * 30)) $((27 * 30 + 11 * 10))" \
	"$(cat "$WORK"/before/rp/2023*/* | wc -l) $(cat "$WORK"/before/rp/2024*/* | wc -l)"
mkdir "$MNT/db/.snapshot/s"
cp -a "$DATA"/snapshot/*/s "$WORK/raw"
check_equal "its raw bytes have as many stores" 5 "$(stores "$WORK/raw")"
check "rm -r of a group" rm -r "$MNT/db/rp/2023-11-13--2023-11-20"
echo 'm,host=h1 v=5i 1710000000000000000' >"$MNT/db/write"
check "a snapshot has all as it was" diff -r "$WORK/before" "$MNT/db/.snapshot/s"
mount_kill9
mount_start
check "also after kill -9" diff -r "$WORK/before" "$MNT/db/.snapshot/s"
wait_until 20 '[ "$(stores)" = 2 ]'
check_equal "of the group that was removed no store is left" 2 "$(stores)"
mount_stop
DATA=$WORK/raw
mount_start
check "the raw bytes mounted are the same" diff -r "$WORK/before" "$MNT/db"
check "and rewritten" bash -c "echo compact >'$MNT/.seriesfs/ctl'"
check "the same again" diff -r "$WORK/before" "$MNT/db"
mount_stop
check "all is clean" "$PWD/$BUILD/seriesfs-check" "$DATA"
DATA=$WORK/restored
mkdir "$DATA"
mount_start
check "rsync into an empty mount" rsync -a "$WORK/before/" "$MNT/db/"
check "brings all" diff -r "$WORK/before" "$MNT/db"
echo flush >"$MNT/.seriesfs/ctl"
check_equal "into two stores a group, as the policy says now" 4 "$(stores)"

# The first point fixes it, not mkdir: by the file, by its removal, after what was refused, over a restart.
group=$MNT/db/rp/2030-01-07--2030-01-14
mkdir "$group" "$MNT/db/rp/2030-01-14--2030-01-21" "$MNT/db/rp/2030-01-21--2030-01-28"
exec 4>"$MNT/db/write"
check_fails "a line that is refused is no point" "Invalid argument" bash -c "echo 'm v= 1893974400000000000' >&4"
echo 'shards 5' >"$MNT/db/rp/.policy"
before=$(stores)
many() { seq -f "m,host=h%g v=1i $1" 40; }
check "a writer that was there before goes on" bash -c "seq -f 'm,host=h%g v=1i 1893974400000000000' 40 >&4"
exec 4>&-
echo flush >"$MNT/.seriesfs/ctl"
check_equal "five stores" 5 "$(($(stores) - before))"
echo 'shards 2' >"$MNT/db/rp/.policy"
mount_stop
mount_start
before=$(stores)
many 1894579200000000000 >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
check_equal "two in the next" 2 "$(($(stores) - before))"
rm "$MNT/db/rp/.policy"
many 1893974400000000001 >"$MNT/db/write"
many 1895184000000000000 >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
check_equal "and one where there are no settings; the others stay" 3 "$(($(stores) - before))"
mount_stop
mount_start
check_equal "all is there" "80 40 40" "$(cat "$group"/* | wc -l) $(cat "$MNT"/db/rp/2030-01-14*/* | wc -l) $(cat "$MNT"/db/rp/2030-01-21*/* | wc -l)"

# While the number changes all the time writers make groups, and fill those that mkdir makes: nothing is refused or lost.
mkdir "$MNT/db/changing"
check_equal "nothing is refused" "" "$(python3 tests/mount/spread_changing.py "$MNT")"
check_equal "nothing is lost" 720 "$(cat "$MNT"/db/changing/2*/* | sort -u | wc -l)"
echo flush >"$MNT/.seriesfs/ctl"
mount_kill9
mount_start
check_equal "nor by a flush and kill -9" 720 "$(cat "$MNT"/db/changing/2*/* | sort -u | wc -l)"
mount_stop
check "all is clean" "$PWD/$BUILD/seriesfs-check" "$DATA"
