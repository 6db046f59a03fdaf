"""A dump as influx_inspect writes it."""
import sys
policies = {"autogen": 0, "long": 3}
print("# INFLUXDB EXPORT: 1677-09-21T00:12:43Z - 2262-04-11T23:47:16Z\n# DDL")
for policy in policies:
    print(f"CREATE DATABASE NOAA WITH NAME {policy}")
print("# DML")
for policy, more in policies.items():
    print(f"# CONTEXT-DATABASE:NOAA\n# CONTEXT-RETENTION-POLICY:{policy}\n# writing tsm data")
    for host in ("a", "b\\ c"):
        for field, value in (("usage", lambda k: f"{k / 8:g}"), ("n", lambda k: f"{k}i"), ("ok", lambda k: "true" if k % 2 else "false"),
                             ("s", lambda k: f'"text {k}\n# CONTEXT-DATABASE:{k}\n# no header, \\"quoted\\""')):
            for k in range(300 + more):
                if field != "ok" or k % 3:
                    print(f"cpu,host={host},region=eu {field}={value(k)} {1700000000 + k * 60}000000000")
    print("# writing wal data")
    print(f"late v={1 + more} 1700000000000000000")
