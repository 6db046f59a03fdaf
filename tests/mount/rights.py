"""
rights.py MNT AST: everything that a caller can ask about a database that is closed to it, by every
face of the mount, twice each: about a thing that is there and about one that is not. Whatever comes
back (success, errno, size, bytes, times, what `errors` tells) has to be the same for both.

Names that are there have `here` in them, those that are not have `none` in its place, so that sizes
are equal; nothing that the stranger reads may hold `here` but what it has typed itself.
"""
import itertools, os, re, stat, subprocess, sys

MNT, AST = sys.argv[1:]
STRANGER, MEMBER, GROUP = 65534, 54321, 43210
failures = []
checks = 0


class as_user:
    """With another user's rights. FUSE is told the effective ids."""

    def __init__(self, uid, groups=()):
        self.uid, self.groups = uid, list(groups)

    def __enter__(self):
        os.setgroups(self.groups)
        os.setegid(self.uid)
        os.seteuid(self.uid)

    def __exit__(self, *_):
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([])


def check(what, ok, more=""):
    global checks
    checks += 1
    if not ok:
        failures.append("%s %s" % (what, more))


# --- what can be asked ---------------------------------------------------------------------------

# A row of STATEMENTS in ast.h -> texts. {db} is the closed database, names with HERE are in it or not.
TEXTS = {
    "SELECT": [
        "select * from {db}..m_HERE",
        "select v from {db}.p_HERE.m",
        "select v from {db}..m where s = 'v_HERE'",
        "select s from {db}..m where s =~ /^v_HERE/",
        "select v_HERE from {db}..m",
        "select * from {db}../m_HERE/",
        "select * from {db}.p_HERE./.*/",
        "select count(v) from (select v from {db}..m_HERE)",
        "select * from pub..m, {db}..m_HERE",
        "select * from merge({db}..m_HERE, pub..m)",
        "select * from {db}..m_HERE as a inner join pub..m as b",
        "select * into pub..copy from {db}..m_HERE",
        "select * into {db}..m_HERE from pub..m",
        "select * into {db}.p_HERE.m from pub..m",
        "select * from pub..m; select * from {db}..m_HERE",
        "select count(s) from {db}..m group by g_HERE",
    ],
    "EXPLAIN": ["explain select * from {db}..m_HERE", "explain analyze select v from {db}.p_HERE.m"],
    "DELETE": ["delete from {db}..m_HERE", "delete from m_HERE", "delete from {db}.p_HERE.m"],
    "DROP_SERIES": ["drop series from {db}..m_HERE"],
    "DROP_MEASUREMENT": ["drop measurement m_HERE"],
    "DROP_DATABASE": ["drop database {db}"],
    "DROP_POLICY": ["drop retention policy p_HERE on {db}"],
    "DROP_CONTINUOUS_QUERY": ["drop continuous query q_HERE on {db}"],
    "DROP_SHARD": ["drop shard SHARD"],
    "DROP_SUBSCRIPTION": ["drop subscription x_HERE on {db}.p_HERE"],
    "DROP_USER": ["drop user u_HERE"],
    "CREATE_DATABASE": ["create database {db}"],
    "CREATE_POLICY": ["create retention policy p_HERE on {db} duration 1d replication 1"],
    "ALTER_POLICY": ["alter retention policy p_HERE on {db} duration 9d"],
    "CREATE_CONTINUOUS_QUERY": [
        "create continuous query q_HERE on {db} begin select mean(v) into x from m group by time(1h) end",
        "create continuous query mine_HERE on pub begin select mean(v) into x from {db}..m_HERE group by time(1h) end",
    ],
    "CREATE_SUBSCRIPTION": ["create subscription x_HERE on {db}.p_HERE destinations all 'udp://h:1'"],
    "CREATE_USER": ["create user u_HERE with password 'x'"],
    "SET_PASSWORD": ["set password for u_HERE = 'x'"],
    "GRANT": ["grant read on {db} to u_HERE"],
    "GRANT_ADMIN": ["grant all to u_HERE"],
    "REVOKE": ["revoke read on {db} from u_HERE"],
    "REVOKE_ADMIN": ["revoke all from u_HERE"],
    "KILL_QUERY": ["kill query QID"],
    "SHOW_CONTINUOUS_QUERIES": ["show continuous queries"],
    "SHOW_DATABASES": ["show databases"],
    "SHOW_DIAGNOSTICS": ["show diagnostics"],
    "SHOW_STATS": [],  # counters, which the probes themselves move
    "SHOW_QUERIES": [],  # lasts differ: tests/mount/privacy.sh
    "SHOW_SHARDS": ["show shards"],
    "SHOW_SHARD_GROUPS": ["show shard groups"],
    "SHOW_SUBSCRIPTIONS": ["show subscriptions"],
    "SHOW_USERS": ["show users"],
    "SHOW_GRANTS": ["show grants for u_HERE"],
    "SHOW_POLICIES": ["show retention policies on {db}"],
    "SHOW_MEASUREMENTS": ["show measurements on {db} with measurement = m_HERE", "show measurements on {db} where t = 'v_HERE'"],
    "SHOW_SERIES": ["show series on {db} from m_HERE", "show series from {db}..m_HERE", "show series on {db} where t = 'v_HERE'"],
    "SHOW_TAG_KEYS": ["show tag keys on {db} from m_HERE", "show tag keys on {db} from p_HERE.m"],
    "SHOW_TAG_VALUES": ["show tag values on {db} with key = g_HERE", "show tag values on {db} from p_HERE.m with key = t"],
    "SHOW_FIELD_KEYS": ["show field keys on {db} from m_HERE", "show field keys on {db} from p_HERE.m"],
    "SHOW_SERIES_CARDINALITY": ["show series cardinality on {db} from m_HERE", "show series exact cardinality on {db} from p_HERE.m"],
    "SHOW_MEASUREMENT_CARDINALITY": ["show measurement exact cardinality on {db} from m_HERE"],
    "SHOW_TAG_KEY_CARDINALITY": ["show tag key cardinality on {db} from m_HERE"],
    "SHOW_TAG_VALUES_CARDINALITY": ["show tag values cardinality on {db} from m_HERE with key = t"],
    "SHOW_FIELD_KEY_CARDINALITY": ["show field key cardinality on {db} from m_HERE"],
    "LIST_SERIES": ["list series"],
    "LIST_CONTINUOUS_QUERIES": ["list continuous queries"],
}


def statements():
    rows = re.findall(r"^\s*STATEMENT\((\w+), \"", open(AST).read(), re.M)
    check("every statement is tried", sorted(rows) == sorted(TEXTS), sorted(set(rows) ^ set(TEXTS)))
    return [text for row in rows for text in TEXTS[row]]


# --- how it can be asked --------------------------------------------------------------------------

def attempt(call):
    try:
        return call()
    except OSError as error:
        return "errno %d" % error.errno


def read(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        return b"".join(iter(lambda: os.read(fd, 65536), b"")).decode("utf-8", "replace")
    finally:
        os.close(fd)


def facts(status):
    """All of a stat but what is of the name or of the moment."""
    return stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode), status.st_size, status.st_blocks, status.st_uid


def ask_stat(path):
    return attempt(lambda: facts(os.stat(path)))


def ask_read(path):
    return attempt(lambda: read(path))


def ask_access(path):
    return [os.access(path, mode, effective_ids=True) for mode in (os.R_OK, os.W_OK, os.X_OK)]


def ask_node(path):
    """A descriptor that opens nothing, then by /proc: OPEN without a LOOKUP of its own."""

    def call():
        fd = os.open(path, os.O_PATH)
        try:
            return attempt(lambda: facts(os.fstat(fd))), attempt(lambda: read("/proc/self/fd/%d" % fd))
        finally:
            os.close(fd)

    return attempt(call)


def ask_list(path):
    return attempt(lambda: sorted(os.listdir(path)))


def ask_xattr(path):
    return [attempt(lambda: os.getxattr(path, "user.seriesfs." + name)) for name in ("points", "first", "last", "fields", "bytes")]


def ask_link(path):
    return attempt(lambda: os.readlink(path))


def ask_statvfs(path):
    return attempt(lambda: os.statvfs(path).f_namemax)


def run(path, text):
    def call():
        fd = os.open(path, os.O_RDWR)
        try:
            wrote = attempt(lambda: os.write(fd, text.encode() + b"\n"))
            return wrote, attempt(lambda: os.read(fd, 1 << 20).decode())
        finally:
            os.close(fd)

    return attempt(call)


def make_view(path, name):
    link = MNT + "/pub/views/" + name
    made = attempt(lambda: os.symlink(path, link))
    try:
        return made, ask_stat(link), ask_read(link)
    finally:
        attempt(lambda: os.unlink(link))


def query_name(text, ending):
    return text.replace("/", "%2F") + ending


FACES = [
    ("stat", lambda text: ask_stat("%s/pub/query/%s" % (MNT, query_name(text, ";.csv")))),
    ("read", lambda text: ask_read("%s/pub/query/%s" % (MNT, query_name(text, "")))),
    ("read as typed", lambda text: ask_read("%s/pub/query/%s;.json" % (MNT, text))),
    ("stat json", lambda text: ask_stat("%s/pub/query/%s" % (MNT, query_name(text, ";.json?epoch=s")))),
    ("read jsonl", lambda text: ask_read("%s/pub/query/%s" % (MNT, query_name(text, ";.jsonl?fresh=1")))),
    ("read lp", lambda text: ask_read("%s/pub/query/%s" % (MNT, query_name(text, ";.lp")))),
    ("stat txt", lambda text: ask_stat("%s/pub/query/%s" % (MNT, query_name(text, ";.txt")))),
    ("svg", lambda text: ask_read("%s/pub/query/%s" % (MNT, query_name(text, ";.svg")))),
    ("access", lambda text: ask_access("%s/pub/query/%s" % (MNT, query_name(text, ";.csv")))),
    ("O_PATH", lambda text: ask_node("%s/pub/query/%s" % (MNT, query_name(text, ";.csv?pretty=true")))),
    ("list", lambda text: ask_list("%s/pub/query/%s" % (MNT, query_name(text, "")))),
    ("xattr", lambda text: ask_xattr("%s/pub/query/%s" % (MNT, query_name(text, "")))),
    ("snapshot", lambda text: ask_stat("%s/pub/.snapshot/s/query/%s" % (MNT, query_name(text, ";")))),
    ("snapshot read", lambda text: ask_read("%s/pub/.snapshot/s/query/%s" % (MNT, query_name(text, ";.json")))),
    ("view", lambda text: make_view("../query/" + query_name(text, ";.txt?epoch=ns"), "v")),
    ("exec", lambda text: run(MNT + "/pub/exec", text)),
    ("exec json", lambda text: run(MNT + "/pub/exec.json", text)),
    ("service", lambda text: run(MNT + "/.seriesfs/exec.json", text)),
    ("ctl", lambda text: run(MNT + "/.seriesfs/ctl", text)),
    ("closed exec", lambda text: run(MNT + "/secret/exec", text)),
    ("closed query", lambda text: ask_stat(MNT + "/secret/query/" + query_name(text, ";"))),
]

PATHS = ["secret/p_HERE", "secret/p_HERE/.policy", "secret/p_HERE/.write", "secret/autogen/m_HERE", "secret/autogen/GROUP",
         "secret/autogen/GROUP/m_HERE,t=v_HERE", "secret/continuous/q_HERE", "secret/views/w_HERE", "secret/.snapshot/n_HERE",
         "secret/.snapshot/n_HERE/query/select * from m", "secret/errors", "secret/write?rp=p_HERE"]
PATH_FACES = [("stat", ask_stat), ("read", ask_read), ("access", ask_access), ("O_PATH", ask_node), ("list", ask_list),
              ("xattr", ask_xattr), ("link", ask_link), ("statvfs", ask_statvfs)]


def spell(text, here):
    number = {"SHARD": shard if here else no_shard, "QID": 1, "GROUP": group if here else "1990-01-01--1990-01-08"}
    text = text.replace("HERE", "here" if here else "none").replace("{db}", "secret")
    return re.sub("SHARD|QID|GROUP", lambda found: str(number[found.group()]), text)


def plain(outcome):
    """What differs between the two questions by itself."""
    text = re.sub(r"\b(%d|%d)\b" % (shard, no_shard), "SHARD", repr(outcome))
    text = re.sub(r"%s|1990-01-01--1990-01-08" % re.escape(group), "GROUP", text)
    text = re.sub(r"_(here|none)\b", "_NAME", text)
    return re.sub(r"\d+(\.\d+)? (ms|us)", "TIME", text)


def errors_seen(path):
    """`errors` as the stranger sees it, without the times."""
    text = attempt(lambda: read(path))
    size = attempt(lambda: os.stat(path).st_size)
    check("errors has the size it shows", size == len(text.encode()) or text.startswith("errno"), (size, len(text)))
    return re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", text)


def tell(path):
    with open(path, "w"):
        pass


# --- the tries -------------------------------------------------------------------------------------

def ask_both(what, face, text):
    """The stranger's two questions, each after the owner asked the same: what it left may not show."""
    seen, typed = [], []
    for here in (True, False) if re.search("HERE|SHARD|GROUP", text) else (True,):
        spelled = spell(text, here)
        tell(MNT + "/pub/errors")
        if not re.search(r"\b(drop|delete|into|create|alter|kill)\b", text):
            face(spelled)
        with as_user(STRANGER):
            outcome = face(spelled)
            errors = errors_seen(MNT + "/pub/errors")
        seen.append((plain(outcome), plain(errors)))
        typed.append((spelled, repr(outcome) + errors))
    for one, other, name in zip(seen[0], seen[-1], ("outcome", "errors")):
        check("%s: %s" % (what, text), one == other, "\n\t%s here: %.300s\n\t%s none: %.300s" % (name, one, name, other))
    for spelled, shown in typed:
        left = shown.replace(spelled, "").replace(query_name(spelled, ""), "")
        found = re.search(r"\w*_here|\bhidden\w*", re.sub(r"unknown word.*", "", left))
        if found and found.group() not in spelled:
            check("%s: %s tells of a closed database" % (what, text), False, "\n\t%s in %.300s" % (found.group(), left))
    return seen[0][0]


def try_statements():
    answered = 0
    for text, (name, face) in itertools.product(statements(), FACES):
        outcome = ask_both(name, face, text)
        answered += "errno" not in outcome
    return answered


# Refused before any right is asked for: by the parser, by a rule of what may stand where, by a
# statement before, by an option, while it is not whole.
REFUSED = [
    "select nofn(v) from secret..hidden",
    "select v from secret..hidden where",
    "select mean(v), v from secret..hidden group by time(1h)",
    "explain select nofn(v) from secret..hidden",
    "select x from pub..m where v =~ 1; select v from secret..hidden",
    "show nothing; select v from secret..hidden",
    "show series from secret..hidden where time = 'x'",
    "show tag values from secret..hidden with key =",
    "drop series from secret..hidden where time > 'x'",
    "select nofn(v) into secret..hidden from pub..m",
    "select v from secret..hidden where v = $nothing",
    "select v from secret..hidden;.csv?epoch=x",
    "select v from secret..hidden where v =~ /x",
    "create database hidden; create database \"\"",
    "hidden",
]


def try_refused():
    """What one user was refused is told to no other, whatever the text names; the user is told."""
    continuous = MNT + "/pub/continuous"
    faces = FACES + [("continuous", lambda text: attempt(lambda: open(continuous + "/new", "w", buffering=1).write(text + "\n"))),
                     ("renamed", lambda text: put_scratch(continuous, text)),
                     ("option", lambda text: ask_stat("%s/pub/write?%s" % (MNT, query_name(text, ""))))]
    os.chmod(MNT + "/pub", 0o777)
    os.mkdir(continuous)
    os.chmod(continuous, 0o777)
    for text, (name, face) in itertools.product(REFUSED, faces):
        tell(MNT + "/pub/errors")
        face(text)
        with as_user(STRANGER):
            told = read(MNT + "/pub/errors")
            check("%s of another is not told: %s" % (name, text), told == "", told)
            face(text)
            own = read(MNT + "/pub/errors")
        with as_user(MEMBER):
            told = read(MNT + "/pub/errors")
        check("nor of a stranger: %s, %s" % (name, text), told == "", told)
        check("whoever asked is told: %s, %s" % (name, text), "hidden" in own or name not in ("read", "continuous", "renamed"), own)
    os.chmod(MNT + "/pub", 0o755)
    tell(MNT + "/pub/errors")


def put_scratch(directory, text):
    def call():
        with open(directory + "/.new.x", "w") as file:
            file.write(text + "\n")
        os.rename(directory + "/.new.x", directory + "/new")

    try:
        return attempt(call)
    finally:
        attempt(lambda: os.unlink(directory + "/.new.x"))


def try_paths():
    for path, (name, face) in itertools.product(PATHS, PATH_FACES):
        outcome = ask_both(name, lambda text, face=face: face(MNT + "/" + text), path)
        if face is ask_stat:
            check("a closed path is closed: " + path, outcome == "'errno 13'", outcome)


def try_group():
    """One text, asked in turns: who may gets the answer, who may not EACCES, whoever was before."""
    query = MNT + "/pub/query/select v from shared..m%d"
    who = {"root": as_user(0), "member": as_user(MEMBER, [GROUP]), "stranger": as_user(STRANGER), "not a member": as_user(MEMBER)}
    may = {"root": True, "member": True, "stranger": False, "not a member": False}
    for number, order in enumerate(itertools.permutations(who, 3)):
        for name in order:
            for face in (ask_stat, ask_read, ask_node):
                with who[name]:
                    outcome = face(query % (number % 3))
                refused = "errno" in repr(outcome)
                check("%s of %s, %s" % (face.__name__, name, order), refused != may[name], outcome)


def try_modes():
    """chmod counts at once, also for what was answered before."""
    query = MNT + "/pub/query/select v from shared..m1;.json"
    for _ in range(3):
        for mode, expected in ((0o755, False), (0o700, True)):
            os.chmod(MNT + "/shared", mode)
            os.stat(query)
            with as_user(STRANGER):
                outcome = ask_stat(query)
            check("after chmod %o" % mode, (outcome == "errno 13") == expected, outcome)
    os.chmod(MNT + "/shared", 0o750)


def try_inherited():
    """A descriptor that stands for the name alone gives no right; one that was opened stays open."""

    def stranger(*command):
        return subprocess.run(command, user=STRANGER, group=STRANGER, extra_groups=[], pass_fds=[fd], stdin=fd if command[0] == "cat" and len(command) == 1 else None,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout

    query = MNT + "/pub/query/select v from secret..m;.csv?fresh=1"
    fd = os.open(query, os.O_PATH)
    for command in (("cat", "/proc/self/fd/%d" % fd), ("stat", "-L", "-c", "%s", "/proc/self/fd/%d" % fd)):
        check("no right by a name's descriptor: " + command[0], "Permission denied" in stranger(*command), stranger(*command))
    os.close(fd)
    os.chmod(MNT + "/shared", 0o755)
    fd = os.open(MNT + "/pub/query/select v from shared..m2;.csv?fresh=1", os.O_PATH)
    check("what is open to all is open by a descriptor, too", stranger("cat", "/proc/self/fd/%d" % fd).startswith("name,time,v"))
    os.chmod(MNT + "/shared", 0o700)
    check("until it is closed", "Permission denied" in stranger("cat", "/proc/self/fd/%d" % fd))
    os.close(fd)
    fd = os.open(query, os.O_RDONLY)
    check("an open file is readable for whom it was given to", stranger("cat").startswith("name,time,v"), stranger("cat"))
    os.close(fd)


def refuse(name, text):
    with open(MNT + "/pub/" + name, "wb", buffering=0) as file:
        attempt(lambda: file.write(text.encode() + b"\n"))


def try_policy():
    """A policy that is closed is closed to queries, too, in an open database."""
    open_, closed = "select * from pub.open.m", "select * from pub.shut."
    with as_user(STRANGER):
        check("an open policy answers", "errno" not in repr(ask_read(MNT + "/pub/query/" + open_)))
        for text in ("m", "nothing", "/.*/"):
            check("a closed one does not: " + text, ask_stat(MNT + "/pub/query/" + query_name(closed + text, ";")) == "errno 13")
        for text in ("show series", "show measurements", "show tag values with key = t", "show field keys", "show shards"):
            shown = ask_read(MNT + "/pub/query/" + text)
            check("and is not shown by " + text, "errno" not in shown and "shut" not in shown and len(shown) > 5, shown)
        check("a rp= is no way round", ask_stat(MNT + "/pub/query/select * from m;.csv?rp=shut") == "errno 13")
    shown = ask_read(MNT + "/pub/query/show series;.csv?epoch=s")
    check("its owner sees it", "shut" in shown, shown)
    shut = int(re.search(r",(\d+),pub,shut,", read(MNT + "/pub/query/show shards;.csv?epoch=u")).group(1))
    os.chmod(MNT + "/pub", 0o777)
    with as_user(STRANGER):
        run(MNT + "/pub/exec", "delete where time > 0")
        run(MNT + "/pub/exec", "drop series from m, shut_m")
        for text in ("drop retention policy shut on pub", "alter retention policy shut on pub duration 1h", "select * into pub.shut.m from pub.open.m"):
            check("who may not see a policy does not " + text, "errno 13" in repr(run(MNT + "/pub/exec", text)))
        tried = [run(MNT + "/pub/exec", "drop shard %05d" % number) for number in (shut, shut + 90000)]
        check("its shards are nobody's", tried[0] == tried[1], tried)
    refuse("write?rp=shut", "m,shut_y=1 v=bad")
    refuse("write?rp=shut&skip=true", "m,shut_y=1 v=worse")
    refuse("write", "# DML\n# CONTEXT-RETENTION-POLICY: shut\nm,shut_y=1 v=worst")
    with as_user(STRANGER):
        told = read(MNT + "/pub/errors")
    check("a line for a closed policy is not told to others", "shut_y" not in told, told)
    told = read(MNT + "/pub/errors")
    check("and to who may read it", all(word in told for word in ("v=bad", "v=worse", "v=worst")), told)
    try_write()
    os.chmod(MNT + "/pub", 0o755)
    check("who may not see points deletes none", "shut" in ask_read(MNT + "/pub/query/select * from pub.shut.%2F.*%2F;"))


def write(name, text):
    def call():
        with open(MNT + "/pub/" + name, "ab", buffering=0) as file:
            taken = file.write(text.encode() + b"\n")
            return "whole" if taken == len(text) + 1 else taken

    return attempt(call)


HEADER = "# CONTEXT-RETENTION-POLICY: shut\n"


def try_write():
    """To name a policy takes the rights that its .write takes, and what was there before stays so."""
    who = {"root": as_user(0), "owner": as_user(1234), "member": as_user(MEMBER, [GROUP]), "stranger": as_user(STRANGER)}
    os.chown(MNT + "/pub/shut", 1234, GROUP)
    modes = [0o700, 0o300, 0o770, 0o750, 0o720, 0o730, 0o705, 0o702, 0o703, 0o777, 0o077, 0o722, 0o500, 0o000]
    for number, (mode, name) in enumerate(itertools.product(modes, who)):
        os.chmod(MNT + "/pub/shut", mode)
        count = "select count(v) from pub.shut.w%d;.csv?epoch=s" % number
        with who[name]:
            expected = write("shut/.write", "w%d v=1 1700000000s" % number)
            for how, outcome in (("?rp=", write("write?rp=shut", "w%d v=1 1700000001s" % number)),
                                 ("a header", write("write", HEADER + "w%d v=1 1700000002s" % number))):
                check("%s by %s with mode %o is as .write" % (how, name, mode), outcome == expected, (outcome, expected))
        points = ask_read(MNT + "/pub/query/" + count)
        check("stored is what was let in: %o %s" % (mode, name), points.count(",3\n") == (expected == "whole") and len(points) < 40, points)
    os.chmod(MNT + "/pub/shut", 0o700)
    with as_user(STRANGER):
        before = "# DML\nbefore v=1 1700000000s\n"
        check("what stands before the header is taken", write("write", before + HEADER + "after v=1") == len(before))
        shown = read(MNT + "/pub/query/show measurements;.csv?fresh=1")
        check("and no more", "before" in shown and "after" not in shown, shown)
        told = read(MNT + "/pub/errors")
    check("the writer is told", "not authorized to change this retention policy" in told, told)
    for mode, may in ((0o700, False), (0o755, True), (0o733, True), (0o750, False)):
        os.chmod(MNT + "/pub/autogen", mode)
        with as_user(STRANGER):
            for name, text in (("write", ""), ("write?rp=autogen", ""), ("write", HEADER.replace("shut", "autogen"))):
                outcome = write(name, text + "m,t=%o v=1 1700000000s" % mode)
                check("the default policy of mode %o, %s" % (mode, name), outcome == ("whole" if may else "errno 13"), outcome)
    os.chmod(MNT + "/pub/autogen", 0o755)
    os.chown(MNT + "/pub/shut", 0, 0)


def everything():
    names = ["%s/%s" % (where, name) for where, _, files in os.walk(MNT + "/secret") for name in files]
    return [(name, read(name)) for name in sorted(names) if not os.path.islink(name)]


def main():
    global shard, no_shard, group
    shard = int(re.search(r"^.*,(\d+),secret,", read(MNT + "/secret/query/show shards"), re.M).group(1))
    no_shard = shard + 1 if shard % 10 < 9 else shard - 9
    while re.search(r"^\w*,%d," % no_shard, read(MNT + "/secret/query/show shard groups;.csv?epoch=ns"), re.M):
        no_shard = (no_shard + 1) % 10
    group = [name for name in os.listdir(MNT + "/secret/autogen") if name[0] == "2"][0]
    before = everything()
    answered = try_statements()
    check("some questions are answered", answered > 50, answered)
    try_refused()
    try_paths()
    try_group()
    try_modes()
    try_inherited()
    check("nothing was changed", everything() == before)
    try_policy()
    for failure in failures[:25]:
        print("FAILED: " + failure)
    print("%d of %d tries told the same of what is there and of what is not, or refused" % (checks - len(failures), checks))
    sys.exit(bool(failures))


main()
