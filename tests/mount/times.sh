#!/usr/bin/env bash
# A directory's mtime changes when a name in it comes or goes, never by a point: series in memory, in a
# shard and rewritten, scratch files, settings; and stays as it was set, over a restart and kill -9. So do series.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
times() { check_equal "$1" "" "$(python3 tests/mount/times.py "$MNT" "$1" 2>&1)"; }
mkdir "$MNT/db"
echo 'old v=1 1700000000000000000' >"$MNT/db/write"
times memory
echo flush >"$MNT/.seriesfs/ctl"
times shard
echo compact >"$MNT/.seriesfs/ctl"
times rewritten
mount_stop
mount_start
times restarted
group=$MNT/db/autogen/2023-11-13--2023-11-20
touch -d 2020-01-02T03:04:05Z "$group" "$MNT/db/autogen"
echo 'old v=7 1700000000000000007' >"$MNT/db/write"
set=$(stat -c '%y %z' "$group" "$MNT/db/autogen")
check_equal "a time that was set stays" 2 "$(echo "$set" | grep -c ^2020-01-02)"
mount_stop
mount_start
check_equal "over a restart" "$set" "$(stat -c '%y %z' "$group" "$MNT/db/autogen")"
echo 'came v=7 1700000000000000007' >"$MNT/db/write"
set=$(stat -c '%y %z' "$group")
mount_kill9
mount_start
check_equal "and one that came by a name, over kill -9" "$set" "$(stat -c '%y %z' "$group")"

# Any time may be set, the epoch and what was before it, too; what nanoseconds cannot tell is their last.
echo 'old v=8 1700000000000000008' >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
for time in 1970-01-01T00:00:00Z 1969-12-31T23:59:59Z 1931-05-06T07:08:09Z 2261-01-01T00:00:00.123456789Z; do
	touch -d "$time" "$group/old" "$MNT/db"
	for state in memory flush compact remount; do
		case $state in
		flush | compact) echo $state >"$MNT/.seriesfs/ctl" ;;
		remount) mount_stop && mount_start ;;
		esac
		check_equal "$time, $state" "$(date -d "$time" +%s.%N)" "$(stat -c %.9Y "$group/old")"
		check_equal "$time, $state, over all groups" "$(date -d "$time" +%s.%N)" "$(stat -c %.9Y "$MNT/db/autogen/old")"
	done
	check_equal "$time of a database" "$(date -d "$time" +%s.%N)" "$(stat -c %.9Y "$MNT/db")"
done
touch -d 2500-01-01 "$group/old" "$MNT/db"
check_equal "the year 2500" "2262-04-11 2262-04-11" "$(stat -c %y "$group/old" "$MNT/db" | cut -d' ' -f1 | paste -sd' ')"
