#!/usr/bin/env bash
# One daemon has a data directory at a time, and who comes meanwhile is told by whom, or waits for its end.
. "$(dirname "$0")/../lib/mount.sh"
CHECK=${SERIESFS%/*}/seriesfs-check
host=$(uname -n)
mkdir "$WORK/mnt2"
mount_start
mkdir "$MNT/db"
seq 0 97 | awk '{ printf "c,n=%d v=1i %d000000000\n", $1, 1500000000 + $1 * 604800 }' >"$MNT/db/write"
pid=$(mount_pid)
check_equal "the lock names process and host" "$pid $host" "$(cat "$DATA/lock")"
start=$(date +%s%N)
check_fails "a second daemon is told" "in use by process $pid on $host" "$SERIESFS" "$DATA" "$WORK/mnt2"
echo "lock: refused after $((($(date +%s%N) - start) / 1000000)) ms"
check_fails "also one that would only read" "in use by process $pid on $host" "$SERIESFS" -o ro "$DATA" "$WORK/mnt2"
check_fails "and seriesfs-check" "in use by process $pid on $host" "$CHECK" "$DATA"
mount_kill9
check "after kill -9 it is free" "$SERIESFS" "$DATA" "$MNT"

# Who was unmounted still syncs what it has: 98 groups of a point. No script has to wait for that.
for i in 1 2; do
	seq 0 97 | awk -v i=$i '{ printf "c,n=%d v=%di %d000000000\n", $1, i, 1500000000 + $1 * 604800 }' >"$MNT/db/write"
	fusermount3 -u "$MNT"
	"$CHECK" "$DATA" >"$WORK/check.out" 2>&1
	check_equal "fusermount3 -u && seriesfs-check: $(cat "$WORK/check.out" | tail -1)" 0 $?
	mount_start
	echo "c,n=0 v=9i 1500000000000000000" >"$MNT/db/write"
	fusermount3 -u "$MNT"
	mount_start 2>/dev/null
	check_equal "fusermount3 -u && seriesfs: $i" "98 $((97 * i + 9))" \
		"$(awk '{ n++; sub("v=", "", $2); sum += $2 } END { print n, sum }' "$MNT"/db/autogen/*/*)"
	kill "$(mount_pid)"
	mount_start 2>/dev/null
done
# An end that takes longer than one that stays is waited for: 800 groups, with more than what may stay in the log,
# stopped in the middle.
for _ in 1 2 3 4 5; do
	seq 0 159999 | awk '{ n = $1 % 800; printf "c,n=%d v=1i %d000000000\n", n, 1000000000 + n * 604800 + $1 / 800 }' >"$MNT/db/write"
	pid=$(cut -d' ' -f1 "$DATA/lock")
	fusermount3 -u "$MNT"
	while [ -d "/proc/$pid" ] && ! grep -q "^$pid $host stopping" "$DATA/lock"; do :; done
	kill -STOP "$pid" 2>/dev/null && break
	mount_start
done
"$CHECK" "$DATA" >"$WORK/waited" 2>&1 &
check=$!
wait_until 30 'grep -q "which is stopping" "$WORK/waited" || is_gone $check'
sleep 1
kill -CONT "$pid"
wait $check
check_equal "an end that takes long is waited for: $(tail -1 "$WORK/waited")" 0 $?
check "and it is said for whom" grep -q "waiting for process $pid on $host, which is stopping" "$WORK/waited"
mount_start
rm -r "$MNT/db"
mkdir "$MNT/db"
seq 0 97 | awk '{ printf "c,n=%d v=1i %d000000000\n", $1, 1500000000 + $1 * 604800 }' >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl" # links are made to shards, below
mount_stop

# One that takes long is told of by name. (flock(1) plays it.)
for word in "4711 farhost stopping" "4711 farhost"; do
	for program in "$SERIESFS $DATA $MNT" "$CHECK $DATA"; do
		flock "$DATA/lock" bash -c "printf '%s\n' '$word' >'$DATA/lock'; : >'$WORK/held'; sleep 1.2" &
		wait_until 10 '[ -e "$WORK/held" ]'
		rm -f "$WORK/held"
		$program >"$WORK/said" 2>&1
		code=$?
		if [ "${word##* }" = stopping ]; then
			check_equal "$word: ${program%% *} waits for it" 0 $code
			check "$word: and says so" grep -q "waiting for process 4711 on farhost, which is stopping" "$WORK/said"
			mount_stop
		else
			check "$word: ${program%% *} does not wait" grep -q "in use by process 4711 on farhost" "$WORK/said"
		fi
		wait
	done
done

# Ten at once, twice: one has it, nine are refused, and no mount of theirs is left.
for i in $(seq 10); do mkdir "$WORK/race$i"; done
for round in 1 2; do
	jobs=""
	for i in $(seq 10); do
		"$SERIESFS" "$DATA" "$WORK/race$i" 2>"$WORK/race.said$i" &
		jobs="$jobs $!"
	done
	won=0
	for job in $jobs; do wait "$job" && won=$((won + 1)); done
	check_equal "round $round: of ten at once one has it" "1 1 9" \
		"$won $(grep -c " $WORK/race" /proc/mounts) $(cat "$WORK"/race.said* | grep -c 'in use by')"
	for i in $(seq 10); do fusermount3 -u "$WORK/race$i" 2>/dev/null; done
	wait_until 60 'flock -n "$DATA/lock" true'
done

# --- where nothing can be written -------------------------------------------------------------------
if [ "$(id -u)" != 0 ] || ! mkdir "$WORK/disk" || ! mount -t tmpfs none "$WORK/disk" 2>/dev/null; then
	echo "SKIPPED a read-only file system: nothing may be mounted here"
	exit
fi
trap 'umount -l "$WORK/disk"; mount_end' EXIT
cp -a "$DATA" "$WORK/disk/data"
for lock in there gone; do
	[ $lock = there ] || rm "$WORK/disk/data/lock"
	before=$(cd "$WORK/disk/data" && find . -type f -exec md5sum {} + | sort | md5sum)
	mount -o remount,ro "$WORK/disk"
	check "a read-only file system, the lock file $lock" "$SERIESFS" -o ro "$WORK/disk/data" "$MNT"
	check_equal "every point is read, the lock file $lock" 98 "$(cat "$MNT"/db/autogen/*/* | wc -l)"
	check_equal "and asked, the lock file $lock" 98 "$(tail -n 1 "$MNT/db/query/select count(v) from c;.csv" | cut -d, -f3)"
	check_fails "a second one is refused, the lock file $lock" "in use by" "$SERIESFS" -o ro "$WORK/disk/data" "$WORK/mnt2"
	mount_stop
	check_fails "without -o ro it is told, the lock file $lock" "can only be read; -o ro mounts it" "$SERIESFS" "$WORK/disk/data" "$MNT"
	check "seriesfs-check reads it, the lock file $lock" "$CHECK" "$WORK/disk/data"
	mount -o remount,rw "$WORK/disk"
	check_equal "nothing of it changed, the lock file $lock" "$before" \
		"$(cd "$WORK/disk/data" && find . -type f -exec md5sum {} + | sort | md5sum)"
done

# What a process that was killed left of its links goes with the next one's first.
mkdir "$WORK/links" "$WORK/links/.seriesfs-links-stranger"
mount -o remount,ro "$WORK/disk"
for round in 1 2; do
	check "with links elsewhere" env TMPDIR="$WORK/links" "$SERIESFS" -o ro "$WORK/disk/data" "$MNT"
	check_equal "every point is asked, round $round" 98 "$(tail -n 1 "$MNT/db/query/select count(v) from c;.csv?fresh=1" | cut -d, -f3)"
	check_equal "of links there are as many, round $round" "${links:-$(ls -A "$WORK/links" | wc -l)}" "$(ls -A "$WORK/links" | wc -l)"
	links=$(ls -A "$WORK/links" | wc -l)
	check "there are some" test "$links" -gt 1
	[ $round = 2 ] || mount_kill9
done
mount_stop
check_equal "the end leaves none" .seriesfs-links-stranger "$(ls -A "$WORK/links")"
