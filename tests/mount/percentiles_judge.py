"""percentiles_judge.py MNT SEED: percentiles over many values are exact, and close where their memory is bounded."""
import math, os, random, subprocess, sys

mnt, seed = sys.argv[1], int(sys.argv[2])
r = random.Random(seed)
ROWS, HOSTS, HOUR = 20000, 10, 3600
kinds = {
    "i": lambda: "%di" % r.randrange(-50, 51),
    "u": lambda: "%du" % (2**64 - 1 - r.randrange(3)),
    "d": lambda: "%.1f" % r.uniform(-10, 10),
    "z": lambda: r.choice(["0", "-0", "1"]),
    "k": lambda: "%di" % (r.randrange(10) * r.randrange(80)),
}
values = {}
with open(mnt + "/db/write", "w") as out:
    for row in range(ROWS):
        for host in range(HOSTS):
            fields = {k: f() for k, f in kinds.items() if r.random() < 0.97}
            if not fields:
                continue
            for k, text in fields.items():
                n = float(text) if text[-1] not in "iu" else int(text[:-1])
                values.setdefault((k, row * 2 // HOUR), []).append(n)
            out.write("m,h=%d %s %d\n" % (host, ",".join("%s=%s" % f for f in fields.items()), row * 2 * 10**9))

def percentile(v, p):
    return sorted(v)[math.floor(len(v) * p / 100 + 0.5) - 1]

def median(v):
    v = sorted(v)
    half = len(v) // 2
    if len(v) % 2:
        return float(v[half])
    low, high = v[half - 1], v[half]
    return float(low) + float(high - low) / 2

def ask(query):
    with open("%s/db/query/%s;.csv?epoch=s" % (mnt, query)) as f:
        return [line.split(",")[1:] for line in f.read().splitlines()[1:]]

bad = 0
def check(what, expected, got):
    global bad
    if float(expected) != float(got):
        bad += 1
        print("seed %d, %s: expected %s, got %s" % (seed, what, expected, got))

for k in kinds:
    windows = sorted({w for kind, w in values if kind == k})
    for p in (1, 50, 95, 99.9, 100):
        rows = ask("select percentile(%s, %s) from m where time >= 0 and time < %ds group by time(1h)" % (k, p, ROWS * 2))
        for w, (time, got) in zip(windows, rows):
            check("percentile(%s, %s) of hour %d" % (k, p, w), percentile(values[k, w], p), got)
    for call, expected in (("median(%s)", median), ("count(distinct(%s))", lambda v: len(set(v)))):
        rows = ask("select " + call % k + " from m where time >= 0 and time < %ds group by time(1h)" % (ROWS * 2))
        for w, (time, got) in zip(windows, rows):
            check("%s of hour %d" % (call % k, w), expected(values[k, w]), got)
    all_values = [n for w in windows for n in values[k, w]]
    check("median(%s)" % k, median(all_values), ask("select median(%s) from m" % k)[0][1])
sys.exit(bad > 0)
