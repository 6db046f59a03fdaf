"""Requests while allocations of the daemon fail: each is answered right or with ENOMEM (or EDQUOT), the daemon lives,
and afterwards all is right.

    memory.py MNT CONTROL SEED COUNT SECONDS_MAX

One round: the n-th allocation of a fixed sequence of requests fails, once or for good until the sequence ends; n is
swept from the seed on. What was acknowledged is there afterwards, what was never written is not.
"""
import errno, mmap, os, random, struct, sys, time

mount, control_path, seed, rounds_max, seconds_max = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
control = mmap.mmap(os.open(control_path, os.O_RDWR), 32)
soft = {errno.ENOMEM, errno.EDQUOT}
acknowledged, attempted, problems, refused, right = {}, {}, [], 0, 0


def fail(first, last):
    control[0:32] = struct.pack("4Q", 0, first, last, 0)


def counts():
    return struct.unpack("4Q", control[0:32])


def ask(text):
    fd = os.open(f"{mount}/db/exec", os.O_RDWR)
    try:
        os.write(fd, text.encode() + b"\n")
        answer = b""
        while piece := os.read(fd, 1 << 16):
            answer += piece
        return answer
    finally:
        os.close(fd)


def read(path):
    with open(f"{mount}/db/{path}", "rb") as file:
        return file.read()


def write(name, lines):
    """As a writer that counts what was taken."""
    data = "".join(lines).encode()
    for line in lines:
        attempted[line] = True
    fd = os.open(f"{mount}/db/{name}", os.O_WRONLY)
    try:
        taken = os.write(fd, data)
    finally:
        try:
            os.close(fd)
        except OSError:
            pass
    for line in data[:taken].decode().splitlines(True):
        if line.endswith("\n"):
            acknowledged[line] = True


def steps(number):
    """The requests of a round, and what each answers when it answers."""
    base = 1700000000 + number
    yield lambda: write("write", [f"w,k=a v={number}i {base}000000000\n"] * 1), None
    yield lambda: write("write", [f"w,k=n{number} v={i}i {base + i}000000000\n" for i in range(20)]), None
    for query, answer in fixed:
        yield lambda query=query: ask(query), answer
        if " into " not in query:
            yield lambda query=query: read(f"query/{query};.csv?fresh=1&epoch={'s' if number % 2 else 'ms'}"), None
    yield lambda: read("autogen/m,h=1,r=r1"), series_text
    yield lambda: sorted(os.listdir(f"{mount}/db/autogen")), listing
    yield lambda: os.stat(f"{mount}/db/autogen/m,h=2,r=r2").st_size, None
    yield lambda: (os.mkdir(f"{mount}/x{number}"), os.rmdir(f"{mount}/x{number}"))[0], None
    yield lambda: read("errors") and None, None
    yield lambda: open(f"{mount}/.seriesfs/metrics").read() and None, None
    yield lambda: ask("delete from gone where time < 0"), None


def run(number):
    global refused, right
    for step, expected in steps(number):
        try:
            answer = step()
        except OSError as error:
            if error.errno not in soft and error.errno not in (errno.EEXIST, errno.ENOENT):
                problems.append(f"round {number}: {error}")
            refused += 1
            continue
        right += 1
        if expected is not None and answer != expected:
            problems.append(f"round {number}: a wrong answer: {str(answer)[:200]} in place of {str(expected)[:200]}")


def check(number):
    """All is right again: what was acknowledged is there, and nothing that was never written."""
    for attempt in range(50):
        try:
            lines = set(read("autogen/w,k=a").decode().splitlines(True))
            for name in os.listdir(f"{mount}/db/autogen"):
                break
            stored = ask("select * from w group by *").decode().count("\n")
            break
        except OSError as error:
            if error.errno not in soft:
                raise
            time.sleep(0.1)
    else:
        problems.append(f"round {number}: requests are refused for five seconds after it")
        return
    for line in acknowledged:
        if line.startswith("w,k=a ") and line not in lines:
            problems.append(f"round {number}: lost: {line!r}")
    for line in lines:
        if line not in attempted:
            problems.append(f"round {number}: never written: {line!r}")
    for query, answer in fixed:
        got = ask(query)
        if got != answer:
            problems.append(f"round {number}: {query} answers {got[:200]} afterwards")
    os.path.isdir(f"{mount}/x{number}") and os.rmdir(f"{mount}/x{number}")


os.makedirs(f"{mount}/db", exist_ok=True)
with open(f"{mount}/db/write", "w") as file:
    for host in range(60):
        for step in range(40):
            file.write(f'm,h={host},r=r{host % 3} v={step}i,f={step}.5,s="text {step % 4}" {1600000000 + step * 40000}000000000\n')
    file.write("gone v=1 1000000000\n")
for text in ("flush",):
    with open(f"{mount}/.seriesfs/ctl", "w") as file:
        file.write(text + "\n")
queries = ["select * from m", "select mean(v), max(f) from m group by time(1d), r", "select v from m where h =~ /^1/ and s = 'text 1'",
           "select percentile(f, 90), count(distinct(s)) from m group by h", "select max(mean) from (select mean(v) from m group by h)",
           "show tag values from m with key = h", "show series from m", "select * from merge(/^m/) order by time desc limit 30",
           "select derivative(mean(v), 1h) from m group by time(1d) fill(previous)", "select v + 1 as x into copy from m where h = '1'"]
fixed = [(query, ask(query)) for query in queries]
series_text = read("autogen/m,h=1,r=r1")
write("write", ["w,k=a v=0i 1\n"])
listing = None
fail(0, 0)
run(0)
whole = counts()[0]
random.seed(seed)
started, rounds, failed = time.monotonic(), 0, 0
places = list(range(1, whole + 1))
random.shuffle(places)
while rounds < rounds_max and time.monotonic() - started < seconds_max and not problems:
    rounds += 1
    n = places[rounds % len(places)]
    kind = rounds % 4
    fail(n, n if kind < 2 else n + 50 if kind == 2 else 1 << 62)
    try:
        run(rounds)
        failed += counts()[3]
        fail(0, 0)
        check(rounds)
    except OSError as error:
        problems.append(f"round {rounds}, allocation {n}, kind {kind}: {error}")
    if problems:
        problems.append(f"that was with the allocation {n}, {['once', 'once', 'and fifty more', 'for good'][kind]}; SEED={seed} COUNT={rounds}")
fail(0, 0)
for problem in problems[:10]:
    print("FAILED:", problem)
print(f"memory: {failed} allocations of {whole} a round failed in {rounds} rounds: {right} requests answered, {refused} refused")
sys.exit(1 if problems else 0)
