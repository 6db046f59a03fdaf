#!/usr/bin/env bash
# Chunks that answer by their summaries: the same bytes as from the rows, hot and cold, and no
# chunk is decoded where its window covers it. A condition that is always true asks for the rows. Without
# exact=1 the last digits of sums of cold doubles may differ. Deletes, removals and late points come
# between flushes and rewrites.
. "$(dirname "$0")/../lib/mount.sh"

metric() { sed -n "s/^seriesfs_$1 //p" "$MNT/.seriesfs/metrics"; }

cat >"$WORK/data.py" <<'PY'
import random, sys
r = random.Random(int(sys.argv[1]))
start = 1700002800
def line(host, t):
    fields = ["k=%di" % r.randrange(100), "f=%r" % (r.random() * 100 - 20), "d=%.2f" % (r.random() * 10)]
    if host != "b" or r.random() < 0.5:
        fields.append("i=%di" % r.randrange(-2**62, 2**62))
    if host != "c" or t % 7200 < 3600:
        fields.append("z=%s" % r.choice(["0", "-0", "1"]))
    if r.random() < 0.1:
        fields.append('s="x%d",y=%s' % (r.randrange(5), r.choice(["true", "false"])))
    return "m,host=%s %s %d" % (host, ",".join(fields), (start + t) * 10**9)
rows = [line(h, t) for h in "abc" for t in range(0, 5 * 3600, 2)]
rows += [line("a", r.randrange(3600 * 2, 3600 * 3)) for _ in range(40)]
if len(sys.argv) > 2:
    rows = r.sample(rows, 3000)
print("\n".join(rows))
PY
cat >"$WORK/ask.py" <<'PY'
import json, random, sys
mnt, seed = sys.argv[1], int(sys.argv[2])
r = random.Random(seed)
def ask(q, options=""):
    # An answer of the last second would be given again: blanks make it another question.
    with open("%s/db/query/%s%s;.json?fresh=1%s" % (mnt, " " * (int(sys.argv[2]) % 100), q, options)) as f:
        return f.read()
def near(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, float) or isinstance(b, float):
        return a is not None and b is not None and abs(a - b) <= 1e-9 * max(1, abs(a))
    return a == b
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
    a, b, c = ask(query([]), "&exact=1"), ask(query(["k + 0 >= 0"])), ask(query([]))
    if a != b or not near(json.loads(a), json.loads(c)):
        bad += 1
        if bad < 3:
            print(query([])); print(a[:600]); print(b[:600]); print(c[:600])
print("different:", bad)
PY

cat >"$WORK/change.py" <<'PY'
"""change.py MNT MODEL SEED: some changes, printed, and what is there by hour and host against a model of field k.
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
PY

mount_start
echo "create database db with duration 0s shard duration 1h" >"$MNT/.seriesfs/exec"
seed=${SEED:-$RANDOM}
python3 "$WORK/data.py" "$seed" >"$WORK/lines"
cat "$WORK/lines" >"$MNT/db/write"
judge() {
	python3 "$WORK/ask.py" "$MNT" "$((seed + $2))" "${3:-150}" >"$WORK/asked" 2>&1
	check_equal "$1 (SEED=$seed)" "different: 0" "$(cat "$WORK/asked")"
}
judge "rows in memory answer as rows" 1
echo flush >"$MNT/.seriesfs/ctl"
judge "flushed chunks answer as their rows do" 2
check "some by their summaries alone" test "$(metric chunks_summarized_total)" -gt 100
python3 "$WORK/data.py" "$seed" late >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
echo "delete from m where time >= 1700010000s and time < 1700010600s" >"$MNT/db/exec"
judge "overlapping and masked chunks answer as their rows do" 3
echo compact >"$MNT/.seriesfs/ctl"
judge "rewritten chunks answer as their rows do" 4

decoded=$(metric chunks_decoded_total)
summarized=$(metric chunks_summarized_total)
cat "$MNT/db/query/select mean(f), count(k), max(d) from m group by time(1h), host;.csv" >"$WORK/answer"
check_equal "hours of a whole chunk decode nothing" "$decoded" "$(metric chunks_decoded_total)"
check_equal "but use every chunk's summary" $((summarized + 15)) "$(metric chunks_summarized_total)"
# Not even cells: they begin with the minute.
for query in "mean(f), count(k)" "mean(f), count(s)"; do
	decoded=$(metric chunks_decoded_total)
	cat "$MNT/db/query/select $query from m group by time(7m,13s), host;.csv" >"$WORK/answer"
	check_equal "windows that no summary covers decode: $query" $((decoded + 15)) "$(metric chunks_decoded_total)"
done
check "EXPLAIN ANALYZE tells of what is summed, too" grep -q "15 chunks decoded" \
	"$MNT/db/query/explain analyze select mean(f), count(k) from m group by time(7m,13s);.csv"
check "EXPLAIN ANALYZE tells of them" grep -q "those of 15 chunks and cells by their summaries" \
	"$MNT/db/query/explain analyze select count(k) from m;.csv"

sed 's/^m,host=\(.\) k=\([0-9]*\)i.* \([0-9]*\)000000000$/\1 \3 \2/' "$WORK/lines" >"$WORK/model"
rm -r "$MNT/db/autogen"/2*
mount_stop
mount_start
cat "$WORK/lines" >"$MNT/db/write"
summarized=$(metric chunks_summarized_total)
for round in $(seq 1 "${ROUNDS:-10}"); do
	python3 "$WORK/change.py" "$MNT" "$WORK/model" "$((seed + round))" >"$WORK/changes" 2>&1
	check_equal "round $round is as the model, SEED=$seed" "" "$(grep -qE 'NOT AS|Error' "$WORK/changes" && cat "$WORK/changes")"
	judge "round $round: what is left answers as its rows do" $((10 + round)) 20
done
summarized=$(($(metric chunks_summarized_total) - summarized))
check "often by summaries: $summarized" test "$summarized" -gt 10
mount_stop
