"""
things.py WORK SERIESFS CHECK SEED [PATTERN]: each kind of file and directory that a data directory has, and in its place each
kind of thing that is none: a pipe, links (to itself, to nothing, to a file, to a directory), a directory, a file, a
socket, devices. Nothing hangs, nothing crashes, nothing beyond the directory is touched, and what is refused is named:
by the mount, by seriesfs-check, by seriesfs-check --repair, and after that by both again.
"""
import concurrent.futures, os, random, re, shutil, socket, stat, subprocess, sys, time

WORK, SERIESFS, CHECK, SEED = sys.argv[1:5]
PATTERN = sys.argv[5] if len(sys.argv) > 5 else "."
SHARE = not os.environ.get("ALL")  # three things, by chance, for each kind
BASE, VICTIM = WORK + "/base", WORK + "/victim"
SECONDS = 30  # none needs one


def kinds():
    """A path of each kind below BASE: numbers and names do not tell kinds apart."""
    seen = {}
    for where, directories, files in os.walk(BASE):
        for name in sorted(directories + files):
            path = os.path.relpath(where + "/" + name, BASE)
            if path.startswith("trash/"):
                continue  # deleted, whatever it is
            seen.setdefault(re.sub(r"\d+", "N", path), path)
    return sorted(seen.values())


def pipe(path):
    os.mkfifo(path)


def link_to(target):
    return lambda path: os.symlink(target or os.path.basename(path), path)


def file(path):
    with open(path, "w") as out:
        out.write("something else\n")


def bind(path):
    directory = os.open(os.path.dirname(path), os.O_PATH)
    try:  # a socket's path is short
        with socket.socket(socket.AF_UNIX) as s:
            s.bind("/proc/self/fd/%d/%s" % (directory, os.path.basename(path)))
    finally:
        os.close(directory)


def device(kind, major, minor):
    return lambda path: os.mknod(path, kind | 0o600, os.makedev(major, minor))


THINGS = {
    "a pipe": pipe,
    "a link to itself": link_to(None),
    "a link to nothing": link_to(WORK + "/nothing"),
    "a link to a file": link_to(VICTIM + "/file"),
    "a link to a directory": link_to(VICTIM),
    "a directory": os.mkdir,
    "a file": file,
    "a socket": bind,
    "an endless device": device(stat.S_IFCHR, 1, 5),
    "a disk that is not there": device(stat.S_IFBLK, 7, 4094),
}


def victim():
    return [(name, os.path.isfile(VICTIM + "/" + name) and open(VICTIM + "/" + name).read(), os.lstat(VICTIM + "/" + name).st_mtime_ns)
            for name in sorted(os.listdir(VICTIM))] + [os.listdir(WORK + "/nothing") if os.path.exists(WORK + "/nothing") else "none"]


class Failed(Exception):
    pass


def run(*command):
    """Its exit code and what it said. Killed when it hangs."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise Failed("%s hangs" % " ".join(command))
    if done.returncode < 0 or done.returncode >= 64:
        raise Failed("%s ended with %d: %s" % (" ".join(command), done.returncode, done.stdout[-300:]))
    return done.returncode, done.stdout.decode("utf-8", "replace")


USE = """
cd "$1" || exit 0
find . -type f -exec cat {} +
cat "db/query/select count(*) from /.*/ group by *"
cat "db/.snapshot/s/query/select count(*) from /.*/ group by *"
echo 'm,t=new v=1 2026-11-22T09:00:01Z' >>db/write
echo 'm,t=new v=1 2026-10-01T09:00:01Z' >>db/write
echo flush >.seriesfs/ctl
mkdir db/.snapshot/new db2
rmdir db/.snapshot/new
sync -f db
rm -r db/autogen/2026-08-31--2026-09-07
cat db/errors .seriesfs/errors
"""


def daemon_of(mnt):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open("/proc/%s/cmdline" % pid, "rb").read().split(b"\0")
        except OSError:
            continue
        if line[0] == SERIESFS.encode() and line[-2:] == [mnt.encode(), b""]:
            return int(pid)


def mount_and_use(data, mnt):
    """What the mount said, at its start and in `errors`; None: it is as if nothing was wrong."""
    log = open(mnt + ".log", "w+")
    daemon = subprocess.Popen([SERIESFS, "-f", "-o", "clock=2026-11-22T10:00:00Z", data, mnt], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until = time.monotonic() + SECONDS
        while daemon.poll() is None and not os.path.ismount(mnt):
            if time.monotonic() > until:
                raise Failed("the start hangs")
            time.sleep(0.005)
        said = ""
        if daemon.poll() is None:
            try:
                used = subprocess.run(["bash", "-c", USE, "use", mnt], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      timeout=SECONDS)
            except subprocess.TimeoutExpired:
                raise Failed("a call hangs")
            said = used.stdout.decode("utf-8", "replace")
            if daemon.poll() is None:
                if not os.path.exists(mnt + "/.seriesfs/version"):
                    raise Failed("the mount does not answer any more")
                while subprocess.run(["umount", mnt], stderr=subprocess.PIPE, timeout=SECONDS).returncode and time.monotonic() < until:
                    time.sleep(0.05)
        try:
            daemon.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed("the end hangs")
        log.seek(0)
        said += log.read()
        if daemon.returncode < 0 or daemon.returncode >= 64:
            raise Failed("the daemon ended with %d: %s" % (daemon.returncode, said[-300:]))
        return daemon.returncode, said
    finally:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()
        subprocess.run(["umount", "-l", mnt], stderr=subprocess.DEVNULL)
        log.close()


def try_one(number, path, thing):
    data, mnt = "%s/%d.data" % (WORK, number), "%s/%d.mnt" % (WORK, number)
    before = victim()
    os.mkdir(mnt)

    def place():
        shutil.rmtree(data, ignore_errors=True)
        subprocess.run(["cp", "-a", BASE, data], check=True)
        old = data + "/" + path
        shutil.rmtree(old) if os.path.isdir(old) else os.unlink(old)
        THINGS[thing](old)

    def check_victim(what):
        if victim() != before:
            raise Failed(what + " touched what lies beyond the directory")

    try:
        place()
        same = stat.S_IFMT(os.lstat(data + "/" + path).st_mode) == stat.S_IFMT(os.lstat(BASE + "/" + path).st_mode)
        code, said = mount_and_use(data, mnt)
        check_victim("the mount")
        # Of a snapshot: its directory, and the path in it.
        above, _, rest = path.partition("/s/")
        is_named = lambda said: path in said or (os.path.dirname(path) or path) in said or (rest and above + "/s" in said and rest in said)
        if code != 0 and not is_named(said):
            raise Failed("the start refuses and does not say why: %s" % said)
        place()
        code, said = run(CHECK, data)
        check_victim("check")
        if not same and not is_named(said):
            raise Failed("check does not name it (%d): %s" % (code, said))
        repaired, told = run(CHECK, "--repair", data)
        check_victim("repair")
        if not same and not is_named(told):
            raise Failed("repair does not name it (%d): %s" % (repaired, told))
        after, again = run(CHECK, data)
        code, used = mount_and_use(data, mnt)
        check_victim("the mount after repair")
        return "%3d %3d %3d %3d" % (repaired, after, code, "Input/output error" in used), (told, again, used)
    finally:
        shutil.rmtree(data, ignore_errors=True)
        shutil.rmtree(mnt, ignore_errors=True) if not os.path.ismount(mnt) else None


def main():
    chance = random.Random(int(SEED))
    cases = [(path, thing) for path in kinds() for thing in (chance.sample(list(THINGS), 3) if SHARE else THINGS)
             if re.search(PATTERN, path + " " + thing)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "3"))) as pool:
        tries = [pool.submit(try_one, number, *case) for number, case in enumerate(cases)]
        for case, result in zip(cases, tries):
            try:
                line, texts = result.result()
                if os.environ.get("VERBOSE"):
                    print(line, *case)
                if os.environ.get("VERBOSE", "0") > "1":
                    print(*texts, sep="\n----\n")
            except Failed as error:
                failed += 1
                print("FAILED: %s is %s: %s" % (*case, error))
    print("%d of %d things in the place of files (%d kinds) were refused by name, or did no harm" % (len(cases) - failed, len(cases), len(kinds())))
    sys.exit(failed > 0)


main()
