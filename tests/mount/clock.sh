#!/usr/bin/env bash
# A wall clock that is years off, at the start and while running: nothing is dropped by it, no time of
# arrival is poisoned, and somebody is told.
. "$(dirname "$0")/../lib/mount.sh"
library=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null | head -1)
check "libfaketime is there" test -n "$library"
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" # it is loaded before the sanitizer's
ctl() { echo "$1" >"$MNT/.seriesfs/ctl"; }
write() { echo "$1" >"$MNT/db/write"; }
jump() { echo "$1" >"$WORK/faketime"; wait_until 5 '[ "$(clock_days)" = "$(($(date +%s) / 864000 + ${1%d} / 10))" ]'; }
clock_days() { echo $(($(stat -c %Y "$MNT/.seriesfs/status") / 864000)); }
start() { # start OFFSET: with a clock that is so far off
	echo "$1" >"$WORK/faketime"
	LD_PRELOAD=$library FAKETIME_TIMESTAMP_FILE="$WORK/faketime" FAKETIME_NO_CACHE=1 \
		DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1 mount_start -o retention_seconds=1 2>"$WORK/said"
}
state() { awk '/^clock / { print $2 }' "$MNT/.seriesfs/status"; }
doubted() { awk '/^seriesfs_clock_doubted / { print $2 }' "$MNT/.seriesfs/metrics"; }
last_year() { tail -n 1 "$MNT/db/query/select v from $1 limit 1;.csv" 2>/dev/null | cut -d, -f2 | cut -d- -f1; }
year=$(date -u +%Y)

# An empty directory believes what it is told: there is nothing to lose.
start +3650d
check_equal "an empty directory trusts the clock" "fine 0" "$(state) $(doubted)"
check_equal "and says nothing" "" "$(cat "$WORK/said")"
mkdir "$MNT/db"
check "an untimed line is taken" write 'first v=1'
mount_stop

# The same clock, years ahead of what is stored.
rm -rf "$DATA"
mkdir "$DATA"
start +0
mkdir "$MNT/db" "$MNT/db/autogen" "$MNT/db/keep" "$MNT/db/continuous"
printf 'duration 1h\nshard_duration 1h\n' >"$MNT/db/keep/.policy"
echo 'select count(v) into n from m group by time(1d)' >"$MNT/db/continuous/n"
echo 'k v=1' >"$MNT/db/keep/.write"
write 'm v=1'
mount_stop
for days in 3650 1000 36500; do
	start "+${days}d"
	check_equal "+$days days: it is doubted" "ahead 1" "$(state) $(doubted)"
	check "+$days days: and told at the start" grep -q "warning: the clock stands at .* years after the last arrival" "$WORK/said"
	check_fails "+$days days: an untimed line is refused" "Invalid argument" write 'm v=7'
	check "+$days days: errors says why, and what to do" grep -q "has no time, and the clock stands at .*clock ok" "$MNT/db/errors"
	check_fails "+$days days: in a series file, too" "Invalid argument" bash -c "echo 7 >>'$MNT/db/autogen/m'"
	check "+$days days: a line with a time is taken" write "m v=2 $(date +%s)s"
	check "+$days days: one of that wrong clock, too" write "m v=3 $(($(date +%s) + days * 86400))s"
	ctl retention
	sleep 1.2
	check_equal "+$days days: retention rests" 1 "$(cat "$MNT"/db/keep/*/k | wc -l)"
	check_equal "+$days days: so do continuous queries" "" "$(cat "$MNT"/db/autogen/n 2>/dev/null)"
	check_equal "+$days days: the file is no younger for it" "$year" "$(date -u -d "@$(stat -c %Y "$MNT/db/keep/k")" +%Y)"
	mount_stop
	"${SERIESFS%/*}/seriesfs-check" "$DATA" >"$WORK/check.out" 2>&1
	check_equal "+$days days: the directory is whole" 0 $?
done
# The clock is right again: arrivals are, too.
start +0
check_equal "put right it is believed" "fine 0" "$(state) $(doubted)"
check "and an untimed line" write 'back v=1'
check_equal "has a time of today" "$year" "$(last_year back)"

# The same while it runs; it ends by itself.
jump +3650d
check_equal "a jump of ten years is doubted" "ahead 1" "$(state) $(doubted)"
check_fails "while it lasts" "Invalid argument" write 'm v=7'
check "a line with a time is taken" write "m v=2 $(date +%s)s"
jump +0d
check_equal "a jump back ends it" "fine 0" "$(state) $(doubted)"
check "and an untimed line" write 'again v=1'
check_equal "has a time of today, too" "$year" "$(last_year again)"
# A year is none: mounts rest so long.
jump +400d
check_equal "a year ahead is believed" "fine 0" "$(state) $(doubted)"
jump +0d
mount_stop

# Steps back: arrivals go on, none twice, nothing is refused or dropped.
start -20000d
check_equal "a clock of 1972 is told" "behind 1" "$(state) $(doubted)"
for i in 1 2 3; do check "an untimed line is taken ($i)" write "late v=$i"; done
check_equal "three lines, three times, none before those of before" "3 0" \
	"$(wc -l <"$MNT/db/autogen/late") $(awk -v y="$(date +%s)" '{ if ($3 / 1e9 < y - 86400) bad++ } END { print bad + 0 }' "$MNT/db/autogen/late")"
ctl retention
check_equal "nothing goes" 1 "$(cat "$MNT"/db/keep/*/k | wc -l)"
jump -1d
check "nor after a day back" write "late v=4"
check_equal "it has its own time" 4 "$(wc -l <"$MNT/db/autogen/late")"
mount_stop

# Told: the clock counts from then on, over a restart, too.
start +3650d
check "clock ok" ctl 'clock ok'
check_equal "it is believed" "fine 0" "$(state) $(doubted)"
check "an untimed line is taken" write 'told v=1'
check_equal "of that year" "$((year + 10))" "$(last_year told)"
ctl retention
check_equal "and retention goes by it" "" "$(cat "$MNT"/db/keep/*/k 2>/dev/null)"
mount_kill9
start +3650d
check_equal "after kill -9, too" "fine 0" "$(state) $(doubted)"
check_equal "nothing is said" "" "$(grep -v recovered "$WORK/said")"
mount_stop
# It was wrong after all: arrivals are taken back with a word.
start +0
check_equal "now it is behind" "behind 1" "$(state) $(doubted)"
write 'tomorrow v=1'
check_equal "and arrivals go on from where they were" "$((year + 10))" "$(last_year tomorrow)"
ctl 'clock ok'
write 'today v=1'
check_equal "until it is said to be right" "$year" "$(last_year today)"
mount_kill9
start +0
write 'later v=1'
check_equal "which a kill does not undo" "$year" "$(last_year later)"
check_equal "it is fine" "fine 0" "$(state) $(doubted)"
check_fails "other words are none" "Operation not permitted" ctl 'clock 2030-01-01T00:00:00Z'
mount_stop
