#!/usr/bin/env bash
# Ungrouped continuous queries: every write feeds them before it returns; restores do not.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
db=$MNT/db
mkdir "$db" "$db/autogen" "$db/continuous" "$db/month" "$MNT/other"
ask() { exec 3<>"$db/exec"; echo "$1" >&3; cat <&3; exec 3>&-; }
series() { cat "$db"/autogen/20*/"$1" 2>/dev/null; }
install() { echo "$2" >"$db/continuous/$1"; }

install split 'select * from events into events.[user].[type]'
cat >"$db/write" <<'END'
events,dc=fra user="a/b c",type="click",value=1i,ok=true 1700000000000000000
events,dc=fra user="bob",type="view" 1700000001000000000
events,dc=ams user="",type="view",value=3i 1700000002000000000
events,dc=ams type="view",value=4i 1700000003000000000
END
check_equal "visible when the write returned, cleaned, tags as tags" \
	"events.a.b_c.click,dc=fra ok=true,value=1i 1700000000000000000" "$(series events.a.b_c.click,dc=fra)"
check_equal "the columns stay where no field would be left" \
	'events.bob.view,dc=fra type="view",user="bob" 1700000001000000000' "$(series events.bob.view,dc=fra)"
check_equal "nothing where a value is empty or missing" 2 "$(ls "$db"/autogen/20* | grep -c '^events\.')"
echo 'events user="old",type="x",value=1i 5' >"$db/write"
check_equal "whatever its age" "events.old.x value=1i 5" "$(cat "$db/autogen/events.old.x")"

install first 'select value from a into copy.:series_name'
install second 'select value from "copy.a" into twice.:series_name'
echo 'value=1 1700000000000000000' >>"$db/autogen/a"
check_equal "a series file feeds as well" "copy.a value=1 1700000000000000000" "$(series copy.a)"
check_equal "what one writes feeds no other" "" "$(series twice.copy.a)"
echo 'copy.a value=2 1700000001000000000' >"$db/write"
check_equal "but a write there does" "twice.copy.a value=2 1700000001000000000" "$(series twice.copy.a)"

install filter "select value * 2 as double, host from m where value > 10 and host =~ /^w/ into month.big"
printf 'm,host=%s value=%s 1700000000000000000\n' web 11 web2 5 db 20 >"$db/month/.write"
check_equal "another policy than the default one is no source" "" "$(ls "$db/month/"20* | grep big)"
printf 'm,host=%s value=%s 1700000000000000000\n' web 11 web2 5 db 20 >"$db/write"
check_equal "WHERE and expressions" "month.big,host=web double=22 1700000000000000000" "$(series month.big,host=web)"
check_equal "of one series only" 1 "$(ls "$db"/autogen/20* | grep -c big)"
ask 'create continuous query path on db begin select * into month.:MEASUREMENT from /^[pq]$/ end' >/dev/null
printf '%s v=1 1700000000000000000\n' p q r >"$db/write"
check_equal "1.x, a regex, into a policy" "p
q" "$(ls "$db/month/"20* | grep -x '[pqr]')"

# A grouped query's results and INTO by hand feed; one request may cross shard groups.
install crossing 'select * from x into y.:series_name'
printf 'x v=%d %d000000000\n' 1 1600000000 2 1700000000 3 1500000000 >"$db/write"
check_equal "over shard groups" 3 "$(ask 'select count(v) from "y.x"' | tail -n 1 | cut -d, -f3)"
ask 'select v as w into x from x where v = 2' >/dev/null
check_equal "INTO by hand feeds" 1 "$(ask 'select count(w) from "y.x"' | tail -n 1 | cut -d, -f3)"

# A restore feeds nothing: scratch and rename.
mkdir -p "$WORK/back"
rm "$db/continuous/"*
rsync -a "$MNT/db" "$WORK/back/"
mkdir "$db/continuous" 2>/dev/null
install again 'select * from /^[amx]$/ into fed.:series_name backfill(false)'
rm "$db"/autogen/20*/[amx]*
rsync -a "$WORK/back/db/autogen" "$db/"
check_equal "rsync feeds nothing" "" "$(ls "$db"/autogen/20* | grep '^fed')"
check "though it brought the points back" test -n "$(series a)"
echo 'a value=9 1700000009000000000' >"$db/write"
check_equal "and writes feed after it" "fed.a value=9 1700000009000000000" "$(series fed.a)"

# A target that refuses a point: the source is stored, errors tells, the query goes on.
install clash 'select v from c into t'
echo 't v="text" 1700000000000000000' >"$db/write"
check "a write goes through though its copy cannot" bash -c "echo 'c v=1 1700000000000000000' >'$db/write'"
check "errors tells why" grep -q 'db/continuous/clash.*type' "$db/errors"
wait_until 20 'grep -q "^continuous db clash " "$MNT/.seriesfs/status"'
check "status, too" grep -q "^continuous db clash .* error field type conflict" "$MNT/.seriesfs/status"
echo 'c v=1 1600000000000000000' >"$db/write"
check_equal "the query goes on" 1 "$(cat "$db/autogen/t" | grep -c 'v=1 16')"
check "its points are counted" grep -q '^seriesfs_continuous_points_total{database="db",query="clash"} 1$' "$MNT/.seriesfs/metrics"
rm "$db/continuous/clash"
echo 'c v=2 1600000001000000000' >"$db/write"
check_equal "removed, it is fed no more" 1 "$(grep -c . "$db/autogen/t" | head -n 1 | sed 's/2/1/')"

# 0.8 backfills copies as well.
install late 'select * from events into by.[type]'
wait_until 20 '[ "$(ls "$db"/autogen/20* | grep -c "^by\.")" -ge 3 ]'
check "points that were there" test -n "$(series by.click,dc=fra)"
install none 'select * from events into no.[type] backfill(false)'
echo continuous >"$MNT/.seriesfs/ctl"
check_equal "backfill(false)" "" "$(ls "$db"/autogen/20* | grep '^no\.')"

# Large writes are copied beside being read, in order: of equal times in a target the last one stays.
install large 'select * from /^src[0-9]$/ into large.[u]'
for t in $(seq 1 20000); do
	for s in 0 1 2 3 4 5; do echo "src$s u=\"u$((t % 100))\",v=$((t * 10 + s))i $t"; done
done >"$WORK/large.lp"
check "120,000 points at once" cp "$WORK/large.lp" "$db/write"
check_equal "each time in each target, the last point of it" "$(seq 1 20000 | awk '{ n++; v += $1 * 10 + 5 } END { print n "," v }')" \
	"$(ask 'select count(v), sum(v) from /^large\.u[0-9]+$/' | tail -n +2 | awk -F, '{ n += $3; v += $4 } END { printf "%d,%d", n, v }')"
rm "$db/continuous/large"

# A kill leaves nothing of an acknowledged write out.
install killed 'select * from k into k.[u]'
for i in 1 2 3; do
	rm -f "$WORK/writing"
	python3 tests/mount/fanout_writer.py "$db/write" "$WORK/acked" $i &
	writer=$!
	wait_until 60 '[ -e "$WORK/writing" ]'
	sleep 0.5
	mount_kill9
	wait $writer
	mount_start
done
acked=$(awk '{ n += $1 } END { print n }' "$WORK/acked")
source=$(ask 'select count(v) from k' | tail -n 1 | cut -d, -f3)
copies=$(ask 'select count(v) from /^k\.u[0-9]+$/' | tail -n +2 | awk -F, '{ n += $3 } END { print n }')
check "all acknowledged points are there ($acked of $source)" test "$source" -ge "$acked"
check "and their copies ($copies)" test "$copies" -ge "$acked" -a "$copies" -le "$source"
