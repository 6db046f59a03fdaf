#!/usr/bin/env python3
"""Random queries over random points through a mount, and by the reference: the numbers must be the same.

usage: reference_queries.py SERIESFS_MNT [COUNT [SEED]]

What is a matter of taste is not asked: which of several rows of one time comes first, or of one value is a percentile.
"""
import json
import math
import os
import random
import sys
from fractions import Fraction
from zoneinfo import ZoneInfo

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from reference import (FIRST, LAST, SECOND, TRANSFORMATIONS, Binary, Call, Column, Compare, Duration, Literal, Logic,  # noqa: E402
                       Name, Select, Store, answer, offset_at, show)

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND
START = 1451606400 * SECOND     # 2016-01-01T00:00:00Z
DAYS = 3
HOSTS, REGIONS, WORDS = ["a", "b", "c"], ["east", "west", ""], ["one", "two", "three"]
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Cairo", "Asia/Kolkata",
         "Pacific/Apia", "America/Havana"]
NUMBERS = ["v", "n", "u", "w", "big"]
FIELDS = NUMBERS + ["ok", "s"]

# --- points ------------------------------------------------------------------------------------


def some_fields(rng):
    made = {
        "v": Fraction(rng.randrange(-3200, 6400), 32), "n": rng.randrange(-50, 50), "u": Unsigned(rng.randrange(100)),
        "big": rng.choice([1, -1, 1]) * (9 * 10**18 + rng.randrange(10**17)), "ok": rng.random() < 0.5,
        "s": rng.choice(WORDS), "w": Fraction(rng.randrange(64), 8)}
    chances = {"v": 0.8, "n": 0.8, "u": 0.6, "big": 0.5, "ok": 0.4, "s": 0.4, "w": 0.15}
    return {name: value for name, value in made.items() if rng.random() < chances[name]} or {"v": made["v"]}


class Unsigned(int):
    """Written with a `u` behind it."""


def field_text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Fraction):
        return repr(float(value))
    return f"{int(value)}{'u' if isinstance(value, Unsigned) else 'i'}"


def line(name, tags, time, fields):
    key = name + "".join(f",{tag}={value}" for tag, value in tags.items() if value)
    return f"{key} {','.join(f'{name}={field_text(value)}' for name, value in fields.items())} {time}\n"


def changes_of(zone, year):
    """When the clocks change, to the hour."""
    begin = (year - 1970) * 365 * DAY + (year - 1969) // 4 * DAY
    hours = range(begin, begin + 366 * DAY, HOUR)
    return [a for a, b in zip(hours, hours[1:]) if offset_at(ZoneInfo(zone), a) != offset_at(ZoneInfo(zone), b)]


def points(rng):
    """[(measurement, tags, time, fields)…] in the order they are written in."""
    made = []
    series = [{tag: value for tag, value in (("host", host), ("region", region)) if value}
              for host in HOSTS for region in REGIONS if rng.random() < 0.75]
    for time in sorted(rng.sample(range(DAYS * 8640), 200)):
        made.append(("m", rng.choice(series), START + time * 10 * SECOND, some_fields(rng)))
    for step in range(40):
        for tags in series:
            if rng.random() < 0.8:
                made.append(("t", tags, START + step * 37 * MINUTE, some_fields(rng)))
    for time in range(0, DAYS * DAY, 4 * HOUR):
        made.append(("one", {}, START + time + rng.randrange(3 * HOUR), some_fields(rng)))
    times = set()
    for zone in ZONES:
        for change in changes_of(zone, 2011 if zone == "Pacific/Apia" else 2010):
            times.update(change + rng.randrange(-36 * 60, 36 * 60) * MINUTE for _ in range(25))
    for time in sorted(times):
        made.append(("z", {"host": rng.choice(HOSTS)}, time, {"v": Fraction(rng.randrange(320), 32), "n": rng.randrange(50)}))
    # What comes late, and what is written again with other fields.
    rng.shuffle(made)
    for name, tags, time, _ in rng.sample(made, len(made) // 10):
        if name != "z":
            made.append((name, tags, time, some_fields(rng)))
    return made


# --- queries -----------------------------------------------------------------------------------


class Maker:
    def __init__(self, rng):
        self.rng = rng
        self.changes = {zone: changes_of(zone, 2011 if zone == "Pacific/Apia" else 2010) for zone in ZONES}

    def chance(self, p):
        return self.rng.random() < p

    def pick(self, *items):
        return self.rng.choice(items)

    def literal(self):
        return self.pick(0, 1, 10, -3, Fraction(1, 2), Fraction(11, 4), 50)

    def expression(self, depth=0, names=None):
        """Integers and unsigned ones do not stand in one."""
        names = names or self.pick("vnw", "vuw")
        if depth > 1 or self.chance(0.5):
            return Name(self.pick(*names))
        right = Literal(self.literal()) if self.chance(0.6) else self.expression(depth + 1, names)
        return Binary(self.expression(depth + 1, names), self.pick(*"+-*/"), right)

    def condition(self, depth=0):
        kind = self.rng.randrange(8)
        if kind < 2 and depth < 2:
            return Logic(self.condition(depth + 1), self.pick("and", "or"), self.condition(depth + 1))
        if kind < 4:
            tag = self.pick("host", "region")
            return Compare(Name(tag), self.pick("=", "!="), self.pick(*HOSTS, *REGIONS, "no"), True)
        if kind == 4:
            return Compare(Name("s"), self.pick("=", "!="), self.pick(*WORDS))
        if kind == 5:
            return Compare(Name("ok"), self.pick("=", "!="), self.chance(0.5))
        return Compare(self.expression(), self.pick("=", "!=", "<", "<=", ">", ">="), self.literal())

    def tail(self, select, limits=True):
        select.descending = self.chance(0.35)
        if limits and self.chance(0.3):
            select.limit = self.rng.randrange(1, 9)
        if limits and self.chance(0.2):
            select.rows_skipped = self.rng.randrange(1, 5)
        if select.group and self.chance(0.3):
            select.series_limit = self.rng.randrange(1, 4)
        if select.group and self.chance(0.2):
            select.series_skipped = self.rng.randrange(1, 3)
        return select

    def common(self, columns, source, windows):
        for number, column in enumerate(columns):
            column.alias = f"c{number}"
        select = Select(columns, source)
        if windows or self.chance(0.5):
            step = self.pick(MINUTE, HOUR, DAY)
            a, b = sorted(START + self.rng.randrange(-DAY // 2, (DAYS + 1) * DAY) // step * step for _ in "ab")
            select.first, select.last = a, b + self.rng.randrange(1, 3) * step - 1
            if not windows and self.chance(0.3):
                select.first = None
            elif not windows and self.chance(0.3):
                select.last = None
        if self.chance(0.35):
            select.where = self.condition()
        if self.chance(0.5):
            select.group = self.rng.sample(["host", "region"], self.rng.randrange(1, 3))
        if windows:
            select.interval = self.pick(5 * MINUTE, 7 * MINUTE, HOUR, HOUR, 3 * HOUR, 6 * HOUR, DAY)
            while select.last - select.first > 200 * select.interval:
                select.interval *= 6
            select.offset = self.pick(0, 0, 0, select.interval // 3, -(select.interval // 2), 90 * SECOND)
            select.fill = self.pick("null", "null", "none", 0, -7, Fraction(5, 2), "previous", "linear")
        return select

    def aggregate(self, is_tied):
        kind = self.rng.randrange(11)
        field = self.pick(*NUMBERS)
        if kind == 0:
            return Call("count", self.pick(*FIELDS))
        if kind == 1:
            return Call("count distinct", self.pick(*FIELDS))
        if kind == 2:
            return Call("percentile", self.pick("v", "big"), (self.pick(0, 1, 5, 20, 50, 75, 90, Fraction(199, 2), 100),))
        if kind == 3 and not is_tied:
            return Call(self.pick("first", "last"), self.pick(*FIELDS))
        if kind == 4 and not is_tied:
            return Call("mode", self.pick(*FIELDS))
        if kind == 5:
            return Call("stddev", self.pick("v", "n", "u", "w"))
        return Call(self.pick("count", "sum", "mean", "min", "max", "median", "spread"), field)

    def of_aggregates(self):
        windows, source = self.chance(0.6), self.pick("m", "m", "t", "one")
        columns = []
        for _ in range(self.pick(1, 1, 1, 2, 3)):
            call = self.aggregate(source == "t")
            number = call.function not in ("first", "last", "mode") or call.argument in NUMBERS
            columns.append(Column(Binary(call, self.pick(*"+-*/"), Literal(self.literal()))
                                  if number and call.argument != "big" and self.chance(0.15) else call))
        return self.tail(self.common(columns, source, windows))

    def of_selectors(self):
        windows = self.chance(0.4)
        call = self.pick(Call("first", self.pick(*FIELDS)), Call("last", self.pick(*FIELDS)),
                         Call(self.pick("min", "max"), self.pick(*NUMBERS)),
                         Call("percentile", self.pick("v", "big"), (self.pick(5, 50, 95),)),
                         Call(self.pick("top", "bottom"), self.pick(*NUMBERS), (self.rng.randrange(1, 6),)))
        others = [Column(Name(name)) for name in self.rng.sample(FIELDS + ["host", "region"], self.rng.randrange(3))]
        select = self.common([Column(call)] + others, self.pick("m", "one"), windows)
        select.fill = self.pick("none", "none", "null") if windows else "null"
        return self.tail(select, call.function not in ("top", "bottom"))

    def of_best(self):
        call = Call(self.pick("top", "bottom"), self.pick(*NUMBERS), (self.pick("host", "region"), self.rng.randrange(1, 4)))
        select = self.common([Column(call)], "m", self.chance(0.4))
        select.fill = "null"
        select.into_tag = True
        return self.tail(select, False)

    def of_distinct(self):
        select = self.common([Column(Call("distinct", self.pick(*FIELDS)))], self.pick("m", "t"), self.chance(0.4))
        select.fill = "null"
        return self.tail(select, False)

    def of_fields(self):
        source = self.pick("m", "m", "t", "one")
        columns = [Column(self.pick(Name(self.pick(*FIELDS, "host", "region")), self.expression()))
                   for _ in range(self.pick(1, 1, 2, 3))]
        return self.tail(self.common(columns, source, False), source != "t")

    def of_transformations(self):
        windows = self.chance(0.6)
        columns = [Column(self.transformation(windows)) for _ in range(self.pick(1, 1, 1, 2))]
        if windows and self.chance(0.15):
            columns.append(Column(self.aggregate(True)))
        return self.tail(self.common(columns, self.pick("m", "one"), windows))

    def transformation(self, windows):
        name, field = self.pick(*TRANSFORMATIONS), self.pick("v", "n", "u", "w", "big")
        argument = field
        if windows:
            # Of floats near 2^63 a difference has no digits left.
            names = ["count", "min", "max", "first", "last"] + ["sum", "mean", "median", "spread"] * (field != "big")
            argument = Call(self.pick(*names), field)
        numbers = ()
        if name == "moving_average":
            numbers = (self.rng.randrange(2, 6),)
        elif name in ("derivative", "non_negative_derivative", "elapsed") and self.chance(0.6):
            numbers = (Duration(self.pick(SECOND, 10 * SECOND, MINUTE, HOUR)),)
        return Call(name, argument, numbers)

    def of_areas(self):
        call = Call("integral", self.pick("v", "n", "u", "w"), self.pick((), (Duration(MINUTE),), (Duration(HOUR),)))
        return self.tail(self.common([Column(call)], self.pick("m", "one"), self.chance(0.6)))

    def of_zones(self):
        zone = self.rng.choice(ZONES)
        change = self.pick(*(self.changes[zone] or self.changes["Europe/Berlin"]))
        call = Call(self.pick("count", "sum", "mean", "max", "first", "last"), self.pick("v", "n"))
        if self.chance(0.2):
            call = Call(self.pick("derivative", "difference", "moving_average", "cumulative_sum"), call)
            call = Call(call.function, call.argument, (self.pick(2, 3),)) if call.function == "moving_average" else call
        select = Select([Column(call, "c0")], "z", zone=zone)
        step = self.pick(HOUR, DAY)
        select.first = (change - self.rng.randrange(6 * HOUR, 3 * DAY)) // step * step
        select.last = (change + self.rng.randrange(6 * HOUR, 3 * DAY)) // step * step - 1
        select.interval = self.pick(7 * MINUTE, 15 * MINUTE, 30 * MINUTE, 45 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, DAY,
                                    2 * DAY, 7 * DAY)
        if zone == "Pacific/Apia" and select.interval in (2 * DAY, 7 * DAY):
            select.interval = DAY   # a day that is left out is no window of its own there
        select.offset = self.pick(0, 0, select.interval // 4, -select.interval // 2, 6 * HOUR, 30 * MINUTE, -HOUR)
        select.fill = self.pick("null", "none", 0, "previous", "linear")
        select.group = self.pick([], [], ["host"])
        select.local_times = self.chance(0.5)
        while select.last - select.first > 300 * select.interval:
            select.interval *= 2
        return self.tail(select)

    def of_subqueries(self):
        windows = self.chance(0.5)
        kind = self.rng.randrange(3)
        if kind == 0:
            inner = self.common([Column(self.expression())], "m", False)
        else:
            call = Call(self.pick("count", "sum", "mean", "min", "max", "median"), self.pick("v", "n", "u"))
            inner = self.common([Column(call)], "m", kind == 1)
        inner.columns[0].alias = "x"
        what = Call(self.pick("count", "sum", "mean", "min", "max", "spread"), "x")
        select = self.common([Column(what)], inner, windows)
        if inner.interval:      # which windows of the one belong to which of the other is a matter of taste
            inner.offset = select.offset = 0
            inner.interval, select.interval = self.pick((10 * MINUTE, HOUR), (HOUR, HOUR), (HOUR, 3 * HOUR), (HOUR, DAY))
            select.interval *= windows
            select.first = select.first // DAY * DAY if select.first else None
        select.where = Compare(Name("x"), self.pick(">", "<="), self.literal()) if self.chance(0.3) else None
        if not inner.interval and not windows and kind == 0 and self.chance(0.4):
            select.columns[0].expression = Call(self.pick("difference", "derivative", "cumulative_sum"), "x")
        return self.tail(select)

    # --- statements

    def tag_condition(self, depth=0):
        if depth < 2 and self.chance(0.4):
            return Logic(self.tag_condition(depth + 1), self.pick("and", "or"), self.tag_condition(depth + 1))
        return Compare(Name(self.pick("host", "region")), self.pick("=", "!="), self.pick(*HOSTS, *REGIONS, "no"), True)

    def time_terms(self):
        """(text, first, last); one side, both, in either order, in parentheses"""
        first, last = sorted(START + self.rng.randrange(-DAY // 2, (DAYS + 1) * DAY) // MINUTE * MINUTE for _ in "ab")
        kind = self.rng.randrange(4)
        first, last = FIRST if kind == 0 else first, LAST if kind == 1 else last
        if kind == 2:
            return "", FIRST, LAST
        name = self.pick("time", "time", "(time)")
        terms = [] if first == FIRST else [self.pick(f"{name} >= {first}", f"{first} <= {name}", f"({name} > {first - 1})")]
        terms += [] if last == LAST else [self.pick(f"{name} <= {last}", f"{last} >= {name}", f"{name} < {last + 1}")]
        return " and ".join(terms), first, last

    def query(self):
        return self.rng.choice([
            self.of_aggregates, self.of_aggregates, self.of_aggregates, self.of_selectors, self.of_best, self.of_distinct,
            self.of_fields, self.of_fields, self.of_transformations, self.of_transformations, self.of_areas,
            self.of_zones, self.of_zones, self.of_subqueries])()


# --- the mount ---------------------------------------------------------------------------------


class Mount:
    def __init__(self, path):
        self.path = path

    def ask(self, name, text, raw=False):
        fd = os.open(f"{self.path}/{name}/exec.json?epoch=ns", os.O_RDWR)
        try:
            try:
                os.write(fd, text.encode() + b"\n")
            except OSError:
                pass
            pieces = []
            while True:
                try:
                    piece = os.read(fd, 1 << 20)
                except OSError:
                    piece = b""
                if not piece:
                    break
                pieces.append(piece)
        finally:
            os.close(fd)
        return json.loads(b"".join(pieces))

    def load(self, name, made, rng):
        """In pieces, the first of which are flushed."""
        os.mkdir(f"{self.path}/{name}")
        self.ask(name, f'create retention policy days on {name} duration inf replication 1 shard duration 1d default')
        cuts = [0] + sorted(rng.randrange(len(made)) for _ in range(2)) + [len(made)]
        for number, (begin, end) in enumerate(zip(cuts, cuts[1:])):
            with open(f"{self.path}/{name}/write", "w") as file:
                file.write("".join(line(*point) for point in made[begin:end]))
            if number == 0:
                with open(f"{self.path}/.seriesfs/ctl", "w") as file:
                    file.write("flush\n")


def equal(expected, got):
    if isinstance(expected, float) and math.isnan(expected):
        return got is None
    if expected is None or got is None or isinstance(expected, (str, bool)) or isinstance(got, (str, bool)):
        return expected == got and type(expected) is type(got)
    if isinstance(expected, int) and abs(expected) < 2**63:
        return expected == got
    return math.isclose(float(expected), got, rel_tol=1e-9, abs_tol=1e-9)


def in_order(rows):
    """Of rows of one time none comes first."""
    return sorted(rows, key=lambda row: (row[0], [str(float(v)) if isinstance(v, Fraction) else str(v) for v in row[1:]]))


def judge(expected, got):
    """None, or what is wrong."""
    result = got["results"][0] if "results" in got else got
    if "error" in result:
        return result["error"]
    series = result.get("series", [])
    if [(one["name"], one.get("tags", {})) for one in series] != [(one.name, one.tags) for one in expected]:
        return "other series: " + " ".join(str(one.get("tags", {})) for one in series)
    for mine, theirs in zip(expected, series):
        width = len(mine.columns)
        rows = [row[:width] for row in theirs["values"]]
        if len(rows) != len(mine.rows):
            return f"{len(rows)} rows of {mine.tags}: {rows[:40]}"
        if [row[0] for row in rows] != [row[0] for row in mine.rows]:
            return f"other order or times of {mine.tags}: {rows[:40]}"
        for left, right in zip(in_order(mine.rows), in_order(rows)):
            if not all(map(equal, left, right)):
                return f"{right} of {mine.tags}, expected {[str(value) for value in left]}"
    return None


def tries_of_delete(mount, maker, made, number):
    """What a DELETE leaves, from FROM and SHOW too. None, or what is wrong."""
    name, store = f"delete{number}", Store()
    for point in made:
        store.write(*point)
    mount.load(name, made, maker.rng)
    for _ in range(4):
        where = maker.tag_condition() if maker.chance(0.7) else None
        times, first, last = maker.time_terms()
        terms = ([where.text()] if where else []) + ([times] if times else [])
        maker.rng.shuffle(terms)
        text = "delete from m" + (" where " + " and ".join(terms) if terms else "")
        if not times and maker.chance(0.5):
            text = text.replace("delete", "drop series")
        mount.ask(name, text)
        store.delete("m", lambda row: first <= row.time <= last and (not where or where.takes(row)))
        select = Select([Column(Name(one), one) for one in FIELDS + ["host", "region"]], "m")
        yield text, judge(answer(select, store), mount.ask(name, select.text()))
        yield from tries_of_show(mount, maker, store, name)
    mount.ask("reference", f"drop database {name}")


def tries_of_show(mount, maker, store, name):
    where = maker.tag_condition() if maker.chance(0.8) else None
    condition = f" where {where.text()}" if where else ""
    key = maker.pick("host", "region")
    for what, text in (("series", "show series"), ("measurements", "show measurements"), ("tag keys", "show tag keys"),
                       ("tag values", f"show tag values with key = {key}")):
        expected = show(store, what, where, key)
        result = mount.ask(name, text + condition)["results"][0]
        got = [row for series in result.get("series", []) for row in
               ([(series["name"], one[-1]) for one in series["values"]] if "tag" in what else [one[0] for one in series["values"]])]
        yield text + condition, None if got == expected else f"{str(got)[:600]}, expected {str(expected)[:600]}"


def tries_of_query(mount, maker, store):
    select = getattr(maker, os.environ.get("KIND", "query"))()
    expected = answer(select, store)
    wrong = judge(expected, mount.ask("reference", select.text()))
    rows = "".join(f"\n\texpected {series.tags} {[[str(value) for value in row] for row in series.rows][:40]}" for series in expected)
    yield select.text(), wrong and wrong + rows


def main():
    mount = Mount(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 20160101
    rng = random.Random(seed)
    made, store = points(rng), Store()
    for point in made:
        store.write(*point)
    mount.load("reference", made, rng)
    maker, passed, failed = Maker(rng), 0, 0
    for number in range(count):
        tries = tries_of_query(mount, maker, store)
        if number % 50 == 0:
            tries = tries_of_delete(mount, maker, rng.sample([point for point in made if point[0] != "z"], 100), number)
        for text, wrong in tries:
            passed += wrong is None
            failed += wrong is not None
            if wrong is not None:
                print(f"FAILED: {text}\n\tgot {wrong}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
