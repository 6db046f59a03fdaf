#!/usr/bin/env python3
"""make bench: every figure of the design, beside its peers' from the same files in the same run.

    HOSTS=100 STEPS=8640 SERIES=1000000 tests/bench/bench.py [PART…]

Parts: sets (ingest, sizes, queries), many, memory, drop, fan-out, restore, echo, codecs; all without one.
Ingest counts the CPU of the process that stores; ours with the flush into the shards, and our rewrite of
cold shards left out of it as the peers' compactions are. Queries are the best of five, the whole way
(open, read and close of a path; HTTP; a pipe to node for DuckDB), none answered from a cache. Peers that
are not installed have no column.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from figures import Table
from peers import (BUILD, DATABASE, PEERS, RANGE, Influxd, Seriesfs, VictoriaMetrics, cpu_seconds, measured,
                   peak_bytes, resident_bytes)

HOSTS = int(os.environ.get("HOSTS", 100))
STEPS = int(os.environ.get("STEPS", 8640))
SERIES = int(os.environ.get("SERIES", 1_000_000))
FAN_OUT = 10_000
FIELDS = {"int": 10, "dec2": 10, "gauge": 1, "rand": 1}


class Bench:
    def __init__(self, work):
        self.work = work
        self.peers = [peer for peer in PEERS if peer.available()]
        self.table = Table(self.peers)

    def generate(self, hosts, steps, kind):
        """A file of points, kept until forget(); and how many values it holds."""
        path = f"{self.work}/points.lp"
        with open(path, "w") as file:
            subprocess.run([f"{BUILD}/tools/gen", str(hosts), str(steps), kind], stdout=file, check=True)
        return path, hosts * steps * FIELDS[kind]

    def fresh(self, maker, *options):
        """Who is measured, over a directory where nothing is."""
        directory = f"{self.work}/store"
        shutil.rmtree(directory, ignore_errors=True)
        return maker(directory, *options)

    # Parts

    def sets(self):
        for kind in FIELDS:
            path, values = self.generate(HOSTS, STEPS, kind)
            rows = {maker.name: self.one_set(maker, kind, path, values)
                    for maker in [Seriesfs, *self.peers]}
            ours = rows.pop(Seriesfs.name)
            for key in ours:
                if key != "answers":
                    self.table.row(key, ours[key], {name: row[key] for name, row in rows.items() if key in row})
            influx = rows.get(Influxd.name, {}).get("answers", {})
            for name, answer in influx.items():
                if answer != ours["answers"][name]:
                    self.table.note(f"THE ANSWERS OF {name!r} DIFFER FROM INFLUXDB'S")

    def one_set(self, maker, kind, path, values):
        with self.fresh(maker) as store:
            wall, cpu = store.load(path)
            found = {f"ingest {kind}": values / cpu / 1e6}
            if kind == "int":
                found["wall int"] = values / wall / 1e6
            store.settle()
            found[f"bytes {kind}"] = store.bytes() / values
            if kind == "int":
                found |= self.questions(store)
                if maker is Seriesfs:
                    found["scan"] = scan(store, values)
                    found["peak"] = peak_bytes(store.pid) / 1e6
        return found

    def questions(self, store):
        found, answers = {}, {}
        for name in store.queries:
            answers[name] = store.ask(name)
            found[name] = min(seconds(lambda: store.ask(name)) for _ in range(5)) * 1000
        return found | {"answers": answers}

    def many(self):
        path, values = self.generate(100_000, 20, "gauge")

        def rate(maker):
            with self.fresh(maker) as store:
                return values / store.load(path)[1] / 1e6
        self.compare("ingest many", rate)

    def compare(self, key, measure, makers=None):
        makers = self.peers if makers is None else [maker for maker in makers if maker in self.peers]
        self.table.row(key, measure(Seriesfs), {maker.name: measure(maker) for maker in makers})

    def memory(self):
        path, _ = self.generate(SERIES, 1, "gauge")
        starts = {}

        def per_series(maker):
            with self.fresh(maker) as store:
                store.load(path)
                store.settle()
            with self.again(maker) as store:  # once, so that nothing of the load is left to do
                store.ask_one()
            starts[maker.name], resident = self.restart(maker)
            with self.fresh(maker) as empty:
                return (resident - resident_bytes(empty.pid)) / SERIES
        self.compare("memory", per_series, [Influxd, VictoriaMetrics])
        self.table.row("restart", starts.pop(Seriesfs.name), starts)
        self.table.note(f"memory, restart: {SERIES:,} series; until a query by a tag is answered, and what the "
                        "process then holds beyond an empty one")

    def again(self, maker):
        return maker(f"{self.work}/store")

    def restart(self, maker):
        start = time.perf_counter()
        with self.again(maker) as store:
            store.ask_one()
            return time.perf_counter() - start, resident_bytes(store.pid)

    def drop(self):
        small = f"{self.work}/small.lp"
        with open(small, "w") as file:
            file.write("cpu,hostname=a usage_user=1i 1451606400000000000\n")
        for key, path in ("drop small", small), ("drop", self.generate(HOSTS, STEPS, "int")[0]):
            def milliseconds(maker):
                with self.fresh(maker) as store:
                    store.load(path)
                    store.settle()
                    return seconds(store.drop_first_shard) * 1000
            self.compare(key, milliseconds, [Influxd])

    def fan_out(self):
        path = f"{self.work}/events.lp"
        with open(path, "w") as file:
            for i in range(200 * FAN_OUT):
                file.write(f'events,host=h{i % 10} user="u{i * 7919 % FAN_OUT}",value={i % 1000}i '
                           f"{1451606400_000000000 + i * 1000000}\n")

        def cpu(statement):
            with self.fresh(Seriesfs) as store:
                os.mkdir(f"{store.mount}/{DATABASE}")
                if statement:
                    os.makedirs(f"{store.mount}/{DATABASE}/continuous", exist_ok=True)
                    with open(f"{store.mount}/{DATABASE}/continuous/fan", "w") as file:
                        file.write(statement)
                    store.control("continuous")  # what was there before, nothing, is made up for
                figures = store.load(path)
                series = len(os.listdir(store.first_group()))
                if statement and series < FAN_OUT:
                    self.table.note(f"FAN-OUT MADE {series} SERIES ONLY")
                return figures
        plain = cpu(None)
        fanned = cpu("select * from events into events.[user]\n")
        self.table.row("fan-out", plain[1] / fanned[1], {})
        self.table.note(f"fan-out: points of the source per CPU second, each of which is stored a second time; "
                        f"{plain[0] / fanned[0]:.2f} by the clock")

    def restore(self):
        path, _ = self.generate(HOSTS, STEPS, "int")
        backup = f"{self.work}/backup"
        with self.fresh(Seriesfs) as store:
            plain = store.load(path)
            rsync(f"{store.mount}/", f"{backup}/")
        with self.fresh(Seriesfs) as store:
            wall = seconds(lambda: rsync(f"{backup}/", f"{store.mount}/"))
            cpu = cpu_seconds(store.pid)
        with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
            bound = seconds(lambda: rsync(f"{backup}/", f"{memory}/"))
        shutil.rmtree(backup)
        self.table.row("restore", plain[0] / wall, {})
        self.table.note(f"restore: {wall:.2f} s by the clock ({bound:.2f} s for the same rsync into memory), {cpu:.2f} s "
                        f"of our CPU; plain ingest {plain[0]:.2f} s by the clock, {plain[1]:.2f} s of CPU")

    def echo(self):
        out = subprocess.run([f"{os.path.dirname(os.path.abspath(__file__))}/echo.sh"], check=True,
                             capture_output=True, text=True).stdout.split()
        self.table.row("echo", float(out[2]), {})
        self.table.note(f"echo: {out[0]} us a point here, {out[1]} us in a file system that does nothing")

    def codecs(self):
        self.table.note("codecs: bytes per value of blocks alone, under InfluxDB's TSM set and ours hot and cold")
        for kind in FIELDS:
            path, _ = self.generate(HOSTS, STEPS, kind)
            with open(path) as points:
                words = subprocess.run([f"{BUILD}/tools/codec_sizes", kind], stdin=points, check=True,
                                       capture_output=True, text=True).stdout.split()
            tsm, hot, cold = map(float, words[2:5])
            self.table.note(f"  {kind:<8}{tsm:8.3f}{hot:8.3f}{cold:8.3f}   {tsm / cold:.1f} times smaller")


PARTS = {
    "sets": Bench.sets, "many": Bench.many, "memory": Bench.memory, "drop": Bench.drop,
    "fan-out": Bench.fan_out, "restore": Bench.restore, "echo": Bench.echo,
    "codecs": Bench.codecs,
}


def rsync(source, target):
    subprocess.run(["rsync", "-a", source, target], check=True)


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def scan(store, values):
    """M values per CPU second of the daemon, of windows so short that no summary covers one."""
    functions = ", ".join(f"mean({name})" for name in (
        "usage_user usage_system usage_idle usage_nice usage_iowait usage_irq usage_softirq "
        "usage_steal usage_guest usage_guest_nice").split())
    rounds = max(5, 500_000_000 // values)  # the clock of a process ticks in hundredths

    def work():
        for _ in range(rounds):
            store.ask_text(f"select {functions} from cpu where {RANGE} group by time(10m)", "&exact=1")
    return rounds * values / measured(store.pid, work)[1] / 1e6


def main(names):
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.exit(f"unknown: {' '.join(unknown)}; there are {' '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="seriesfs-bench.") as work:
        bench = Bench(work)
        for name in names or PARTS:
            PARTS[name](bench)
        bench.table.end()


if __name__ == "__main__":
    main(sys.argv[1:])
