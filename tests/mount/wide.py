"""wide.py FILE: rows of 5,000 fields; prints what queries must say of them."""
import random, sys
r = random.Random(5)
names = ["f%04d" % i for i in range(5000)]
values = [r.randrange(1000) for _ in names]
seen = []
with open(sys.argv[1], "w") as wide:
    for row in range(300):
        values = [v + r.randrange(-3, 4) for v in values]
        wide.write("wide,host=a %s %d\n" % (",".join("%s=%di" % p for p in zip(names, values)), (1700000000 + row) * 10**9))
        seen.append(values[777])
middle = sorted(seen)[100]
print(sum(seen), middle, sum(v >= middle for v in seen))
