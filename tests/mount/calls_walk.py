"""calls_walk.py MNT TREE_DEF: each call on each kind of name gives the errno that the table says."""
import ctypes, errno, os, re, sys

mnt, table = sys.argv[1], sys.argv[2]
db = mnt + "/db"
group_name = "2023-11-13--2023-11-20"
group = f"{db}/autogen/{group_name}"
now = 0

def prepare():
    for path in (db, db + "/continuous", db + "/views"):
        if not os.path.isdir(path):
            os.mkdir(path)
    with open(db + "/autogen/m" if os.path.isdir(db + "/autogen") else db + "/write", "w") as f:
        f.write("m v=1 1700000000000000000\n")
    with open(db + "/autogen/.policy", "w") as f:
        f.write("default true\n")
    if not os.path.exists(db + "/continuous/cq"):
        with open(db + "/continuous/cq", "w") as f:
            f.write("select mean(v) into m5 from m group by time(5m)\n")
    if not os.path.islink(db + "/views/view"):
        os.symlink("../query/select 1", db + "/views/view")
    if not os.path.isdir(group + "/.dir"):
        os.mkdir(group + "/.dir")
    with open(group + "/.scratch", "w") as f:
        f.write("x")

# The kind's path. ROOT and what has no name of its own are left to the kernel.
paths = {
    "ROOT": mnt, "DATABASE": db, "POLICY": db + "/autogen", "POLICY_FILE": db + "/autogen/.policy",
    "GROUP": group, "SERIES": group + "/m", "SERIES_ALL": db + "/autogen/m",
    "CONTINUOUS": db + "/continuous", "CONTINUOUS_QUERY": db + "/continuous/cq",
    "VIEWS": db + "/views", "VIEW": db + "/views/view", "SCRATCH": group + "/.scratch", "SCRATCH_DIR": group + "/.dir",
    "SERVICE": mnt + "/.seriesfs", "HELP": mnt + "/.seriesfs/help",
    "VERSION": mnt + "/.seriesfs/version", "STATUS": mnt + "/.seriesfs/status",
    "METRICS": mnt + "/.seriesfs/metrics", "SERVICE_ERRORS": mnt + "/.seriesfs/errors",
    "SERVICE_EXEC": mnt + "/.seriesfs/exec", "CONTROL": mnt + "/.seriesfs/ctl",
    "QUERY": db + "/query", "PREFIX": db + "/query/select v from m where v =~ ",
    "ANSWER": db + "/query/select v from m", "EXEC": db + "/exec", "WRITE": db + "/write",
    "ERRORS": db + "/errors", "DOT_WRITE": db + "/autogen/.write", "SNAPSHOTS": db + "/.snapshot",
    "FROZEN_DIR": db + "/.snapshot/s/autogen", "FROZEN_FILE": f"{db}/.snapshot/s/autogen/{group_name}/m",
    "FROZEN_LINK": db + "/.snapshot/s/views/view",
}

def open_as(flags):
    def call(path):
        os.close(os.open(path, flags))
    return call

def read_some(path):
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.read(fd, 1)
    finally:
        os.close(fd)

def fallocate(path):
    fd = os.open(path, os.O_WRONLY)
    try:
        # Not posix_fallocate: that one writes zeros where the call is refused.
        if ctypes.CDLL(None, use_errno=True).fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(10)) < 0:
            raise OSError(ctypes.get_errno(), "fallocate")
    finally:
        os.close(fd)

# In query/ every statement is there; the kernel looks a name up before it asks for a new one.
def new(path):
    return path + ("/select w from m" if path.endswith("/query") else "/new")

def renamed(path):
    if os.path.dirname(path).endswith("/query"):
        return path.replace("select v", "select w")
    return os.path.dirname(path) + ("/renamed " if os.path.isdir(path) else "/renamed")

calls = {
    "mkdir": lambda p: os.mkdir(new(p)),
    "create": lambda p: os.close(os.open(new(p), os.O_CREAT | os.O_WRONLY | os.O_EXCL)),
    "symlink": lambda p: os.symlink("t", new(p)),
    "list": lambda p: os.listdir(p),
    "read": read_some,
    "write": open_as(os.O_WRONLY | os.O_NOFOLLOW),
    "truncate": lambda p: os.truncate(p, 12345),
    "rename": lambda p: os.rename(p, renamed(p)),
    "remove": lambda p: (os.rmdir if os.path.isdir(p) and not os.path.islink(p) else os.unlink)(p),
    "chmod": lambda p: os.chmod(p, os.stat(p).st_mode & 0o777),
    "chown": lambda p: os.chown(p, -1, 0, follow_symlinks=False),
    "times": lambda p: os.utime(p, (5, 5), follow_symlinks=False),
}
always = {
    "mknod": (lambda p: os.mknod(p + "/new"), errno.EPERM),
    "link": (lambda p: os.link(p, db + "/views/hard"), errno.EPERM),
    "fallocate": (fallocate, errno.EOPNOTSUPP),
}
order = ["mkdir", "create", "symlink", "list", "read", "write", "truncate", "rename", "remove",
         "chmod", "chown", "times"]

def outcome(call, path):
    try:
        call(path)
        return 0
    except OSError as e:
        return e.errno

prepare()
os.mkdir(db + "/.snapshot/s")
passed = failed = 0
kinds = re.findall(r"^CALLS\((\w+),\s*(.*)\)", open(table).read(), re.M)
for kind, row in kinds:
    path = paths[kind]
    words = [w.strip() for w in row.split(",")]
    assert len(words) == len(order), kind
    for name, word in zip(order, words):
        # A link is followed by the kernel before it asks; what the walk needs later stays.
        if kind in ("VIEW", "FROZEN_LINK") and name in ("mkdir", "create", "symlink", "list", "truncate", "chmod"):
            continue
        if word == "0" and (name in ("remove", "rename", "mkdir", "create", "symlink", "truncate")):
            continue
        want = 0 if word == "0" else getattr(errno, word)
        got = outcome(calls[name], path)
        # No place for a new name in the root's parent; the kernel answers for its mount point.
        if kind == "ROOT" and name in ("rename", "remove"):
            continue
        if got == want:
            passed += 1
        else:
            failed += 1
            print(f"FAILED: {name} of {kind} ({path}): {errno.errorcode.get(got, got)}, not {word}")
for name, kinds in (
    ("mknod", ("ROOT", "DATABASE", "POLICY", "GROUP", "CONTINUOUS", "VIEWS", "SERVICE")),
    ("link", ("SERIES", "WRITE", "VIEW", "HELP")),
    ("fallocate", ("SERIES", "WRITE", "EXEC", "POLICY_FILE")),
):
    call, want = always[name]
    for kind in kinds:
        got = outcome(call, paths[kind])
        if got == want:
            passed += 1
        else:
            failed += 1
            print(f"FAILED: {name} of {kind}: {errno.errorcode.get(got, got)}")
# What is no statement is no name there either, whoever looks it up, and for whatever call.
nonsense = db + "/query/nonsense"
for name, call in (
    ("stat", lambda: os.stat(nonsense)),
    ("mkdir", lambda: os.mkdir(nonsense)),
    ("create", lambda: os.close(os.open(nonsense, os.O_CREAT | os.O_WRONLY))),
    ("symlink", lambda: os.symlink("t", nonsense)),
    ("rename", lambda: os.rename(paths["ANSWER"], nonsense)),
    ("remove", lambda: os.unlink(nonsense)),
):
    got = outcome(lambda path: call(), None)
    if got == errno.EINVAL:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {name} of a query that does not parse: {errno.errorcode.get(got, got)}")
print(passed, failed)
