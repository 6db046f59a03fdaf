"""Who is measured: seriesfs and its peers, all asked the same way.

Each class is a context manager over a directory of its own, for one data set:
    available()        can it run here?
    load(path)         store a line protocol file: (wall seconds, CPU seconds of the one who stores)
    settle()           let it compact what it has
    bytes()            what it takes of the disk, its log not counted
    ask(name)          run the query `name` once, the whole way, and return the answer
    ask_one()          find one series by a tag, and its last value
    drop_first_shard()
A query that a peer has no words for is missing in its `queries`.
"""
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
import influxd  # noqa: E402

BUILD = os.environ.get("BUILD", "build")
BATCH_BYTES = 4 << 20
TICK = 1 / os.sysconf("SC_CLK_TCK")  # what the kernel counts the time of a process in
DATABASE = "bench"
RANGE = "time >= '2016-01-01T00:00:00Z' and time < '2016-01-02T00:00:00Z'"
INFLUXQL = {
    "mean": f"select mean(usage_user) from cpu where {RANGE} group by time(1h)",
    "by host": "select mean(usage_user), max(usage_system), count(usage_idle) from cpu "
               f"where {RANGE} group by time(1h), hostname",
    "percentile": f"select percentile(usage_user, 95) from cpu where {RANGE} group by time(1h)",
    "count where": "select count(usage_user) from cpu where usage_user > 90",
    "last": "select last(usage_user) from cpu group by hostname",
}

ONE_SERIES = "select last(value) from sensor where id = 's77'"


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def peak_bytes(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))


def resident_bytes(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))


def tree_bytes(path):
    """Blocks, not lengths: influxd's series file is mostly a hole."""
    return sum(os.lstat(os.path.join(base, name)).st_blocks * 512
               for base, _, names in os.walk(path) for name in names)


def batches(path):
    with open(path) as file:
        while lines := file.readlines(BATCH_BYTES):
            yield "".join(lines).encode()


def measured(pid, work):
    """(wall seconds, CPU seconds of `pid`) while work() ran."""
    cpu, wall = cpu_seconds(pid), time.time()
    work()
    return time.time() - wall, max(cpu_seconds(pid) - cpu, TICK)


class Seriesfs:
    name = "seriesfs"
    queries = INFLUXQL

    def __init__(self, directory, *options):
        self.data, self.mount, self.options = f"{directory}/data", f"{directory}/mnt", options
        os.makedirs(self.data, exist_ok=True)
        os.makedirs(self.mount, exist_ok=True)
        self.asked = 0

    @staticmethod
    def available():
        return os.path.exists("/dev/fuse")

    def __enter__(self):
        self.process = subprocess.Popen(
            [f"{BUILD}/seriesfs", "-f", *self.options, self.data, self.mount])
        self.pid = self.process.pid
        while not os.path.ismount(self.mount):
            if self.process.poll() is not None:
                raise RuntimeError("seriesfs did not mount")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        subprocess.run(["fusermount3", "-u", self.mount], check=False)
        self.process.wait()

    def control(self, words):
        with open(f"{self.mount}/.seriesfs/ctl", "w") as file:
            file.write(words + "\n")

    def metric(self, name):
        with open(f"{self.mount}/.seriesfs/metrics") as file:
            for line in file:
                words = line.split()
                if words and words[0] == name:
                    return float(words[-1])
        raise RuntimeError(f"no metric {name}")

    def cat(self, path, name):
        """As a shell does: each read of the file is a write into the mount."""
        subprocess.run(["sh", "-c", 'exec cat "$1" >"$2"', "sh", path, f"{self.mount}/{name}"],
                       check=True)

    def load(self, path):
        os.makedirs(f"{self.mount}/{DATABASE}", exist_ok=True)
        cpu = cpu_seconds(self.pid)
        wall, _ = measured(self.pid, lambda: self.cat(path, f"{DATABASE}/write"))
        self.control("flush")  # work that the writer did not wait for is counted as well
        return wall, max(cpu_seconds(self.pid) - cpu, TICK)

    def settle(self):
        self.control("compact")
        while os.listdir(f"{self.data}/trash"):  # what was rewritten is deleted beside all else
            time.sleep(0.05)

    def bytes(self):
        return tree_bytes(self.data) - tree_bytes(f"{self.data}/wal")

    def ask_text(self, text, options=""):
        # Another number of blanks each time: an answer that is kept is no measurement.
        self.asked = self.asked % 60 + 1
        text = text.replace("select ", "select" + " " * self.asked, 1).replace("/", "%2F")
        with open(f"{self.mount}/{DATABASE}/query/{text};.json?fresh=1{options}", "rb") as file:
            return file.read()

    def ask(self, name):
        return self.ask_text(INFLUXQL[name])

    def ask_one(self):
        assert b"columns" in self.ask_text(ONE_SERIES)

    def first_group(self):
        policy = f"{self.mount}/{DATABASE}/autogen"
        return f"{policy}/{sorted(os.listdir(policy))[0]}"

    def drop_first_shard(self):
        self.control(f"drop {DATABASE} autogen {os.path.basename(self.first_group())}")


class Influxd:
    name = "InfluxDB"
    queries = INFLUXQL

    def __init__(self, directory):
        self.directory = directory
        # Its defaults would compact hours later; what is measured is what it can do.
        self.server = influxd.Influxd(
            directory, INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION="2s",
            INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION="5s",
            INFLUXDB_DATA_MAX_VALUES_PER_TAG="0", INFLUXDB_DATA_MAX_SERIES_PER_DATABASE="0")

    available = staticmethod(influxd.installed)

    def __enter__(self):
        self.server.__enter__()
        self.pid = self.server.process.pid
        return self

    def __exit__(self, *_):
        self.server.__exit__()

    def load(self, path):
        self.server.query(f"CREATE DATABASE {DATABASE}")

        def store():
            for batch in batches(path):
                refused = self.server._open(f"/write?db={DATABASE}&precision=n", batch)
                if refused:
                    raise RuntimeError(refused.decode())
        return measured(self.pid, store)

    def settle(self):
        time.sleep(15)

    def bytes(self):
        return tree_bytes(f"{self.directory}/data")

    def ask(self, name):
        return self.server.query(INFLUXQL[name], db=DATABASE)

    def ask_one(self):
        assert b"columns" in self.server.query(ONE_SERIES, db=DATABASE)

    def drop_first_shard(self):
        answer = json.loads(self.server.query("SHOW SHARDS", db=DATABASE))
        rows = next(row for row in answer["results"][0]["series"] if row["name"] == DATABASE)
        self.server.query(f"DROP SHARD {rows['values'][0][0]}", db=DATABASE)


class VictoriaMetrics:
    """Milliseconds, about twelve digits, numbers only, no log: it promises less than the others."""
    name = "VictoriaM."
    # A sample counts for the window that it ends, so the windows end a millisecond early.
    first, last = "2016-01-01T00:59:59.999Z", "2016-01-01T23:59:59.999Z"
    queries = {
        "mean": "sum(sum_over_time(cpu_usage_user[1h])) / sum(count_over_time(cpu_usage_user[1h]))",
        # Of each series, which is an easier question than that of all of them together.
        "percentile": "quantile_over_time(0.95, cpu_usage_user[1h])",
        "count where": "sum(count_gt_over_time(cpu_usage_user[1d], 90))",
        "last": "last_over_time(cpu_usage_user[1d])",
    }

    def __init__(self, directory):
        self.directory = directory
        self.port = influxd.free_port()

    @staticmethod
    def available():
        return shutil.which("victoria-metrics") is not None

    def __enter__(self):
        self.process = subprocess.Popen(
            ["victoria-metrics", f"-storageDataPath={self.directory}", "-retentionPeriod=100y",
             f"-httpListenAddr=127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        for _ in range(300):
            try:
                self.request("GET", "/health")
                return self
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("victoria-metrics did not start")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request(method, path, body)
        return connection.getresponse().read()

    def load(self, path):
        def store():
            for batch in batches(path):
                self.request("POST", "/write?precision=ns", batch)
            self.request("GET", "/internal/force_flush")
        return measured(self.pid, store)

    def settle(self):
        self.request("GET", "/internal/force_merge")
        time.sleep(5)

    def bytes(self):
        return tree_bytes(f"{self.directory}/data") + tree_bytes(f"{self.directory}/indexdb")

    def ask(self, name):
        form = {"query": self.queries[name], "nocache": "1"}
        if name in ("count where", "last"):
            path, form["time"] = "query", self.last
        else:
            path = "query_range"
            form |= {"start": self.first, "end": self.last, "step": "3600"}
        return self.request("GET", f"/api/v1/{path}?" + urllib.parse.urlencode(form))

    def ask_one(self):
        form = {"query": "last_over_time(sensor_value{id='s77'}[1d])", "time": self.last, "nocache": "1"}
        assert b"s77" in self.request("GET", "/api/v1/query?" + urllib.parse.urlencode(form))


class DuckDB:
    """In node's process, as its package comes: no request, no text of an answer."""
    name = "DuckDB"
    module = f"{BUILD}/bench/node_modules/@duckdb/node-api"
    day = "ts >= '2016-01-01' and ts < '2016-01-02'"
    queries = {
        "mean": f"select time_bucket(interval 1 hour, ts) b, avg(usage_user) from cpu where {day} "
                "group by b order by b",
        "by host": "select hostname, time_bucket(interval 1 hour, ts) b, avg(usage_user), "
                   f"max(usage_system), count(usage_idle) from cpu where {day} "
                   "group by hostname, b order by hostname, b",
        "percentile": "select time_bucket(interval 1 hour, ts) b, quantile_disc(usage_user, 0.95) "
                      f"from cpu where {day} group by b order by b",
        "count where": "select count(*) from cpu where usage_user > 90",
        "last": "select hostname, arg_max(usage_user, ts) from cpu group by hostname",
    }

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)

    @classmethod
    def available(cls):
        if not os.path.isdir(cls.module) and shutil.which("npm"):
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix",
                            f"{BUILD}/bench", "@duckdb/node-api"], check=False, timeout=300,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return os.path.isdir(cls.module) and shutil.which("node") is not None

    def __enter__(self):
        self.process = subprocess.Popen(
            ["node", f"{HERE}/duckdb.js", os.path.abspath(self.module)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        self.sql(f"attach '{self.directory}/table.duckdb' as file")
        self.sql("use file")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def sql(self, text):
        self.process.stdin.write(json.dumps(text) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["rows"]

    def load(self, path):
        csv = f"{self.directory}/table.csv"
        table = write_csv(path, csv)

        def store():
            # In time order within a host, as it compresses best.
            self.sql(f"create table {table} as select * exclude (ns), make_timestamp_ns(ns) as ts "
                     f"from read_csv('{csv}') order by #2, ts")
            self.sql("checkpoint")
        figures = measured(self.pid, store)
        os.unlink(csv)
        return figures

    def settle(self):
        pass

    def bytes(self):
        return tree_bytes(self.directory)

    def ask(self, name):
        return self.sql(self.queries[name])


def write_csv(path, csv):
    """A line protocol file without escapes and strings, all lines alike, as CSV; its measurement."""
    with open(path) as lines, open(csv, "w") as out:
        for number, line in enumerate(lines):
            key, fields, time_ns = line.split(" ")
            measurement, *tags = key.split(",")
            pairs = [pair.split("=") for pair in tags + fields.split(",")]
            if number == 0:
                out.write(",".join(name for name, _ in pairs) + ",ns\n")
            out.write(",".join(value.removesuffix("i") for _, value in pairs) + "," + time_ns)
    return measurement


PEERS = [Influxd, VictoriaMetrics, DuckDB]
