"""random_calls.py MNT SEED CALLS SECONDS THREADS STATE | --check MNT STATE

Random file system calls of several threads on every kind of name of a mount. What they do to `wild*` may fail or not;
`kept` is written and read, never removed from: STATE has its points as they were acknowledged, by which --check judges.
"""
import ctypes, errno, fcntl, itertools, json, mmap, os, random, select, stat, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)
FATAL = {errno.ENOTCONN, errno.ECONNABORTED, errno.EFAULT, errno.ENOSYS}
# What a call of its kind may say that no other may: memory of a page that is gone, a call the kernel has not.
ALLOWED = {"mmap": {errno.EFAULT}, "fallocate": {errno.ENOSYS}, "ioctl": {errno.ENOSYS}, "copy": {errno.ENOSYS}}


class Caller:
    def __init__(self, mnt, seed, number):
        self.mnt, self.number = mnt, number
        self.random = random.Random(f"{seed}/{number}")
        self.files, self.maps = [], []
        self.counts, self.done = {}, {}
        self.calls = 0
        self.now = ("nothing", "", time.monotonic())
        self.failure = None
        self.points = {}  # of `kept`: (series, time) -> value, all of this caller's own series
        self.memory = os.memfd_create("random_calls")

    # --- names -------------------------------------------------------------------------------

    def pick(self, *names):
        return self.random.choice(names)

    def word(self):
        return "".join(self.random.choice("abcdefgh0123456789_-.,= ~%\"'\\/\n\xe4\u20ac".replace("/", "")) for _ in range(self.random.randrange(1, 12)))

    def series(self):
        return self.pick("m,h=a", "m,h=b", "n", "long" + "x" * 240, "m,h=%2F", "h.i.j", "cpu,a=1,b=2", self.word())

    def query(self):
        text = self.pick("select * from m", "select count(v) from m where h =~ /^a/", "select mean(v) from m group by time(1h), *",
                         "show measurements", "show queries", "explain select v from m", "select v from m where", "select * from merge(/m|n/)",
                         "select top(v, 3) from m", "selec", "drop measurement m", "select v into n from m", "select v from kept..k" + str(self.number),
                         "show series", "show tag values with key = h", self.word())
        return text + self.pick("", ";", ";.csv", ";.json", ";.lp", ".txt", ";.svg", ";.jsonl?epoch=ms", "?pretty=true", "?x=1", "/", "/.csv")

    def below(self, database):
        """A path below a database."""
        policy = self.pick("autogen", "autogen", "p", "q", self.word())
        group = self.group(database, policy)
        return self.pick(
            "", "exec", "write", "write?precision=s", "errors", "query", "query/" + self.query(), "query/" + self.query(), "exec.json?epoch=s",
            policy, policy, policy + "/.policy", policy + "/.write", policy + "/" + self.series(), policy + "/" + self.series(),
            group, group, group + "/" + self.series(), group + "/" + self.series(), group + "/." + self.series() + ".Xy12Zz", group + "/.t",
            "continuous", "continuous/" + self.pick("c", "d", ".t", self.word()), "continuous/c",
            "views", "views/" + self.pick("v", "w", ".t", self.word()), "views/v",
            ".snapshot", ".snapshot/" + self.pick("s", "t"), ".snapshot/s/" + policy, ".snapshot/s/" + group + "/" + self.series(),
            ".snapshot/s/query/" + self.query(), self.word(), policy + "/" + self.word() + "/" + self.word())

    def group(self, database, policy):
        made = self.pick("2026-11-16--2026-11-23", "2026-11-16T10Z--2026-11-16T11Z", "1969-12-29--1970-01-05", "")
        if not made or self.random.random() < 0.6:
            try:
                made = self.random.choice([n for n in os.listdir(f"{self.mnt}/{database}/{policy}") if n[:1] in "12"] or [made])
            except OSError:
                pass
        return policy + "/" + (made or "x")

    def path(self):
        """Where anything may be done: half of them names that are there."""
        database = self.pick("wild0", "wild1", "wild2")
        if self.random.random() < 0.5:
            path = f"{self.mnt}/{database}"
            while self.random.random() < 0.85:
                try:
                    path += "/" + self.random.choice(os.listdir(path) or ["write"])
                except OSError:
                    break
            return path
        below = self.below(database)
        return f"{self.mnt}/{database}" + ("/" + below if below else "")

    def any_path(self):
        """Where only reading is safe: the model's points are there, too."""
        if self.random.random() < 0.25:
            return self.mnt + "/" + self.pick("", ".seriesfs", *(".seriesfs/" + n for n in ("help", "version", "status", "metrics", "errors", "exec", "ctl", "trash")),
                                              "kept", "kept/autogen", f"kept/autogen/k{self.number}", "kept/errors", "kept/query/" + self.query(), self.word())
        return self.path()

    def lines(self):
        kind = self.random.random()
        if kind < 0.1:
            return self.random.randbytes(self.random.randrange(200))
        if kind < 0.15:
            return (self.word() + "\n").encode(errors="replace")
        form = self.pick("m,h=a v={v} {t}\n", "m,h=b v={v},w={v}i {t}\n", "n s=\"a b\" {t}\n", "v={v} {t}\n", "{v}\n", "m v=1i,w={v}\n", "m,h=a v={v} {t}",
                         "select v from m\n", "duration 30d\n", "select mean(v) from m group by time(1h) into n\n", "flush\n")
        return "".join(form.format(v=self.random.randrange(1000) / 8, t=self.random.choice((1700000000, 1763300000, 0)) * 10**9 + self.random.randrange(10**12))
                       for _ in range(self.random.randrange(1, 20))).encode()

    # --- calls ---------------------------------------------------------------------------------

    def file(self):
        return self.random.choice(self.files) if self.files else self.do_open()

    def do_open(self):
        writing = self.random.random() < 0.5
        flags = self.pick(os.O_WRONLY, os.O_RDWR) if writing else self.pick(os.O_RDONLY, os.O_RDONLY, os.O_RDONLY, os.O_PATH)
        for flag in (os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND) if writing else (os.O_DIRECTORY, os.O_NOFOLLOW, os.O_NOATIME):
            if self.random.random() < 0.3:
                flags |= flag
        for flag in (os.O_DIRECT, os.O_SYNC, os.O_TMPFILE if writing else 0):
            if self.random.random() < 0.03:
                flags |= flag
        path = self.path() if writing else self.any_path()
        if len(self.files) > 12:
            self.do_close()
        self.files.append(os.open(path, flags | os.O_NONBLOCK * (self.random.random() < 0.3), 0o644))
        return self.files[-1]

    def do_close(self):
        if self.files:
            os.close(self.files.pop(self.random.randrange(len(self.files))))

    def do_dup(self):
        if len(self.files) < 12:
            self.files.append(os.dup(self.file()))

    def do_read(self):
        fd = self.file()
        if self.random.random() < 0.3:
            return os.pread(fd, self.random.randrange(1 << 17), self.offset())
        os.read(fd, self.random.randrange(1 << 17))

    def offset(self):
        return self.pick(0, 1, 4095, 4096, self.random.randrange(1 << 20), 1 << 40)

    def do_write(self):
        fd = self.file()
        if self.random.random() < 0.2:
            return os.pwrite(fd, self.lines(), self.offset())
        if self.random.random() < 0.2:
            return os.writev(fd, [self.lines(), self.lines()])
        os.write(fd, self.lines())

    def do_append(self):
        """As echo does, mostly with what the file takes."""
        path = self.path()
        text = self.lines()
        if self.random.random() < 0.6:
            name = os.path.basename(path)
            text = (self.pick("duration 30d\n", "duration 0s\nshards 2\n", "default true\n") if name == ".policy"
                    else "select mean(v) as v into n from m group by time(1h)\n" if "/continuous/" in path
                    else f"v={self.random.randrange(99)} {1700000000 + self.random.randrange(10**6)}000000000\n").encode()
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT * (self.random.random() < 0.5), 0o644)
        try:
            os.write(fd, text)
        finally:
            os.close(fd)

    def do_lines(self):
        """Where lines are understood, so that there is something to remove."""
        fd = os.open(f"{self.mnt}/{self.pick('wild0', 'wild1', 'wild2')}/write", os.O_WRONLY)
        try:
            os.write(fd, self.lines())
        finally:
            os.close(fd)

    def do_seek(self):
        os.lseek(self.file(), self.offset(), self.pick(os.SEEK_SET, os.SEEK_CUR, os.SEEK_END, os.SEEK_DATA, os.SEEK_HOLE))

    def do_stat(self):
        path = self.any_path()
        self.pick(os.stat, os.lstat, os.statvfs)(path)
        os.access(path, self.pick(os.R_OK, os.W_OK, os.X_OK))

    def do_fstat(self):
        self.pick(os.fstat, os.fstatvfs)(self.file())

    def do_list(self):
        with os.scandir(self.any_path()) as entries:
            for entry in itertools.islice(entries, 50):
                entry.stat(follow_symlinks=False)

    def do_walk(self):
        path = f"{self.mnt}/{self.pick('wild0', 'wild1', 'wild2')}"
        for directory, _, names in itertools.islice(os.walk(path), 8):
            for name in names[:5]:
                try:
                    with open(directory + "/" + name, "rb", buffering=0) as file:
                        file.read(1 << 16)
                except OSError as error:
                    if error.errno in FATAL:
                        raise

    def do_mkdir(self):
        if self.random.random() < 0.5:
            database = self.pick("wild0", "wild1", "wild2")
            return os.makedirs(f"{self.mnt}/{database}/" + self.pick("autogen", "p", "continuous", "views", ".snapshot/s"), exist_ok=True)
        os.mkdir(self.path(), self.pick(0o755, 0o700, 0o2775))

    def do_rmdir(self):
        os.rmdir(self.path())

    def do_unlink(self):
        os.unlink(self.path())

    def do_rename(self):
        source = self.path()
        target = os.path.dirname(source) + "/" + os.path.basename(self.path()) if self.random.random() < 0.7 else self.path()
        flags = self.pick(0, 0, 0, 1, 2)
        if libc.renameat2(-100, source.encode(errors="surrogateescape"), -100, target.encode(errors="surrogateescape"), flags) < 0:
            raise OSError(ctypes.get_errno(), "renameat2")

    def do_scratch(self):
        """As rsync and editors replace a file."""
        path = self.path()
        if self.random.random() < 0.5:
            path = f"{self.mnt}/{self.pick('wild0', 'wild1', 'wild2')}/" + self.pick("continuous/c", "continuous/d", "autogen/.policy")
        beside = os.path.dirname(path) + "/." + os.path.basename(path)[:200] + ".Ab12Cd"
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            name = os.path.basename(path)
            os.write(fd, self.lines() if self.random.random() < 0.3 else b"duration 40d\n" if name == ".policy" else b"select v into n from m\n"
                     if "/continuous/" in path else f"{name} v=1 {1700000000 + self.random.randrange(10**6)}000000000\n".encode(errors="replace"))
        finally:
            os.close(fd)
        os.rename(beside, path) if self.random.random() < 0.8 else os.unlink(beside)

    def do_link(self):
        self.pick(lambda a, b: os.link(a, b, follow_symlinks=False), os.symlink, lambda a, b: os.symlink("../query/" + self.query(), b),
                  lambda a, b: os.symlink("../query/" + self.query(), f"{self.mnt}/{self.pick('wild0', 'wild1', 'wild2')}/views/{self.word()}"))(self.path(), self.path())

    def do_readlink(self):
        views = f"{self.mnt}/{self.pick('wild0', 'wild1', 'wild2')}/views"
        os.readlink(views + "/" + self.random.choice(os.listdir(views) or ["v"]))

    def do_mknod(self):
        os.mknod(self.path(), self.pick(stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR) | 0o644, os.makedev(1, 3))

    def do_mode(self):
        path = self.path()
        self.pick(lambda: os.chmod(path, self.random.randrange(0o10000)), lambda: os.chown(path, self.pick(-1, 0, 1000), self.pick(-1, 0, 1000)))()

    def do_times(self):
        os.utime(self.path(), ns=(self.pick(0, 10**18, -1, 1 << 62), self.pick(0, 10**18 + 1)), follow_symlinks=self.random.random() < 0.5)

    def do_truncate(self):
        size = self.offset()
        os.truncate(self.path(), size) if self.random.random() < 0.5 else os.ftruncate(self.file(), size)

    def do_fallocate(self):
        if libc.fallocate(self.file(), self.pick(0, 1, 2, 3, 8, 16), ctypes.c_long(self.offset()), ctypes.c_long(self.random.randrange(1, 1 << 16))) < 0:
            raise OSError(ctypes.get_errno(), "fallocate")

    def do_sync(self):
        self.pick(os.fsync, os.fsync, os.fdatasync)(self.file())

    def do_xattr(self):
        path = self.any_path()
        name = self.pick("user.seriesfs.points", "user.seriesfs.first", "user.seriesfs.last", "user.seriesfs.fields", "user.seriesfs.bytes", "user.x",
                         "security.capability", "system.posix_acl_access", "trusted.x", "user." + "x" * 200)
        kind = self.random.random()
        if kind < 0.6:
            os.getxattr(path, name)
        elif kind < 0.8:
            os.listxattr(path)
        elif kind < 0.9:
            os.setxattr(self.path(), name, self.random.randbytes(self.random.randrange(100)))
        else:
            os.removexattr(self.path(), name)

    def do_mmap(self):
        if len(self.maps) > 4:
            self.maps.pop(0).close()
        if not self.maps or self.random.random() < 0.4:
            fd = self.file()
            length = os.fstat(fd).st_size
            if not 0 < length < 1 << 24:
                return
            private = self.random.random() < 0.5
            self.maps.append(mmap.mmap(fd, length, flags=mmap.MAP_PRIVATE if private else mmap.MAP_SHARED, prot=mmap.PROT_READ))
        view = self.random.choice(self.maps)
        start = self.random.randrange(len(view))
        # A page behind the end of the file is a signal for who reads it, and EFAULT for the kernel.
        with memoryview(view) as bytes_of:
            with bytes_of[start:start + 10000] as part:
                os.pwrite(self.memory, part, 0)

    def do_poll(self):
        poll = select.poll()
        poll.register(self.file(), self.pick(select.POLLIN, select.POLLOUT, select.POLLIN | select.POLLOUT))
        poll.poll(0)

    def do_copy(self):
        how = self.random.random()
        if how < 0.5:
            os.copy_file_range(self.file(), self.file(), self.random.randrange(1, 1 << 16))
        elif how < 0.8:
            os.sendfile(self.memory, self.file(), None if self.random.random() < 0.5 else 0, self.random.randrange(1, 1 << 16))
        else:
            read, write = os.pipe()
            try:
                os.set_blocking(read, False)
                os.splice(self.file(), write, 4096)
            finally:
                os.close(read)
                os.close(write)

    def do_ioctl(self):
        fcntl.ioctl(self.file(), self.pick(0x80086601, 0x5401, 0x541B, 0xC0045877), b"\0" * 64)

    def do_lock(self):
        fd = self.file()
        fcntl.flock(fd, self.pick(fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN) | fcntl.LOCK_NB)

    def do_exec(self):
        database = self.pick("wild0", "wild1", "wild2")
        path = f"{self.mnt}/" + self.pick(f"{database}/exec", f"{database}/exec", f"{database}/exec.json", ".seriesfs/exec")
        text = self.pick("select * from m", "delete from m where time < '2023-11-14T23:00:00Z'", "drop measurement n", "drop series from m where h = 'a'",
                         f"create retention policy p on {database} duration 30d replication 1", f"drop retention policy p on {database}",
                         f"alter retention policy p on {database} duration 60d", f"create database {database}", f"drop database {database}",
                         f"create continuous query c on {database} begin select mean(v) into n from m group by time(1h) end", f"drop continuous query c on {database}",
                         "show databases", "show shards", "show queries", "kill query 1", "select v into w from m", "show series;show field keys", self.query(), self.word())
        fd = os.open(path, os.O_RDWR)
        try:
            os.write(fd, (text + "\n").encode(errors="replace"))
            if self.random.random() < 0.8:
                os.read(fd, 1 << 16)
        finally:
            os.close(fd)

    def do_control(self):
        word = self.pick("flush", "flush", "retention", "continuous", "compact wild0", "compact wild1 autogen", self.word(),
                         "drop wild0 autogen " + self.group("wild0", "autogen").split("/")[1], "drop wild1 p x", "clock now")
        fd = os.open(f"{self.mnt}/.seriesfs/ctl", os.O_WRONLY)
        try:
            os.write(fd, (word + "\n").encode(errors="replace"))
        finally:
            os.close(fd)

    def do_keep(self):
        """Points that must be there: each caller has a measurement of its own, and writes through each face."""
        me = f"k{self.number}"
        fresh = {}
        for _ in range(self.random.randrange(1, 30)):
            fresh[f"{me},h={self.random.randrange(3)}", 1700000000 * 10**9 + self.random.randrange(4000) * 10**12 // 4] = self.calls
        # One series a write where a file takes no other.
        name = next(iter(fresh))[0]
        one = {at: v for (series, at), v in fresh.items() if series == name}
        face = self.pick("write", "autogen/.write", "autogen/" + name)
        if face.endswith(name):
            fresh = {(name, at): v for at, v in one.items()}
            text = "".join(f"v={v}i {at}\n" for at, v in one.items())
        else:
            text = "".join(f"{series} v={v}i {at}\n" for (series, at), v in fresh.items())
        fd = os.open(f"{self.mnt}/kept/{face}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            taken = os.write(fd, text.encode())
        finally:
            os.close(fd)
        if taken != len(text):
            raise AssertionError(f"of {len(text)} bytes {taken} were taken by kept/{face}")
        self.points.update(fresh)

    # --- in turn ---------------------------------------------------------------------------------

    WEIGHTS = {"open": 10, "close": 5, "dup": 1, "read": 8, "write": 8, "append": 6, "lines": 6, "seek": 2, "stat": 6, "fstat": 2, "list": 4, "walk": 1, "mkdir": 5,
               "rmdir": 2, "unlink": 3, "rename": 4, "scratch": 4, "link": 2, "readlink": 1, "mknod": 1, "mode": 2, "times": 2, "truncate": 3, "fallocate": 1,
               "sync": 1, "xattr": 4, "mmap": 2, "poll": 1, "copy": 2, "ioctl": 1, "lock": 1, "exec": 3, "control": 1, "keep": 4}

    def run(self, calls, end):
        kinds, weights = list(self.WEIGHTS), list(self.WEIGHTS.values())
        while self.calls < calls and time.monotonic() < end and not self.failure:
            kind = self.random.choices(kinds, weights)[0]
            self.now = (kind, "", time.monotonic())
            self.calls += 1
            self.counts[kind] = self.counts.get(kind, 0) + 1
            try:
                getattr(self, "do_" + kind)()
                self.done[kind] = self.done.get(kind, 0) + 1
            except (OSError, ValueError, OverflowError) as error:
                code = getattr(error, "errno", None)
                if kind == "keep" or code == errno.EIO or (code in FATAL and code not in ALLOWED.get(kind, ())):
                    self.failure = f"{kind}: {error!r}"
            except Exception as error:
                self.failure = f"{kind}: {error!r}"
        for fd in self.files:
            try:
                os.close(fd)
            except OSError:
                pass
        self.now = ("nothing", "", float("inf"))


def work(mnt, seed, calls, seconds, threads, state):
    os.makedirs(mnt + "/kept/autogen", exist_ok=True)
    end = time.monotonic() + seconds
    callers = [Caller(mnt, seed, n) for n in range(threads)]
    running = [threading.Thread(target=c.run, args=(calls // threads, end), daemon=True) for c in callers]
    for thread in running:
        thread.start()
    while any(t.is_alive() for t in running):
        time.sleep(0.05)
        for caller in callers:
            kind, _, began = caller.now
            if time.monotonic() - began > 120:
                print(f"a call hangs: {kind}")
                os._exit(1)
    failures = [c.failure for c in callers if c.failure]
    for kind in Caller.WEIGHTS:  # how many were not refused
        print(kind, sum(c.done.get(kind, 0) for c in callers), "of", sum(c.counts.get(kind, 0) for c in callers), file=sys.stderr)
    with open(state, "w") as file:
        json.dump([[series, at, v] for c in callers for (series, at), v in c.points.items()], file)
    print("\n".join(failures) if failures else f"{sum(c.calls for c in callers)} calls of {len(Caller.WEIGHTS)} kinds")
    sys.exit(1 if failures else 0)


def check(mnt, state):
    with open(state) as file:
        want = {(series, at): v for series, at, v in json.load(file)}
    got = {}
    for directory, _, names in os.walk(mnt + "/kept/autogen"):
        for name in names:
            if name[:1] == "k":
                with open(directory + "/" + name) as file:
                    for line in file:
                        key, value, at = line.split()
                        got[key, int(at)] = int(value[2:-1])
    bad = [(k, got.get(k), want.get(k)) for k in want.keys() | got.keys() if got.get(k) != want.get(k)]
    print(f"{len(bad)} of {len(want)} points are wrong: {bad[:5]}" if bad else f"{len(want)} points")
    sys.exit(1 if bad else 0)


if sys.argv[1] == "--check":
    check(*sys.argv[2:4])
else:
    work(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
