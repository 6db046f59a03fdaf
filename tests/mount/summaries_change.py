"""summaries_change.py MNT MODEL SEED: some changes, printed, and what is there by hour and host against a model of field k.
MODEL is a file of lines `host time k`."""
import os, random, subprocess, sys
mnt, path, seed = sys.argv[1:4]
db, r = mnt + "/db", random.Random(int(seed))
START, HOURS = 1700002800, 5
with open(path) as f:
    model = {(h, int(t)): int(k) for h, t, k in map(str.split, f)}

def tell(file, text):
    print(text[:200])
    with open(file, "w") as f:
        f.write(text + "\n")

def forget(is_gone):
    for key in [key for key in model if is_gone(*key)]:
        del model[key]

def moment():
    """Often where an hour begins, which is where a chunk ends."""
    return START + r.choice([3600 * r.randrange(HOURS + 1), r.randrange(3600 * HOURS)])

def delete():
    first, last = sorted((moment(), moment()))
    if r.random() < 0.5:
        first = last - r.randrange(1, 900)
    host = r.choice(["", "a", "b", "c"])
    where = " and host = '%s'" % host if host else ""
    tell(db + "/exec", "delete from m where time >= %ds and time < %ds%s" % (first, last, where))
    forget(lambda h, t: first <= t < last and host in ("", h))

def remove():
    host, hour = r.choice("abc"), r.randrange(HOURS)
    groups = sorted(g for g in os.listdir(db + "/autogen") if g[0] == "2")
    for group in groups:
        file = "%s/autogen/%s/m,host=%s" % (db, group, host)
        if os.path.exists(file):
            with open(file) as f:
                if (int(f.readline().split()[-1]) // 10**9 - START) // 3600 == hour:
                    print("rm", file)
                    os.unlink(file)
    forget(lambda h, t: h == host and (t - START) // 3600 == hour)

def write(keys):
    rows = {key: r.randrange(100) for key in keys}
    tell(db + "/write", "\n".join("m,host=%s k=%di,f=%r,d=%.1f,i=%di,z=-0 %d" % (h, k, r.random(), k / 7, r.randrange(-2**62, 2**62), t * 10**9)
                                  for (h, t), k in rows.items()))
    model.update(rows)

def late():
    write([(r.choice("abc"), START + r.choice([r.randrange(3600 * HOURS), r.randrange(3600)])) for _ in range(200)])

def refill():
    """An hour gets every field in every row, which summaries want."""
    host, hour = r.choice("abc"), START + 3600 * r.randrange(HOURS)
    write([(host, hour + t) for t in range(0, 3600, 2)])

def control():
    tell(mnt + "/.seriesfs/ctl", r.choice(["flush", "compact"]))

for _ in range(r.randrange(2, 6)):
    r.choice((delete, delete, remove, late, refill, refill, control, control))()
with open(path, "w") as f:
    f.writelines("%s %d %d\n" % (h, t, k) for (h, t), k in sorted(model.items()))

expected = {}
for (h, t), k in model.items():
    expected.setdefault((h, t - (t - START) % 3600), []).append(k)
for more in "", "&exact=1":
    query = " " * (int(seed) % 100) + "select count(k), sum(k), min(k), max(k) from m group by time(1h), host fill(none);.csv?epoch=s&fresh=1"
    with open("%s/query/%s%s" % (db, query, more)) as f:
        found = {(h, int(t)): list(map(int, rest)) for _, h, t, *rest in (line.split(",") for line in f.read().splitlines()[1:])}
    wanted = {key: [len(v), sum(v), min(v), max(v)] for key, v in expected.items()}
    for key in sorted(found.keys() | wanted.keys()):
        if found.get(key) != wanted.get(key):
            print("NOT AS THE MODEL%s:" % more, key, "is", found.get(key), "not", wanted.get(key))
