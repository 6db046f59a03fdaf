"""mount.py SERIESFS FAIL.SO DIR COUNT SEED SECONDS: calls fail below a real mount.

Each run mounts a data directory behind fail.so, works on it through files while the n-th call fails, once or for good,
unmounts it, mounts it without the fault, and compares: what write(2) and fsync(2) acknowledged is there, what was
removed is not, no point is there in half. On the way each errno must be one that a caller can make sense of, the mount
must answer, and it must come off by itself. The page of orders is drawn in fail.h.
"""
import errno, mmap, os, random, signal, struct, subprocess, sys, time

SERIESFS, LIBRARY, DIR = sys.argv[1:4]
COUNT, SEED, SECONDS = int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
DATA, MNT, PAGE = DIR + "/data", DIR + "/mnt", DIR + "/page"
WAYS = ["EIO", "ENOSPC", "EDQUOT", "EMFILE", "ENOMEM", "SHORT"]
SANE = {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EROFS}
WEEK = 604800
words = []


class Page:
    """count, at: 8 bytes each; way, always: 4; failed: 8; hold, held: 4; hold_match: 64; what: 200."""

    def __init__(self):
        with open(PAGE, "wb") as file:
            file.truncate(1 << 17)
        file = open(PAGE, "r+b")
        self.map = mmap.mmap(file.fileno(), 1 << 17)

    def order(self, at, way, always):
        struct.pack_into("<QQIIQ", self.map, 0, 0, at, way, always, 0)

    count = property(lambda self: struct.unpack_from("<Q", self.map, 0)[0])
    failed = property(lambda self: struct.unpack_from("<Q", self.map, 24)[0])
    what = property(lambda self: self.map[104:304].split(b"\0")[0].decode(errors="replace"))


def wrong(text):
    words.append(text)


class Mount:
    def __init__(self, fails):
        env = dict(os.environ)
        if fails:
            env.update(FAIL_DIR=DATA, FAIL_PAGE=PAGE, LD_PRELOAD=LIBRARY)
        self.process = subprocess.Popen([SERIESFS, "-f", "-o", "commit=100,cold_seconds=0", DATA, MNT], env=env,
                                        stderr=open(DIR + "/stderr", "a"), stdout=subprocess.DEVNULL)
        self.is_up = False
        for _ in range(3000):
            if self.process.poll() is not None:
                break
            if os.path.exists(MNT + "/.seriesfs/version"):
                self.is_up = True
                break
            time.sleep(0.01)

    def stop(self):
        if self.process.poll() is None:
            subprocess.run(["fusermount3", "-u", MNT], stderr=subprocess.DEVNULL)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            wrong("it does not stop")
            self.process.kill()
            self.process.wait()
            code = 0
        if code < 0:
            wrong("it was ended by signal %d" % -code)
        if os.path.ismount(MNT):
            wrong("a dead mount is left")
            subprocess.run(["fusermount3", "-uz", MNT], stderr=subprocess.DEVNULL)


class Model:
    """What each point is: True it must be there, False it must not, None nobody knows."""

    def __init__(self):
        self.points, self.next = {}, 0

    def line(self, database, series, week):
        n = self.next
        self.next += 1
        self.points[n] = (database, series, week, None)
        return n, b'm,s=%d a=%di,b=%di,c="word %d" %d000000000\n' % (series, n, n * 7, n, 1699833600 + week * WEEK + 1000 + n)

    def mark(self, n, state):
        self.points[n] = self.points[n][:3] + (state,)

    def mark_where(self, database, series, week, state):
        for n, point in self.points.items():
            if point[0] == database and series in (None, point[1]) and week in (None, point[2]) and point[3] is not False:
                self.mark(n, state)


def attempt(what, function, below=""):
    """OK, or the error is one that a caller can act on. Below what could not be made there is nothing."""
    try:
        function()
        return True
    except OSError as error:
        if error.errno not in SANE and not (error.errno == errno.ENOENT and below and not os.path.isdir(below)):
            wrong("%s: %s" % (what, error.strerror))
        return False


def put(model, database, count, sync):
    numbers, text, ends = [], b"", []
    for i in range(count):
        n, line = model.line(database, i % 3, i % 2)
        numbers.append(n)
        text += line
        ends.append(len(text))
    done = 0
    try:
        fd = os.open("%s/%s/write" % (MNT, database), os.O_WRONLY)
    except OSError as error:
        if error.errno not in SANE | {errno.ENOENT, errno.ESTALE}:
            wrong("open of write: " + error.strerror)
        return
    try:
        while done < len(text):
            done += os.write(fd, text[done:])
        if sync:
            os.fsync(fd)
    except OSError as error:
        if error.errno not in SANE:
            wrong("write: " + error.strerror)
    try:
        os.close(fd)
    except OSError:
        pass
    for n, end in zip(numbers, ends):
        if end <= done:
            model.mark(n, True)


def group_of(database, week):
    start = 1699833600 + week * WEEK
    return "%s--%s" % tuple(time.strftime("%Y-%m-%d", time.gmtime(start + k * WEEK)) for k in (0, 1))


def replace(model, database, series, week):
    """As rsync: a dot name beside it, renamed over the series."""
    directory = "%s/%s/autogen/%s" % (MNT, database, group_of(database, week))
    lines = [model.line(database, series, week) for _ in range(3)]
    if not os.path.isdir(directory):
        return

    def run():
        with open(directory + "/.m,s=%d.Xa12Zz" % series, "wb", buffering=0) as file:
            file.write(b"".join(line for _, line in lines))
        os.rename(directory + "/.m,s=%d.Xa12Zz" % series, directory + "/m,s=%d" % series)

    done = attempt("rename of a scratch file", run)
    model.mark_where(database, series, week, False if done else None)
    for n, _ in lines:
        model.mark(n, True if done else None)


def control(word):
    return attempt(word, lambda: open(MNT + "/.seriesfs/ctl", "wb", buffering=0).write(word.encode() + b"\n"))


def judge(model, page):
    for database in sorted({point[0] for point in model.points.values()}):
        expected = {n: point for n, point in model.points.items() if point[0] == database}
        seen = set()
        try:
            text = open("%s/%s/query/select a, b, c from m limit %d.csv?epoch=ns" %
                        (MNT, database, 1000000 + random.randrange(1000000)), "rb").read().decode()
        except OSError as error:
            if error.errno == errno.ENOENT and not os.path.isdir("%s/%s" % (MNT, database)):
                text = ""
            else:
                if page is None or error.errno not in SANE:
                    wrong("a query: " + error.strerror)
                continue
        for row in text.splitlines()[1:]:
            cells = row.split(",")
            try:
                n = int(cells[2])
                if int(cells[3]) != n * 7 or cells[4] != "word %d" % n or n not in expected:
                    raise ValueError
            except (ValueError, IndexError):
                wrong("nobody wrote this: " + row)
                continue
            if n in seen:
                wrong("twice there: %d" % n)
            if expected[n][3] is False:
                wrong("came back: %d of %s" % (n, database))
            seen.add(n)
        for n, point in expected.items():
            if point[3] and n not in seen:
                wrong("not there: %d of %s" % (n, database))


def work(model, page):
    for database in "abc":
        attempt("mkdir", lambda: os.path.isdir(MNT + "/" + database) or os.mkdir(MNT + "/" + database))
    for database in "abc":
        put(model, database, 9, True)
    attempt("continuous", lambda: os.path.isdir(MNT + "/a/continuous") or os.mkdir(MNT + "/a/continuous"), MNT + "/a")

    def query():
        with open(MNT + "/a/continuous/q", "wb", buffering=0) as file:
            file.write(b"SELECT mean(a) INTO means FROM m GROUP BY time(1h)\n")

    attempt("a continuous query", query, MNT + "/a/continuous")
    control("flush")
    put(model, "a", 9, False)
    attempt(".policy", lambda: open(MNT + "/b/autogen/.policy", "wb", buffering=0).write(b"shards 2\n"), MNT + "/b/autogen")
    put(model, "b", 9, False)
    path = "%s/a/autogen/%s/m,s=1" % (MNT, group_of("a", 0))
    if os.path.exists(path):
        model.mark_where("a", 1, 0, False if attempt("rm of a series", lambda: os.unlink(path)) else None)
    control("flush")
    if attempt("mkdir of a snapshot", lambda: os.mkdir(MNT + "/a/.snapshot/s"), MNT + "/a"):
        attempt("rmdir of a snapshot", lambda: os.rmdir(MNT + "/a/.snapshot/s"))
    replace(model, "a", 2, 1)
    judge(model, page)
    control("compact")
    if os.path.isdir("%s/a/autogen/%s" % (MNT, group_of("a", 0))):
        done = control("drop a autogen " + group_of("a", 0))
        model.mark_where("a", None, 0, False if done else None)
    put(model, "a", 6, True)
    control("flush")
    judge(model, page)


def run(page, at, way, always):
    subprocess.run(["rm", "-rf", DATA])
    os.makedirs(MNT, exist_ok=True)
    os.mkdir(DATA)
    page.order(at, way, always)
    model = Model()
    del words[:]
    mount = Mount(True)
    if mount.is_up:
        work(model, page)
        if not os.path.exists(MNT + "/.seriesfs/version"):
            wrong("the mount does not answer")
    mount.stop()
    failed, what, count = page.failed, page.what, page.count
    mount = Mount(False)
    if not mount.is_up:
        wrong("it does not start afterwards")
    else:
        judge(model, None)
        put(model, "a", 3, False) if os.path.isdir(MNT + "/a") else None
        judge(model, None)
    mount.stop()
    return failed, what, count


def main():
    begun, page = time.monotonic(), Page()
    runs = failed = 0
    _, _, calls = run(page, 0, 0, 0)
    if words:
        print("FAILED: through a mount, without a fault:", *words, sep="\n\t")
        failed += 1
    random.seed(SEED)
    while runs < COUNT and time.monotonic() - begun < SECONDS:
        at, way, always = random.randrange(1, calls), random.randrange(len(WAYS)), random.randrange(2)
        hit, what, _ = run(page, at, way, always)
        if not hit and not words:
            continue
        runs += 1
        if words:
            failed += 1
            print("FAILED: through a mount, %s at call %d (%s)%s:" % (WAYS[way], at, what, " for good" if always else ""),
                  *words[:8], sep="\n\t", flush=True)
    print("%d calls, %d runs, %d failed, 0 stuck" % (calls, runs, failed))
    sys.exit(failed > 0)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()
