"""Random queries over the sets of data/: every clause in every position.

What InfluxDB answers by chance, or wrongly (DIFFERENCES.md), is not asked.
"""
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
# Of `types` the measurements whose sums are finite; of `names` those that a regex cannot hit twice.
SETS = {"irregular": ["j", "ages"], "sparse": ["s", "single", "words", "ints"],
        "types": ["each", "week", "twice", "one", "two", "three", "four"],
        "names": ["my name", "温度", "html", "a.b.c", "fill"],
        "shards": ["m", "only", "hours.m", "days.m", "odd name.m", "days.p"], "zones": ["z", "y"]}
NUMBER_FUNCTIONS = ["sum", "mean", "median", "spread"]

ORDER_FUNCTIONS = ["min", "max"]
INDICATORS = ["exponential_moving_average", "double_exponential_moving_average",
              "triple_exponential_moving_average", "triple_exponential_derivative",
              "relative_strength_index", "kaufmans_efficiency_ratio",
              "kaufmans_adaptive_moving_average", "chande_momentum_oscillator"]
TRANSFORMATIONS = ["derivative", "non_negative_derivative", "difference", "non_negative_difference",
                   "moving_average", "cumulative_sum", "elapsed"]
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"]
SECOND = 10**9

def unescape(text):
    return re.sub(r"\\([,= ])", r"\1", text)

def cut(text, separator):
    """At separators that no backslash or quote hides."""
    parts, quoted, start = [], False, 0
    for place, char in enumerate(text):
        hidden = place and text[place - 1] == "\\"
        if char == '"' and "=" in text[:place] and not hidden:
            quoted = not quoted
        if char == separator and not quoted and not hidden:
            parts.append(text[start:place])
            start = place + 1
    return parts + [text[start:]]

class Measurement:
    def __init__(self, name):
        self.name, self.fields, self.tags, self.times = name, {}, {}, []

    def take(self, tags, fields, time):
        for tag in tags:
            key, value = cut(tag, "=")
            self.tags.setdefault(unescape(key), set()).add(unescape(value))
        for field in cut(fields, ","):
            key, value = field.split("=", 1) if "\\=" not in field else re.split(r"(?<!\\)=", field, 1)
            kind = "s" if value[0] == '"' else "i" if value[-1] == "i" else "b" if value[0] in "tf" else "f"
            self.fields.setdefault(unescape(key), set()).add(kind)
        self.times.append(int(time))

def read_set(name):
    """Measurements by their paths, as far as SETS has them."""
    found, policy = {}, ""
    with open(f"{HERE}/data/{name}.lp", encoding="utf-8") as file:
        for line in file:
            if line.startswith("#>"):
                policy = line[2:].strip()
            if line.startswith("#"):
                continue
            key, fields, time = cut(line.rstrip("\n"), " ")
            measurement, *tags = cut(key, ",")
            path = (f"{policy}." if policy else "") + unescape(measurement)
            if path in SETS[name]:
                found.setdefault(path, Measurement(path)).take(tags, fields, time)
    for measurement in found.values():
        measurement.tags = {key: sorted(values) for key, values in measurement.tags.items()}
    return list(found.values())

def quote(name):
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in ("fill", "all", "any") \
        else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'

def path_of(measurement):
    head, dot, tail = measurement.name.rpartition(".")
    if dot and head in ("hours", "days", "odd name"):
        return f"{quote(head)}.{quote(tail)}"
    return quote(measurement.name)

class Maker:
    def __init__(self, rng, sets):
        self.rng = rng
        self.set_name = rng.choice(sorted(sets))
        self.measurement = rng.choice(sets[self.set_name])
        m = self.measurement
        self.numbers = [f for f, kinds in m.fields.items() if kinds <= {"i", "f"}]
        self.fields, self.tags = list(m.fields), list(m.tags)
        self.in_condition = False
        # More than one row may have one time when there are tags: what is first then is chance.
        self.has_ties = len(set(m.times)) < len(m.times) or bool(m.tags)

    def chance(self, p):
        return self.rng.random() < p

    def pick(self, *items):
        return self.rng.choice(items)

    # --- time

    def time_text(self, time):
        seconds, rest = divmod(time, SECOND)
        import datetime
        when = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
        forms = [str(time)]
        if rest == 0:
            forms += [f"{seconds}s", f"{seconds * 1000}ms", f"'{when:%Y-%m-%d %H:%M:%S}'",
                      f"'{when:%Y-%m-%dT%H:%M:%SZ}'", f"'{when:%Y-%m-%dT%H:%M:%S.000Z}'",
                      f"'{when:%Y-%m-%d %H:%M:%S}' + {self.pick('1s', '90s', '1h')}",
                      f"{seconds}s - {self.pick('1u', '5m')}", f"'{when:%Y-%m-%d}'",
                      f"{seconds}s + 0s"]
        return self.rng.choice(forms)

    def bounds(self, must):
        times = self.measurement.times
        low, high = min(times), max(times)
        # A window must not be asked for a thousand times.
        self.span = max(high - low, 60 * SECOND)
        if not must and self.chance(0.5):
            return []
        a, b = sorted(self.rng.randrange(low - self.span // 8, high + self.span // 8 + 1) for _ in "ab")
        if self.chance(0.8):
            a, b = a // SECOND * SECOND, b // SECOND * SECOND
        self.span = max(b - a, 60 * SECOND)
        first = f"time {self.pick('>', '>=')} {self.time_text(a)}"
        last = f"time {self.pick('<', '<=')} {self.time_text(b)}"
        if not must:
            return self.pick([first], [last], [first, last])
        return [first, last]

    def interval(self):
        # At most about 300 windows, in round steps.
        least = self.span // 300 // SECOND + 1
        steps = [s for s in (10, 45, 60, 90, 420, 900, 3600, 5400, 21600, 86400, 604800, 2592000, 31536000,
                             315360000) if s >= least][:6]
        seconds = self.rng.choice(steps)
        offset = self.pick("", "", "", f", {seconds // 3}s", f", -{seconds // 2}s", f", {seconds * 2 + 5}s")
        return f"time({seconds}s{offset})"

    # --- expressions

    def literal(self):
        return self.pick("0", "1", "2", "-3", "0.5", "2.75", "100", "-7.25")

    def number(self, depth=0):
        """An expression over number fields."""
        kind = self.rng.randrange(8 if depth < 2 else 3)
        field = quote(self.rng.choice(self.numbers))
        if kind <= 2 or (kind == 3 and self.in_condition):
            return field
        if kind == 3:
            return f"{field}::{self.pick('float', 'integer')}"
        if kind == 4:
            return f"{self.pick('abs', 'floor', 'ceil', 'round', 'sqrt')}({self.number(2)})"
        if kind == 5:
            return f"-{field}"
        if kind == 6:
            return f"({self.number(depth + 1)} {self.pick('+', '-', '*', '/')} {self.literal()})"
        return f"{self.number(depth + 1)} {self.pick('+', '-', '*', '/', '%')} {self.number(depth + 1)}"

    def condition(self, depth=0):
        """A field that is cast in one place and not in another is not asked."""
        self.in_condition = True
        text = self.make_condition(depth)
        self.in_condition = False
        return text

    def make_condition(self, depth):
        rng = self.rng
        kind = rng.randrange(7 if depth < 2 else 5)
        if kind in (0, 1) and self.tags:
            tag = rng.choice(self.tags)
            value = self.pick(*self.measurement.tags[tag], "", "nope").replace("\\", "\\\\").replace("'", "\\'")
            if kind == 0:
                return f"{quote(tag)} {self.pick('=', '!=')} '{value}'"
            return f"{quote(tag)} {self.pick('=~', '!~')} /{self.pick('a', '^[abx]', '.', '^$', 'y|z', '.*')}/"
        if kind in (2, 3) and self.numbers:
            return f"{self.number(1)} {self.pick('=', '!=', '<', '<=', '>', '>=')} {self.literal()}"
        if kind == 4 or depth >= 2:
            field = rng.choice(self.fields)
            kinds = self.measurement.fields[field]
            if "s" in kinds:
                return f"{quote(field)} {self.pick(*'= !='.split())} '{self.pick('one', 'u', '', 'x')}'"
            if "b" in kinds:
                return f"{quote(field)} {self.pick('=', '!=')} {self.pick('true', 'false')}"
            return f"{quote(field)} {self.pick('>', '<=')} {self.literal()}"
        if kind == 5:
            return f"({self.make_condition(depth + 1)} {self.pick('and', 'or')} {self.make_condition(depth + 1)})"
        return self.pick("nope = ''", "nope = 'x'", "true", "1 = 1") if self.chance(0.3) else \
            f"{self.make_condition(depth + 1)} {self.pick('and', 'or')} {self.make_condition(depth + 1)}"

    def where(self, must, extra=True):
        terms = self.bounds(must)
        if extra:
            terms += [f"({self.condition()})" if self.chance(0.5) else self.condition(2)
                      for _ in range(self.pick(0, 0, 1, 1, 2))]
        self.rng.shuffle(terms)
        return " where " + " and ".join(terms) if terms else ""

    # --- clauses

    def dimensions(self):
        if not self.chance(0.5):
            return []
        if not self.tags:
            return [self.pick("*", "nope")]
        tags = self.rng.sample(self.tags, self.rng.randrange(1, len(self.tags) + 1))
        return self.pick([quote(tag) for tag in tags], [quote(tag) for tag in tags], ["*"], ["/./"],
                         ["nope"])

    def fill(self):
        return self.pick("", "", " fill(null)", " fill(none)", " fill(0)", " fill(-2.5)", " fill(7)",
                         " fill(previous)", " fill(linear)")

    def tail(self, limits=True):
        text = self.pick("", "", " order by time", " order by time desc", " order by desc")
        if limits and self.chance(0.4):
            text += f" limit {self.rng.randrange(1, 9)}"
            if self.chance(0.4):
                text += f" offset {self.rng.randrange(0, 6)}"
        if limits and self.chance(0.2) and self.set_name == "names":
            text += f" slimit {self.rng.randrange(1, 4)}" + self.pick("", f" soffset {self.rng.randrange(3)}")
        return text + (f" tz('{self.rng.choice(ZONES)}')" if self.chance(0.15) else "")

    # --- calls

    def argument(self, numbers):
        return quote(self.rng.choice(self.numbers if numbers and self.numbers else self.fields))

    def call(self, windows, is_alone):
        rng = self.rng
        names = ["count", "count(distinct", "mode"]
        if self.numbers:
            if self.measurement.name == "ages":
                names.remove("count(distinct")
            names += NUMBER_FUNCTIONS + ORDER_FUNCTIONS + ["percentile"]
        if not self.has_ties:
            names = names + ["first", "last", "stddev"]
        if not self.has_ties and not self.numbers:
            names.remove("stddev")
        name = rng.choice(names)
        argument = self.argument(name not in ("count", "first", "last", "mode", "count(distinct"))
        if name == "percentile":
            return f"percentile({argument}, {self.pick('50', '75', '90', '99.5', '100')})"
        if name == "count(distinct":
            return f"count(distinct({argument}))"
        if is_alone and windows is False and self.chance(0.05):
            argument = "nope"
        return f"{name}({argument})"

    def columns_of_calls(self, windows):
        kind = self.rng.randrange(9)
        if kind == 0 and self.numbers:
            return f"{self.pick('count', 'sum', 'mean', 'max', 'min', 'spread')}({self.pick('*', '/./', '/^[a-m]/')})"
        if kind == 1 and self.numbers:
            return f"{self.call(windows, False)} {self.pick('+', '-', '*', '/')} {self.literal()}"
        if kind == 2 and self.numbers and not self.has_ties:
            others = ", ".join(quote(n) for n in self.rng.sample(self.fields, 1) + self.tags[:1])
            return f"{self.pick('max', 'min', 'first', 'last')}({self.argument(True)}), {others}"
        if kind == 3 and self.numbers and not windows:
            argument = self.argument(True)
            return f"{self.pick('top', 'bottom')}({argument}, {self.rng.randrange(1, 5)})" \
                if not self.has_ties else f"max({argument})"
        if kind == 4:
            call = self.call(windows, False)
            return f"{call} as a, {self.call(windows, False)} as \"b c\""
        if kind == 5 and not self.has_ties:
            return f"distinct({quote(self.rng.choice(self.fields))})"
        return ", ".join(self.call(windows, True) for _ in range(self.rng.randrange(1, 4)))

    def columns_of_fields(self):
        kind = self.rng.randrange(8)
        if kind == 0:
            return self.pick("*", "*::field", "*::tag, " + quote(self.fields[0]), "/./", "/^[a-m]/")
        if kind <= 3 and self.numbers:
            return ", ".join(self.number() + self.pick("", "", " as x") for _ in range(self.rng.randrange(1, 3)))
        names = self.fields + self.tags
        chosen = self.rng.sample(names, self.rng.randrange(1, min(4, len(names)) + 1))
        return ", ".join(quote(n) + self.pick("", "", "", "::float", "::integer") if n in self.numbers
                         else quote(n) for n in chosen)

    # --- queries

    def of_calls(self):
        windows = self.chance(0.6)
        where = self.where(windows)
        groups = ([self.interval()] if windows else []) + self.dimensions()
        what = self.columns_of_calls(windows)
        text = f"select {what} from {path_of(self.measurement)}{where}"
        text += " group by " + ", ".join(groups) if groups else ""
        is_distinct = "distinct(" in what
        return text + (self.fill() if windows and not is_distinct else "") + self.tail(not is_distinct)

    def of_fields(self):
        where = self.where(False)
        groups = self.dimensions()
        text = f"select {self.columns_of_fields()} from {path_of(self.measurement)}{where}"
        text += " group by " + ", ".join(groups) if groups else ""
        return text + self.pick("", "", "", " fill(previous)", " fill(3)", " fill(null)") + self.tail()

    def of_transformations(self):
        if not self.numbers:
            return self.of_fields()
        name, windows = self.rng.choice(TRANSFORMATIONS), self.chance(0.5)
        where = self.where(windows)
        argument = self.argument(True)
        if windows:
            argument = f"{self.pick('mean', 'sum', 'max', 'count', 'spread')}({argument})"
        if name == "moving_average":
            argument += f", {self.rng.randrange(2, 5)}"
        elif name in ("derivative", "non_negative_derivative", "elapsed"):
            argument += self.pick("", ", 10s", ", 1m", ", 3h", ", 1ns")
        groups = [self.interval()] if windows else []
        # Of rows of one time the first is chance.
        groups += ["*"] if self.has_ties else self.dimensions()
        text = f"select {name}({argument}) from {path_of(self.measurement)}{where}"
        text += " group by " + ", ".join(groups) if groups else ""
        return text + (self.fill() if windows else "") + self.pick("", "", " order by time desc")

    def of_indicators(self):
        if not self.numbers:
            return self.of_fields()
        windows = self.chance(0.4)
        where, argument = self.where(windows, extra=False), self.argument(True)
        groups = ["*"] if self.has_ties else []
        if self.chance(0.2) and not self.has_ties:
            call = f"integral({argument}{self.pick('', ', 1m', ', 1h')})"
        elif self.chance(0.1) and windows and self.measurement.name == "y":
            call = f"holt_winters{self.pick('', '_with_fit')}(max({argument}), {self.rng.randrange(1, 4)}, {self.pick(0, 0, 2)})"
        else:
            if windows:
                argument = f"{self.pick('mean', 'max', 'count')}({argument})"
            call = f"{self.rng.choice(INDICATORS)}({argument}, {self.rng.randrange(2, 6)}" + \
                self.pick("", "", ", 1", ", 4") + ")"
        groups = ([self.interval()] if windows else []) + groups
        text = f"select {call} from {path_of(self.measurement)}{where}"
        return text + (" group by " + ", ".join(groups) if groups else "")

    def nested(self, depth):
        """(text, column, tags): a subquery that gives `column`, grouped by all tags or by none."""
        where = self.where(True)
        tags = self.pick([], [quote(tag) for tag in self.tags])
        by = ["*"] if tags and self.chance(0.3) else tags
        argument = self.argument(True)
        kind = self.rng.randrange(3)
        if depth > 1:
            inner, column, tags = self.nested(depth - 1)
            what = self.pick(f"{column} as y", f"{column} * 2 as y", f"{self.pick('max', 'sum', 'count')}({column}) as y")
            text = f"select {what} from ({inner})" + (f" where {column} {self.pick('>', '<=')} {self.literal()}"
                                                      if self.chance(0.3) else "")
            return text + (" group by " + ", ".join(tags) if tags else ""), "y", tags
        if kind == 0 and not self.has_ties:
            return f"select {argument} as x from {path_of(self.measurement)}{where}" + \
                (" group by " + ", ".join(by) if by else ""), "x", tags
        groups = ([self.interval()] if kind == 1 else []) + by
        text = f"select {self.pick('mean', 'max', 'sum', 'count')}({argument}) as x from {path_of(self.measurement)}{where}"
        text += " group by " + ", ".join(groups) if groups else ""
        return text + (self.fill() if kind == 1 else ""), "x", tags

    def of_subqueries(self):
        if not self.numbers:
            return self.of_fields()
        inner, column, tags = self.nested(self.pick(1, 1, 2, 2, 3))
        what = self.pick(f"mean({column})", f"max({column})", f"sum({column})", f"count({column})", column,
                         f"{column} * 2", f"abs({column}) + 1", f"spread({column})", f"min({column}), max({column})",
                         f"count(distinct({column}))", "*")
        text = f"select {what} from ({inner})"
        if self.chance(0.3):
            text += f" where {column} {self.pick('>', '<=', '!=')} {self.literal()}"
        text += " group by " + ", ".join(tags) if tags else ""
        return text + self.pick("", "", f" limit {self.rng.randrange(1, 6)}")

    def query(self):
        return self.rng.choice([self.of_calls, self.of_calls, self.of_fields, self.of_transformations,
                                self.of_subqueries, self.of_indicators])()
