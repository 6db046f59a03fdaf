"""check_random.py DATADIR SEED: flips a byte in some files, and says in which."""
import os, random, sys
random.seed(int(sys.argv[2]))
files = [os.path.join(d, f) for d, _, names in os.walk(sys.argv[1]) for f in names
         if f not in ("LOG", "LOG.old", "LOCK", "lock", "format") and "/snapshot/" not in d and "/trash/" not in d]
for _ in range(random.choice((1, 1, 3, 10))):
    path = random.choice([f for f in files if os.path.getsize(f)])
    data = bytearray(open(path, "rb").read())
    at = random.randrange(len(data))
    data[at] ^= 1 << random.randrange(8)
    os.unlink(path)
    open(path, "wb").write(data)
    print(os.path.relpath(path, sys.argv[1]), at, len(data))
