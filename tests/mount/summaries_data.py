"""summaries_data.py SEED [late]: points of three series with holes, or some that come late."""
import random, sys
r = random.Random(int(sys.argv[1]))
start = 1700002800
def line(host, t):
    fields = ["k=%di" % r.randrange(100), "f=%r" % (r.random() * 100 - 20), "d=%.2f" % (r.random() * 10)]
    if host != "b" or r.random() < 0.5:
        fields.append("i=%di" % r.randrange(-2**62, 2**62))
    if host != "c" or t % 7200 < 3600:
        fields.append("z=%s" % r.choice(["0", "-0", "1"]))
    if r.random() < 0.1:
        fields.append('s="x%d",y=%s' % (r.randrange(5), r.choice(["true", "false"])))
    return "m,host=%s %s %d" % (host, ",".join(fields), (start + t) * 10**9)
rows = [line(h, t) for h in "abc" for t in range(0, 5 * 3600, 2)]
rows += [line("a", r.randrange(3600 * 2, 3600 * 3)) for _ in range(40)]
if len(sys.argv) > 2:
    rows = r.sample(rows, 3000)
print("\n".join(rows))
