#!/usr/bin/env python3
"""Writes tests/oracle/data/{golden,regular}.{lp,iql} anew: points, and the queries over them.

The files are kept in the tree, so that a query can be added by hand as well.
"""
import os
import random

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
START_S = 1451606400  # 2016-01-01
random.seed(7)


def write(name, lines):
    with open(os.path.join(HERE, name), "w") as file:
        file.write("\n".join(lines) + "\n")


def regular_points():
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


GOLDEN = """m,h=a,r=x v=1,i=1i 0
m,h=a,r=x v=2,i=2i 10000000000
m,h=a,r=x v=4,i=4i 20000000000
m,h=a,r=x v=9,i=9i 40000000000
m,h=a,r=x v=16,i=16i 50000000000
m,h=b,r=x v=1,i=1i 0
m,h=b,r=x v=2,i=2i 10000000000
m,h=b,r=x v=4,i=4i 20000000000
m,h=b,r=x v=9,i=9i 40000000000
m,h=b,r=x v=16,i=16i 50000000000
m,h=c v=7 15000000000
m v=8 16000000000
m,r=q i=3i,s="str",b=true 17000000000""".split("\n")

MINUTE = "time >= 0 and time < 60s"
HOUR = "time >= '2016-01-01T00:00:00Z' and time < '2016-01-01T01:00:00Z'"


def golden_queries():
    for f in "count sum mean min max first last median spread stddev distinct mode".split():
        yield f"select {f}(v) from m"
        yield f"select {f}(i) from m where {MINUTE}"
        yield f"select {f}(v) from m where {MINUTE} group by h"
        yield f"select {f}(v) from m where {MINUTE} group by time(20s)"
        yield f"select {f}(v) from m where {MINUTE} group by time(10s), h fill(none)"
    for fill in ["null", "none", "previous", "linear", "0", "-1.5"]:
        yield f"select mean(v) from m where {MINUTE} group by time(10s) fill({fill})"
        yield f"select last(i) from m where h = 'a' and {MINUTE} group by time(5s) fill({fill})"
        yield f"select count(v) from m where h='c' and {MINUTE} group by time(20s) fill({fill})"
    yield from f"""select * from m
select v from m
select v, h from m
select v, i from m where h = 'a'
select *::field from m
select *::tag, v from m
select /^[vi]$/ from m
select v from /m/
select v from m order by time desc
select v from m limit 3
select v from m limit 3 offset 2
select v from m group by h limit 2
select v from m group by h slimit 1
select v from m group by h slimit 1 soffset 1
select v from m group by *
select v from m group by /^[hr]$/
select v from m where h =~ /^[ab]$/
select v from m where h !~ /^[ab]$/
select v from m where h != 'a'
select v from m where h = ''
select v from m where h != ''
select v from m where v > 4
select v from m where v >= 4 and v < 10
select v from m where h = 'a' or v > 8
select v from m where (h = 'a' or h = 'b') and time > 10s
select v from m where time = 10s
select v from m where time > '1970-01-01T00:00:15Z'
select v from m where time > '1970-01-01 00:00:15'
select s from m
select b, s from m
select v + i from m
select v * 2 from m
select v / 2, i / 2 from m
select i % 3 from m
select v - v from m
select -v from m
select mean(v) + max(v) from m
select mean(v) * 100 / max(i) from m
select mean(v), max(v) from m
select mean(v), mean(v) from m
select mean(v) as x, max(v) as x from m
select max(v), h from m
select max(v), min(v) from m
select first(v), i from m
select mean(*) from m
select max(*) from m
select count(*) from m
select mean(/^v/) from m
select percentile(v, 10), percentile(v, 90) from m where h = 'a'
select percentile(v, 50) from m
select percentile(i, 95) from m group by h
select top(v, 2) from m
select bottom(v, 2) from m
select count(distinct(v)) from m
select distinct(s) from m
select mean(v) from m where {MINUTE} group by time(10s, 5s)
select mean(v) from m where {MINUTE} group by time(10s, -3s)
select mean(v) from m where time >= 5s and time < 25s group by time(10s)
select mean(v) from m where {MINUTE} group by time(10s), h limit 2
select mean(v) from m where {MINUTE} group by time(10s) order by time desc
select max(v) from m where {MINUTE} group by time(1m), r
select mean(v) from m group by nope
select nope from m
select v, nope from m
select mean(nope) from m
select v from nope
select mean(v) from m where time > 100s
select count(v) from m where {MINUTE} group by h, r
select v from m; select i from m
select mean(v) from m where h = 'a'; select max(v) from m where h = 'b'
select h from m
select v from m where v = '1'
select v from m where s = 'str'
select s from m where s =~ /st/
select i from m where b = true
show measurements
show tag keys
show tag keys from m
show tag values with key = h
show tag values from m with key in (h, r)
show tag values with key =~ /./
show field keys
show field keys from m
show series
show series from m where h = 'a'
show series limit 2
show measurements with measurement =~ /m/
show retention policies
select mean(v) from
select foo(v) from m
select mean(v), v from m
select mean() from m
select v from m group by time(10s)
select mean(v) from m group by time()
selec v from m
select v from m where
select 'a
select mean(v from m
select v from m limit -1
select v from m where time != 0
show foo""".split("\n")


def regular_queries():
    for f in "count sum mean min max first last median spread".split():
        for column in ("usage_user", "n"):
            yield f"select {f}({column}) from cpu where {HOUR} group by time(5m), host"
            yield f"select {f}({column}) from cpu group by region"
            yield f"select {f}({column}) from cpu"
    yield from f"""select * from cpu where {HOUR} limit 20
select * from mem
select usage_user from cpu where host = 'web 1' limit 5
select count(up), count(state) from cpu
select first(state), last(state) from cpu group by host
select distinct(state) from cpu group by host
select value from disk_free
select mean(value) from disk_free where time >= '2016-01-01T00:00:00Z' and time < '2016-01-12T00:00:00Z' group by time(2d)
select count(n) from cpu where n > 10 and usage_user < 60
select mean(usage_user) from cpu where state = 'ok' and up = true group by host
select usage_user from cpu where region =~ /^e/ and n > 30
select max(usage_user) - min(usage_user) from cpu group by host
select percentile(usage_user, 95) from cpu group by host
select stddev(usage_user) from cpu where host = 'a'
select mean(usage_user) from cpu, mem
select count(*) from /./
show series
show tag values with key = host
show field keys
show tag keys""".split("\n")


write("golden.lp", GOLDEN)
write("golden.iql", golden_queries())
write("regular.lp", regular_points())
write("regular.iql", regular_queries())
