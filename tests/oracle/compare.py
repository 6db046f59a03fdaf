#!/usr/bin/env python3
"""The same points and the same queries through a mount and through InfluxDB 1.6.7;
the JSON must be equal byte for byte.

usage: compare.py SERIESFS_MNT WORK_DIR [SET…]

tests/oracle/data/NAME.lp      points of data set NAME (both.py tells of its directives)
tests/oracle/data/NAME.iql     its queries, one a line, in order; README.md tells how they are written
tests/oracle/DIFFERENCES.md    every difference there is, and why
"""
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from both import Both, expand, near  # noqa: E402
from influxd import installed  # noqa: E402


class Query:
    """One line of a .iql: [~DIFFERENCE~] [?OPTIONS ] [%] TEXT"""

    def __init__(self, line, difference):
        self.difference = difference
        self.line = line
        self.options = ""
        if line.startswith("?"):
            self.options, line = line[1:].split(" ", 1)
        self.shape_only = line.startswith("%")
        self.text = line.removeprefix("%")


def read_queries(path):
    """A query that is marked anywhere in its file is marked where a template makes it, too."""
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file]
    marks, queries = {}, []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        mark = None
        if line.startswith("~"):
            _, mark, line = line.split("~", 2)
        for text in expand(line):
            if mark:
                marks[text] = mark
            queries.append(text)
    return [Query(text, marks.get(text)) for text in queries]


def read_differences():
    """id -> kind"""
    rows = {}
    with open(f"{HERE}/DIFFERENCES.md", encoding="utf-8") as file:
        for line in file:
            match = re.match(r"\| `([^`]+)` \| ([a-z ]+) \|", line)
            if match:
                rows[match.group(1)] = match.group(2)
    return rows


def shape_of(answer):
    """Without figures and durations, which are never the same twice."""
    return re.sub(rb"\d+(\.\d+)?(ns|\xc2\xb5s|ms|s)?", b"0", answer)


class Tally:
    def __init__(self, differences):
        self.differences = differences
        self.seen = {name: 0 for name in differences}
        self.passed = self.failed = self.refused = 0

    def fail(self, what, expected=None, got=None):
        self.failed += 1
        print(f"FAILED: {what}")
        if expected is not None:
            print(f"\texpected {expected.decode(errors='replace').strip()[:600]}")
            print(f"\tgot      {got.decode(errors='replace').strip()[:600]}")

    def judge(self, name, query, expected, got):
        mark = query.difference
        if mark and mark not in self.differences:
            self.fail(f"{name}: {query.line}: DIFFERENCES.md has no row `{mark}`")
        elif expected == got or (query.shape_only and shape_of(expected) == shape_of(got)):
            if mark and self.differences[mark] in ("fault", "wish"):
                self.fail(f"{name}: {query.line}: is marked `{mark}` and does not differ")
                return
            self.passed += 1
            self.refused += b'{"error":' in expected[:10]
        elif not mark:
            self.fail(f"{name}: {query.line}", expected, got)
        elif self.differences[mark] == "digits" and not near(expected, got):
            self.fail(f"{name}: {query.line}: more than last digits", expected, got)
        else:
            self.seen[mark] += 1

    def judge_table(self):
        for mark, count in self.seen.items():
            if count == 0:
                self.fail(f"DIFFERENCES.md: no query differs for `{mark}` any more")


def main():
    mount, work = sys.argv[1:3]
    chosen = sys.argv[3:]
    if not installed():
        print("FAILED: influxd is not installed: nothing was compared")
        print("0 passed, 1 failed")
        return 1
    tally = Tally(read_differences())
    with Both(mount, work) as both:
        for path in sorted(glob.glob(f"{HERE}/data/*.lp")):
            name = os.path.basename(path)[:-3]
            if chosen and name not in chosen:
                continue
            with open(path, encoding="utf-8") as file:
                both.load(name, file.read())
            for query in read_queries(path[:-3] + ".iql"):
                tally.judge(name, query, *both.ask(name, query.options, query.text))
    if not chosen:
        tally.judge_table()
    print(f"{tally.passed} agree, {tally.refused} of them as parse errors; "
          f"{sum(tally.seen.values())} differ as DIFFERENCES.md tells")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return tally.failed != 0


if __name__ == "__main__":
    sys.exit(main())
