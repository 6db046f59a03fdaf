#!/usr/bin/env bash
# Random queries over many series by one thread and by four, in memory, in shards and rewritten, with
# and without exact=1: the same bytes each time. Sums of doubles are among them.
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
        with open("%s/db/query/%s;.json?fresh=1%s" % (mnt, q.replace("/", "%2F"), sys.argv[3])) as f:
            print(q, f.read(), end="")
    except OSError as error:
        print(q, error.errno)
PY

seed=${SEED:-$RANDOM} queries=${QUERIES:-150}
python3 "$WORK/data.py" "$seed" >"$WORK/lines"
ask() { python3 "$WORK/ask.py" "$MNT" "$seed" "$1" "$queries"; }
mount_start -o scan_threads=1
echo "create database db with duration 0s shard duration 1h" >"$MNT/.seriesfs/exec"
cat "$WORK/lines" >"$MNT/db/write"
ask "" >"$WORK/one"
check "most queries are answered (SEED=$seed)" test "$(grep -c '"series"' "$WORK/one")" -gt $((queries / 2))
mount_stop
mount_start -o scan_threads=4
same() { # WHAT OPTIONS
	ask "$2" >"$WORK/other"
	check "$1 (SEED=$seed)" cmp "$WORK/one" "$WORK/other"
}
same "four threads, from the log" ""
echo flush >"$MNT/.seriesfs/ctl"
same "from shards" ""
same "exactly" "&exact=1"
echo compact >"$MNT/.seriesfs/ctl"
same "rewritten" ""
same "rewritten, exactly" "&exact=1"
mount_stop
mount_start -o scan_threads=1
same "rewritten, by one thread" ""
