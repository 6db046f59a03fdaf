"""growing_grow.py ALL IN_GROUP WRITE READS TAIL: six readers of a series through both of its names while it grows:
no NUL, no torn or stale line."""
import mmap, os, subprocess, sys, threading, time
all_groups, in_group, write, reads_wanted = sys.argv[1:4] + [int(sys.argv[4])]
START = 1700000000000000000
appended = 1          # lines that a write(2) returned for; read before a read begins
reads = 0
lock = threading.Lock()
bad = []
stop = threading.Event()

def line(n):
    return b"g v=%di %d\n" % (n, START + n)

# What the file must begin with, at any length; the writer never gets beyond it.
LINES = 200000
text = b"".join(line(n) for n in range(LINES))
ends = [0]
for n in range(LINES):
    ends.append(ends[-1] + len(line(n)))

def tell(who, what, data=b""):
    bad.append(f"{who}: {what} {data[-80:]!r}")
    stop.set()

# Only a read that brought something counts.
def count(length):
    global reads
    with lock:
        reads += length > 0

# `at_least`: how many lines had been acknowledged before; what was read begins at `offset`.
def judge(who, data, at_least, offset=0):
    count(len(data))
    if b"\0" in data:
        tell(who, "a NUL byte", data)
    elif data != text[offset:offset + len(data)]:
        tell(who, "not what was written", data)
    elif offset + len(data) < ends[at_least]:
        tell(who, f"stale: {offset + len(data)} bytes, {ends[at_least]} were acknowledged", data)
    elif data and not data.endswith(b"\n"):
        tell(who, "a torn line", data)

def guarded(call):
    def run(*args):
        try:
            call(*args)
        except Exception as e:
            tell(call.__name__, repr(e))
    return run

def read_to_end(fd):
    parts = []
    while part := os.read(fd, 1 << 20):
        parts.append(part)
    return b"".join(parts)

@guarded
def open_anew(path):            # cat
    while not stop.is_set():
        at_least = appended
        with open(path, "rb", buffering=0) as f:
            judge("open " + path[-5:], read_to_end(f.fileno()), at_least)

@guarded
def follow(path):               # stays open, reads what came, in pieces of any size
    fd, offset, size = os.open(path, os.O_RDONLY), 0, 0
    while not stop.is_set():
        at_least = appended
        now = os.fstat(fd).st_size
        if now < size:
            tell("follow", f"it shrank from {size} to {now}")
        if now < ends[at_least]:
            tell("follow", f"a stale size: {now}, {ends[at_least]} were acknowledged")
        size = now
        data = read_to_end(fd)
        judge("follow " + path[-5:], data, at_least, offset)
        offset += len(data)

@guarded
def look_back(path):            # less, tail -n: any place, up to the size that was told
    fd, n = os.open(path, os.O_RDONLY), 0
    while not stop.is_set():
        size = os.fstat(fd).st_size
        n = (n * 7919 + 13) % size
        data = os.pread(fd, size - n, n)
        if b"\0" in data or data != text[n:n + len(data)]:
            tell("pread", "not what was written", data)
        if n + len(data) < size:
            tell("pread", f"{n + len(data)} bytes of {size}")
        count(len(data))

@guarded
def append():
    global appended
    fd = os.open(in_group, os.O_WRONLY | os.O_APPEND)
    other = os.open(write, os.O_WRONLY)
    while not stop.is_set() and appended < LINES:
        n = appended
        count = 1 + n % 7
        if n % 3:
            os.write(fd, b"".join(b"v=%di %d\n" % (k, START + k) for k in range(n, n + count)))
        else:
            os.write(other, b"".join(line(k) for k in range(n, n + count)))
        appended = n + count
        time.sleep(0.001 if n % 40 else 0.02)
    os.close(fd)
    os.close(other)

tails = [subprocess.Popen(["tail", "-n", "+1", "-s", "0.1", "-f", path], stdout=open(sys.argv[5] + str(i), "wb"))
         for i, path in enumerate((all_groups, in_group))]
threads = [threading.Thread(target=call, args=(path,))
           for path in (all_groups, in_group) for call in (open_anew, follow, look_back)]
threads.append(threading.Thread(target=append))
started = time.time()
for t in threads:
    t.start()
while not stop.is_set() and (reads < reads_wanted or appended < 4000) and time.time() - started < 150:
    time.sleep(0.05)
stop.set()
for t in threads:
    t.join()
# tail looks every 0.1 s, and has five seconds for what it may not have seen yet.
for i in range(2):
    deadline = time.time() + 5
    while os.path.getsize(sys.argv[5] + str(i)) < ends[appended] and time.time() < deadline:
        time.sleep(0.05)
for i, tail in enumerate(tails):
    tail.kill()
    tail.wait()
    got = open(sys.argv[5] + str(i), "rb").read()
    if got != text[:ends[appended]]:
        bad.append(f"tail -f {i}: {len(got)} bytes of {ends[appended]}, the same up to "
                   f"{len(os.path.commonprefix([got, text]))}")
for path in (all_groups, in_group):
    if open(path, "rb").read() != text[:ends[appended]]:
        bad.append("at the end the file is not what was written")
# How many a machine manages in that time is no fault of the file's; hardly any is.
if reads < 100:
    bad.append(f"only {reads} reads")
print(f"{reads} reads, {appended} lines", file=sys.stderr)
print("\n".join(bad) if bad else "fine")
