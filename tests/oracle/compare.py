#!/usr/bin/env python3
"""The same points and the same queries through a mount and through InfluxDB 1.6.7;
the JSON must be equal byte for byte.

usage: compare.py SERIESFS_MNT WORK_DIR [-v]

tests/oracle/data/NAME.lp      points of data set NAME
tests/oracle/data/NAME.iql     a query a line; `#` starts a comment. A line that begins
                               with `~REASON~` is a known, wanted difference; with `~=~` the
                               last digits of numbers may differ (another libm).
"""
import glob
import json
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from influxd import Influxd, installed  # noqa: E402


def ask_mount(mount, db, query):
    """Through exec, so that any text can be asked; its JSON answer, errors included."""
    fd = os.open(f"{mount}/{db}/exec.json", os.O_RDWR)
    try:
        try:
            os.write(fd, query.encode() + b"\n")
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


def load(influx, mount, name, lines):
    influx.query(f'CREATE DATABASE "{name}"')
    influx.write(name, lines)
    os.mkdir(f"{mount}/{name}")
    with open(f"{mount}/{name}/write", "w") as file:
        file.write(lines)


def main():
    mount, work = sys.argv[1:3]
    verbose = "-v" in sys.argv
    passed = failed = wanted = 0
    if not installed():
        print("FAILED: influxd is not installed: nothing was compared")
        print("0 passed, 1 failed")
        return 1
    here = os.path.dirname(os.path.abspath(__file__))
    with Influxd(os.path.join(work, "influx")) as influx:
        for path in sorted(glob.glob(f"{here}/data/*.lp")):
            name = os.path.basename(path)[:-3]
            with open(path) as file:
                load(influx, mount, name, file.read())
            with open(path[:-3] + ".iql") as file:
                queries = [line.rstrip("\n") for line in file]
            for query in queries:
                if not query or query.startswith("#"):
                    continue
                reason = None
                if query.startswith("~"):
                    _, reason, query = query.split("~", 2)
                expected = influx.query(query, db=name)
                got = ask_mount(mount, name, query)
                if got == expected or (reason == "=" and near(expected, got)):
                    passed += 1
                    continue
                if reason == "=":
                    reason = None
                if reason is not None:
                    wanted += 1
                    continue
                failed += 1
                print(f"FAILED: {name}: {query}")
                print(f"\texpected {expected.decode(errors='replace').strip()[:600]}")
                print(f"\tgot      {got.decode(errors='replace').strip()[:600]}")
            if verbose:
                print(f"{name}: {passed} agree so far")
    print(f"{wanted} differ as we want them to")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
