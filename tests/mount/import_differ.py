"""import_differ.py WORK MNT: influxd, given the dump as `influx -import` does, answers the same; prints what
differs."""
import sys
sys.path.insert(0, "tests/oracle")
from influxd import Influxd
work, mnt = sys.argv[1:]
with Influxd(work + "/influx") as influx:
    # As influx -import does: statements as queries, then each context's lines to /write.
    ddl, dml = open(work + "/dump").read().split("# DML\n")
    influx.query("CREATE DATABASE NOAA")
    influx.query("CREATE RETENTION POLICY long ON NOAA DURATION INF REPLICATION 1")
    for part in dml.split("# CONTEXT-DATABASE:NOAA\n# CONTEXT-RETENTION-POLICY:")[1:]:
        policy, lines = part.split("\n", 1)
        influx.write("NOAA", lines, policy=policy)
    for query in ("select count(usage), sum(n), count(ok), count(s) from {}.cpu group by host", "select * from {}.late",
                  "select * from {}.cpu where time < 1700001000000000000"):
        for policy in ("autogen", "long"):
            text = query.format(policy)
            theirs = influx.query(text, db="NOAA").decode().strip()
            ours = open(f"{mnt}/noaa/query/{text};.json").read().strip()
            if theirs != ours or '"series"' not in ours:
                print(text, theirs, ours, sep="\n")
