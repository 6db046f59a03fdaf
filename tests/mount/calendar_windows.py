"""calendar_windows.py DB [SEED]: windows of days, weeks and months in zones are those that Python's calendar
gives."""
import datetime, os, random, sys, zoneinfo
db, seed = sys.argv[1], int(sys.argv[2] or random.randrange(10**6))
print("seed", seed)
random.seed(seed)
utc = datetime.timezone.utc
low, high = 1262304000, 1577836800
points = sorted(random.sample(range(low, high, 7), 600))
with open(db + "/write", "w") as file:
    file.write("".join(f"r i={n}i {t}s\n" for n, t in enumerate(points)))

def ask(text):
    fd = os.open(db + "/exec.csv?epoch=s", os.O_RDWR)
    try:
        os.write(fd, text.encode() + b"\n")
        lines = b"".join(iter(lambda: os.read(fd, 1 << 20), b"")).decode().split("\n")[1:-1]
    finally:
        os.close(fd)
    return [(int(t), n) for _, t, n in (line.split(",") for line in lines)]

def shown_month(zone, t, offset):
    """The month on the wall, where months begin `offset` seconds late."""
    at = datetime.datetime.fromtimestamp(t, zone).replace(tzinfo=None) - datetime.timedelta(seconds=offset)
    return at.year * 12 + at.month - 1

def begin(zone, month, offset, known={}):
    """When the clock first shows a local month's begin, and the offset, or has passed it."""
    key = (str(zone), month, offset)
    if key not in known:
        t = int(datetime.datetime(month // 12, month % 12 + 1, 1, tzinfo=utc).timestamp()) + offset - 16 * 3600
        while shown_month(zone, t, offset) < month:
            t += 1800
        known[key] = t
    return known[key]

def month_of(zone, t, months, offset):
    month = shown_month(zone, t, offset)
    month -= month % months
    return month - months if begin(zone, month, offset) > t else month + months if begin(zone, month + months, offset) <= t else month

def expected(zone, months, offset, first, last, fill, is_descending):
    groups = {}
    for n, t in enumerate(points):
        if first <= t < last:
            groups.setdefault(month_of(zone, t, months, offset), []).append(n)
    if not groups:
        return []
    rows = []
    month, end = month_of(zone, first, months, offset), month_of(zone, last - 1, months, offset)
    while month <= end:
        values = groups.get(month)
        rows.append((begin(zone, month, offset), sum(values) if values else None))
        month += months
    out, before = [], None
    for t, value in rows:
        if value is None and fill == "none":
            continue
        shown = value if value is not None else {"null": "", "7": 7, "previous": before}[fill]
        out.append((t, str("" if shown is None else shown)))
        before = value if value is not None else before
    if is_descending:
        out.reverse()
    return out

zones = ["UTC", "Europe/Berlin", "America/New_York", "America/Asuncion", "Asia/Amman", "America/Havana",
         "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Pacific/Kiritimati"]
for _ in range(150):
    name = random.choice(zones)
    zone = zoneinfo.ZoneInfo(name)
    count, unit, months = random.choice([(1, "month", 1), (1, "M", 1), (3, "months", 3), (2, "M", 2),
                                         (1, "y", 12), (1, "year", 12), (5, "months", 5)])
    offset = random.choice([0, 0, 86400, -43200, 9 * 86400])
    fill = random.choice(["null", "none", "7", "previous"])
    is_descending = random.random() < 0.3
    first = random.randrange(low, high)
    last = random.randrange(first + 1, high + 1)
    limit, skip = random.choice([(0, 0), (0, 0), (3, 0), (4, 2)])
    text = (f"select sum(i) from r where time >= {first}s and time < {last}s group by time({count}{unit}"
            f"{f', {offset}s' if offset else ''}) fill({fill})" + (" order by time desc" if is_descending else "")
            + (f" limit {limit} offset {skip}" if limit else "") + f" tz('{name}')")
    want = expected(zone, months, offset, first, last, fill, is_descending)
    want = want[skip:skip + limit] if limit else want
    got = ask(text)
    assert got == want, (text, [p for p in zip(got, want) if p[0] != p[1]][:3], len(got), len(want))
