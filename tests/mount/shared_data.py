"""shared_data.py SEED: points of sixty series, in random order, some twice."""
import random, sys
r = random.Random(int(sys.argv[1]))
start = 1700002800
rows = []
for n in range(60):
    for t in range(r.randrange(100), 4 * 3600, r.choice([7, 20, 60])):
        fields = ["f=%r" % (r.random() * 1000 - 300), "i=%di" % r.randrange(-2**40, 2**40), "d=%.2f" % (r.random() * 10)]
        if r.random() < 0.2:
            fields.append('s="x%d",b=%s' % (r.randrange(9), r.choice(["true", "false"])))
        rows.append("m,host=h%02d,dc=d%d %s %d" % (n, n % 3, ",".join(fields), (start + t) * 10**9))
r.shuffle(rows)
rows += r.sample(rows, 500)
print("\n".join(rows))
