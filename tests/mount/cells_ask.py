"""cells_ask.py MNT SEED: random queries answer the same from cells of cold chunks as from rows; prints how many do
not."""
import random, sys
from same import difference
mnt, seed = sys.argv[1], int(sys.argv[2])
r = random.Random(seed)
start = 1700006400
def ask(q, options=""):
    with open("%s/db/query/%s;.json%s" % (mnt, q, options)) as f:
        return f.read()
def moment():
    return start + r.choice([0, 3600 * r.randrange(72), r.randrange(3 * 86400), 86400 * r.randrange(4)])
bad = 0
def judge(question, rows_question, expected, came, digits):
    """`digits` None: the same bytes."""
    global bad
    if expected == came or digits and not difference(expected, came, digits):
        return
    bad += 1
    if bad < 3:
        print("%s\n\tis not %s\n\t%s" % (question, rows_question, difference(expected, came, digits) or "in bytes alone"))
for n in range(120):
    calls = ["%s(%s)" % (r.choice(["count", "sum", "mean", "min", "max", "first", "last", "spread", "median"]),
                         r.choice(["k", "d", "f", "z", "big", "hole"])) for _ in range(r.randrange(1, 4))]
    if r.random() < 0.2:
        calls[0] = "count(text)"
    where = []
    if r.random() < 0.6:
        where.append("time >= %ds and time < %ds" % tuple(sorted([moment(), moment() + 1])))
    if r.random() < 0.3:
        where.append("host = '%s'" % r.choice(["even", "jitter", "gaps"]))
    rows = where + ["k + 0 >= 0"]
    if r.random() < 0.4:
        field, number = r.choice([("k", r.randrange(100)), ("d", r.random() * 100), ("f", 0.49), ("k", 101), ("d", -1), ("big", 2**62)])
        op = r.choice(["<", "<=", ">", ">=", "=", "!=", "<>"])
        where.append("%s %s %r" % (field, op, number))
        rows += ["%s + 0 %s %r" % (field, op, number)]
    group = [g for g in (r.choice(["time(1h)", "time(2h)", "time(1d)", "time(1h,30m)", "time(5m)", "time(7m)", "time(6h)", ""]),
                         r.choice(["host", ""])) if g]
    def query(where):
        q = "select " + ", ".join(calls) + " from m" + (" where " + " and ".join(where) if where else "")
        q += " group by " + ", ".join(group) if group else ""
        return q + (" fill(none)" if any(g.startswith("time") for g in group) else "")
    came, expected = ask(query(where), "?exact=1"), ask(query(rows))
    judge(query(where), query(rows), expected, came, None)
    judge(query(where) + " (without exact=1)", query(rows), expected, ask(query(where)), 9)
for n in range(20):
    where = ["time >= %ds and time < %ds" % tuple(sorted([moment(), moment() + 600])),
             "%s %s %d" % (r.choice("kd"), r.choice("<>"), r.choice([10, 50, 90]))]
    order = r.choice(["", " order by time desc limit 50"])
    by_cells = "select k, d, text from m where " + " and ".join(where) + order
    by_rows = "select k, d, text from m where " + " and ".join(where[:1] + [where[1][0] + " + 0" + where[1][1:]]) + order
    judge(by_cells, by_rows, ask(by_rows), ask(by_cells), None)
print("different:", bad)
