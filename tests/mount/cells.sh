#!/usr/bin/env bash
# Cold chunks answer by the cells of their clock: hours, days and whole ranges decode nothing, what is cut
# decodes the vectors at the edges, and WHERE leaves alone what cannot match. Every answer is that of the rows.
. "$(dirname "$0")/../lib/mount.sh"

metric() { sed -n "s/^seriesfs_$1 //p" "$MNT/.seriesfs/metrics"; }

cat >"$WORK/data.py" <<'PY'
import random, sys
r = random.Random(int(sys.argv[1]))
start = 1700006400          # a Wednesday, 00:00
walk = 50
for host in ("even", "jitter", "gaps"):
    for i in range(3 * 8640):
        t = start + i * 10
        if host == "jitter":
            t += r.random() * 9
        if host == "gaps" and (i // 700) % 3 == 1:
            continue
        walk = min(100, max(0, walk + r.choice([-1, 0, 1])))
        fields = "k=%di,d=%.2f,f=%r,z=%s" % (walk, walk + r.random(), r.random() - 0.5, r.choice(["0", "-0", "1"]))
        fields += ",big=%di" % r.randrange(-2**63, 2**63)
        if host != "jitter" or i % 3:
            fields += ',hole=%di,text="t%d"' % (i, i % 7)
        print("m,host=%s %s %d" % (host, fields, int(t * 10**9)))
PY
cat >"$WORK/ask.py" <<'PY'
import json, random, sys
mnt, seed = sys.argv[1], int(sys.argv[2])
r = random.Random(seed)
start = 1700006400
def ask(q, options=""):
    with open("%s/db/query/%s;.json%s" % (mnt, q, options)) as f:
        return f.read()
def near(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, float) or isinstance(b, float):
        return a is not None and b is not None and abs(a - b) <= 1e-9 * max(1, abs(a))
    return a == b
def moment():
    return start + r.choice([0, 3600 * r.randrange(72), r.randrange(3 * 86400), 86400 * r.randrange(4)])
bad = 0
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
    a, b = ask(query(where), "?exact=1"), ask(query(rows))
    if a != b or not near(json.loads(a), json.loads(ask(query(where)))):
        bad += 1
        if bad < 3:
            print(query(where)); print(query(rows)); print(a[:600]); print(b[:600])
for n in range(20):
    where = ["time >= %ds and time < %ds" % tuple(sorted([moment(), moment() + 600])),
             "%s %s %d" % (r.choice("kd"), r.choice("<>"), r.choice([10, 50, 90]))]
    order = r.choice(["", " order by time desc limit 50"])
    a = ask("select k, d, text from m where " + " and ".join(where) + order)
    b = ask("select k, d, text from m where " + " and ".join(where[:1] + [where[1][0] + " + 0" + where[1][1:]]) + order)
    if a != b:
        bad += 1
        print(where, order); print(a[:400]); print(b[:400])
print("different:", bad)
PY

mount_start
echo "create database db with duration 0s shard duration 7d" >"$MNT/.seriesfs/exec"
seed=${SEED:-$RANDOM}
python3 "$WORK/data.py" "$seed" >"$WORK/lines"
cat "$WORK/lines" >"$MNT/db/write"
cat "$MNT"/db/autogen/*/m* >"$WORK/before"
echo compact >"$MNT/.seriesfs/ctl"
cat "$MNT"/db/autogen/*/m* | cmp - "$WORK/before"
check_equal "a rewrite with cells keeps every line" 0 $?
judge() {
	python3 "$WORK/ask.py" "$MNT" "$((seed + $2))" >"$WORK/asked" 2>&1
	check_equal "$1 (SEED=$seed)" "different: 0" "$(cat "$WORK/asked")"
}
judge "cells answer as their rows do" 1

# usage: costs NAME DECODED ROWS QUERY     chunks and rows that a query decodes, at most
costs() {
	local decoded rows
	decoded=$(metric chunks_decoded_total)
	rows=$(metric rows_decoded_total)
	cat "$MNT/db/query/$4" >"$WORK/answer" || return 1
	decoded=$(($(metric chunks_decoded_total) - decoded))
	rows=$(($(metric rows_decoded_total) - rows))
	check "$1: $decoded chunks, $rows rows decoded" test "$decoded" -le "$2" -a "$rows" -le "$3"
}
costs "hours of every host decode nothing" 0 0 "select mean(k), max(d), count(z), last(f) from m group by time(1h), host;.csv"
costs "days decode nothing" 0 0 "select mean(d), min(f), max(big) from m group by time(1d);.csv"
costs "everything decodes nothing" 0 0 "select mean(d), spread(k) from m;.csv"
costs "exact hours decode nothing" 0 0 "select mean(d) from m group by time(1h), host;.csv?exact=1"
costs "a range of whole hours decodes nothing" 0 0 \
	"select mean(k) from m where time >= 1700100000s - 3600s and time < 1700100000s + 7200s group by time(1h);.csv"
costs "a range that cuts hours decodes what is cut" 6 18432 \
	"select mean(k) from m where time >= 1700100001s and time < 1700200001s group by time(1h);.csv"
costs "half an hour of rows takes two vectors at most" 1 2048 \
	"select k from m where host = 'even' and time >= 1700100000s and time < 1700101800s;.csv"
costs "what is nowhere is not looked for" 0 0 "select count(k) from m where k >= 0 and d < 0;.csv"
check_equal "and gives nothing" "" "$(cat "$WORK/answer")"
costs "strings are counted without a look at them" 0 0 "select count(text) from m where host = 'even' group by time(1d);.csv"
check_equal "all of them" "3" "$(grep -c ',8640$' "$WORK/answer")"

echo "delete from m where time >= 1700040000s and time < 1700050000s" >"$MNT/db/exec"
head -2000 "$WORK/lines" | sed 's/k=[0-9]*i/k=7i/' >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
judge "with some of them masked and overlapped, too" 2
echo compact >"$MNT/.seriesfs/ctl"
judge "and after another rewrite" 3
mount_stop
