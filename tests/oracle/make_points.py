#!/usr/bin/env python3
"""Writes the generated sets of tests/oracle/data/*.lp anew; the small ones are by hand."""
import os
import random

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
START_S = 1451606400  # 2016-01-01
random.seed(7)


def write(name, lines):
    with open(os.path.join(HERE, name + ".lp"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def regular():
    hosts = [("a", "west"), ("b", "west"), ("c", "east"), ("web 1", "east")]
    for k, (host, region) in enumerate(hosts):
        key = f"cpu,host={host},region={region}".replace(" ", "\\ ")
        for i in range(60):
            if (i * 7 + k) % 11 == 0:
                continue
            user = random.randrange(0, 4000) / 32
            up = "true" if i % 3 else "false"
            state = random.choice(["ok", "warn", "down"])
            n = random.randrange(-50, 50)
            t = START_S + i * 60 + k
            yield f'{key} usage_user={user},n={n}i,up={up},state="{state}" {t}000000000'
    for i in range(40):
        yield (f"mem,host={random.choice('abc')} free={random.randrange(1, 1000)}i,"
               f"used={random.randrange(0, 800) / 8} {START_S + i * 97}000000000")
    for i in range(10):
        yield f"disk_free,host=a,path=/var/log\\ x value={i * i / 4} {START_S + i * 86400}000000000"


def irregular():
    """Jittered to the nanosecond, out of order, before 1970 and far ahead, with duplicates
    that overwrite and half points that merge."""
    rng = random.Random(11)
    lines = []
    for host, dc, count in (("a", "fra", 50), ("b", "fra", 23), ("c", "ams", 37), ("d", "", 5)):
        key = f"j,host={host}" + (f",dc={dc}" if dc else "")
        for _ in range(count):
            t = START_S * 10**9 + rng.randrange(0, 3600 * 10**9)
            half = rng.randrange(3)
            v, n = f"v={rng.randrange(-6400, 6400) / 64}", f"n={rng.randrange(-9, 9)}i"
            lines.append(f"{key} {[v, n, v + ',' + n][half]} {t}")
            if rng.random() < 0.2:
                lines.append(f"{key} {[n, v, 'v=0.5,n=5i'][half]} {t}")
    for i, year in enumerate((-60, -1, 0, 1, 29, 30, 31, 99, 130)):
        lines.append(f"ages,k={i % 2} v={i * i}i {year * 31556952 * 10**9 + i}")
    rng.shuffle(lines)
    return lines


def sparse():
    """Most fields are null in most rows; series of a single point; tags that come and go."""
    rng = random.Random(13)
    for i in range(60):
        tags = "".join(f",{tag}={rng.choice('xyz')}" for tag in ("p", "q", "r") if rng.random() < 0.5)
        fields = [text for text in (f"a={i / 4}", f"b={i - 30}i", f'c="{rng.choice(["", "u", "w"])}"',
                                    f"d={rng.choice(['true', 'false'])}") if rng.random() < 0.3]
        yield f"s{tags} {','.join(fields or ['a=7'])} {START_S + i * 10}000000000"
    for i in range(5):
        yield f"single,k=k{i} v={i}.5 {START_S + i * 3600}000000000"
    yield f'words w="one" {START_S}000000000'
    yield f"ints,k=z i=1i {START_S}000000000"


write("regular", regular())
write("irregular", irregular())
write("sparse", sparse())
