"""tools_slow.py MNT: readers of slow answers are killed, stopped, many at once; the mount stays quick. The daemon's
pid comes on stdin."""
import os, subprocess, sys, time
mnt = sys.argv[1]
bad = []
# A bucket for every point, forty times: seconds of work, and no two texts are the same. The
# regexes cut the name, which may be 255 bytes long, into pieces.
def slow(n):
    sources = ", ".join(f"(select percentile(value, {50 + i}.{n}) as p from /s/ group by time(10s), id)"
                        for i in range(40))
    return f"{mnt}/big/query/select mean(p) from {sources};.csv"
readers = [subprocess.Popen(["cat", slow(n)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for n in range(3)]
time.sleep(0.3)
if any(r.poll() is not None for r in readers):
    bad.append("the query is not slow")
slowest = 0
for i in range(40):
    started = time.monotonic()
    with open(f"{mnt}/db/write", "w") as f:
        f.write(f"w v={i}\n")
    with open(f"{mnt}/big/autogen/w", "w") as f:
        f.write(f"v={i}\n")
    slowest = max(slowest, time.monotonic() - started)
started = time.monotonic()
os.listdir(mnt + "/db"), os.stat(mnt + "/db/autogen/w"), open(mnt + "/db/autogen/w").read()
slowest_look = time.monotonic() - started
if all(r.poll() is not None for r in readers):
    bad.append("the queries ended before the writes")
for reader in readers:
    if reader.poll() is not None:
        continue
    started = time.monotonic()
    reader.kill()
    reader.wait(60)
    took = time.monotonic() - started
    print(f"a killed reader was gone after {took:.3f} s", file=sys.stderr)
# Its query as well: the daemon has nothing left to do.
pid = sys.stdin.readline().strip()
def cpu():
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
deadline = time.monotonic() + 20
busy = 1
while busy > 0.2 and time.monotonic() < deadline:
    before = cpu()
    time.sleep(0.5)
    busy = cpu() - before
if busy > 0.2:
    bad.append(f"the queries still run: {busy:.2f} s of CPU in half a second")
print(f"slowest write {slowest:.3f} s, look {slowest_look:.3f} s", file=sys.stderr)
print("\n".join(bad) if bad else "fine")
