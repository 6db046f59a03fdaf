"""cells_data.py SEED: points at even times, with jitter, with gaps."""
import random, sys
r = random.Random(int(sys.argv[1]))
start = 1700006400          # a Wednesday, 00:00
walk = 50
for host in ("even", "jitter", "gaps"):
    for i in range(3 * 8640):
        t = start + i * 10
        if host == "jitter":
            t += r.random() * 9
        if host == "gaps" and (i // 700) % 3 == 1:
            continue
        walk = min(100, max(0, walk + r.choice([-1, 0, 1])))
        fields = "k=%di,d=%.2f,f=%r,z=%s" % (walk, walk + r.random(), r.random() - 0.5, r.choice(["0", "-0", "1"]))
        fields += ",big=%di" % r.randrange(-2**63, 2**63)
        if host != "jitter" or i % 3:
            fields += ',hole=%di,text="t%d"' % (i, i % 7)
        print("m,host=%s %s %d" % (host, fields, int(t * 10**9)))
