"""shared_change.py MNT SEED: points are deleted, series removed from groups, points come late."""
import os, random, sys
mnt, r = sys.argv[1], random.Random(int(sys.argv[2]))
db, start = mnt + "/db", 1700002800
def moment():
    return start + r.choice([3600 * r.randrange(5), r.randrange(4 * 3600)])
def tell(file, text):
    with open(file, "w") as f:
        f.write(text + "\n")
def delete():
    first = moment()
    where = r.choice(["", " and host = 'h%02d'" % r.randrange(60), " and dc = 'd%d'" % r.randrange(3), " and host =~ /h[0-2]/"])
    tell(db + "/exec", "delete from m where time >= %ds and time < %ds%s" % (first, first + r.choice([60, 900, 3600]), where))
def remove():
    group = r.choice(sorted(g for g in os.listdir(db + "/autogen") if g[0] == "2"))
    for series in os.listdir(db + "/autogen/" + group)[:5]:
        os.unlink("%s/autogen/%s/%s" % (db, group, series))
def late():
    tell(db + "/write", "\n".join("m,host=h%02d,dc=d%d f=%r,i=%di %d" % (n, n % 3, r.random(), r.randrange(2**40), moment() * 10**9)
                                  for n in r.sample(range(60), 40)))
for _ in range(6):
    r.choice((delete, delete, remove, late))()
