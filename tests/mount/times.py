"""times.py MNT STATE: WHERE time, in every form, against what is known of each point; prints what differs."""
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
