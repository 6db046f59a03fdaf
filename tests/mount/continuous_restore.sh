#!/usr/bin/env bash
# Restores while continuous queries are active: nothing is computed over what the backup holds.
. "$(dirname "$0")/../lib/mount.sh"
clock=2026-11-22T10:00:30Z
mount_start -o clock=$clock
db=$MNT/db
mkdir "$db" "$db/raw" "$db/year" "$db/continuous"
echo 'select mean(v) as v from raw.cpu group by time(1m), host into "year".cpu' >"$db/continuous/rollup"
echo 'RESAMPLE FOR 30m select sum(v) as s into "year".total from raw.cpu group by time(10m)' >"$db/continuous/total"
echo 'select * from raw.cpu into copy.[host]' >"$db/continuous/copy"
echo continuous >"$MNT/.seriesfs/ctl"
for m in 00 01 02 03 04; do
	for h in a b; do echo "cpu,host=$h v=$((10#$m)) 2026-11-22T10:$m:40Z"; done >"$db/raw/.write"
done
echo 'clock 2026-11-22T10:05:05Z' >"$MNT/.seriesfs/ctl"
echo continuous >"$MNT/.seriesfs/ctl"
# The first minute is deleted everywhere, a raw point of it comes late, and a result is corrected:
# whatever computes again shows.
exec 3<>"$db/exec"
echo "delete from cpu where time < '2026-11-22T10:01:00Z'" >&3
exec 3>&-
echo 'cpu,host=a v=1000 2026-11-22T10:02:00Z' >"$db/year/.write"
echo 'cpu,host=a v=7 2026-11-22T10:00:40Z' >"$db/raw/.write"
rm "$db"/raw/20*/copy.a
check_equal "four minutes of two hosts" 8 "$(cat "$db"/year/20*/cpu,* | grep -c .)"
sleep 1.2
rsync -a "$MNT/" "$WORK/backup/"
for tool in rsync tar cp; do
	mount_stop
	rm -rf "$DATA"
	mkdir "$DATA"
	mount_start -o clock=2026-11-22T10:05:20Z
	case $tool in
	rsync) rsync -a "$WORK/backup/" "$MNT/" ;;
	tar) tar -C "$WORK/backup" -cf - . | tar -C "$MNT" -xf - ;;
	cp) cp -a "$WORK/backup/." "$MNT/" ;;
	esac
	sleep 0.5
	echo continuous >"$MNT/.seriesfs/ctl"
	case $tool in
	rsync) check_equal "after $tool nothing differs" "" "$(diff -r --no-dereference "$WORK/backup" "$MNT" 2>&1)" ;;
	# What is appended feeds; the rest is as it was.
	*) check_equal "after $tool only a copy is new" "" "$(diff -r --no-dereference "$WORK/backup" "$MNT" 2>&1 | grep -v 'copy\.[ab]$')" ;;
	esac
	check_equal "$tool: a corrected rollup stays" 1 "$(cat "$MNT"/db/year/20*/cpu,host=a | grep -c v=1000)"
	check_equal "$tool: nor is anything of it under way" "" "$(grep backfill "$MNT/.seriesfs/status")"
done
# They go on after it.
echo 'cpu,host=a v=5 2026-11-22T10:05:40Z' >"$MNT/db/raw/.write"
echo 'clock 2026-11-22T10:06:00Z' >"$MNT/.seriesfs/ctl"
echo continuous >"$MNT/.seriesfs/ctl"
check_equal "and they go on" "v=5" "$(tail -n 1 "$MNT"/db/year/20*/cpu,host=a | cut -d' ' -f2)"
