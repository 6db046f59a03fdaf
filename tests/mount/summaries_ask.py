"""summaries_ask.py MNT SEED COUNT: random queries answer the same by summaries as from rows; prints how many do
not."""
import random, sys
from same import difference
mnt, seed = sys.argv[1], int(sys.argv[2])
r = random.Random(seed)
def ask(q, options=""):
    # An answer of the last second would be given again: blanks make it another question.
    with open("%s/db/query/%s%s;.json?fresh=1%s" % (mnt, " " * (int(sys.argv[2]) % 100), q, options)) as f:
        return f.read()
bad = 0
for n in range(int(sys.argv[3])):
    # Of the first three alone the engine gives sums where it gives rows to the others.
    functions = ["count", "sum", "mean", "min", "max", "first", "last", "spread", "median", "stddev"][:r.choice([3, 10])]
    calls = ", ".join("%s(%s)" % (r.choice(functions),
                                  r.choice("fdizk")) for _ in range(r.randrange(1, 4)))
    where = [] if r.random() < 0.4 else ["time >= %ds and time < %ds" % (1700002800 + r.choice([0, 3600, r.randrange(9000)]),
                                                                       1700002800 + r.choice([7200, 18000, 9000 + r.randrange(9000)]))]
    if r.random() < 0.3:
        where.append("host = '%s'" % r.choice("abc"))
    group = [g for g in (r.choice(["time(1h)", "time(2h)", "time(1d)", "time(1h,30m)", "time(7m)", "time(1m)", "time(10s)", ""]), r.choice(["host", ""])) if g]
    def query(more):
        w = where + more
        q = "select " + calls + " from m" + (" where " + " and ".join(w) if w else "") + (" group by " + ", ".join(group) if group else "")
        return q + (" fill(none)" if any(g.startswith("time") for g in group) else "")
    question, rows_question = query([]), query(["k + 0 >= 0"])
    expected, came, loosely = ask(rows_question), ask(question, "&exact=1"), ask(question)
    told = [] if expected == came else [difference(expected, came, None) or "in bytes alone"]
    told += [t + " (without exact=1)" for t in [difference(came, loosely)] if t]
    bad += bool(told)
    if told and bad < 3:
        print("%s\n\tis not %s\n\t%s" % (question, rows_question, "\n\t".join(told)))
print("different:", bad)
