"""A private InfluxDB 1.6.7 on loopback: the judge of answers.

with Influxd(directory) as influx:
    influx.query("CREATE DATABASE db")
    influx.write("db", "m v=1 0")
    print(influx.query("select v from m", db="db"))   # the body, as bytes
"""
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{dir}/meta"
  logging-enabled = false
[data]
  dir = "{dir}/data"
  wal-dir = "{dir}/wal"
  query-log-enabled = false
  cache-snapshot-write-cold-duration = "1s"
[coordinator]
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{http}"
  log-enabled = false
  max-body-size = 0
[logging]
  level = "error"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def installed():
    return shutil.which("influxd") is not None


class Influxd:
    def __init__(self, directory, **settings):
        """`settings` are environment variables of influxd's, as INFLUXDB_DATA_…"""
        self.dir = directory
        self.settings = settings
        os.makedirs(directory, exist_ok=True)
        self.config = os.path.join(directory, "influxdb.conf")

    def __enter__(self):
        # A port that was free may be taken by another test's before influxd asks for it.
        for _ in range(5):
            if self._start():
                return self
        raise RuntimeError("influxd did not start")

    def _start(self):
        self.port = free_port()
        with open(self.config, "w") as file:
            file.write(CONFIG.format(dir=self.dir, rpc=free_port(), http=self.port))
        self.process = subprocess.Popen(
            ["influxd", "-config", self.config],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self.dir, **self.settings})
        for _ in range(300):
            try:
                self._open("/ping")
                time.sleep(0.1)  # another one may have answered
                if self.process.poll() is None:
                    return True
                break
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.__exit__()
        return False

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _open(self, path, data=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=600) as reply:
                return reply.read()
        except urllib.error.HTTPError as error:
            return error.read()

    def query(self, text, db="", **options):
        listed = urllib.parse.urlencode({**options, **({"db": db} if db else {})})
        return self._open(f"/query?{listed}", urllib.parse.urlencode({"q": text}).encode())

    def write(self, db, lines, precision="n", policy=""):
        reply = self._open(f"/write?db={db}&rp={urllib.parse.quote(policy)}&precision={precision}", lines.encode())
        if reply:
            raise RuntimeError(reply.decode())
