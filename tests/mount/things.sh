#!/usr/bin/env bash
# Pipes, links, directories, sockets and devices in the place of every kind of file that a data directory has: no hang,
# no crash, and what is refused is named, by the mount, by seriesfs-check and by --repair (things.py).
# SEED=N repeats what chance chose; ALL=1 takes everything.
. "$(dirname "$0")/../lib/mount.sh"
[ "$(id -u)" = 0 ] || { echo "skipped: only root makes devices"; exit 0; }
mount_damaged
seed=${SEED:-$RANDOM}

DATA=$WORK/base
mkdir "$DATA" "$WORK/victim"
echo precious >"$WORK/victim/file"
mount_start -o clock=2026-11-22T10:00:00Z
mkdir "$MNT/db" "$MNT/db/continuous"
echo 'select mean(v) into x from m group by time(1h)' >"$MNT/db/continuous/q"
for i in 1 2; do
	for t in a b; do echo "m,t=$t v=$i,s=\"x$i\" 2026-11-2${i}T00:00:00Z"; done
done >"$MNT/db/write"
echo 'old v=1 2026-09-01T00:00:00Z' >"$MNT/db/write"
printf 'flush\ncompact\n' | while read -r word; do echo "$word" >"$MNT/.seriesfs/ctl"; done
mkdir "$MNT/db/.snapshot/s"
echo 'm,t=c v=9 2026-11-22T09:00:00Z' >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
echo 'm,t=d v=9 2026-11-22T09:00:00Z' >"$MNT/db/write"
wait_until 10 '[ -e "$DATA/continuous" ]'
mount_kill9 # so that there is a log, too
ls "$DATA" >"$WORK/names"
for name in catalog catalog.copy clock continuous db format lock shard snapshot trash wal; do
	check "there is $name" grep -qx "$name" "$WORK/names"
done
check "everything in the place of everything (SEED=$seed)" python3 "$(dirname "$0")/things.py" "$WORK" "$SERIESFS" "$PWD/$BUILD/seriesfs-check" "$seed"
tail -n 1 "$WORK/check.out"
