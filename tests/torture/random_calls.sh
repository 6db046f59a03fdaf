#!/usr/bin/env bash
# Random calls of several threads on every name of a mount: the daemon goes on, what was acknowledged is there, also
# after a restart, and seriesfs-check finds nothing. SEED, COUNT (calls), SECONDS_MAX, THREADS
. "$(dirname "$0")/../lib/mount.sh"
seed=${SEED:-1}
calls() { python3 tests/torture/random_calls.py "$@"; }
mount_start -o memtable_mb=8,cold_seconds=1,cold_period_seconds=1,retention_seconds=2
pid=$(mount_pid)
result=$(calls "$MNT" "$seed" "${COUNT:-20000}" "${SECONDS_MAX:-12}" "${THREADS:-4}" "$WORK/state" 2>"$WORK/kinds")
check_equal "SEED=$seed THREADS=${THREADS:-4}: every call ends well" calls "$(cut -d' ' -f2 <<<"$result")"
[[ $result == *" kinds" ]] || echo "$result"
check_equal "of each kind of call some were done, but of those that no name takes" "" \
	"$(grep ' 0 of [0-9][0-9][0-9]' "$WORK/kinds" | grep -vE '^(mknod|fallocate) ')"
[ -z "${VERBOSE:-}" ] || cat "$WORK/kinds"
check_equal "the daemon lives" "$pid" "$(mount_pid)"
points=$(calls --check "$MNT" "$WORK/state" 2>&1)
check_equal "SEED=$seed: what was acknowledged is there" points "$(cut -d' ' -f2 <<<"$points")"
mount_stop
check "SEED=$seed: seriesfs-check" "$PWD/$BUILD/seriesfs-check" "$DATA"
mount_start
again=$(calls --check "$MNT" "$WORK/state" 2>&1)
check_equal "SEED=$seed: after a restart, too" "$points" "$again"
mount_stop
echo "random_calls: ${result% kinds} kinds, $points kept, $checks_failed failed" | sed 's/of [0-9]* kinds/of every kind/'
