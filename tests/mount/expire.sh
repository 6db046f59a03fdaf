#!/usr/bin/env bash
# The kernel remembers the names and attributes of directories for a moment: what others than it
# change is seen at once all the same.
. "$(dirname "$0")/../lib/mount.sh"
mount_start -o clock=2026-11-22T10:00:00Z
cat >"$WORK/remembered.py" <<'PY'
import os, sys

mnt = sys.argv[1]
failures = 0

def tell(what, i):
    global failures
    failures += 1
    print("round %d: %s" % (i, what))

def write(path, text):
    fd = os.open(mnt + path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    assert os.write(fd, text.encode()) == len(text)
    os.close(fd)

def exists(path):
    try:
        os.stat(mnt + path)
        return True
    except FileNotFoundError:
        return False

def changed(directory, does, what, i):
    before = os.stat(mnt + directory).st_mtime_ns
    does()
    if os.stat(mnt + directory).st_mtime_ns == before:
        tell("the mtime of %s does not tell of %s" % (directory or "/", what), i)

def gone(path, i):
    if exists(path):
        tell(path + " is still there", i)

group = "/db/autogen/2026-11-16--2026-11-23"
for i in range(50):
    changed("", lambda: write("/.seriesfs/exec", "create database db\n"), "a database", i)
    write("/db/write", "m v=1\n")
    changed("/db/autogen", lambda: write("/db/write", "m v=1 0\n"), "a group", i)
    inode = os.stat(mnt + group).st_ino
    changed("/db/autogen", lambda: write("/.seriesfs/ctl", "drop db autogen 2026-11-16--2026-11-23\n"),
            "a drop", i)
    gone(group, i)
    gone(group + "/m", i)
    os.mkdir(mnt + group)
    if os.listdir(mnt + group):
        tell("a new group is not empty", i)
    write(group + "/m", "v=2 1795341600000000000\n")
    changed("/db", lambda: write("/db/exec", "create retention policy p on db duration 1h replication 1\n"),
            "a policy", i)
    os.stat(mnt + "/db/p")
    changed("/db", lambda: write("/db/exec", "drop retention policy p on db\n"), "a dropped policy", i)
    gone("/db/p", i)
    os.mkdir(mnt + "/db/p")
    os.rename(mnt + "/db/p", mnt + "/db/q")
    gone("/db/p", i)
    os.rmdir(mnt + "/db/q")
    gone("/db/q", i)
    with open(mnt + "/db/query/select v from m;.csv?epoch=s") as f:
        if "1795341600,2" not in f.read():
            tell("the point in the new group", i)
    write("/.seriesfs/exec", "drop database db; create database db\n")
    if os.listdir(mnt + "/db") != ["autogen"]:
        tell("a new database is not as new", i)
    gone(group, i)
    changed("", lambda: write("/.seriesfs/exec", "drop database db\n"), "a dropped database", i)
    gone("/db", i)
    gone("/db/query", i)
sys.exit(failures > 0)
PY
check "50 rounds of what statements make and drop" python3 "$WORK/remembered.py" "$MNT"

mkdir "$MNT/db" "$MNT/db/short"
echo 'duration 1h' >"$MNT/db/short/.policy"
echo 'm v=1' >"$MNT/db/short/.write"
group=$MNT/db/short/$(ls "$MNT/db/short")
check "a group is there" test -f "$group/m"
echo 'clock 2026-11-22T13:00:00Z' >"$MNT/.seriesfs/ctl"
(cd "$group" && echo retention >"$MNT/.seriesfs/ctl")
check_fails "retention drops it, though somebody stood in it" "No such file" stat "$group"
check_fails "and what was in it" "No such file" stat "$group/m"

# Who walks there all the while must not hold up who drops, nor the other way round.
cat >"$WORK/walk.py" <<'PY'
import os, sys, time
end = time.monotonic() + 1.5
while time.monotonic() < end:
    for path in ("/other", "/other/autogen", "/other/autogen/2026-11-16--2026-11-23/m", "/other/p"):
        try:
            os.stat(sys.argv[1] + path)
        except FileNotFoundError:
            pass
        try:
            os.mkdir(sys.argv[1] + "/other/p")
            os.rmdir(sys.argv[1] + "/other/p")
        except OSError:
            pass
PY
mkdir "$MNT/other"
python3 "$WORK/walk.py" "$MNT" &
walkers=$!
python3 "$WORK/walk.py" "$MNT" &
walkers="$walkers $!"
drops=0
while kill -0 $! 2>/dev/null; do
	echo 'm v=1' >"$MNT/other/write" 2>/dev/null
	echo 'drop other autogen 2026-11-16--2026-11-23' >"$MNT/.seriesfs/ctl" && drops=$((drops + 1))
done
wait $walkers
check "dropped $drops times while others walked there" test "$drops" -gt 20
