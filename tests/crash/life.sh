#!/usr/bin/env bash
# kill -9 in the midst of writes, DELETE, rm, drop, retention, continuous queries, snapshots, flushes and rewrites. What
# was told to be done is done, what was under way is done for each of its points or not, and nothing else changed. CYCLES=n
. "$(dirname "$0")/../lib/mount.sh"
cat >"$WORK/life.py" <<'PY'
"""life.py MNT STATE live SEED | check
STATE is a pickle: points, what may be either way, the clock, results of continuous queries, snapshots. It is written
before and after each step.

What is fed (fan.N is a copy of m,s=N) are points like others. Results of the grouped queries are sums over half a day,
and over a day of those. A run is a step: then they are those of the points at that time. After kill -9 a run may be
made again, so a result may also be that of the points as they are then; it is never lost."""
import glob, os, pickle, random, sys
from datetime import datetime, timezone

mnt, path, verb = sys.argv[1:4]
db = mnt + "/db"
DAY = 86400
KEEP = 8 * DAY
HALF = DAY // 2
# Of half a day: both statements give the same, one of them is the file; each change of it is a new query, with backfill.
TEXTS = ('RESAMPLE FOR 2d select sum(v) as v, count(v) as n from m group by time(12h), s into "year".half\n',
         'RESAMPLE FOR 2d select count(v) as n, sum(v) as v from m group by time(12h), s into "year".half\n')
DAILY = "RESAMPLE FOR 2d select sum(v) as v, sum(n) as n into year.day from year.half group by time(1d), s"

class State:
    points, may, clock, snapshots, maybe_snapshot, serial, steps = {}, {}, 1795392000, {}, None, 0, 0
    results = {}  # (measurement, s, start) -> sum, count
    runs = ()     # the windows of a run under way, and the new text it is of

def save():
    with open(path + ".new", "wb") as f:
        pickle.dump({k: getattr(state, k) for k in dir(state) if k[0] != "_"}, f)
    os.rename(path + ".new", path)

def stamp(s):
    return datetime.fromtimestamp(s, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

def tell(file, text):
    fd = os.open(file, os.O_WRONLY)
    try:
        data = text.encode()
        assert os.write(fd, data) == len(data)
    finally:
        os.close(fd)

def window(t):
    return t - t % DAY

def group_of(t):
    return [g for g in os.listdir(db + "/autogen") if g.startswith(stamp(window(t))[:10])][0]

def read(root):
    points = {}
    for file in glob.glob(root + "/autogen/*/*"):
        series = os.path.basename(file)
        for line in open(file):
            key, value, time = line.split()
            assert key == series, (file, line)
            points[series, int(time) // 10**9] = int(value[2:-1])
    return points

def read_results(root):
    results = {}
    for file in glob.glob(root + "/year/*/*"):
        name, s = os.path.basename(file).split(",s=")
        for line in open(file):
            fields, time = line.split()[1:]
            n, v = fields.split(",")
            results[name, int(s), int(time) // 10**9] = int(v[2:-1]), int(n[2:-1])
    return results

def sums(rows, name, length):
    """`rows` are s, time, sum, count."""
    results = {}
    for s, t, v, n in rows:
        key = name, s, t - t % length
        has = results.get(key, (0, 0))
        results[key] = has[0] + v, has[1] + n
    return results

def computed(points, results):
    """What the queries make of all points, and of all results of half a day."""
    return {**sums(((int(k[4:]), t, v, 1) for (k, t), v in points.items() if k[0] == "m"), "half", HALF),
            **sums(((s, t, v, n) for (m, s, t), (v, n) in results.items() if m == "half"), "day", DAY)}

def installed():
    with open(db + "/continuous/half") as f:
        return f.read()

def run(act, half, text=None):
    """A run for `half`, windows of half a day, and days behind it; of a new `text` with what backfill adds."""
    state.runs = half, text
    save()
    act()
    tell(mnt + "/.seriesfs/ctl", "continuous\n")
    state.results.update(expected_of_run(state.points, state.results))
    state.runs = ()
    state.steps += 1
    save()

def expected_of_run(points, results):
    """What `state.runs` writes, when it is done."""
    (first, end), text = state.runs
    if text and text != installed():
        return {}
    now = computed(points, results)
    made = {k: v for k, v in now.items() if k[0] == "half" and k[2] < end
            and (k[2] >= first or (text and k not in results))}
    if state.clock % DAY == 0 and not text:
        now = computed(points, {**results, **made})
        made.update((k, v) for k, v in now.items() if k[0] == "day" and end - 2 * DAY <= k[2] < end)
    return made

def create():
    text = TEXTS[installed() == TEXTS[0]]
    # The first run is between two boundaries: 2d reach back to the window that began 1d 12h before the last one.
    run(lambda: tell(db + "/continuous/half", text), (state.clock - 3 * HALF, state.clock), text)

def step(goes, comes, act):
    """`goes` are keys that the step takes, `comes` points that it brings."""
    state.may = {**{k: None for k in goes}, **comes}
    save()
    act()
    state.steps += 1
    for k in goes:
        state.points.pop(k, None)
    state.points.update(comes)
    state.may = {}
    save()

def write():
    comes = {}
    for _ in range(200):
        state.serial += 1
        s, t = random.randrange(6), state.clock - random.randrange(6 * DAY)
        comes[f"m,s={s}", t] = comes[f"fan.{s}", t] = state.serial
    step([], comes, lambda: tell(db + "/write", "".join(f"{s} v={v}i {t}000000000\n" for (s, t), v in comes.items() if s[0] == "m")))

def delete():
    start = state.clock - random.randrange(8 * DAY)
    end, s = start + random.randrange(2 * DAY), random.randrange(6)
    step([(k, t) for k, t in state.points if start <= t < end and k == f"m,s={s}"], {},
         lambda: tell(db + "/exec", f"delete from m where time >= {start}s and time < {end}s and s = '{s}'\n"))

def rm():
    if state.points:
        series, t = random.choice(sorted(state.points))
        everywhere = random.random() < 0.3
        file = db + "/autogen/" + (series if everywhere else group_of(t) + "/" + series)
        step([(k, u) for k, u in state.points if k == series and (everywhere or window(u) == window(t))], {},
             lambda: os.unlink(file))

def drop():
    if state.points:
        w = window(random.choice(sorted(state.points))[1])
        group = group_of(w)
        step([(k, t) for k, t in state.points if window(t) == w], {},
             lambda: tell(mnt + "/.seriesfs/ctl", f"drop db autogen {group}\n"))

def retention():
    state.clock += HALF
    run(lambda: tell(mnt + "/.seriesfs/ctl", f"clock {stamp(state.clock)}\n"), (state.clock - 2 * DAY, state.clock))
    old = [(k, t) for k, t in state.points if window(t) + DAY <= state.clock - KEEP]
    state.may = {k: None for k in old}
    save()
    tell(mnt + "/.seriesfs/ctl", "retention\n")
    there = {g[:10] for g in os.listdir(db + "/autogen")}
    for k in old:
        if stamp(window(k[1]))[:10] not in there:
            del state.points[k]
    state.may = {}
    save()

def snapshot():
    state.serial += 1
    if len(state.snapshots) < 3:
        name = f"s{state.serial}"
        state.maybe_snapshot = name
        save()
        os.mkdir(db + "/.snapshot/" + name)
        state.snapshots[name] = dict(state.points), dict(state.results)
    else:
        name = random.choice(sorted(state.snapshots))
        state.maybe_snapshot = name
        del state.snapshots[name]
        save()
        os.rmdir(db + "/.snapshot/" + name)
    state.maybe_snapshot = None
    save()

def compact():
    tell(mnt + "/.seriesfs/ctl", random.choice(("compact\n", "flush\n")))

state = State()
if os.path.exists(path):
    with open(path, "rb") as f:
        state.__dict__.update(pickle.load(f))
if verb == "live":
    random.seed(int(sys.argv[4]))
    try:
        while True:
            random.choice((write, write, write, delete, rm, drop, retention, snapshot, compact, compact, create))()
    except OSError as error:
        # At the end of the mount anything fails; before, nothing may.
        if os.path.exists(mnt + "/.seriesfs/status"):
            raise
elif verb == "steps":
    print(state.steps)
elif verb == "clock":
    print(stamp(state.clock))
elif verb == "begin":
    for file, text in (("half", TEXTS[0]), ("day", DAILY), ("fan", "select v from m into fan.[s]")):
        with open(db + "/continuous/" + file, "w") as f:
            f.write(text)
    tell(mnt + "/.seriesfs/ctl", "continuous\n")
elif verb == "check":
    tell(mnt + "/.seriesfs/ctl", "continuous\n")
    got, bad = read(db), []
    # A start enforces retention, so what is too old may go at any time.
    for k in got.keys() | state.points.keys():
        allowed = {state.points.get(k)}
        if k in state.may:
            allowed.add(state.may[k])
        if window(k[1]) + DAY <= state.clock - KEEP:
            allowed.add(None)
        if got.get(k) not in allowed:
            bad.append((k, got.get(k), allowed))
    if bad:
        print(len(bad), "points are wrong:", bad[:5])
    results = read_results(db)
    now = computed(got, results)
    must = expected_of_run(got, state.results) if state.runs else {}
    for k in results.keys() | state.results.keys() | must.keys():
        # Of what a start may have dropped nobody knows what a run saw.
        if k[2] + 2 * DAY <= state.clock - KEEP:
            continue
        allowed = {must[k], now[k]} if k in must else {state.results.get(k), now.get(k)}
        if k in state.results:
            allowed.discard(None)
        if results.get(k) not in allowed:
            bad.append((k, results.get(k), allowed))
            print("result", k, results.get(k), allowed)
    there = set(os.listdir(db + "/.snapshot")) - {state.maybe_snapshot}
    if there != set(state.snapshots):
        bad.append("snapshots")
        print("snapshots", there, "expected", set(state.snapshots))
    for name, (points, held) in state.snapshots.items():
        root = db + "/.snapshot/" + name
        for was, now in ((points, read(root)), (held, read_results(root))):
            if was != now:
                bad.append(name)
                print("snapshot", name, "differs in", sorted(k for k in was.keys() | now.keys() if was.get(k) != now.get(k))[:5])
    if state.maybe_snapshot in os.listdir(db + "/.snapshot"):
        os.rmdir(db + "/.snapshot/" + state.maybe_snapshot)
    state.points, state.may, state.maybe_snapshot, state.results, state.runs = got, {}, None, results, ()
    save()
    sys.exit(bool(bad))
PY
life() { python3 "$WORK/life.py" "$MNT" "$WORK/state" "$@"; }
start() { mount_start -o "clock=$(life clock),snapshots_max=1024" 2>/dev/null; }
start
mkdir "$MNT/db" "$MNT/db/autogen" "$MNT/db/year" "$MNT/db/continuous"
printf 'duration 8d\nshard_duration 1d\n' >"$MNT/db/autogen/.policy"
life begin
seed=${SEED:-$RANDOM} longer=0
for cycle in $(seq "${CYCLES:-6}"); do
	life live "$((seed + cycle))" >"$WORK/life.out" 2>&1 &
	alive=$!
	sleep "$((RANDOM % 2 + longer)).$((RANDOM % 9 + 1))"
	mount_kill9
	wait $alive
	# Under a sanitizer the first second is over before a step is done.
	[ "$(life steps)" -ge $((2 * cycle)) ] || longer=$((longer + 4))
	check_equal "cycle $cycle of SEED=$seed: nothing was refused" "" "$(cat "$WORK/life.out")"
	start
	check "cycle $cycle of SEED=$seed" life check
done
told=$(cat "$MNT/db/errors")
mount_stop
check "it did a lot: $(life steps) steps" test "$(life steps)" -ge "$((2 * ${CYCLES:-6}))"
check_equal "no continuous query met an error" "" "$told"
check "all is clean" "$PWD/$BUILD/seriesfs-check" "$DATA"
