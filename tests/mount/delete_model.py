"""delete_model.py MNT MODEL fill | check WHAT | delete N STATEMENT | rm PATH GROUP SERIES
The model is a file of lines `measurement,tags time value`, times in seconds."""
import glob, os, sys

mnt, path, verb = sys.argv[1:4]
db = mnt + "/db"
WEEK = 7 * 86400
FIRST = 1795392000 - 1795392000 % WEEK + 4 * 86400  # a Monday
SERIES = [f"{m},dc={d},host={h}" for m in ("cpu", "disk") for d in "xy" for h in "ab"]

def load():
    with open(path) as f:
        return {(s, int(t)): int(v) for s, t, v in (line.split() for line in f)}

def save(points):
    with open(path, "w") as f:
        f.writelines(f"{s} {t} {v}\n" for (s, t), v in sorted(points.items()))

def ask(text):
    fd = os.open(db + "/exec.csv?epoch=s", os.O_RDWR)
    os.write(fd, text.encode() + b"\n")
    out = b""
    while piece := os.read(fd, 65536):
        out += piece
    os.close(fd)
    return out.decode()

def queried():
    points = {}
    for m in ("cpu", "disk"):
        for line in ask(f"select v, dc, host from {m}").splitlines()[1:]:
            name, time, v, dc, host = line.split(",")
            assert name == m
            points[f"{m},dc={dc},host={host}", int(time)] = int(v)
    return points

def read():
    points = {}
    for file in glob.glob(db + "/autogen/*/*"):
        with open(file) as f:
            for line in f:
                series, value, time = line.split()
                assert series == os.path.basename(file), line
                assert (series, int(time) // 10**9) not in points, line
                points[series, int(time) // 10**9] = int(value[2:-1])
    return points

def tag(series, key):
    return dict(pair.split("=") for pair in series.split(",")[1:])[key]

# Each with what it takes away. Times stand as FIRST + n.
day = 86400
DELETES = [
    ("delete from cpu where time < {4d}", lambda s, t: s[0] == "c" and t < FIRST + 4 * day),
    ("delete from cpu where time >= {5d} and time <= {9d} and host = 'a'",
     lambda s, t: s[0] == "c" and FIRST + 5 * day <= t <= FIRST + 9 * day and tag(s, "host") == "a"),
    ("delete where time > {12d} and dc = 'x'", lambda s, t: t > FIRST + 12 * day and tag(s, "dc") == "x"),
    ("delete from disk where host = 'b' and dc = 'y'",
     lambda s, t: s[0] == "d" and tag(s, "host") == "b" and tag(s, "dc") == "y"),
    ("delete from /^d/ where host =~ /a/ and time = {6d}", lambda s, t: s[0] == "d" and tag(s, "host") == "a" and t == FIRST + 6 * day),
    ("delete from disk where dc != 'x' and time < {3d}", lambda s, t: s[0] == "d" and tag(s, "dc") != "x" and t < FIRST + 3 * day),
    ("drop series from cpu where host = 'b' and dc = 'x'", lambda s, t: s == "cpu,dc=x,host=b"),
    ("drop measurement disk", lambda s, t: s[0] == "d"),
    ("delete from cpu", lambda s, t: s[0] == "c"),
]

if verb == "fill":
    points = {(s, FIRST + i * 6 * 3600): i * 10 + k for k, s in enumerate(SERIES) for i in range(56)}
    with open(db + "/write", "w") as f:
        f.writelines(f"{s} v={v}i {t}000000000\n" for (s, t), v in points.items())
    save(points)
elif verb == "again":  # points where others were deleted
    points = load()
    more = {("cpu,dc=x,host=a", FIRST + i * 6 * 3600): 9000 + i for i in range(0, 56, 3)}
    with open(db + "/write", "w") as f:
        f.writelines(f"{s} v={v}i {t}000000000\n" for (s, t), v in more.items())
    save({**points, **more})
elif verb == "delete":
    text, goes = DELETES[int(sys.argv[4])]
    for n in range(15):
        text = text.replace("{%dd}" % n, "%ds" % (FIRST + n * day))
    answer = ask(text)
    assert "error" not in answer, answer
    points = load()
    left = {key: v for key, v in points.items() if not goes(*key)}
    assert len(left) < len(points), "the statement would take nothing"
    save(left)
elif verb == "rm":
    at = int(sys.argv[4])  # a group, or -1: everywhere
    series = sys.argv[5]
    groups = sorted(g for g in os.listdir(db + "/autogen") if g[0] != ".")
    os.unlink(db + "/autogen/" + (groups[at] + "/" if at >= 0 else "") + series)
    start = FIRST + at * WEEK
    save({(s, t): v for (s, t), v in load().items()
          if s != series or (at >= 0 and not start <= t < start + WEEK)})
elif verb == "drop":
    at = int(sys.argv[4])
    rows = [line.split(",") for line in ask("show shards").splitlines()]
    ids = [row[rows[0].index("id")] if "id" in rows[0] else row[1] for row in rows if "autogen" in row]
    assert len(ids) == 2, rows
    ask("drop shard " + ids[at])
    start = FIRST + at * WEEK
    save({(s, t): v for (s, t), v in load().items() if not start <= t < start + WEEK})
elif verb == "check":
    want = load()
    for what, got in (("queries", queried()), ("files", read())):
        if got != want:
            print(what, "lack", sorted(want.keys() - got.keys())[:5], "have too much",
                  sorted(got.keys() - want.keys())[:5], "differ",
                  [k for k in want if k in got and got[k] != want[k]][:5])
            sys.exit(1)
    names = {s for s, t in want}
    shown = set(line.split(",", 1)[-1].strip().strip('"') for line in ask("show series").splitlines()[1:])
    if {n for n in shown if "=" in n} != names:
        print("show series has", shown, "not", names)
        sys.exit(1)
