"""The query language once more, small, slow and without cleverness: points in lists, every window
cut by hand, numbers as fractions. It is written from the manual and from nothing of ours, so that
where it and a mount differ one of the two is wrong.

store = Store(); store.write("m", {"host": "a"}, 10, {"v": Fraction(1)})
select = Select([Column(Call("mean", "v"))], "m", group=["host"])
print(select.text()); print(answer(select, store))

Values: Fraction is a float field's, int an integer's or unsigned one's, bool, str; None is null.
A time is an int of nanoseconds since 1970. An aggregate that no integer of 64 bits can hold is
its right value all the same.
"""
import dataclasses
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

SECOND = 10**9
FIRST, LAST = -(2**63) + 2, 2**63 - 2

# --- points ------------------------------------------------------------------------------------


@dataclass
class Row:
    time: int
    tags: dict
    fields: dict


class Store:
    def __init__(self):
        self.rows = {}  # measurement -> {(tags, time): Row}

    def write(self, name, tags, time, fields):
        """Of one time and series the fields are put together, the last written wins."""
        rows = self.rows.setdefault(name, {})
        row = rows.setdefault((tuple(sorted(tags.items())), time), Row(time, dict(tags), {}))
        row.fields.update(fields)

    def delete(self, name, takes):
        for key in [key for key, row in self.rows[name].items() if takes(row)]:
            del self.rows[name][key]

    def of(self, name):
        """By time, and by series where times are equal."""
        rows = self.rows.get(name, {}).values()
        return sorted(rows, key=lambda row: (row.time, sorted(row.tags.items())))

    def field_names(self, name):
        return sorted({field for row in self.of(name) for field in row.fields})


# --- expressions -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Name:
    name: str

    def text(self):
        return self.name


@dataclass(frozen=True)
class Literal:
    value: object

    def text(self):
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return f"'{self.value}'" if isinstance(self.value, str) else decimal(self.value)


@dataclass(frozen=True)
class Binary:
    left: object
    operator: str
    right: object

    def text(self):
        return f"({self.left.text()} {self.operator} {self.right.text()})"


@dataclass(frozen=True)
class Call:
    """`argument` is a field's name, or another Call; `numbers` are the arguments behind it."""
    function: str
    argument: object
    numbers: tuple = ()

    def text(self):
        inner = self.argument.text() if isinstance(self.argument, Call) else self.argument
        if self.function == "count distinct":
            return f"count(distinct({inner}))"
        return f"{self.function}({', '.join([inner] + [number_text(n) for n in self.numbers])})"


@dataclass(frozen=True)
class Duration:
    ns: int


def number_text(number):
    if isinstance(number, Duration):
        return duration_text(number.ns)
    return number if isinstance(number, str) else decimal(number)


def decimal(value):
    """All the fractions that are written are dyadic."""
    return str(value) if isinstance(value, int) else f"{float(value):.10f}".rstrip("0").rstrip(".")


def duration_text(ns):
    for unit, size in (("w", 604800 * SECOND), ("d", 86400 * SECOND), ("h", 3600 * SECOND), ("m", 60 * SECOND),
                       ("s", SECOND), ("ns", 1)):
        if ns % size == 0:
            return f"{ns // size}{unit}"
    return "0s"


def calls_in(expression):
    if isinstance(expression, Call):
        return [expression]
    if isinstance(expression, Binary):
        return calls_in(expression.left) + calls_in(expression.right)
    return []


def names_in(expression):
    if isinstance(expression, Name):
        return [expression.name]
    if isinstance(expression, Binary):
        return names_in(expression.left) + names_in(expression.right)
    return []


def is_number(value):
    return isinstance(value, (int, Fraction)) and not isinstance(value, bool)


def arithmetic(operator, left, right):
    if left is None or right is None:
        return None
    if left != left:    # no number stays none
        return left
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    # Integers are divided as numbers are; what is divided by nothing is 0.
    return Fraction(left) / Fraction(right) if right else Fraction(0)


def value_of(expression, lookup):
    if isinstance(expression, Literal):
        return expression.value
    if isinstance(expression, Binary):
        return arithmetic(expression.operator, value_of(expression.left, lookup), value_of(expression.right, lookup))
    return lookup(expression)


# --- WHERE -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compare:
    """A field or an expression of them beside a literal, or a tag beside a text."""
    left: object
    operator: str
    right: object
    is_tag: bool = False

    def text(self):
        return f"{self.left.text()} {self.operator} {Literal(self.right).text()}"

    def takes(self, row):
        if self.is_tag:
            left = row.tags.get(self.left.name, "")
        else:
            left = value_of(self.left, lambda name: row.fields.get(name.name))
        return compare(self.operator, left, self.right)


def compare(operator, left, right):
    if left is None:
        return False
    if isinstance(left, (str, bool)) or isinstance(right, (str, bool)):
        if type(left) is not type(right):
            return False
        return {"=": left == right, "!=": left != right}[operator]
    return {"=": left == right, "!=": left != right, "<": left < right, "<=": left <= right,
            ">": left > right, ">=": left >= right}[operator]


@dataclass(frozen=True)
class Logic:
    left: object
    operator: str
    right: object

    def text(self):
        return f"({self.left.text()} {self.operator} {self.right.text()})"

    def takes(self, row):
        if self.operator == "and":
            return self.left.takes(row) and self.right.takes(row)
        return self.left.takes(row) or self.right.takes(row)


# --- the statement -----------------------------------------------------------------------------


@dataclass
class Column:
    expression: object
    alias: str = ""

    def text(self):
        return self.expression.text() + (f" as {self.alias}" if self.alias else "")


@dataclass
class Select:
    columns: list
    source: object              # a measurement's name, or a Select
    where: object = None
    first: object = None        # the times that are taken, both ends included; None = all
    last: object = None
    group: list = field(default_factory=list)
    interval: int = 0
    offset: int = 0
    fill: object = "null"       # "null" "none" "previous" "linear", or a number
    descending: bool = False
    limit: int = 0
    rows_skipped: int = 0
    series_limit: int = 0
    series_skipped: int = 0
    zone: str = ""
    local_times: bool = False   # bounds are written as local times of `zone`

    def time_text(self, time):
        if not self.local_times or time % SECOND:
            return str(time)
        local = datetime.fromtimestamp(time // SECOND, ZoneInfo(self.zone or "UTC"))
        if local.fold or local.replace(fold=0).timestamp() * SECOND != time:
            return str(time)
        return f"'{local:%Y-%m-%d %H:%M:%S}'"

    def text(self, outermost=True):
        source = self.source if isinstance(self.source, str) else f"({self.source.text(False)})"
        text = f"select {', '.join(column.text() for column in self.columns)} from {source}"
        terms = [] if self.first is None else [f"time >= {self.time_text(self.first)}"]
        terms += [] if self.last is None else [f"time < {self.time_text(self.last + 1)}"]
        terms += [self.where.text()] if self.where else []
        text += " where " + " and ".join(terms) if terms else ""
        dimensions = list(self.group)
        if self.interval:
            offset = f", {duration_text(self.offset)}" if self.offset else ""
            dimensions.insert(0, f"time({duration_text(self.interval)}{offset})")
        text += " group by " + ", ".join(dimensions) if dimensions else ""
        if self.interval and self.fill != "null":
            text += f" fill({self.fill if isinstance(self.fill, str) else decimal(self.fill)})"
        text += " order by time desc" if self.descending else ""
        text += f" limit {self.limit}" if self.limit else ""
        text += f" offset {self.rows_skipped}" if self.rows_skipped else ""
        text += f" slimit {self.series_limit}" if self.series_limit else ""
        text += f" soffset {self.series_skipped}" if self.series_skipped else ""
        return text + (f" tz('{self.zone}')" if self.zone and outermost else "")


@dataclass
class Series:
    name: str
    tags: dict
    columns: list
    rows: list      # [time, value…]


# --- windows -----------------------------------------------------------------------------------


def offset_at(zone, time):
    return int(datetime.fromtimestamp(time // SECOND, timezone.utc).astimezone(zone).utcoffset().total_seconds()) * SECOND


def offsets_around(zone, local):
    """What the clock is ahead of UTC, as (from, to, offset), in the days around a local time."""
    hour = 3600 * SECOND
    begin = local // hour * hour - 40 * hour
    pieces, at = [], begin
    while at < begin + 80 * hour:
        here = offset_at(zone, at)
        end = at + hour
        while end < begin + 80 * hour and offset_at(zone, end) == here:
            end += hour
        low, high = end - hour, end     # the change lies between them
        while high - low > SECOND:
            middle = (low + high) // 2 // SECOND * SECOND
            low, high = (middle, high) if offset_at(zone, middle) == here else (low, middle)
        pieces.append((at, high, here))
        at = high
    return pieces


class Windows:
    """GROUP BY time(interval, offset): windows begin where the clock on the wall first shows, or has
    just passed, a multiple of the interval and the offset. Where a window is no longer than what
    the clock is put back or forward, windows go on through the change: an hour that comes twice
    is two hours. Where they would not stand on multiples behind it, they end and begin with it."""

    def __init__(self, interval, offset, zone):
        self.interval, self.offset = interval, offset % interval
        self.zone = ZoneInfo(zone) if zone else None
        self.known = {}

    def boundary(self, number):
        """When the window of that number begins."""
        local = number * self.interval + self.offset
        if not self.zone:
            return local
        if number not in self.known:
            for begin, end, ahead in offsets_around(self.zone, local):
                if local - ahead < end:
                    self.known[number] = max(begin, local - ahead)
                    break
        return self.known[number]

    def of(self, time):
        """(start, end) of the window that a time lies in."""
        ahead = offset_at(self.zone, time) if self.zone else 0
        number = (time + ahead - self.offset) // self.interval
        plain = number * self.interval + self.offset - ahead
        if not self.zone:
            return plain, plain + self.interval
        changes = self.changes_near(plain)
        if max([abs(change) for _, change in changes], default=0) >= self.interval:
            cuts = [at for at, change in changes if change % self.interval]
            return (max([plain] + [at for at in cuts if at <= time]),
                    min([plain + self.interval] + [at for at in cuts if at > time]))
        while self.boundary(number) > time:
            number -= 1
        while self.boundary(number + 1) <= time:
            number += 1
        return self.boundary(number), self.boundary(number + 1)

    def changes_near(self, time):
        """(when, how far) the clock is put"""
        pieces = offsets_around(self.zone, time)
        return [(b[0], b[2] - a[2]) for a, b in zip(pieces, pieces[1:])]

    def between(self, first, last):
        """All windows that hold a time from first to last."""
        start, end = self.of(first)
        windows = []
        while start <= last:
            windows.append((start, end))
            start, end = self.of(end)
        return windows


# --- functions over the values of a window -----------------------------------------------------
# Each is given [(time, value, row)…] by time, not empty, and gives (value, row or None).


def mean(values):
    return Fraction(sum(values)) / len(values)


def median(values):
    values = sorted(values)
    half = len(values) // 2
    return Fraction(values[half]) if len(values) % 2 else (Fraction(values[half - 1]) + Fraction(values[half])) / 2


def deviation(values):
    """One value has none, which is no reason to fill the window with another one's."""
    if len(values) < 2:
        return math.nan
    squares = sum((Fraction(value) - mean(values))**2 for value in values) / (len(values) - 1)
    return Fraction(math.sqrt(squares))


def mode(values):
    """The most frequent; of those the one that came first."""
    return max(values, key=lambda value: (values.count(value), -values.index(value)))


AGGREGATES = {
    "count": len, "sum": sum, "mean": mean, "median": median, "stddev": deviation, "mode": mode,
    "spread": lambda values: max(values) - min(values), "count distinct": lambda values: len(set(values)),
}


def percentile_place(count, percent):
    """The nearest rank, from 0; the least value is the lowest there is."""
    place = math.floor(Fraction(count) * Fraction(percent) / 100 + Fraction(1, 2)) - 1
    return max(place, 0)


SELECTORS = {
    "first": lambda points, _: points[0],
    "last": lambda points, _: points[-1],
    "min": lambda points, _: min(points, key=lambda point: (point[1], point[0])),
    "max": lambda points, _: min(points, key=lambda point: (-point[1], point[0])),
    "percentile": lambda points, numbers:
        sorted(points, key=lambda point: (point[1], point[0]))[percentile_place(len(points), numbers[0])],
}


def best(points, numbers, sign):
    """top() and bottom(): the N best, of equal ones the earlier, by time; with a tag the best of each of its values."""
    order = sorted(points, key=lambda point: (-sign * point[1], point[0]))
    if len(numbers) == 2:
        seen, alone = set(), []
        for point in order:
            value = point[2].tags.get(numbers[0], "")
            alone += [] if value in seen else [point]
            seen.add(value)
        order = alone
    return sorted(order[:numbers[-1]], key=lambda point: point[0])


def area(points, unit, windows):
    """{start of window: what lies under the lines from point to point}"""
    areas = {}

    def add(start, amount):
        areas[start] = areas.get(start, Fraction(0)) + amount / unit

    for time, _, _ in points:
        add(windows.of(time)[0] if windows else 0, Fraction(0))
    for (time_a, a, _), (time_b, b, _) in zip(points, points[1:]):
        at = time_a
        while at < time_b:
            start, end = windows.of(at) if windows else (0, time_b)
            end = min(end, time_b)
            height = [a + Fraction((b - a) * (t - time_a)) / (time_b - time_a) for t in (at, end)]
            add(start, (height[0] + height[1]) / 2 * (end - at))
            at = end
    return areas


# --- functions from point to point -------------------------------------------------------------


def transformed(call, points, unit):
    """[(time, value)…] by time, of which no two times are equal"""
    name, out = call.function, []
    if name == "moving_average":
        count = call.numbers[0]
        return [(points[i][0], mean([value for _, value in points[i - count + 1:i + 1]]))
                for i in range(count - 1, len(points))]
    if name == "cumulative_sum":
        return [(points[i][0], sum(value for _, value in points[:i + 1])) for i in range(len(points))]
    for (time_a, a), (time_b, b) in zip(points, points[1:]):
        if name == "elapsed":
            out.append((time_b, (time_b - time_a) // unit))
            continue
        value = b - a
        if name.endswith("derivative"):
            value = Fraction(value) * unit / (time_b - time_a)
        if value >= 0 or not name.startswith("non_negative"):
            out.append((time_b, value))
    return out


TRANSFORMATIONS = ["derivative", "non_negative_derivative", "difference", "non_negative_difference",
                   "moving_average", "cumulative_sum", "elapsed"]


def unit_of(call, select):
    if call.numbers and isinstance(call.numbers[0], Duration):
        return call.numbers[0].ns
    if call.function == "elapsed":
        return 1
    return select.interval or SECOND


# --- an answer ---------------------------------------------------------------------------------


def source_rows(select, store):
    """(name of the measurement, its rows)"""
    if isinstance(select.source, str):
        return select.source, store.of(select.source)
    inner = inherit(select.source, select)
    rows = []
    for series in answer(inner, store):
        for time, *values in series.rows:
            fields = {name: value for name, value in zip(series.columns[1:], values) if value is not None and value == value}
            if fields:
                rows.append(Row(time, series.tags, fields))
    name = select.source
    while not isinstance(name, str):
        name = name.source
    return name, sorted(rows, key=lambda row: row.time)


def inherit(inner, outer):
    """A subquery is of the times and the tags of what stands around it; its empty windows are no rows."""
    inner = dataclasses.replace(inner)
    firsts = [time for time in (inner.first, outer.first) if time is not None]
    lasts = [time for time in (inner.last, outer.last) if time is not None]
    inner.first, inner.last = max(firsts, default=None), min(lasts, default=None)
    inner.group = inner.group + [tag for tag in outer.group if tag not in inner.group]
    inner.zone, inner.descending = outer.zone, outer.descending
    inner.fill = "none" if inner.fill == "null" else inner.fill
    if not inner.interval:
        inner.interval, inner.offset = outer.interval, outer.offset
    return inner


def answer(select, store):
    """[Series…]"""
    name, rows = source_rows(select, store)
    kinds = {key: type(value) for row in rows for key, value in row.fields.items()}
    groups = {}
    for row in rows:
        if not select.where or select.where.takes(row):
            groups.setdefault(tuple(row.tags.get(tag, "") for tag in sorted(select.group)), []).append(row)
    found = []
    for key in sorted(groups):
        lines = rows_of_group(select, groups[key], kinds)
        if lines:
            columns = ["time"] + [column.alias for column in select.columns]
            lines = sorted(lines, key=lambda line: line[0], reverse=select.descending)
            lines = lines[select.rows_skipped:]
            lines = lines[:select.limit] if select.limit else lines
            found.append(Series(name, dict(zip(sorted(select.group), key)), columns, lines))
    found = found[select.series_skipped:]
    found = found[:select.series_limit] if select.series_limit else found
    found = [series for series in found if series.rows]
    return found[::-1] if select.descending else found


def in_range(select, rows, back=0):
    """A window that begins before the range of a statement around its subquery is in it all the same."""
    if not isinstance(select.source, str):
        return rows
    first = FIRST if select.first is None else select.first - back
    last = LAST if select.last is None else select.last
    return [row for row in rows if first <= row.time <= last]


def rows_of_group(select, rows, kinds):
    calls = [call for column in select.columns for call in calls_in(column.expression)]
    if not calls:
        return raw_rows(select, in_range(select, rows), set(kinds))
    if calls[0].function in TRANSFORMATIONS:
        return transformed_rows(select, rows, calls, kinds)
    rows = in_range(select, rows)
    if not rows:
        return []
    if calls[0].function in ("top", "bottom", "distinct"):
        return many_rows(select, rows, calls[0])
    if select.interval:
        return window_rows(select, rows, calls, kinds)
    return single_row(select, rows, calls, kinds)


def lookup_in(row):
    """A column's name is a field, else a tag."""
    return lambda name: row.fields.get(name.name, row.tags.get(name.name))


def raw_rows(select, rows, fields):
    wanted = {name for column in select.columns for name in names_in(column.expression)} & fields
    lines = []
    for row in rows:
        if wanted & set(row.fields):
            lines.append([row.time] + [value_of(column.expression, lookup_in(row)) for column in select.columns])
    return lines


def points_of(rows, name):
    return [(row.time, row.fields[name], row) for row in rows if name in row.fields]


def computed(call, points):
    """(value, selected point or None)"""
    if not points:
        return None, None
    if call.function in SELECTORS:
        point = SELECTORS[call.function](points, call.numbers)
        return point[1], point
    if call.function == "integral":
        return area(points, call.numbers[0].ns if call.numbers else SECOND, None)[0], None
    return AGGREGATES[call.function]([point[1] for point in points]), None


def line_of(select, time, values, selected):
    def lookup(expression):
        if isinstance(expression, Call):
            return values[expression]
        return lookup_in(selected[2])(expression) if selected else None

    return [time] + [value_of(column.expression, lookup) for column in select.columns]


def single_row(select, rows, calls, kinds):
    values, selected = {}, None
    for call in calls:
        values[call], chosen = computed(call, points_of(rows, call.argument))
        selected = chosen or selected
    if all(value is None for value in values.values()):
        return []
    is_one = len(set(calls)) == 1 and selected
    time = selected[0] if is_one else select.first or 0
    if calls[0].function == "integral" and kinds[calls[0].argument] is Fraction:
        time = 0    # as the manual shows it
    return [line_of(select, time, values, selected)]


def many_rows(select, rows, call):
    windows = Windows(select.interval, select.offset, select.zone) if select.interval else None
    cut, lines = {}, []
    for point in points_of(rows, call.argument):
        cut.setdefault(windows.of(point[0])[0] if windows else select.first or 0, []).append(point)
    for start in sorted(cut):
        if call.function == "distinct":
            lines += [[start, value] for value in dict.fromkeys(point[1] for point in cut[start])]
        else:
            for point in best(cut[start], call.numbers, 1 if call.function == "top" else -1):
                lines.append(line_of(select, point[0], {call: point[1]}, point))
    return lines


def window_values(select, rows, call, kinds, back=0):
    """[(start, value, selected)…] of all windows of the range; fill() makes none where there is nothing at all."""
    windows = Windows(select.interval, select.offset, select.zone)
    points = points_of(rows, call.argument)
    if not points:
        return []
    cut = {}
    for point in points:
        cut.setdefault(windows.of(point[0])[0], []).append(point)
    areas = {}
    if call.function == "integral":
        areas = area(points, call.numbers[0].ns if call.numbers else SECOND, windows)
    first = rows[0].time if select.first is None else select.first - back
    last = rows[-1].time if select.last is None else select.last
    out = []
    for start, _ in windows.between(first, last):
        value, selected = computed(call, cut.get(start, []))
        if call.function == "integral":
            value = areas.get(start)
        out.append((start, value, selected))
    return filled(select, call, kinds, out)


def filled(select, call, kinds, windows):
    fill = select.fill
    if fill == "null" and call.function.startswith("count"):
        fill = 0
    if fill in ("null", "none"):
        return windows
    if fill not in ("previous", "linear"):
        kind = kind_of(call, kinds)
        constant = math.trunc(fill) if kind is int else Fraction(fill) if kind is Fraction else kind()
        return [(start, constant if value is None else value, selected) for start, value, selected in windows]
    out = []
    for place, (start, value, selected) in enumerate(windows):
        before = next((w for w in reversed(windows[:place]) if w[1] is not None), None)
        behind = next((w for w in windows[place:] if w[1] is not None), None)
        if value is None and before and fill == "previous":
            value = before[1]
        elif value is None and before and behind and is_number(before[1]):
            value = before[1] + (behind[1] - before[1]) * Fraction(start - before[0], behind[0] - before[0])
            value = math.trunc(value) if isinstance(before[1], int) else value
        out.append((start, value, selected))
    return out


def kind_of(call, kinds):
    if call.function.startswith("count"):
        return int
    if call.function in ("mean", "median", "stddev", "integral"):
        return Fraction
    kind = kinds.get(call.argument, Fraction)
    return int if issubclass(kind, int) and kind is not bool else kind


EMPTY = (0, None, None)


def window_rows(select, rows, calls, kinds):
    values = {call: {window[0]: window for window in window_values(select, rows, call, kinds)} for call in calls}
    lines = []
    for start in sorted({start for found in values.values() for start in found}):
        here = {call: values[call].get(start, EMPTY)[1] for call in calls}
        selected = next((values[call][start][2] for call in calls if start in values[call] and values[call][start][2]), None)
        if select.fill == "none" and all(value is None for value in here.values()):
            continue
        lines.append(line_of(select, start, here, selected))
    return lines


def fill_value(select, call, kinds):
    """What fill(number) puts where a column has no row of this time."""
    if not select.interval or not is_number(select.fill):
        return None
    inner = call.argument if isinstance(call.argument, Call) else call
    is_whole = kind_of(inner, kinds) is int and not call.function.endswith(("derivative", "average"))
    return math.trunc(select.fill) if is_whole or call.function == "elapsed" else select.fill


def windows_looked_back(call):
    """The first window of the range has a past too, where there is one."""
    if call.function == "cumulative_sum":
        return 0
    return call.numbers[0] - 1 if call.function == "moving_average" else 1


def transformed_rows(select, rows, calls, kinds):
    """Each is computed apart; what has the same time is one row."""
    values = {}
    for call in calls:
        if call.function not in TRANSFORMATIONS:
            points = [(start, value) for start, value, _ in window_values(select, in_range(select, rows), call, kinds)]
        elif isinstance(call.argument, Call):
            back = windows_looked_back(call) * select.interval
            wide = in_range(select, rows, back)
            points = [(start, value) for start, value, _ in window_values(select, wide, call.argument, kinds, back)]
        else:
            points = [(time, value) for time, value, _ in points_of(in_range(select, rows), call.argument)]
        if call.function in TRANSFORMATIONS or select.fill == "none":
            points = [(time, value) for time, value in points if value is not None]
        if call.function in TRANSFORMATIONS:
            points = transformed(call, points, unit_of(call, select))
        values[call] = dict(points)
    least = None
    if select.interval and select.first is not None:
        least = Windows(select.interval, select.offset, select.zone).of(select.first)[0]
    times = sorted({time for found in values.values() for time in found if least is None or time >= least})
    missing = {call: fill_value(select, call, kinds) for call in calls}
    lines = []
    for time in times:
        here = {call: values[call].get(time, missing[call]) for call in calls}
        lines.append(line_of(select, time, here, None))
        if select.interval and select.fill == "previous":
            missing = here
    return lines


# --- SHOW, by the series that have points ------------------------------------------------------


def series_of(store, name, where):
    """[tags…] of those that a condition over tags takes"""
    tags = {tuple(sorted(row.tags.items())): row for row in store.of(name)}
    return [dict(key) for key, row in sorted(tags.items()) if not where or where.takes(row)]


def show(store, what, where, key=""):
    """What the statement lists, in its order: keys of series, names, (measurement, …) pairs."""
    found = [(name, tags) for name in sorted(store.rows) for tags in series_of(store, name, where)]
    if what == "series":
        return sorted(name + "".join(f",{tag}={value}" for tag, value in sorted(tags.items())) for name, tags in found)
    if what == "measurements":
        return sorted({name for name, _ in found})
    if what == "tag keys":
        return sorted({(name, tag) for name, tags in found for tag in tags})
    return sorted({(name, tags[key]) for name, tags in found if key in tags})
