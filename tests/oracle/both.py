"""A mount and an InfluxDB 1.6.7 side by side: the same points, the same requests.

with Both(MNT, WORK) as both:
    both.load("db", POINTS)
    expected, got = both.ask("db", "epoch=s", "select v from m")
"""
import json
import math
import os
import re
import urllib.parse

from influxd import Influxd


class Both:
    def __init__(self, mount, work):
        self.mount = mount
        self.influx = Influxd(os.path.join(work, "influx"))

    def __enter__(self):
        self.influx.__enter__()
        return self

    def __exit__(self, *arguments):
        self.influx.__exit__(*arguments)

    def load(self, name, text):
        """Into a new database. `#@ STATEMENT` runs on both; `#> POLICY` is where the lines
        after it go. Both are comments of line protocol."""
        self.ask("", "", f'CREATE DATABASE "{name}"')
        for policy, lines in parts(text, lambda statement: self.ask(name, "", statement)):
            if lines:
                self.influx.write(name, lines, policy=policy)
                where = f"{name}/{policy}/.write" if policy else f"{name}/write"
                with open(f"{self.mount}/{where}", "w", encoding="utf-8") as file:
                    file.write(lines)

    def ask(self, name, options, text):
        """The bytes of both; `options` as in a URL, `db=` among them is the database."""
        pairs = dict(urllib.parse.parse_qsl(options, keep_blank_values=True))
        name = pairs.pop("db", name)
        return self.influx.query(text, db=name, **pairs), self.ask_mount(name, pairs, text)

    def ask_mount(self, name, pairs, text):
        """Through exec, so that any text can be asked; errors are part of the answer."""
        listed = urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote, safe="")
        path = f"{self.mount}/{name or '.seriesfs'}/exec.json" + (f"?{listed}" if listed else "")
        fd = os.open(path, os.O_RDWR)
        try:
            try:
                os.write(fd, text.encode() + b"\n")
            except OSError:
                pass
            answer = b""
            while True:
                try:
                    piece = os.read(fd, 1 << 20)
                except OSError:
                    piece = b""
                if not piece:
                    return answer
                answer += piece
        finally:
            os.close(fd)


def parts(text, run):
    """(policy, lines) as they follow each other; statements are run between them."""
    policy, lines = "", []
    for line in text.splitlines(keepends=True):
        if line[:2] in ("#@", "#>"):
            yield policy, "".join(lines)
            lines = []
            if line[1] == "@":
                run(line[2:].strip())
            else:
                policy = line[2:].strip()
        elif not line.startswith("#"):
            lines.append(line)
    yield policy, "".join(lines)


def near(a, b):
    """Alike but for the last digits of floats."""
    if isinstance(a, bytes):
        try:
            return near(json.loads(a), json.loads(b))
        except json.JSONDecodeError:
            return False
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(near(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-12)
    return a == b


def expand(text):
    """`{a|b}` in a query stands for two queries; braces without a bar are themselves."""
    for start in (match.start() for match in re.finditer(r"{", text)):
        depth, cuts = 0, [start]
        for end in range(start, len(text)):
            depth += (text[end] == "{") - (text[end] == "}")
            if text[end] == "|" and depth == 1:
                cuts.append(end)
            if depth == 0:
                break
        if depth == 0 and len(cuts) > 1:
            choices = [text[a + 1:b] for a, b in zip(cuts, cuts[1:] + [end])]
            return [text[:start] + head + tail for choice in choices
                    for head in expand(choice) for tail in expand(text[end + 1:])]
    return [text]
