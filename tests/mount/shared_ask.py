"""shared_ask.py MNT SEED OPTIONS COUNT TURN: random queries and their answers, a line each."""
import random, sys
mnt, seed = sys.argv[1], int(sys.argv[2])
r = random.Random(seed)
fold = ["count", "sum", "mean", "min", "max", "first", "last", "spread", "median", "stddev", "mode", "count(distinct %s)"]
def call():
    name, field = r.choice(fold + ["percentile"]), r.choice("fidfids" if r.random() < 0.2 else "fid")
    if field == "s":
        name = r.choice(["count", "first", "last", "mode"])
    if name == "percentile":
        return "percentile(%s, %d)" % (field, r.randrange(1, 100))
    return name % field + ")" if "%" in name and False else name % field if "%" in name else "%s(%s)" % (name, field)
def query():
    kind = r.random()
    if kind < 0.7:
        calls = ", ".join(call() for _ in range(r.randrange(1, 4)))
    elif kind < 0.8:
        calls = "derivative(mean(%s), 1m)" % r.choice("fid")
    elif kind < 0.9:
        calls = "top(%s, %d)" % (r.choice("fid"), r.randrange(1, 9))
    else:
        calls = "max(%s), host" % r.choice("fid")
    where = ["time >= %ds and time < %ds" % (1700002800 + r.choice([0, 1800, r.randrange(7000)]), 1700002800 + 7200 + r.randrange(9000))]
    if r.random() < 0.4:
        where.append(r.choice(["f > 0", "d < 5 and i > 0", "host =~ /h[0-3]/", "s = 'x1'", "dc = 'd1'", "s =~ /x[12]/"]))
    group = [g for g in (r.choice(["time(1h)", "time(10m)", "time(90s)", ""]), r.choice(["host", "dc", "", ""])) if g]
    if calls.startswith("derivative") and not any(g.startswith("time") for g in group):
        group.insert(0, "time(10m)")
    q = "select " + calls + " from m where " + " and ".join(where) + (" group by " + ", ".join(group) if group else "")
    if any(g.startswith("time") for g in group):
        q += r.choice(["", " fill(none)", " fill(0)", " fill(previous)"])
    return q + r.choice(["", "", " order by time desc", " limit 3"])
for n in range(int(sys.argv[4])):
    q = query()
    try:
        # An answer of the last second would be given again: blanks make it another question.
        with open("%s/db/query/%s%s;.json?fresh=1%s" % (mnt, " " * int(sys.argv[5]), q.replace("/", "%2F"), sys.argv[3])) as f:
            print(q, f.read(), end="")
    except OSError as error:
        print(q, error.errno)
