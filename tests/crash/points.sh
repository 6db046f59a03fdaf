#!/usr/bin/env bash
# The daemon ends at each row of engine/base/crash.def, in a flush, in a rewrite or in the start after one, while somebody
# writes, deletes and removes. What was acknowledged is there, once and whole; so it is after another rewrite. SEED=n
. "$(dirname "$0")/../lib/mount.sh"
cat >"$WORK/points.py" <<'PY'
"""points.py MNT STATE load | work | check. STATE: the points there must be, and those that may be otherwise."""
import glob, hashlib, os, pickle, random, sys, threading, time

mnt, path, verb = sys.argv[1:4]
db = mnt + "/db"
DAY, START = 86400, 1700006400  # a day begins
points, may, untouched = {}, {}, ""
if os.path.exists(path):
    with open(path, "rb") as f:
        points, may, untouched = pickle.load(f)

def tell(file, text):
    fd = os.open(file, os.O_WRONLY)
    try:
        data = text.encode()
        assert os.write(fd, data) == len(data)
    finally:
        os.close(fd)

def save():
    with open(path, "wb") as f:
        pickle.dump((points, may, untouched), f)

def step(goes, comes, act):
    """`goes` are keys that the step takes, `comes` points that it brings. Who fails leaves them in `may`."""
    may.clear()
    may.update({**{k: None for k in goes}, **comes})
    act()
    for k in goes:
        points.pop(k, None)
    points.update(comes)
    may.clear()

serial = 10**6 * (1 + len(points))
def write(count=40):
    global serial
    comes = {}
    for _ in range(count):
        serial += 1
        comes[f"m,s={random.randrange(6)}", START + random.randrange(2 * DAY) // 20 * 20] = serial
    step([], comes, lambda: tell(db + "/write", "".join(f"{s} v={v}i {t}000000000\n" for (s, t), v in comes.items())))

def delete():
    start, s = START + random.randrange(2 * DAY), random.randrange(6)
    end = start + DAY // 10
    step([(k, t) for k, t in points if start <= t < end and k == f"m,s={s}"], {},
         lambda: tell(db + "/exec", f"delete from m where time >= {start}s and time < {end}s and s = '{s}'\n"))

def remove():
    series, day = random.choice(sorted({(k, (t - START) // DAY) for k, t in points}))
    group = sorted(g for g in os.listdir(db + "/autogen") if g[:2] == "20")[day]
    step([(k, t) for k, t in points if k == series and (t - START) // DAY == day], {},
         lambda: os.unlink(f"{db}/autogen/{group}/{series}"))

def big(times):
    """A rewrite of it takes a tenth of a second, so that flushes fall into it."""
    return "".join(f"big,s={s} a={t * 7 % 1000}i,b={t % 77}.25 {START + t}000000000\n" for s in range(8) for t in times)

def load():
    global untouched
    os.makedirs(db + "/autogen")
    with open(db + "/autogen/.policy", "w") as f:
        f.write("shard_duration 1d\nshards 2\n")
    untouched = hashlib.md5(big(range(40000)).encode()).hexdigest()
    for first in (0, 1):
        tell(db + "/write", big(range(first, 40000, 2)))
        write(3000)
        tell(mnt + "/.seriesfs/ctl", "flush\n")
        delete()
        write(1000)
    save()

flushes = 0
def flush_until(done):
    """Also those of a rewrite's time."""
    global flushes
    while not done.is_set():
        tell(mnt + "/.seriesfs/ctl", "flush\n")
        flushes += 1
        time.sleep(0.002)

def change_until(done):
    while not done.is_set():
        random.choice((write, write, write, write, write, write, delete, remove))()

def endure(body, done):
    try:
        body(done)
    except OSError:  # the end has come
        done.set()

def work():
    global flushes
    done = threading.Event()
    others = [threading.Thread(target=endure, args=(body, done)) for body in (change_until, flush_until)]
    others[0].start()
    time.sleep(0.02)
    try:
        tell(mnt + "/.seriesfs/ctl", "flush\n")
        others[1].start()
        flushes = 0
        tell(mnt + "/.seriesfs/ctl", "compact\n")
        print("flushes beside the rewrite:", flushes)
        done.wait(1 if len(sys.argv) > 4 else 0)  # for who deletes trash
    except OSError:
        pass
    done.set()
    for other in others:
        if other.ident:
            other.join()
    save()

def ask(query):
    # An answer of the last second would be given again: blanks make it another question.
    with open(f"{db}/query/{' ' * (time.time_ns() // 1000 % 200)}{query}") as f:
        return [int(word) for word in f.read().splitlines()[-1].split(",")[2:]]

def check():
    got, count = {}, 0
    for file in glob.glob(db + "/autogen/*/m,*"):
        series = os.path.basename(file)
        for line in open(file):
            key, value, when = line.split()
            assert key == series, (file, line)
            got[series, int(when) // 10**9] = int(value[2:-1])
            count += 1
    bad = [(k, got.get(k), points.get(k)) for k in got.keys() | points.keys()
           if got.get(k) != points.get(k) and not (k in may and got.get(k) == may[k])]
    if bad:
        print(len(bad), "points are wrong (found, acknowledged):", bad[:5])
    if count != len(got):
        print(count - len(got), "points are there twice")
    for more in "", "&exact=1":
        sums = ask(f"select count(v), sum(v) from m;.csv?fresh=1{more}")
        if sums != [len(got), sum(got.values())]:
            print("a query finds", sums, "and the files", len(got), sum(got.values()))
    text = b"".join(open(f, "rb").read() for f in sorted(glob.glob(db + "/autogen/*/big,*")))
    if hashlib.md5(text).hexdigest() != untouched:
        print("what nobody touched is not what it was")
    # From here on it is as it was found.
    points.clear()
    points.update(got)
    may.clear()
    save()

random.seed(int(os.environ["SEED"]))
{"load": load, "work": work, "check": check}[verb]()
PY
export SEED=${SEED:-$RANDOM}
points() { python3 "$WORK/points.py" "$MNT" "$WORK/state" "$@"; }
# What is there is right, and after a rewrite of it, too.
judge() {
	check_equal "$1, SEED=$SEED: what was acknowledged" "" "$(points check 2>&1)"
	check "$1: a rewrite" bash -c "echo compact >'$MNT/.seriesfs/ctl'"
	check_equal "$1, SEED=$SEED: the same after it" "" "$(points check 2>&1)"
	mount_stop
	check "$1: seriesfs-check" "$PWD/$BUILD/seriesfs-check" "$DATA"
	check_equal "$1: nothing is left behind" "" "$(find "$DATA/shard" "$DATA/trash" -mindepth 1 -maxdepth 1 | grep -E 'trash/|\.(new|tmp)$')"
}
fresh() {
	rm -rf "$DATA"
	cp -a "$WORK/loaded" "$DATA"
	cp "$WORK/state.loaded" "$WORK/state"
}
# ends_at POINT: works until it is gone
ends_at() {
	mount_start -o "crash_at=$1"
	pid=$(mount_pid)
	points work to-the-end >"$WORK/worked" 2>&1
	check "$1 is passed" is_gone "$pid"
	mount_kill9
	check_equal "$1: nothing was refused before" "" "$(grep -v 'beside the rewrite' "$WORK/worked")"
}
# start_ends_at POINT: the next start comes no further
start_ends_at() {
	check "$1 is passed" bash -c "! '$SERIESFS' -o 'crash_at=$1' '$DATA' '$MNT'"
	mount_kill9
}

check_fails "a point that there is not" "expected a name of engine/base/crash.def" "$SERIESFS" -o crash_at=nowhere "$DATA" "$MNT"
mount_start
points load
mount_kill9
cp -a "$DATA" "$WORK/loaded"
cp "$WORK/state" "$WORK/state.loaded"

mount_start
check "flushes fall into a rewrite" test "$(points work | sed 's/.*: //')" -ge 3
judge "without a crash"
for point in $(sed -n 's/^CRASH_POINT(\([A-Z_]*\),.*/\1/p' engine/base/crash.def); do
	fresh
	case $point in
	RECOVERY_NAMED) ends_at REWRITE_OLD_MOVED && start_ends_at $point ;;
	RECOVERY_MOVED) ends_at REWRITE_TAIL_COPIED && start_ends_at $point ;;
	*) ends_at "$point" ;;
	esac
	mount_start
	judge "$point"
done
check "all rows of the table were tried" test "$checks_passed" -gt 100
