"""broken.py MNT: texts that are broken in every way go to every file that takes text; each ends in an errno, the
mount goes on."""
import errno, itertools, os, sys
mnt = sys.argv[1].encode()
db = mnt + b"/db"
group = db + b"/autogen/" + [g for g in os.listdir(db + b"/autogen") if g[:2] == b"20"][0]
calls = 0

def alive():
    os.stat(mnt + b"/.seriesfs/version")

BLANKS = [b"".join(t) for n in range(3) for t in itertools.product([b" ", b"\t", b"\n", b"\r", b"\0", b";"], repeat=n)]

def broken(valid, others=b"\0\n\t \"'\\/%,=.;(\xff"):
    """Cut at every byte; every byte gone, twice there, another."""
    yield valid
    for i in range(len(valid)):
        yield valid[:i]
        yield valid[i + 1:]
        yield valid[:i] + valid[i + 1:]
        yield valid[:i] + valid[i:i + 1] + valid[i:]
        for other in others:
            yield valid[:i] + bytes([other]) + valid[i + 1:]

DEAD = (errno.ENOTCONN, errno.ECONNABORTED, errno.ENOSYS)  # what a mount says whose daemon is gone
LONG = [byte * n for byte in (b"a", b" ", b"\n", b"(", b'"', b"\\", b"%", b"\0", b"\xff") for n in (255, 4095, 70000)]

def each(texts, call):
    global calls
    for text in texts:
        calls += 1
        try:
            call(text)
        except (OSError, ValueError) as error:  # Python refuses NUL in names by itself
            if getattr(error, "errno", None) in DEAD:
                raise SystemExit(f"{call.__name__} {text[:200]!r}: {error}")
    alive()

def write(path, flags=os.O_WRONLY, answer=False):
    """Opens, writes, may read, closes."""
    def put(text):
        fd = os.open(path, flags, 0o644)
        try:
            os.write(fd, text)
            if answer:
                os.read(fd, 10000)
        finally:
            os.close(fd)
    put.__name__ = "write to " + path.decode()
    return put

def scratch(path):
    """A file that is written beside, and renamed onto it."""
    beside = os.path.dirname(path) + b"/.beside"
    def put(text):
        write(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)(text)
        try:
            os.rename(beside, path)
        except OSError:
            os.unlink(beside)
            raise
    put.__name__ = "rename onto " + path.decode()
    return put

def name(path, act):
    def use(text):
        act(path + b"/" + text.replace(b"\0", b"\1"))
    use.__name__ = f"{act.__name__} in {path.decode()}"
    return use

CONTINUOUS = b"RESAMPLE EVERY 1m FOR 1h SELECT mean(v) INTO n FROM m GROUP BY time(5m)\n"
TEXTS = {
    db + b"/continuous/q": [CONTINUOUS, b"select mean(v) from m group by time(6h), h into down.[h]"],
    db + b"/autogen/.policy": [b"duration 30d\nshard_duration 1d\nshards 1\nreplication 1\ndefault true\n"],
    db + b"/write": [b'm,h=a\\ b v=0.5,n=1i,s="a\nb",t=true 2026-11-22T10:00:00Z\n', b"# DML\n# CONTEXT-DATABASE:db\n# CONTEXT-RETENTION-POLICY:autogen\nm v=1\n",
                     b"# DDL\nCREATE DATABASE db WITH NAME x\n# DML\n"],
    db + b"/autogen/.write": [b"m v=1 1700000000s\n"],
    db + b"/autogen/m,h=a": [b"v=1,w=2i 2026-11-22T10:00:00Z\n", b"0.64 1700000000s\n"],
    group + b"/m,h=a": [b"m,h=a v=1 2026-11-22T10:00:00Z\n"],
    db + b"/errors": [b"x"],
    mnt + b"/.seriesfs/ctl": [b"flush\n", b"drop db autogen \"2020-01-06--2020-01-13\"\n", b"clock 2026-11-22T10:00:01Z\n", b"compact db autogen\n", b"retention\n"],
}
OPTIONS = [b"?precision=ms&rp=autogen&skip=true", b"?epoch=ns&pretty=true", b".json?chunked=1&chunk_size=2&params={\"a\":1}"]
QUERIES = [b"select mean(v) from m where h =~ /^a/ and time > now() - 1h group by time(5m), h;.csv?epoch=ms",
           b"show tag values with key = h.json?pretty=true"]
NAMES = [b"m,h=a b,p=%2Fvar%2Flog", b"2026-11-16--2026-11-23", b".policy", b"a.b'c\"d"]

for path, valids in TEXTS.items():
    ways = [write(path, os.O_WRONLY | os.O_CREAT)]
    if os.path.basename(path) in (b"q", b".policy", b"m,h=a") and path != db + b"/autogen/m,h=a":
        ways.append(scratch(path))
    for way in ways:
        each(BLANKS + LONG, way)
        for valid in valids:
            each(broken(valid, b"\0\n \"" if len(valid) > 30 else b"\0\n\t \"'\\/%,=.;(\xff"), way)
for path in (db + b"/exec", mnt + b"/.seriesfs/exec"):
    ask = write(path, os.O_RDWR, True)
    each(BLANKS + LONG, ask)
    for valid in (b"select count(v) from m where h = 'a';show databases\n", b"create continuous query q2 on db begin select v into n from m end\n"):
        each(broken(valid, b"\0\n\""), ask)
for base in (db + b"/write", db + b"/exec", db + b"/autogen/.write", mnt + b"/.seriesfs/exec"):
    each(BLANKS + LONG, lambda text: os.close(os.open(base + b"?" + text, os.O_WRONLY)))
    for valid in OPTIONS:
        each(broken(valid, b"\n=&?%"), lambda text: os.close(os.open(base + text, os.O_WRONLY)))
def read(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.read(fd, 10000)
    finally:
        os.close(fd)
each(BLANKS + LONG, name(db + b"/query", read))
for valid in QUERIES:
    each(broken(valid, b"\0\n/\"%"), name(db + b"/query", read))
def make(path):
    os.mkdir(path)
    os.rmdir(path)
def create(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
    os.unlink(path)
def link(path):
    os.symlink(b"../query/" + path, path)
    os.unlink(path)
for valid in NAMES:
    texts = BLANKS + LONG[:18] + list(broken(valid, b"\0\n/%=,\xff"))
    for path, act in ((mnt, make), (db, make), (db + b"/autogen", make), (group, make), (db + b"/.snapshot", make),
                      (group, create), (db + b"/continuous", create), (db + b"/views", link), (db + b"/autogen", os.lstat)):
        # Of what takes longer (a snapshot, a name on disk) fewer.
        step = 12 if path == db + b"/.snapshot" else 3 if act == make else 1
        each(texts[::step], name(path, act))
for valid in (b"user.seriesfs.points", b"system.posix_acl_access"):
    each(BLANKS + LONG + list(broken(valid)), lambda text: os.getxattr(group + b"/m,h=a", text))
    each(BLANKS + LONG, lambda text: os.setxattr(db, valid, text))
    each(broken(b"\2\0\0\0\1\0\7\0\xff\xff\xff\xff\4\0\5\0\xff\xff\xff\xff\x20\0\5\0\xff\xff\xff\xff"), lambda text: os.setxattr(db, valid, text))
print(calls, "texts")
