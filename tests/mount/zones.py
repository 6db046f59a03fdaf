"""Windows of GROUP BY time() with tz() against a clock that is walked from minute to minute (zoneinfo).

A window begins where the clock on the wall first shows a multiple of the interval and the offset, or has just
passed one. A clock that is put by no less than the interval begins to count anew there: an hour that comes twice
is two windows of an hour; where the multiples do not go on in step, a window begins at the change.

    zones.py MOUNTPOINT DATABASE SEED COUNT     COUNT questions for each change of a clock; 0 = all
"""
import bisect
import json
import random
import sys
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60, 3600, 86400
MOUNT, DATABASE, SEED, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
# Each change is found near that day.
CHANGES = [("Europe/Berlin", "2017-03-26"), ("Europe/Berlin", "2017-10-29"), ("America/New_York", "2017-03-12"),
           ("America/New_York", "2017-11-05"), ("America/New_York", "2050-11-06"), ("Europe/London", "2021-10-31"),
           ("Australia/Lord_Howe", "2019-04-07"), ("Australia/Lord_Howe", "2019-10-06"), ("Pacific/Apia", "2011-12-30"),
           ("Pacific/Apia", "2012-04-01"), ("America/Havana", "2019-03-10"), ("America/Havana", "2019-11-03"),
           ("America/Sao_Paulo", "2018-02-18"), ("America/Sao_Paulo", "2018-11-04"), ("Asia/Beirut", "2019-03-31"),
           ("Africa/Cairo", "2010-08-11"), ("Africa/Cairo", "2010-09-10"), ("Africa/Cairo", "2024-11-01"),
           ("America/St_Johns", "2006-10-29"), ("America/St_Johns", "2007-03-11"), ("Asia/Kathmandu", "1986-01-01"),
           ("Asia/Pyongyang", "2015-08-15"), ("Asia/Pyongyang", "2018-05-05"), ("America/Caracas", "2007-12-09"),
           ("Antarctica/Troll", "2019-03-31"), ("Antarctica/Troll", "2019-10-27"), ("Atlantic/Azores", "2020-10-25"),
           ("Africa/Casablanca", "2021-04-11"), ("Asia/Tehran", "2020-09-21"), ("Pacific/Kwajalein", "1993-08-21"),
           ("Australia/Sydney", "2060-10-03"), ("Asia/Kolkata", "2020-01-01"), ("UTC", "2020-01-01")]
MINUTES = [1, 7, 10, 15, 20, 30, 40, 45, 60, 90, 120, 150, 180, 240, 300, 360, 480, 720, 1440, 2160, 2880, 10080]
OFFSETS = [0, 0, 0, HOUR, -HOUR, 30 * MINUTE, 6 * HOUR, -6 * HOUR, -16 * HOUR, 150 * MINUTE, 2 * DAY + 45 * MINUTE]
MONTHS = [1, 2, 3, 6, 12]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Clock:
    def __init__(self, name):
        self.zone = ZoneInfo(name)
        self.changes, self.known = [], {}

    def piece(self, time):
        """What it is ahead of UTC, and until when."""
        place = bisect.bisect_right(self.changes, time)
        if place not in self.known:
            self.known[place] = (self.ahead(time), self.changes[place] if place < len(self.changes) else 1 << 60)
        return self.known[place]

    def ahead(self, time):
        local = (EPOCH + timedelta(seconds=time)).astimezone(self.zone)
        return int(local.utcoffset().total_seconds())


class Unit:
    """An interval of seconds, or of months."""

    def __init__(self, seconds, months, offset):
        self.seconds, self.months, self.offset = seconds, months, offset

    def text(self):
        length = {1: "1month", 12: "1y"}.get(self.months, f"{self.months}months") if self.months else f"{self.seconds // 60}m"
        return f"time({length}, {self.offset}s)" if self.offset else f"time({length})"

    def number(self, local):
        """Of the last multiple that the clock has passed."""
        local -= self.offset
        if not self.months:
            return local // self.seconds
        day = datetime(1970, 1, 1) + timedelta(seconds=local)
        return (day.year * 12 + day.month - 1) // self.months


def starts_of(clock, unit, first, last):
    """When windows begin, the one that `first` lies in included: the clock is looked at whenever it can show one."""
    reach = unit.months * 32 * DAY if unit.months else unit.seconds
    time = (first - 2 * reach - 2 * DAY) // 900 * 900
    starts, latest, before = [], None, None
    while time <= last:
        ahead, until = clock.piece(time)
        number = unit.number(time + ahead)
        change = ahead - before if before is not None else 0
        before = ahead
        if change and not unit.months and abs(change) >= unit.seconds:
            if change % unit.seconds or (time + ahead - unit.offset) % unit.seconds == 0:
                starts.append(time)
            latest = number
        elif latest is None or number > latest:
            if latest is not None:
                starts.append(time)
            latest = number
        step = 900 - time % 900 if unit.months else unit.seconds - (time + ahead - unit.offset) % unit.seconds
        time = min(time + step, until)
    return [start for k, start in enumerate(starts) if k + 1 == len(starts) or starts[k + 1] > first]


def change_near(clock, day):
    """The change within two days of midnight UTC, or the midnight."""
    middle = int(datetime.fromisoformat(day).replace(tzinfo=timezone.utc).timestamp())
    time = middle - 2 * DAY
    while time < middle + 2 * DAY and clock.ahead(time) == clock.ahead(time + 60):
        time += 60
    return time + 60 if time < middle + 2 * DAY else middle


def all_changes(clock, first, last):
    found = []
    for time in range(first, last, DAY):
        low, high = time, time + DAY
        while high - low > 60 and clock.ahead(low) != clock.ahead(high):
            middle = (low + high) // 2 // 60 * 60
            low, high = (middle, high) if clock.ahead(middle) == clock.ahead(low) else (low, middle)
        if clock.ahead(low) != clock.ahead(high):
            found.append(high)
    return found


def ask(statements):
    with open(f"{MOUNT}/{DATABASE}/exec.json?epoch=s", "r+b", buffering=0) as file:
        file.write(";".join(statements).encode())
        text = b""
        try:
            while part := file.read(1 << 20):
                text += part
        except OSError:
            raise SystemExit(f"FAILED: {statements[0]}…: {open(f'{MOUNT}/{DATABASE}/errors').read()[-600:]}")
    return json.loads(text)["results"]


def rows_of(result):
    if "error" in result:
        raise SystemExit(f"FAILED: {result['error']}")
    return result["series"][0]["values"] if "series" in result else []


def questions_of(index, name, clock, change, source):
    """(statement, rows that are right) for one change; at random, or all."""
    units = [Unit(minutes * 60, 0, offset) for minutes in MINUTES for offset in OFFSETS] + \
            [Unit(0, months, offset) for months in MONTHS for offset in OFFSETS]
    if COUNT:
        units = [source.choice(units) for _ in range(COUNT)]
    for unit in units:
        reach = unit.months * 45 * DAY if unit.months else min(unit.seconds * 12, 40 * DAY)
        reach = max(reach, 2 * HOUR)
        first = change - source.randrange(reach)
        last = change + source.randrange(reach)
        points = [(time, value) for time, value in POINTS[index] if first <= time <= last]
        starts = starts_of(clock, unit, first, last)
        windows = [(a, [v for t, v in points if a <= t < b]) for a, b in zip(starts, starts[1:] + [last + 1])]
        tail = f"from m{index} where time >= {first}s and time <= {last}s group by {unit.text()}"
        zone = f"tz('{name}')"
        right = [[start, sum(values), len(values)] for start, values in windows]
        filled = right if points else []
        held = [row for row in right if row[2]]
        yield f"select sum(v), count(v) {tail} fill(0) {zone}", filled
        yield f"select sum(v), count(v) {tail} fill(0) order by time desc {zone}", filled[::-1]
        yield f"select sum(v), count(v) {tail} fill(none) {zone}", held
        yield f"select sum(v), count(v) {tail} fill(none) order by time desc limit 3 {zone}", held[::-1][:3]
        yield (f"select sum(s), sum(n) from (select sum(v) as s, count(v) as n {tail} {zone}) "
               f"where time >= {first - 800 * DAY}s", [[first - 800 * DAY, sum(v for _, v in points), len(points)]] if points else [])
        ends = (held[0], held[-1])
        if len(held) > 1:
            # Between two points the line is straight in time, however long the windows are.
            (a, low, _), (b, high, _) = ends
            line = [[t, float(low + Fraction((high - low) * (t - a), b - a)) if t >= a else None]
                    for t, _, _ in right if t <= b]
            line_name = f"line{index}_{len(LINES)}"
            LINES.append(f"{line_name} v={low}.0 {max(a, first)}s\n{line_name} v={high}.0 {b}s\n")
            yield f"select max(v) from {line_name} where time >= {first}s and time <= {b}s group by {unit.text()} fill(linear) {zone}", line


def near(a, b):
    return a == b or (a is not None and b is not None and abs(a - b) <= 1e-9 * max(abs(a), abs(b)))


def equal(got, right):
    return len(got) == len(right) and all(near(x, y) for a, b in zip(got, right) for x, y in zip(a, b))


def write(text):
    with open(f"{MOUNT}/{DATABASE}/write", "w") as file:
        file.write(text)


POINTS, LINES = [], []


def main():
    source = random.Random(SEED)
    asked = failed = windows = 0
    changes = []
    for index, (name, day) in enumerate(CHANGES):
        clock = Clock(name)
        change = change_near(clock, day)
        clock.changes = all_changes(clock, change - 4 * 366 * DAY, change + 2 * 366 * DAY)
        changes.append((index, name, clock, change))
        times = set(range(change - 3 * DAY, change + 3 * DAY, 15 * MINUTE)) | set(range(change - 50 * DAY, change + 50 * DAY, 3 * HOUR)) | \
            set(range(change - 2 * HOUR, change + 2 * HOUR, MINUTE)) | set(range(change - 540 * DAY, change + 540 * DAY, DAY))
        POINTS.append([(time, k + 1) for k, time in enumerate(sorted(times))])
        write("".join(f"m{index} v={value}i {time}s\n" for time, value in POINTS[index]))
    for index, name, clock, change in changes:
        LINES.clear()
        questions = list(questions_of(index, name, clock, change, source))
        write("".join(LINES))
        for at in range(0, len(questions), 50):
            batch = questions[at:at + 50]
            for (statement, right), result in zip(batch, ask([q for q, _ in batch])):
                got = rows_of(result)
                asked += 1
                windows += len(right)
                if not equal(got, right):
                    failed += 1
                    if failed <= 5:
                        print(f"FAILED: {statement}\n  got   {got[:12]}\n  right {right[:12]}")
    print(f"zones: {len(changes)} changes of clocks, {asked} questions, {windows} windows, {failed} failed (SEED={SEED})")
    return failed > 0


sys.exit(main())
