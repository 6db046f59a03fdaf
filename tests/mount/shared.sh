#!/usr/bin/env bash
# Random queries over many series by one thread and by four, in memory, in shards and rewritten, and
# where points were deleted in each of these: with exact=1 the same bytes each time, sums of doubles
# among them; without it the same by any number of threads, and but for last digits those of exact=1.
. "$(dirname "$0")/../lib/mount.sh"

cat >"$WORK/data.py" <<'PY'
import random, sys
r = random.Random(int(sys.argv[1]))
start = 1700002800
rows = []
for n in range(60):
    for t in range(r.randrange(100), 4 * 3600, r.choice([7, 20, 60])):
        fields = ["f=%r" % (r.random() * 1000 - 300), "i=%di" % r.randrange(-2**40, 2**40), "d=%.2f" % (r.random() * 10)]
        if r.random() < 0.2:
            fields.append('s="x%d",b=%s' % (r.randrange(9), r.choice(["true", "false"])))
        rows.append("m,host=h%02d,dc=d%d %s %d" % (n, n % 3, ",".join(fields), (start + t) * 10**9))
r.shuffle(rows)
rows += r.sample(rows, 500)
print("\n".join(rows))
PY
cat >"$WORK/ask.py" <<'PY'
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
PY
cat >"$WORK/change.py" <<'PY'
"""change.py MNT SEED: points are deleted, series removed from groups, points come late."""
import os, random, sys
mnt, r = sys.argv[1], random.Random(int(sys.argv[2]))
db, start = mnt + "/db", 1700002800
def moment():
    return start + r.choice([3600 * r.randrange(5), r.randrange(4 * 3600)])
def tell(file, text):
    with open(file, "w") as f:
        f.write(text + "\n")
def delete():
    first = moment()
    where = r.choice(["", " and host = 'h%02d'" % r.randrange(60), " and dc = 'd%d'" % r.randrange(3), " and host =~ /h[0-2]/"])
    tell(db + "/exec", "delete from m where time >= %ds and time < %ds%s" % (first, first + r.choice([60, 900, 3600]), where))
def remove():
    group = r.choice(sorted(g for g in os.listdir(db + "/autogen") if g[0] == "2"))
    for series in os.listdir(db + "/autogen/" + group)[:5]:
        os.unlink("%s/autogen/%s/%s" % (db, group, series))
def late():
    tell(db + "/write", "\n".join("m,host=h%02d,dc=d%d f=%r,i=%di %d" % (n, n % 3, r.random(), r.randrange(2**40), moment() * 10**9)
                                  for n in r.sample(range(60), 40)))
for _ in range(6):
    r.choice((delete, delete, remove, late))()
PY

cat >"$WORK/near.py" <<'PY'
import json, sys
def near(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, float) and isinstance(b, (int, float)) or isinstance(b, float) and isinstance(a, int):
        return abs(a - b) <= 1e-9 * max(1, abs(a))
    return a == b
def lines(path):
    with open(path) as f:
        return [line.partition(" {") for line in f]
one, other = lines(sys.argv[1]), lines(sys.argv[2])
assert len(one) == len(other) > 50
for a, b in zip(one, other):
    if a[0] != b[0] or (a[2] and b[2] and not near(json.loads("{" + a[2]), json.loads("{" + b[2]))) or bool(a[2]) != bool(b[2]):
        sys.exit("%s\n%s\n%s" % (a[0], a[2][:1000], b[2][:1000]))
PY

seed=${SEED:-$RANDOM} queries=${QUERIES:-150}
python3 "$WORK/data.py" "$seed" >"$WORK/lines"
asked=0
ask() { # OPTIONS
	asked=$((asked + 1))
	python3 "$WORK/ask.py" "$MNT" "$seed" "$1" "$queries" "$asked"
}
mount_start -o scan_threads=1
echo "create database db with duration 0s shard duration 1h" >"$MNT/.seriesfs/exec"
cat "$WORK/lines" >"$MNT/db/write"
ask "&exact=1" >"$WORK/one"
ask "" >"$WORK/plain"
check "most queries are answered (SEED=$seed)" test "$(grep -c '"series"' "$WORK/one")" -gt $((queries / 2))
check "hot sums are exact ones (SEED=$seed)" cmp "$WORK/one" "$WORK/plain"
mount_stop
mount_start -o scan_threads=4
exact() { # WHAT
	ask "&exact=1" >"$WORK/other"
	check "$1, exactly (SEED=$seed)" cmp "$WORK/one" "$WORK/other"
}
plain() { # WHAT
	ask "" >"$WORK/plain"
	check "$1, but for last digits (SEED=$seed)" python3 "$WORK/near.py" "$WORK/one" "$WORK/plain"
}
again() { # WHAT
	ask "" >"$WORK/other"
	check "$1, to the byte (SEED=$seed)" cmp "$WORK/plain" "$WORK/other"
}
again "four threads, from the log"
echo flush >"$MNT/.seriesfs/ctl"
exact "from shards"
plain "from shards"
echo compact >"$MNT/.seriesfs/ctl"
exact "rewritten"
plain "rewritten"
mount_stop
mount_start -o scan_threads=1
again "rewritten, by one thread"

threads=1 queries=60
for settle in flush "" compact flush compact; do
	python3 "$WORK/change.py" "$MNT" "$((seed + asked))" || failed "the changes were not taken (SEED=$seed)"
	ask "&exact=1" >"$WORK/one"
	plain "deleted, $threads threads"
	[ -z "$settle" ] || echo "$settle" >"$MNT/.seriesfs/ctl"
	exact "deleted, $threads threads, after ${settle:-nothing}"
	plain "deleted, $threads threads, after ${settle:-nothing}"
	mount_stop
	threads=$((5 - threads))
	mount_start -o "scan_threads=$threads"
	again "deleted, $threads threads, ${settle:-as it was}"
	exact "deleted, $threads threads, ${settle:-as it was}"
done
check "points are left" test "$(cat "$MNT"/db/autogen/2*/* | wc -l)" -gt 1000
