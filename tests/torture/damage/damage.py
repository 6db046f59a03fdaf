#!/usr/bin/env python3
"""Damage, searched: damage.py LOOK CHECK PRISTINE WORK SEED COUNT SECONDS [ONLY]

Each trial takes one file of a whole data directory, damages it in one way, and asks: does anything
crash or hang; is what is read right, or refused where the damage is and only there; was it told; is
nothing deleted; does seriesfs-check find it, does --repair leave nothing damaged and tell what is
lost; and is what remains right. Trial N of a seed is the same each time.
"""
import os, random, re, shutil, subprocess, sys, time

LOOK, CHECK, PRISTINE, WORK, SEED, COUNT, SECONDS = sys.argv[1:6] + [int(sys.argv[6]), float(sys.argv[7])]
ONLY = int(sys.argv[8]) if len(sys.argv) > 8 else None
DATA = os.path.join(WORK, "data")
HOWS = ["flip", "cut", "zero", "duplicate", "empty", "missing", "symlink"]


def run(program, *args):
    try:
        done = subprocess.run([program, *args], capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        return None, "", ""
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def kind_of(path):
    base = os.path.basename(path)
    if path.startswith("snapshot/"):
        inner = path.split("/", 3)[3] if path.count("/") >= 3 else ""
        return "snapshot " + (kind_of(inner) if inner else "itself")
    if path.startswith("wal"):
        return "log segment" if "/" in path else "log"
    if path.startswith("shard/"):
        if path.count("/") == 1:
            return "shard"
        for what in ("CURRENT", "MANIFEST", "mark"):
            if base.startswith(what):
                return "shard's " + what
        return "shard's " + base.rsplit(".", 1)[-1]
    if path.startswith("db/"):
        return base if path.count("/") == 2 else "database directory"
    return base


def harm(path, how, rng):
    """False: there is nothing to do it to."""
    if os.path.isdir(path):
        if how == "missing":
            shutil.rmtree(path)
        elif how == "symlink":
            os.rename(path, os.path.join(WORK, "elsewhere"))
            os.symlink(os.path.join(WORK, "elsewhere"), path)
        else:
            return False
        return True
    data = bytearray(open(path, "rb").read())
    before = bytes(data)
    if how in ("flip", "cut", "zero", "duplicate", "empty") and not data:
        return False
    at = rng.choice([0, len(data) - 1, rng.randrange(max(1, len(data))), rng.randrange(max(1, len(data)))]) if data else 0
    if how == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif how == "cut":
        del data[at:]
    elif how == "zero":
        end = len(data) if rng.random() < 0.5 else min(len(data), at + rng.randrange(1, 600))
        data[at:end] = bytes(end - at)
    elif how == "duplicate":
        end = min(len(data), at + rng.randrange(1, 600))
        data[at:at] = data[at:end]
    elif how == "empty":
        data = bytearray()
    os.unlink(path)  # tables are linked from snapshots
    if how == "symlink":
        open(os.path.join(WORK, "elsewhere"), "wb").write(before)
        os.symlink(os.path.join(WORK, "elsewhere"), path)
    elif how != "missing":
        open(path, "wb").write(data)
    return how in ("missing", "symlink") or bytes(data) != before


def parse(text):
    lines, failed = {}, []
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) != 3:
            failed.append(("?", "?", line))
        elif line[0] == "!":
            failed.append((parts[0][1:], parts[1], parts[2]))
        else:
            lines.setdefault((parts[0], parts[1]), set()).add(parts[2])
    return lines, failed


def owner_of(path):
    """The databases that the damage of a file may cost, or None: any."""
    parts = path.split("/")
    if parts[0] == "db" and len(parts) > 1:
        return {DATABASES.get(parts[1])}
    if parts[0] == "shard" and len(parts) > 1:
        return {GROUPS.get(parts[1].split(".")[0])}
    if parts[0] == "snapshot" and len(parts) > 2:
        return {"k@kept"}
    return None


def tree(root):
    found = set()
    for at, dirs, files in os.walk(root):
        for name in dirs + files:
            found.add(os.path.relpath(os.path.join(at, name), root))
    return found


class Trial:
    def __init__(self, number):
        self.rng = random.Random(f"{SEED}.{number}")
        self.problems, self.ever_told = [], False

    def fail(self, text):
        self.problems.append(text)

    def judge(self, what, out, told, lost_told):
        """Right, or refused where it may be."""
        lines, failed = parse(out)
        owners = owner_of(self.path)
        whole, silent_or_wide = True, any(s == "*" for _, _, s in failed)
        covered = {(d, g) for d, g, s in failed if s == "*"} | {(d, "*") for d, g, s in failed if g == "*"}
        series = {}
        for d, g, s in failed:
            series.setdefault((d, g), set()).add(s)
            if owners is not None and d not in owners:
                self.fail(f"{what}: {d} is not of {self.path}, and {g} {s} cannot be read")
        for key, truth in TRUTH.items():
            if key[0].endswith("@kept") and "read-only" in what:
                continue
            have = {line for line in lines.get(key, set()) if not line.startswith("late ")}
            # Of a database without an index the points have names made up, which is told.
            if self.path.startswith("db/") and self.ever_told:
                have = {line for line in have if not line.startswith("recovered.")}
            for line in sorted(have - truth)[:2]:
                self.fail(f"{what}: {key[0]} {key[1]} answers what was never written: {line}")
            gone = truth - have
            if not gone:
                continue
            whole = False
            if owners is not None and key[0] not in owners:
                self.fail(f"{what}: {key[0]} is not of {self.path}, and has lost {len(gone)} points of {key[1]}")
            if key in covered or (key[0], "*") in covered:
                continue
            # What one series refuses is told to who asks for it, by `errors`.
            silent = [line for line in gone if line.split(" ")[0] not in series.get(key, set())]
            silent_or_wide |= bool(silent)
            if silent and not lost_told and not (self.path.startswith("db/") and self.ever_told):
                self.fail(f"{what}: {len(silent)} points of {key[0]} {key[1]} are gone without a refusal: {silent[0]}")
        for key in set(lines) - set(TRUTH):
            if any(not line.startswith("late ") for line in lines[key]):
                self.fail(f"{what}: {key} was never there")
        # The names of a whole database that are lost are made up, once, and told then.
        made_up = self.path.startswith("db/") and self.ever_told
        if silent_or_wide and not told and not lost_told and not made_up:
            self.fail(f"{what}: nothing is told")
        return whole and not failed

    def mount(self, mode, refusal_is_fine, lost_told=False):
        code, out, err = run(LOOK, mode, DATA)
        what = "read-only" if mode == "read" else "read-write"
        self.err = err
        self.ever_told |= "error: " in err
        told = "error: " in err or (self.path.startswith("wal") and "warning: " in err)
        if code is None:
            self.fail(f"{what}: it hangs")
        elif code == 3:
            self.refused = True
            if not refusal_is_fine:
                self.fail(f"{what}: refused: {err.strip()[-300:]}")
            return False
        elif code != 0:
            self.fail(f"{what}: it ends with {code}: {err.strip()[-300:]}")
        else:
            return self.judge(what, out, told, lost_told or self.is_log(err))
        return False

    def is_log(self, err):
        """Records of the log that are lost are told by number: which points they had nobody knows."""
        return self.path.startswith("wal") and ("records" in err or "not taken" in err or "log" in err)

    def run(self):
        shutil.rmtree(WORK, ignore_errors=True)
        os.mkdir(WORK)
        shutil.copytree(PRISTINE, DATA, symlinks=True)
        kind = self.rng.choice(sorted(KINDS))
        self.path, how = self.rng.choice(KINDS[kind]), self.rng.choice(HOWS)
        if not harm(os.path.join(DATA, self.path), how, self.rng):
            return None
        self.name = f"{how} {self.path}"
        self.refused = False
        before = tree(DATA)
        single = self.path in ("lock", "format", "catalog", "catalog.copy", "clock", "continuous", "wal", "db", "shard", "snapshot")
        fine = how == "symlink" and single or self.path == "format" or self.path.startswith(("db", "wal"))
        whole = True
        for mode in self.rng.choice((["read", "write"], ["write"])):
            whole = self.mount(mode, fine) and whole
        after = tree(DATA)
        gone = [p for p in before - after if re.fullmatch(r"(shard|db|snapshot)/[^/]+(/[^/]+)?", p) and os.path.dirname(p) in ("shard", "db", "snapshot")]
        if gone:
            self.fail(f"deleted: {gone}")
        # A mount that may write mends what it can: what is left is what check must find.
        code, out, err = run(CHECK, DATA)
        if code not in (0, 4, 8):
            self.fail(f"seriesfs-check ends with {code}: {(out + err)[-300:]}")
        if code == 8 and how != "symlink":
            self.fail(f"seriesfs-check cannot: {(out + err)[-300:]}")
        mended = self.path.startswith("wal") or self.path.startswith("db/") and self.ever_told
        if code == 0 and (self.refused or not whole) and not mended:
            self.fail("seriesfs-check finds nothing")
        if code == 8:
            return self.problems
        code, repair, err = run(CHECK, "--repair", DATA)
        if code not in (0, 1, 4):
            self.fail(f"--repair ends with {code}: {(repair + err)[-300:]}")
        code, out, err = run(CHECK, DATA)
        if code != 0:
            self.fail(f"--repair leaves damage ({code}): {(out + err)[-400:]}\n\t\trepair: {repair[-400:]}")
        lost_told = re.search(r"lost|moved to|copied to", repair) is not None
        self.refused = False
        self.mount("write", False, lost_told or self.path.startswith("wal"))
        return self.problems


TRUTH, _ = {}, None
shutil.rmtree(WORK, ignore_errors=True)
os.mkdir(WORK)
shutil.copytree(PRISTINE, DATA, symlinks=True)
code, out, err = run(LOOK, "write", DATA)
TRUTH, failed = parse(out)
assert code == 0 and not failed and len(TRUTH) == 8, (code, failed, len(TRUTH))
# Numbers of databases and groups stand in the catalog; the order of creation gives them.
DATABASES = {number: name for number, name in zip(sorted(os.listdir(os.path.join(PRISTINE, "db")), key=int), "kln")}
GROUPS = {}
for number in {name.split(".")[0] for name in os.listdir(os.path.join(PRISTINE, "shard"))}:
    GROUPS[number] = None
code, out, err = run(CHECK, "-v", DATA)
assert code == 0, out + err
KINDS = {}
for path in sorted(tree(PRISTINE)):
    if os.path.basename(path) in ("LOG", "LOG.old", "LOCK"):
        continue
    if os.path.isdir(os.path.join(PRISTINE, path)) and not re.fullmatch(r"shard/[^/]+|db/[^/]+|wal", path):
        continue
    KINDS.setdefault(kind_of(path), []).append(path)
ordered = sorted(GROUPS, key=int)
for i, number in enumerate(ordered):  # made database by database, week by week
    GROUPS[number] = "kln"[i // (len(ordered) // 3)]

began, tried, bad, number = time.monotonic(), 0, 0, 0
while tried < COUNT and time.monotonic() - began < SECONDS:
    number += 1
    if ONLY is not None:
        number = ONLY
    trial = Trial(number)
    problems = trial.run()
    if problems is None:
        if ONLY is not None:
            break
        continue
    tried += 1
    if problems:
        bad += 1
        print(f"FAILED: {trial.name} (again: SEED={SEED} ONLY={number})")
        for problem in problems[:4]:
            print("\t" + problem)
    if ONLY is not None:
        break
print(f"damage: {tried} damages of {len(KINDS)} kinds of files, {bad} failed")
print(f"{tried - bad} passed, {bad} failed")
sys.exit(1 if bad else 0)
