#!/usr/bin/env bash
# kill -9 in the midst of writes, DELETE, rm, drop, retention, snapshots, flushes and rewrites. What was told to be done
# is done, what was under way is done for each of its points or not, and nothing else changed. CYCLES=n
. "$(dirname "$0")/../lib/mount.sh"
cat >"$WORK/life.py" <<'PY'
"""life.py MNT STATE live SEED | check
STATE is a pickle: points, what may be either way, the clock, snapshots. It is written before and after each step."""
import glob, os, pickle, random, sys
from datetime import datetime, timezone

mnt, path, verb = sys.argv[1:4]
db = mnt + "/db"
DAY = 86400
KEEP = 8 * DAY

class State:
    points, may, clock, snapshots, maybe_snapshot, serial, steps = {}, {}, 1795392000, {}, None, 0, 0

def save():
    with open(path + ".new", "wb") as f:
        pickle.dump({k: getattr(state, k) for k in ("points", "may", "clock", "snapshots", "maybe_snapshot", "serial", "steps")}, f)
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
        comes[f"m,s={random.randrange(6)}", state.clock - random.randrange(6 * DAY)] = state.serial
    step([], comes, lambda: tell(db + "/write", "".join(f"{s} v={v}i {t}000000000\n" for (s, t), v in comes.items())))

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
    state.clock += DAY // 2
    save()
    tell(mnt + "/.seriesfs/ctl", f"clock {stamp(state.clock)}\n")
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
        state.snapshots[name] = dict(state.points)
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
            random.choice((write, write, write, delete, rm, drop, retention, snapshot, compact, compact))()
    except OSError as error:
        # At the end of the mount anything fails; before, nothing may.
        if os.path.exists(mnt + "/.seriesfs/status"):
            raise
elif verb == "steps":
    print(state.steps)
elif verb == "clock":
    print(stamp(state.clock))
elif verb == "check":
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
    there = set(os.listdir(db + "/.snapshot")) - {state.maybe_snapshot}
    if there != set(state.snapshots):
        bad.append("snapshots")
        print("snapshots", there, "expected", set(state.snapshots))
    for name, points in state.snapshots.items():
        if read(db + "/.snapshot/" + name) != points:
            bad.append(name)
            print("snapshot", name, "is not what it was")
    if state.maybe_snapshot in os.listdir(db + "/.snapshot"):
        os.rmdir(db + "/.snapshot/" + state.maybe_snapshot)
    state.points, state.may, state.maybe_snapshot = got, {}, None
    save()
    sys.exit(bool(bad))
PY
life() { python3 "$WORK/life.py" "$MNT" "$WORK/state" "$@"; }
start() { mount_start -o "clock=$(life clock),snapshots_max=1024" 2>/dev/null; }
start
mkdir "$MNT/db" "$MNT/db/autogen"
printf 'duration 8d\nshard_duration 1d\n' >"$MNT/db/autogen/.policy"
seed=${SEED:-$RANDOM}
for cycle in $(seq "${CYCLES:-6}"); do
	life live "$((seed + cycle))" >"$WORK/life.out" 2>&1 &
	alive=$!
	sleep "$((RANDOM % 2)).$((RANDOM % 9 + 1))"
	mount_kill9
	wait $alive
	check_equal "cycle $cycle of SEED=$seed: nothing was refused" "" "$(cat "$WORK/life.out")"
	start
	check "cycle $cycle of SEED=$seed" life check
done
mount_stop
check "it did a lot: $(life steps) steps" test "$(life steps)" -ge "$((2 * ${CYCLES:-6}))"
check "all is clean" "$PWD/$BUILD/seriesfs-check" "$DATA"
