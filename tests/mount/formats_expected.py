"""formats_expected.py LINES EXPECTED: what the lines come to by hour, in the form of the answer."""
import csv, sys
hours = {}
lines = [line.rsplit(" ", 2) for line in open(sys.argv[1])]
for key, fields, time in sorted(lines, key=lambda line: int(line[2])):
    fields = {name: float(value.rstrip("iu")) for name, value in (field.split("=") for field in fields.split(","))}
    hours.setdefault((key.split("host=")[1], int(time) // 3600000000000 * 3600), []).append(fields)
for row in csv.DictReader(open(sys.argv[2])):
    rows = hours.pop((row["host"], int(row["time"])))
    noise, dec = [r["noise"] for r in rows], [r["dec"] for r in rows]
    some = [r["some"] for r in rows if "some" in r]
    told = [float(row[name]) for name in ("count", "min", "max", "first", "last", "sum", "min_1", "max_1", "sum_1", "sum_2", "spread", "count_1")]
    assert told == [len(rows), min(noise), max(noise), noise[0], noise[-1], sum(noise), min(dec), max(dec), sum(dec),
                    sum(r["int"] for r in rows), max(r["step"] for r in rows) - min(r["step"] for r in rows), len(some)], row
assert not hours
