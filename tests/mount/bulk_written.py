"""bulk_written.py FILE: the sum over all lines of FILE, in the form that a series file has."""
import hashlib, sys
def canonical(line):
    key, fields, time = line.split(" ")
    name, *tags = key.split(",")
    return ",".join([name] + sorted(tags)) + " " + ",".join(sorted(fields.split(","))) + " " + time
lines = sorted(canonical(line.rstrip("\n")) for line in open(sys.argv[1]))
print(hashlib.md5("\n".join(lines).encode()).hexdigest())
