#!/usr/bin/env bash
# Retention: at mount, on time, by ctl; to the second of a group's end; what is open reads on; by a
# wall clock that jumps nothing is lost.
. "$(dirname "$0")/../lib/mount.sh"
ctl() { echo "$1" >"$MNT/.seriesfs/ctl"; }
groups() { ls "$MNT/db/${1:-keep}" | tr '\n' ' '; }
write() { echo "$1" >"$MNT/db/keep/.write"; }
count() { exec 3<>"$MNT/db/exec"; echo 'select count(v) from keep.m' >&3; tail -n 1 <&3 | cut -d, -f3; exec 3>&-; }

# By a clock that the test moves: groups of an hour, kept for three.
mount_start -o clock=2026-11-22T12:00:00Z
mkdir "$MNT/db" "$MNT/db/keep"
printf 'duration 3h\nshard_duration 1h\n' >"$MNT/db/keep/.policy"
for h in 09 10 11 12; do write "m v=1 2026-11-22T$h:00:30Z"; done
hour() { echo "2026-11-22T${1}Z--2026-11-22T${2}Z "; }
check_equal "four hours" "$(hour 09 10)$(hour 10 11)$(hour 11 12)$(hour 12 13)" "$(groups)"
check_fails "what is older than the policy keeps" "Numerical result out of range" \
	bash -c "echo 'm v=1 2026-11-22T08:59:59Z' >'$MNT/db/keep/.write'"
check_fails "and when it is the second of two lines" "Numerical result out of range" \
	bash -c "printf 'm v=2 2026-11-22T09:00:31Z\nm v=1 2026-11-22T08:59:59Z\n' >'$MNT/db/keep/.write'"
check_equal "the first is stored" 5 "$(count)"
ctl 'clock 2026-11-22T12:59:59Z'
ctl retention
check_equal "a second before its end is three hours old the group is there" \
	"$(hour 09 10)$(hour 10 11)$(hour 11 12)$(hour 12 13)" "$(groups)"
exec 4<"$MNT/db/keep/2026-11-22T09Z--2026-11-22T10Z/m" 5<"$MNT/db/keep/m"
tail -f "$MNT/db/keep/m" >"$WORK/tail" 2>&1 &
tail=$!
ctl 'clock 2026-11-22T13:00:00Z'
ctl retention
check_equal "then it goes" "$(hour 10 11)$(hour 11 12)$(hour 12 13)" "$(groups)"
check_equal "queries have the rest" 3 "$(count)"
check_equal "what was open reads to its end" "m v=1 1795338030000000000
m v=2 1795338031000000000" "$(cat <&4)"
check_equal "over all groups, too" 5 "$(wc -l <&5)"
exec 4<&- 5<&-
sleep 0.3
kill $tail
check_equal "tail -f has what it had, and no word of a shorter file" "$(cat "$WORK/tail" | grep -c '^m v=')" "$(wc -l <"$WORK/tail")"

# A restart, and time that goes by.
mount_stop
mount_start -o clock=2026-11-22T13:00:10Z,retention_seconds=1
check_equal "nothing more goes at a start" "$(hour 10 11)$(hour 11 12)$(hour 12 13)" "$(groups)"
ctl 'clock 2026-11-22T14:01:00Z' # a start does not know how long it was away: ten seconds here
wait_until 20 '[ "$(groups)" = "$(hour 11 12)$(hour 12 13)" ]'
check_equal "on time, asked by nobody" "$(hour 11 12)$(hour 12 13)" "$(groups)"
# A shorter duration drops, a longer one brings nothing back.
printf 'duration 1h\n' >"$MNT/db/keep/.policy"
ctl retention
check_equal "a shorter duration drops what is now too old" "" "$(groups)"
exec 3<>"$MNT/db/exec"
echo 'alter retention policy keep on db duration 0s shard duration 2h' >&3
exec 3>&-
write 'm v=1 2026-11-22T09:00:30Z'
write 'm v=1 2026-11-22T14:00:30Z'
check_equal "other settings are those of groups to come" "$(hour 08 10)$(hour 14 16)" "$(groups)"
printf 'duration 2h\n' >"$MNT/db/keep/.policy"
mount_stop
mount_start -o clock=2026-11-22T14:02:00Z
wait_until 20 '[ "$(groups)" = "$(hour 14 16)" ]'
check_equal "a start enforces it" "$(hour 14 16)" "$(groups)"
# After a long rest the first point of today lets the old go.
mount_stop
mount_start -o clock=2026-11-25T10:00:00Z
ctl retention
check_equal "nobody knows yet whether three days went by" "$(hour 14 16)" "$(groups)"
mount_stop
# But in one boot of the machine a rest is known: here three days since the last run, as the text `clock` has it. What
# is due of continuous queries is computed before the points go.
mkdir "$WORK/before"
cp -a "$DATA/." "$WORK/before"
mount_start -o clock=2026-11-22T14:02:30Z
mkdir "$MNT/db/year" "$MNT/db/continuous"
echo 'select sum(v) as v into year.m from keep.m group by time(5m)' >"$MNT/db/continuous/cq"
ctl continuous
write 'm v=5 2026-11-22T14:02:31Z'
mount_stop
awk -v rest=$((3 * 86400)) 'NR == 1 { printf "%s %s %s %s %d000000000\n", $1, $2, $3, $4, $5 / 1e9 - rest }' "$DATA/clock" >"$WORK/clock"
cp "$WORK/clock" "$DATA/clock"
mount_start -o clock=2026-11-25T10:00:00Z
wait_until 20 '[ -z "$(groups)" ]'
check_equal "a start drops what grew too old meanwhile" "" "$(groups)"
check_equal "and has what was to be made of it" "m v=6 1795356000000000000" "$(cat "$MNT"/db/year/*/m)"
mount_stop
rm -r "${DATA:?}"/*
cp -a "$WORK/before/." "$DATA"
awk '{ $4 = "12345"; print }' "$WORK/clock" >"$DATA/clock"
mount_start -o clock=2026-11-25T10:00:00Z
sleep 0.5
ctl retention
check_equal "of another boot nobody knows" "$(hour 14 16)" "$(groups)"
write 'm v=1 2026-11-25T10:00:00Z'
ctl retention
check_equal "a point of today tells" "2026-11-25T10Z--2026-11-25T12Z " "$(groups)"
mount_stop

# A wall clock that jumps, as the daemon sees it through libfaketime.
library=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null | head -1)
check "libfaketime is there" test -n "$library"
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" # it is loaded before the sanitizer's
rm -rf "$DATA"
mkdir "$DATA"
jump() { echo "$1" >"$WORK/faketime"; sleep 0.2; }
fake_start() {
	LD_PRELOAD=$library FAKETIME_TIMESTAMP_FILE="$WORK/faketime" FAKETIME_NO_CACHE=1 \
		DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1 mount_start -o retention_seconds=1
}
jump +0
fake_start
mkdir "$MNT/db" "$MNT/db/keep"
printf 'duration 3h\nshard_duration 1h\n' >"$MNT/db/keep/.policy"
now=$(date +%s)
for ago in 7200 3600 0; do write "m v=1 $((now - ago))s"; done
before=$(groups)
for by in +3650d -1d -20000d; do
	jump "$by"
	check_equal "the daemon's clock is $by" "$(($(date +%s) / 864000 + ${by%d} / 10))" \
		"$(($(stat -c %Y "$MNT/.seriesfs/status") / 864000))"
	ctl retention
	sleep 1.2
	check_equal "by $by nothing goes" "$before" "$(groups)"
	[ "$by" = -1d ] || write "m v=1 $((now + 1))s" 2>/dev/null
done
jump +3650d
mount_stop
fake_start
sleep 1.2
ctl retention
check_equal "nor when the clock was wrong at the start" "$before" "$(groups)"
check "all points are there" test "$(count)" -ge 3

# Nor by what continuous queries fill up to where a wrong clock is.
mount_stop
rm -rf "$DATA"
mkdir "$DATA"
jump +0
fake_start
mkdir "$MNT/db" "$MNT/db/autogen" "$MNT/db/keep" "$MNT/db/src" "$MNT/db/continuous"
printf 'duration 3h\nshard_duration 1h\n' >"$MNT/db/keep/.policy"
echo 'select count(v) as n from src.m group by time(1m) fill(0) into filled' >"$MNT/db/continuous/filled"
ctl continuous
now=$(date +%s)
for ago in 7200 3600 0; do write "m v=1 $((now - ago))s"; done
echo "m v=1 $((now - 60))000000000" >"$MNT/db/src/.write"
before=$(groups)
for end in mount_stop mount_kill9; do
	$end
	jump +1d
	fake_start
	ctl continuous
	ctl retention
	sleep 1.2
	check_equal "after $end the clock is a day ahead, and so are results" "$before" "$(groups)"
	check "which are there" test "$(tail -n 1 "$MNT/db/autogen/filled" | cut -d' ' -f3)" -gt $(((now + 3600) * 1000000000))
done
jump +0

# A clock that is put right after the start, as that of a machine without a battery: where it stands for an hour
# points of today tell again. (The option `clock` lets the hour pass.)
mount_stop
rm -rf "$DATA"
mkdir "$DATA"
jump +0
LD_PRELOAD=$library FAKETIME_TIMESTAMP_FILE="$WORK/faketime" FAKETIME_NO_CACHE=1 \
	DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1 mount_start -o clock=2026-11-22T10:00:00Z
mkdir "$MNT/db" "$MNT/db/keep"
printf 'duration 3h\nshard_duration 1h\n' >"$MNT/db/keep/.policy"
write 'm v=1 2026-11-22T10:00:00Z'
jump +10d
write 'm v=1 2026-12-02T10:00:00Z'
ctl retention
check_equal "a jump drops nothing at once" "$(hour 10 11)2026-12-02T10Z--2026-12-02T11Z " "$(groups)"
ctl 'clock 2026-12-02T10:59:00Z'
write 'm v=1 2026-12-02T10:58:00Z'
ctl retention
check_equal "nor within an hour" "$(hour 10 11)2026-12-02T10Z--2026-12-02T11Z " "$(groups)"
ctl 'clock 2026-12-02T11:01:00Z'
write 'm v=1 2026-12-02T11:00:30Z'
ctl retention
check_equal "behind it the old goes" "2026-12-02T10Z--2026-12-02T11Z 2026-12-02T11Z--2026-12-02T12Z " "$(groups)"
