#!/usr/bin/env bash
# Continuous queries by a clock that the test moves: grouped ones at each boundary, RESAMPLE,
# chains, backfill, restarts, errors, and what status and metrics tell.
. "$(dirname "$0")/../lib/mount.sh"
mount_start -o clock=2026-11-22T10:00:30Z
ctl() { echo "$1" >"$MNT/.seriesfs/ctl"; }
# The clock is moved, and everything that is due then has run.
at() { ctl "clock 2026-11-22T$1Z"; ctl continuous; }
sql() { ask "$1"; }
# Through exec: an answer is looked up again for a second.
ask() { exec 3<>"$db/exec"; echo "$1" >&3; cat <&3; exec 3>&-; }
status() { grep "^continuous db $1 " "$MNT/.seriesfs/status"; }
db=$MNT/db
mkdir "$db" "$db/autogen" "$db/continuous" "$db/yearly"

# At each boundary, for the window just finished.
echo 'select mean(v) from cpu group by time(1m) into 1m.cpu backfill(false)' >"$db/continuous/cpu_1m"
at 10:00:31
printf 'cpu,host=a v=%s 2026-11-22T10:00:%sZ\n' 1 40 3 50 >"$db/write"
at 10:00:59
check_equal "nothing before the boundary" "" "$(ask 'select * from "1m.cpu"')"
at 10:01:00
check_equal "the window that ended" "name,time,mean
1m.cpu,2026-11-22T10:00:00Z,2" "$(ask 'select * from "1m.cpu"')"
echo 'cpu,host=a v=100 2026-11-22T10:00:45Z' >"$db/write"
at 10:01:59
at 10:02:00
check_equal "a late point is not seen again" 1 "$(ask 'select count(mean) from "1m.cpu"' | grep -c ,1$)"
check_equal "the same query by hand has it" "cpu,2026-11-22T10:00:00Z,34.666666666666664" \
	"$(ask "select mean(v) from cpu where time >= '2026-11-22T10:00:00Z' and time < '2026-11-22T10:01:00Z' group by time(1m)" | tail -n 1)"

# RESAMPLE, in the 1.x order, through exec, into another policy and with tags.
sql 'CREATE CONTINUOUS QUERY late ON db RESAMPLE EVERY 1m FOR 10m BEGIN SELECT mean(v), count(v) INTO yearly.:MEASUREMENT FROM cpu GROUP BY time(5m), * END' >/dev/null
at 10:03:00
check_equal "RESAMPLE FOR reaches back, with late points" "cpu,host=a count=3i,mean=34.666666666666664 1795341600000000000" \
	"$(cat "$db/yearly/cpu,host=a" | sed 's/ [0-9]*$/ 1795341600000000000/')"
check_equal "of the window" "2026-11-22T10:00:00Z" "$(ask "select * from yearly.cpu" | tail -n 1 | cut -d, -f2)"
echo 'cpu,host=a v=0 2026-11-22T10:00:46Z' >"$db/write"
at 10:07:30
check_equal "a late point within FOR is recomputed" "cpu,2026-11-22T10:00:00Z,4,a,26" \
	"$(ask "select * from yearly.cpu" | grep 10:00:00)"
check "SHOW CONTINUOUS QUERIES has both" test 2 = "$(sql 'show continuous queries' | grep -c 'CREATE CONT')"

# A chain, in order within one look.
echo 'select sum(s) from hour group by time(1d) into day backfill(false)' >"$db/continuous/a_day"
echo 'select sum(s) from minute group by time(1h) into hour backfill(false)' >"$db/continuous/b_hour"
echo 'select sum(v) as s from chain group by time(1m) into minute backfill(false)' >"$db/continuous/c_minute"
sed -i 's/sum(s) from hour/sum(s) as s from hour/' "$db/continuous/a_day"
echo 'select sum(s) as s from minute group by time(1h) into hour backfill(false)' >"$db/continuous/b_hour"
ctl continuous
for m in 10 20 30 59; do echo "chain v=1 2026-11-22T10:$m:01Z"; done >"$db/write"
echo "chain v=1 2026-11-22T23:59:59Z" >"$db/write"
ctl 'clock 2026-11-23T00:00:01Z'
ctl continuous
check_equal "1m, 1h, 1d within one look" "day,2026-11-22T00:00:00Z,5" "$(ask 'select s from day' | tail -n 1)"
check_equal "the hours between" 2 "$(ask 'select s from hour' | grep -c ^hour)"

# What the clock alone does.
echo 'cpu v=7' >"$db/write"
ctl 'clock 2026-11-23T00:01:00Z'
wait_until 20 'ask "select mean from \"1m.cpu\"" | grep -q 2026-11-23T00:00:00Z,7'
check "the runner needs nobody" grep -q '2026-11-23T00:00:00Z,7' <<<"$(ask 'select mean from "1m.cpu"')"

# A restart makes up for what was missed, once.
echo 'cpu v=8 2026-11-23T00:01:30Z' >"$db/write"
echo 'cpu v=9 2026-11-23T00:05:30Z' >"$db/write"
mount_stop
mount_start -o clock=2026-11-23T03:00:00Z
ctl continuous
check_equal "the boundaries it missed" "1m.cpu,2026-11-23T00:01:00Z,8
1m.cpu,2026-11-23T00:05:00Z,9" "$(ask "select mean from \"1m.cpu\" where time > '2026-11-23T00:00:30Z'" | tail -n +2)"

# Clocks that jump.
ctl 'clock 2036-01-01T00:00:00Z'
ctl continuous
ctl 'clock 2026-11-23T03:10:30Z'
ctl continuous
echo 'cpu v=11 2026-11-23T03:10:40Z' >"$db/write"
ctl 'clock 2026-11-23T03:11:00Z'
ctl continuous
check_equal "after a jump ahead and back it goes on" "1m.cpu,2026-11-23T03:10:00Z,11" \
	"$(ask "select mean from \"1m.cpu\" where time > '2026-11-23T03:00:00Z'" | tail -n 1)"

# Backfill.
mkdir "$db/raw"
for d in 01 02 03; do for h in 00 06 12 18; do echo "back,host=a v=$((10#$h)) 2026-10-${d}T$h:30:00Z"; done; done >"$db/raw/.write"
echo 'down,host=a v=99 2026-10-02T00:00:00Z' >"$db/write"
echo 'select mean(v) as v from raw.back group by time(6h), host into down' >"$db/continuous/down"
wait_until 20 '[ "$(ask "select count(v) from down" | tail -n 1 | cut -d, -f3)" = 12 ]'
check_equal "an 0.8 statement backfills" 12 "$(ask 'select count(v) from down' | tail -n 1 | cut -d, -f3)"
check_equal "but not where the target has a point" 99 "$(ask "select v from down where time = '2026-10-02T00:00:00Z'" | tail -n 1 | cut -d, -f3)"
check_equal "and as the same SELECT by hand elsewhere" \
	"$(ask "select mean(v) as v from raw.back where time >= '2026-10-02T06:00:00Z' and time < '2026-10-04' group by time(6h) fill(none)" | tail -n +2 | cut -d, -f2-)" \
	"$(ask "select v from down where time >= '2026-10-02T06:00:00Z'" | tail -n +2 | cut -d, -f2-)"
echo "select mean(v) as v from raw.back group by time(6h) into since backfill('2026-10-03')" >"$db/continuous/since"
echo 'select mean(v) as v from raw.back group by time(6h) into never backfill(false)' >"$db/continuous/never"
sql 'create continuous query old_x on db begin select mean(v) as v into onex from raw.back group by time(6h) end' >/dev/null
ctl continuous
check_equal "backfill from a time on" 4 "$(ask 'select count(v) from since' | tail -n 1 | cut -d, -f3)"
check_equal "backfill(false), and none for 1.x" "" "$(ask 'select * from never, onex')"
check_equal "no backfill is left in status" "" "$(grep ' backfill ' "$MNT/.seriesfs/status")"
# What comes back from a backup has its target coming back as well.
echo 'select max(v) as v from raw.back group by time(6h) into restored' >"$WORK/restored"
touch -d 2020-01-01 "$WORK/restored"
cp -p "$WORK/restored" "$db/continuous/restored"
rm "$db/continuous/down"
sleep 0.5
ctl continuous
check_equal "a restored query is not backfilled" "" "$(ask 'select * from restored')"

# A backfill whose target is not there yet waits for it.
echo 'select mean(v) as v from raw.back group by time(6h) into "later".back' >"$db/continuous/waits"
ctl continuous
check "status tells what it waits for" \
	grep -q 'error retention policy not found: later' <<<"$(status waits | grep ' backfill ')"
mount_stop
mount_start -o clock=2026-11-23T03:11:01Z
mkdir "$db/later"
ctl continuous
check_equal "then all of it comes" 12 "$(ask 'select count(v) from later.back' | tail -n 1 | cut -d, -f3)"
check_equal "and nothing is left in status" "" "$(grep ' backfill ' "$MNT/.seriesfs/status")"
rm "$db/continuous/waits"
# A text that changes and changes back is a new query each time, also when an earlier mount ran it.
text='select max(v) as v from raw.back group by time(6h) into twice'
echo "$text" >"$db/continuous/twice"
ctl continuous
mount_stop
mount_start -o clock=2026-11-23T03:11:02Z
sql 'delete from twice' >/dev/null
echo 'select min(v) as v from raw.back group by time(6h) into else' >"$db/continuous/twice"
ctl continuous
echo "$text" >"$db/continuous/twice"
ctl continuous
check_equal "a text of before is backfilled again" 12 "$(ask 'select count(v) from twice' | tail -n 1 | cut -d, -f3)"
sql "delete from twice where time < '2026-10-02'" >/dev/null
mount_kill9
mount_start -o clock=2026-11-23T03:11:02Z 2>/dev/null
ctl continuous
check_equal "once ended it does not bring back what is deleted, after kill -9 either" 8 "$(ask 'select count(v) from twice' | tail -n 1 | cut -d, -f3)"
# Nor does it come back as one that has run, from before a kill that its change did not live to see.
echo 'select min(v) as v from raw.back group by time(6h) into else' >"$db/continuous/twice"
mount_kill9
mount_start -o clock=2026-11-23T03:11:03Z 2>/dev/null
ctl continuous
sql 'delete from twice' >/dev/null
echo "$text" >"$db/continuous/twice"
ctl continuous
check_equal "a text of before a kill is backfilled, too" 12 "$(ask 'select count(v) from twice' | tail -n 1 | cut -d, -f3)"
rm "$db/continuous/twice"

# Errors.
check_fails "what is none" "Invalid argument" bash -c "echo ' select mean(v) form cpu' >'$db/continuous/wrong'"
check "and the place is that in the file" \
	grep -q 'found form, expected .* at line 1, char 16$' "$db/errors"
check_fails "nor is half of one" "Invalid argument" \
	bash -c "echo 'select v into x from cpu; select v into y from cpu' >'$db/continuous/wrong'"
check "nothing more may follow" grep -q 'found SELECT, expected EOF at line 1, char 27$' "$db/errors"
echo 'select mean(v) from cpu group by time(1m) into "nopolicy".x' >"$db/continuous/bad"
ctl continuous
echo 'cpu v=1 2026-11-23T03:11:10Z' >"$db/write"
ctl 'clock 2026-11-23T03:12:00Z'
ctl continuous
check "errors tells it" grep -q 'db/continuous/bad.*retention policy not found: nopolicy' "$db/errors"
check "status, too" grep -q 'error retention policy not found' <<<"$(status bad)"
check "and metrics" grep -q 'continuous_failing{database="db",query="bad"} 1' "$MNT/.seriesfs/metrics"
mkdir "$db/nopolicy"
ctl 'clock 2026-11-23T03:13:00Z'
ctl continuous
check_equal "the next run makes up for those that failed, and backfill comes" \
	"$(ask "select mean(v) from cpu where time < '2026-11-23T03:13:00Z' group by time(1m) fill(none)" | tail -n +2 | cut -d, -f2-)" \
	"$(ask 'select mean from nopolicy.x' | tail -n +2 | cut -d, -f2-)"
check "and the error is gone" grep -q 'error none' <<<"$(status bad)"
check "status tells the last run" grep -q 'last_run 2026-11-23T03:13:00Z lag 0s' <<<"$(status cpu_1m)"
rm "$db/continuous/cpu_1m"
echo 'cpu v=1 2026-11-23T03:13:10Z' >"$db/write"
ctl 'clock 2026-11-23T03:14:00Z'
ctl continuous
check_equal "a query that is removed does not run" 0 "$(ask "select mean from \"1m.cpu\" where time > '2026-11-23T03:12:30Z'" | grep -c .)"
check_fails ":series_name cannot feed itself" "Invalid argument" bash -c "echo 'select * from /./ into x.:series_name.y' > '$db/continuous/loop'"

# Read-only: nothing runs.
mount_stop
mount_start -o ro -o clock=2026-11-23T05:00:00Z
sleep 0.5
check_equal "no run on a read-only mount" "" "$(grep ^continuous "$MNT/.seriesfs/status")"
