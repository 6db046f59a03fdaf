#!/usr/bin/env bash
# A directory's mtime changes when a name in it comes or goes, never by a point: series in memory, in a
# shard and rewritten, scratch files, settings; and stays as it was set, over a restart and kill -9. So do series.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
cat >"$WORK/times.py" <<'PY'
import os, subprocess, sys

mnt, state = sys.argv[1:]
db = mnt + "/db"
policy = db + "/autogen"
group = policy + "/2023-11-13--2023-11-20"
START = 1700000000000000000

def write(path, text, flags=os.O_WRONLY | os.O_CREAT):
    fd = os.open(path, flags, 0o644)
    os.write(fd, text.encode())
    os.close(fd)

def point(series, n):
    return lambda: write(db + "/write", "%s v=1 %d\n" % (series, START + n))

def ask(statement):
    return lambda: write(db + "/exec", statement + "\n")

def changes(what, call, want=True, directory=group):
    before = os.stat(directory).st_mtime_ns
    call()
    after = os.stat(directory)
    if (before != after.st_mtime_ns) != want:
        print("%s, %s: the mtime of %s %s" % (state, what, directory, "stays" if want else "changes"))
    if want and after.st_ctime_ns < after.st_mtime_ns:
        print("%s, %s: ctime before mtime" % (state, what))

def stays(what, call, directory=group):
    changes(what, call, False, directory)

new, short, old = "new" + state, "short" + state, "old"
stays("a point", point(old, 1))
stays("one through the series", lambda: write(group + "/" + old, "v=2 %d\n" % (START + 2)))
stays("times of a series", lambda: os.utime(group + "/" + old, (5, 5)))
changes("a series", point(new, 1))
stays("its second point", point(new, 2))
stays("one that is deleted", ask("delete from %s where time <= %d" % (new, START + 1)))
stays("one after that", point(new, 3))
changes("the deletion of all", ask("delete from %s where time <= %d" % (new, START + 9)))
changes("another series", point(short, 1))
changes("which is removed", lambda: os.unlink(group + "/" + short))
changes("and comes back", point(short, 2))
write(mnt + "/.seriesfs/ctl", "flush\n")
stays("and has a point from memory", point(short, 3))
changes("which is removed everywhere", lambda: os.unlink(policy + "/" + short))
write(mnt + "/.seriesfs/ctl", "flush\n")
changes("and comes back once more", point(short, 4))
changes("which is dropped", ask("drop measurement " + short))
changes("sed -i", lambda: subprocess.run(["sed", "-i", "s/v=1/v=3/", group + "/" + old], check=True))
scratch = group + "/.scratch"
changes("a scratch file", lambda: write(scratch, "x", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
stays("what is written to it", lambda: write(scratch, "more"))
changes("its rename", lambda: os.rename(scratch, scratch + "2"))
changes("its end", lambda: os.unlink(scratch + "2"))
scratch = policy + "/.scratch"
changes("a scratch file of a policy", lambda: write(scratch, "x"), directory=policy)
changes("its end", lambda: os.unlink(scratch), directory=policy)
changes(".policy", lambda: write(policy + "/.policy", "shards 1\n"), directory=policy)
stays(".policy once more", lambda: write(policy + "/.policy", "shards 1\n"), directory=policy)
changes("the end of .policy", lambda: os.unlink(policy + "/.policy"), directory=policy)
stays("a series over all groups", point(old + state, 5), directory=policy)
PY
times() { check_equal "$1" "" "$(python3 "$WORK/times.py" "$MNT" "$1" 2>&1)"; }
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
