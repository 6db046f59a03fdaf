"""crowd.py load MNT STATE SEED SECONDS sync|fsync | check MNT STATE kill|cut

Everything at once, until the daemon is gone or SECONDS are over: writers over two databases and three windows, flushes,
rewrites, drops, snapshots. STATE has what was acknowledged; `check` compares, and takes what it found for what must be
there from then on.

A writer's line number i is `wT,s=i%5 v=i` at a time that i gives, so that what is there needs no list: of each run of the
load a range of numbers, from its first on without a gap. After `kill` all that write(2) took is there, after `cut` what
was synced (with `sync`: all that was taken)."""
import json, os, random, sys, threading, time

verb, mnt, path = sys.argv[1:4]
WRITERS = 4
START = 1700000000 * 10**9
WEEK = 604800 * 10**9
# per writer: ranges that are there, and of the last load where it began, what is acknowledged, what is durable, what was tried
state = {"writers": [{"ranges": [], "load": [0, 0, 0, 0]} for _ in range(WRITERS)],
         "drops": {},       # window -> "written", "dropping", "dropped"
         "snapshots": {}}   # name -> [state, least of each writer]
if os.path.exists(path):
    with open(path) as file:
        state = json.load(file)


def save():
    with open(path + ".new", "w") as file:
        json.dump(state, file)
    os.rename(path + ".new", path)


def database(writer):
    return f"{mnt}/crowd{writer % 2}"


def line(writer, i):
    return f"w{writer},s={i % 5} v={i}i,f={i / 4} {START + i % 3 * WEEK + i * 1000}\n"


def tell(file, text):
    fd = os.open(file, os.O_WRONLY)
    try:
        if os.write(fd, text.encode()) != len(text):
            raise OSError("a short write")
    finally:
        os.close(fd)


# --- load -------------------------------------------------------------------------------------------

def write(number, chance, end):
    writer = state["writers"][number]
    begin = writer["load"][3]
    writer["load"] = now = [begin, begin, begin, begin]
    fd = os.open(database(number) + "/write", os.O_WRONLY)
    try:
        while time.monotonic() < end:
            first = now[3]
            now[3] = first + chance.choice((1, 7, 40, 400))
            text = "".join(line(number, i) for i in range(first, now[3])).encode()
            if os.write(fd, text) != len(text):
                raise OSError("a short write")
            now[1] = now[3]
            if sync:
                now[2] = now[1]
            elif chance.random() < 0.1:
                until = now[1]
                os.fsync(fd)
                now[2] = until
    finally:
        try:
            os.close(fd)
        except OSError:
            pass


def drop(chance, end):
    """Windows of their own, long before."""
    while time.monotonic() < end:
        n = 1 + max([int(k) for k in state["drops"]] or [0])
        at = 10**18 + n * WEEK
        tell(mnt + "/crowd0/write", f"gone v={n}i {at}\n")
        state["drops"][str(n)] = "written"
        if chance.random() < 0.7:
            group = [g for g in sorted(os.listdir(mnt + "/crowd0/autogen")) if os.path.exists(f"{mnt}/crowd0/autogen/{g}/gone")][-1]
            state["drops"][str(n)] = "dropping"
            tell(mnt + "/.seriesfs/ctl", f"drop crowd0 autogen {group}\n")
            state["drops"][str(n)] = "dropped"
        time.sleep(0.02)


def snapshots(chance, end):
    number = 0
    while time.monotonic() < end:
        there = [name for name, (what, _) in state["snapshots"].items() if what == "made"]
        if len(there) > 3:
            name = chance.choice(there)
            state["snapshots"][name][0] = "removing"
            os.rmdir(f"{mnt}/crowd1/.snapshot/{name}")
            state["snapshots"][name][0] = "removed"
        name = f"s{time.time_ns()}"
        # Of a load that has nothing acknowledged yet the number is where it began, behind what an earlier one tried.
        least = [w["load"][1] if w["load"][1] > w["load"][0] else 0 for w in state["writers"]]
        state["snapshots"][name] = ["making", least]
        os.mkdir(f"{mnt}/crowd1/.snapshot/{name}")
        state["snapshots"][name][0] = "made"
        number += 1
        time.sleep(chance.random() / 10)


def words(word):
    def say(chance, end):
        while time.monotonic() < end:
            tell(mnt + "/.seriesfs/ctl", word + "\n")
            time.sleep(chance.random() / 20)
    return say


def endure(body, *args):
    try:
        body(*args)
    except (OSError, IndexError):  # the end has come
        pass


def load():
    seed, seconds = sys.argv[4], float(sys.argv[5])
    for n in (0, 1):
        if not os.path.exists(f"{mnt}/crowd{n}/autogen"):
            os.makedirs(f"{mnt}/crowd{n}/autogen")
            with open(f"{mnt}/crowd{n}/autogen/.policy", "w") as file:
                file.write("shards 2\n")
            fd = os.open(f"{mnt}/crowd{n}", os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)
    end = time.monotonic() + seconds
    bodies = [(write, n, random.Random(f"{seed}/{n}"), end) for n in range(WRITERS)]
    bodies += [(body, random.Random(f"{seed}/{k}"), end) for k, body in enumerate((drop, snapshots, words("flush"), words("compact")))]
    running = [threading.Thread(target=endure, args=body) for body in bodies]
    for thread in running:
        thread.start()
    print("loading", flush=True)
    for thread in running:
        thread.join()
    save()


# --- check ------------------------------------------------------------------------------------------

bad = []


def numbers(root, writer):
    """What is there of a writer, each line as it was written and once."""
    found = {}
    for group in os.listdir(root + "/autogen"):
        if group[:2] != "20":
            continue
        for s in range(5):
            try:
                with open(f"{root}/autogen/{group}/w{writer},s={s}") as file:
                    for text in file:
                        i = int(text.split("v=")[1].split("i")[0])
                        if text != by_name(writer, i):
                            bad.append(f"{text!r} is not what was written")
                        if i in found:
                            bad.append(f"{text!r} is there twice")
                        found[i] = True
            except FileNotFoundError:
                pass
    return found


def number_text(value):
    return str(int(value)) if value == int(value) else repr(value)


def by_name(writer, i):
    """As a series file shows it: fields in the order of their names."""
    return f"w{writer},s={i % 5} f={number_text(i / 4)},v={i}i {START + i % 3 * WEEK + i * 1000}\n"


def check():
    cut = sys.argv[4] == "cut"
    total = 0
    for n, writer in enumerate(state["writers"]):
        begin, acknowledged, durable, tried = writer["load"]
        found = numbers(database(n), n)
        total += len(found)
        for first, last in writer["ranges"]:
            missing = [i for i in range(first, last) if not found.pop(i, False)]
            if missing:
                bad.append(f"writer {n}: of what was there {len(missing)} are gone, {missing[0]} the first")
        least = durable if cut else acknowledged
        until = begin
        while found.pop(until, False):
            until += 1
        if until < least:
            bad.append(f"writer {n}: {least - until} that were {'synced' if cut else 'acknowledged'} are gone, from {until} on (load {writer['load']})")
        if until > tried:
            bad.append(f"writer {n}: {until - tried} more than were written")
        if found:
            bad.append(f"writer {n}: {len(found)} behind a gap at {until}, {min(found)} the first (load {writer['load']})")
        if until > begin:
            writer["ranges"].append([begin, until])
        writer["load"] = [tried] * 4
        # A query finds what the files have.
        with open(f"{database(n)}/query/select count(v), sum(v) from w{n}{' ' * (time.time_ns() % 97)};.csv") as file:
            answer = file.read().split("\n")[-2:-1]
        want = [sum(b - a for a, b in writer["ranges"]), sum(sum(range(a, b)) for a, b in writer["ranges"])]
        if [int(x) for x in (answer[0].split(",")[2:] if answer else [0, 0])] != want:
            bad.append(f"writer {n}: a query finds {answer}, {want} are there")
    groups = os.listdir(mnt + "/crowd0/autogen")
    gone = set()
    for group in groups:
        try:
            with open(f"{mnt}/crowd0/autogen/{group}/gone") as file:
                gone |= {line.split("v=")[1].split("i")[0] for line in file}
        except (FileNotFoundError, NotADirectoryError):
            pass
    for n, what in list(state["drops"].items()):
        if n in gone and what == "dropped":
            bad.append(f"window {n} was dropped and is there")
        if n not in gone and what == "written" and not cut:
            bad.append(f"window {n} was written and is gone")
        state["drops"][n] = "written" if n in gone else "dropped"
    there = set(os.listdir(mnt + "/crowd1/.snapshot"))
    for name, (what, least) in list(state["snapshots"].items()):
        if what == "made" and name not in there:
            bad.append(f"snapshot {name} was made and is gone")
        if what == "removed" and name in there:
            bad.append(f"snapshot {name} was removed and is there")
        if name not in there:
            del state["snapshots"][name]
            continue
        state["snapshots"][name][0] = "made"
        if what != "removing":
            for n in (1, 3):
                found = numbers(f"{mnt}/crowd1/.snapshot/{name}", n)
                if least[n] and max(found or [0]) + 1 < least[n]:
                    bad.append(f"snapshot {name} lacks what was there before: {max(found or [0])} of {least[n]}")
    if there - set(state["snapshots"]):
        bad.append(f"snapshots that nobody made: {there - set(state['snapshots'])}")
    save()
    print("\n".join(bad[:10]) if bad else f"{total} points")
    sys.exit(1 if bad else 0)


sync = verb == "load" and sys.argv[6] == "sync"
load() if verb == "load" else check()
