#!/usr/bin/env python3
"""The peer's side of the bench.

influx.py load WORK KIND         load WORK/KIND.lp into a fresh influxd: "wall cpu bytes"
influx.py queries WORK MNT       the design's queries on set int: "name|ours ms|theirs ms"
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
from influxd import Influxd, installed  # noqa: E402

RANGE = "time >= '2016-01-01T00:00:00Z' and time < '2016-01-02T00:00:00Z'"
QUERIES = [
    ("mean per hour", f"select mean(usage_user) from cpu where {RANGE} group by time(1h)"),
    ("mean, max, count per hour and host",
     "select mean(usage_user), max(usage_system), count(usage_idle) from cpu "
     f"where {RANGE} group by time(1h), hostname"),
    ("95th percentile per hour",
     f"select percentile(usage_user, 95) from cpu where {RANGE} group by time(1h)"),
    ("count where usage_user > 90", "select count(usage_user) from cpu where usage_user > 90"),
    ("last by host", "select last(usage_user) from cpu group by hostname"),
]
BATCH_BYTES = 4 << 20


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def batches(path):
    with open(path) as file:
        while True:
            lines = file.readlines(BATCH_BYTES)
            if not lines:
                return
            yield "".join(lines)


def tree_bytes(path):
    """What it takes of the disk: its series file is mostly a hole."""
    return sum(os.lstat(os.path.join(base, name)).st_blocks * 512
               for base, _, names in os.walk(path) for name in names)


def load(work, kind):
    directory = f"{work}/influx-{kind}"
    # Its defaults would compact hours later; what is measured is what it can do.
    with Influxd(directory, INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION="2s",
                 INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION="5s") as influx:
        influx.query(f"CREATE DATABASE {kind}")
        cpu, wall = cpu_seconds(influx.process.pid), time.time()
        for batch in batches(f"{work}/{kind}.lp"):
            influx.write(kind, batch)
        wall = time.time() - wall
        cpu = cpu_seconds(influx.process.pid) - cpu
        time.sleep(15)  # let it compact
    print(f"{wall:.3f} {cpu:.3f} {tree_bytes(directory + '/data')}")


def best_ms(ask):
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        ask()
        best = min(best, time.perf_counter() - start)
    return best * 1000


def queries(work, mount):
    asked = 0

    def ask_mount(text):
        # Another number of blanks each time: an answer that is kept is no measurement.
        nonlocal asked
        asked += 1
        text = text.replace("select ", "select" + " " * asked, 1).replace("/", "%2F")
        with open(f"{mount}/int/query/{text};.json", "rb") as file:
            return file.read()

    if not installed() or not os.path.isdir(f"{work}/influx-int"):
        for name, text in QUERIES:
            print(f"{name}|{best_ms(lambda: ask_mount(text)):.2f}|")
        return
    with Influxd(f"{work}/influx-int") as influx:
        for name, text in QUERIES:
            if ask_mount(text) != influx.query(text, db="int"):
                name += " (THE ANSWERS DIFFER)"
            ours = best_ms(lambda: ask_mount(text))
            theirs = best_ms(lambda: influx.query(text, db="int"))
            print(f"{name}|{ours:.2f}|{theirs:.2f}", flush=True)


if __name__ == "__main__":
    {"load": load, "queries": queries}[sys.argv[1]](*sys.argv[2:])
