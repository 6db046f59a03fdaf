"""growing_crowd.py PATH WRITE SECONDS: six readers hold a file open whose pages the kernel keeps, and its series grows:
what was acknowledged before a reader looks is in the size that it is told, and all of that size can be read."""
import os, sys, threading, time
path, write, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
acknowledged = os.stat(path).st_size
bad, stop, looks = [], threading.Event(), [0] * 6

def read(number):
    fd = os.open(path, os.O_RDONLY)
    while not stop.is_set():
        at_least = acknowledged
        size = os.fstat(fd).st_size
        got = len(os.pread(fd, 200, size - 50))
        looks[number] += 1
        if size < at_least:
            bad.append(f"a stale size: {size}, {at_least} were acknowledged")
        elif got < 50:
            bad.append(f"{size - 50 + got} bytes of {size}")
        else:
            continue
        stop.set()

threads = [threading.Thread(target=read, args=(number,)) for number in range(6)]
for thread in threads:
    thread.start()
out, end, n = os.open(write, os.O_WRONLY), time.time() + seconds, 1
while not stop.is_set() and time.time() < end:
    line = b"g v=%di %d\n" % (n, 1800000000000000000 + n)
    os.write(out, line)
    acknowledged += len(line)
    n += 1
    time.sleep(0.001)
stop.set()
for thread in threads:
    thread.join()
print(f"{sum(looks)} looks, {n} lines", file=sys.stderr)
print("\n".join(sorted(set(bad))) if bad else "fine")
