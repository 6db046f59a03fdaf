"""expire_remembered.py MNT: what statements make and drop is there and gone at once, whatever the kernel remembers
of its directory."""
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
