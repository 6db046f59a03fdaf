"""WHERE means one thing: DELETE and DROP SERIES take away what SELECT with the same WHERE shows, and SHOW agrees with itself.

    where.py MOUNTPOINT SEED COUNT     COUNT random conditions over points that are in memory, flushed, or cold

The right rows are not our own SELECT's alone: a condition of tags and times is also worked out here (a tag that is
missing is '' beside a text, and nothing beside another tag; times are intersected wherever they stand, and a term of
time is no part of an OR). SHOW knows of times to the part of a shard: what it lists may be more, and all of SHOW agrees.
"""
import json
import os
import random
import re
import shutil
import sys

MOUNT, SEED, COUNT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
SECOND = 10**9
HOSTS, REGIONS, ENVS = ["a", "b", "ab", None], ["a", "us", "eu", None], ["x", None]
# both: a tag of m, and a field of n
SERIES = [(name, {"host": h, "region": r, "env": e}) for name in ("m", "n") for h in HOSTS for r in REGIONS for e in ENVS
          if name == "m" or e is None and (h is None or r is None)]
TIMES = [1, 5, 9, 700000, 1400000, 1400001]


def ask(database, text):
    with open(f"{MOUNT}/{database}/exec.json?epoch=ns", "r+b", buffering=0) as file:
        file.write(text.encode())
        answer = b""
        try:
            while part := file.read(1 << 20):
                answer += part
        except OSError:
            return {"error": f"refused: {text}"}
    return json.loads(answer)["results"][0]


def key(name, tags):
    return name + "".join(f",{k}={v}" for k, v in sorted(tags.items()) if v)


def points():
    return [(name, tags, time * SECOND + k, k) for k, (name, tags) in enumerate(SERIES) for time in TIMES]


class Term:
    """A comparison of a tag: text, and whether a series' tags answer it."""

    def __init__(self, text, answers):
        self.text, self.answers = text, answers


class Time:
    """A comparison of time: text, and the range it leaves."""

    def __init__(self, text, first, last):
        self.text, self.first, self.last = text, first, last


def random_term(source):
    tag = source.choice(["host", "region", "env", "other", "host"])
    kind = source.randrange(8)
    value = source.choice(["a", "b", "us", "x", "", "ab"])
    quoted = source.choice([tag, f'"{tag}"', f"{tag}::tag", f"({tag})"])
    if kind < 2:
        text = f"{quoted} = '{value}'" if source.random() < 0.7 else f"'{value}' = {quoted}"
        return Term(text, lambda tags: (tags.get(tag) or "") == value)
    if kind < 4:
        text = f"{quoted} != '{value}'" if source.random() < 0.7 else f"'{value}' <> {quoted}"
        return Term(text, lambda tags: (tags.get(tag) or "") != value)
    if kind < 6:
        regex, op = source.choice(["a", "^a$", "^$", "b|us", ".", ".*", "^(a|x)$"]), source.choice(["=~", "!~"])
        return Term(f"{quoted} {op} /{regex}/", lambda tags: bool(re.search(regex, tags.get(tag) or "")) == (op == "=~"))
    if kind == 6:
        other = source.choice(["host", "region", "env", "other"])
        op = source.choice(["=", "!="])
        return Term(f"{tag} {op} {other}",
                    lambda tags: bool(tags.get(tag) and tags.get(other)) and (tags[tag] == tags[other]) == (op == "="))
    value = source.choice([("true", True), ("false", False), ("1 = 1", True), ("1 = 2", False), ("'a' = 'a'", True), ("'a' != 'a'", False)])
    return Term(value[0], lambda tags: value[1])


def random_time(source):
    time = source.choice(TIMES + [3, 100, 700001]) * SECOND + source.randrange(len(SERIES) + 1)
    op = source.choice(["<", "<=", ">", ">=", "=", "<", ">"])
    shown = source.choice([f"{time}", f"{time}ns", f"{time - SECOND} + 1s", f"({time})", f"{time + 60 * SECOND} - 1m"])
    column = source.choice(["time", "time", "(time)", "((time))", '"time"'])
    mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}[op]
    text = f"{column} {op} {shown}" if source.random() < 0.6 else f"{shown} {mirrored} {column}"
    first = {">": time + 1, ">=": time, "=": time}.get(op, -1 << 63)
    last = {"<": time - 1, "<=": time, "=": time}.get(op, (1 << 63) - 1)
    return Time(text, first, last)


def random_tree(source, depth):
    if depth == 0 or source.random() < 0.2:
        return random_time(source) if source.random() < 0.35 else random_term(source)
    return (source.choice(["and", "or"]), random_tree(source, depth - 1), random_tree(source, depth - 1), source.random() < 0.3)


def text_of(tree, above=None):
    if not isinstance(tree, tuple):
        return tree.text
    op, left, right, parentheses = tree
    # AND binds closer; the right side of one operator stands in parentheses, as it was made.
    text = f"{text_of(left, op)} {op} {text_of(right, op) if not isinstance(right, tuple) else '(' + text_of(right) + ')'}"
    return f"({text})" if parentheses or above == "and" and op == "or" else text


def times_of(tree):
    if isinstance(tree, Time):
        return tree.first, tree.last
    if not isinstance(tree, tuple):
        return -1 << 63, (1 << 63) - 1
    (a, b), (c, d) = times_of(tree[1]), times_of(tree[2])
    return max(a, c), min(b, d)


def answer_of(tree, tags):
    """None: there is nothing but time in it."""
    if isinstance(tree, Time):
        return None
    if not isinstance(tree, tuple):
        return tree.answers(tags)
    left, right = answer_of(tree[1], tags), answer_of(tree[2], tags)
    if left is None or right is None:
        return right if left is None else left
    return left and right if tree[0] == "and" else left or right


def has_time(tree):
    return isinstance(tree, Time) or isinstance(tree, tuple) and (has_time(tree[1]) or has_time(tree[2]))


def right_rows(tree, rows):
    first, last = times_of(tree)
    return [row for row in rows if first <= row[2] <= last and answer_of(tree, row[1]) is not False]


def rows_shown(database, where=""):
    found = []
    for series in ask(database, f"select v from /./{where} group by *").get("series", []):
        tags = {k: v for k, v in series.get("tags", {}).items() if v}
        found += [(key(series["name"], tags), time) for time, _ in series["values"]]
    return sorted(found)


def make(database, state):
    if os.path.exists(f"{MOUNT}/{database}"):
        shutil.rmtree(f"{MOUNT}/{database}")
    os.mkdir(f"{MOUNT}/{database}")
    with open(f"{MOUNT}/{database}/write", "w") as file:
        file.write("".join(f"{key(name, tags)} v={value}i {time}\n" for name, tags, time, value in points()))
    with open(f"{MOUNT}/.seriesfs/ctl", "w") as file:
        if state == "flushed":
            file.write("flush\n")
        elif state == "cold":
            file.write(f"compact {database}\n")


def complain(what, where, got, right):
    print(f"FAILED: {what}: {where}\n  extra   {sorted(set(got) - set(right))[:8]}\n  missing {sorted(set(right) - set(got))[:8]}")
    return 1


def keys_listed(result):
    return sorted(row[0] for series in result.get("series", []) for row in series["values"])


def check_show(database, where, rows, timed):
    """SHOW with the same WHERE tells of the series, measurements and values of the rows."""
    failed = 0
    series = sorted({key(name, tags) for name, tags, _, _ in rows})
    listed = keys_listed(ask(database, f"show series{where}"))
    failed += (not set(series) <= set(listed) if timed else series != listed) and complain("show series", where, listed, series)
    of = [(name, tags) for name, tags in SERIES if key(name, tags) in listed]
    names = sorted({name for name, _ in of})
    values = sorted({(name, tags["host"]) for name, tags in of if tags["host"]})
    result = ask(database, f"show tag values with key = host{where}")
    got = sorted((s["name"], row[1]) for s in result.get("series", []) for row in s["values"])
    failed += got != values and complain("show tag values", where, got, values)
    result = ask(database, f"show tag values exact cardinality with key = host{where}")
    got = sorted((s["name"], s["values"][0][0]) for s in result.get("series", []))
    right = sorted((name, sum(v[0] == name for v in values)) for name in {v[0] for v in values})
    failed += got != right and complain("show tag values exact cardinality", where, got, right)
    if timed:
        return failed
    result = ask(database, f"show series exact cardinality{where}")
    got = sorted((s["name"], s["values"][0][0]) for s in result.get("series", []))
    right = sorted((name, sum(n == name for n, _ in of)) for name in names)
    failed += got != right and complain("show series exact cardinality", where, got, right)
    result = ask(database, f"show measurements{where}")
    if "error" not in result:       # it takes less
        got = keys_listed(result)
        failed += got != names and complain("show measurements", where, got, names)
    return failed


def main():
    source = random.Random(SEED)
    failed = asked = taken = 0
    states = ["memory", "flushed", "cold"]
    for round in range(COUNT):
        database = "w"
        tree = random_tree(source, source.randrange(4))
        where = f" where {text_of(tree)}"
        state = states[round % 3]
        make(database, state)
        rows = points()
        right = right_rows(tree, rows)
        shown = rows_shown(database, where)
        wanted = sorted((key(name, tags), time) for name, tags, time, _ in right)
        failed += shown != wanted and complain("select", where, shown, wanted)
        failed += check_show(database, where, right, has_time(tree))
        remove = "delete" if has_time(tree) or round % 2 else "drop series"
        result = ask(database, remove + where)
        if "error" in result:
            failed += complain(f"{remove}: {result['error']}", where, [], [])
        left = rows_shown(database)
        kept = sorted({(key(name, tags), time) for name, tags, time, _ in rows} - set(wanted))
        failed += left != kept and complain(f"left by {remove} ({state})", where, left, kept)
        asked += 1
        taken += len(wanted)
        if failed > 8:
            break
    print(f"where: {asked} conditions over {len(rows)} points, {taken} rows taken away, {failed} failed (SEED={SEED})")
    return failed > 0


sys.exit(main())
