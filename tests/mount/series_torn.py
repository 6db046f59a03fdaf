"""series_torn.py PATH WRITE: readers of a series that is written meanwhile see whole lines."""
import os, re, sys, threading, time
path, write = sys.argv[1], sys.argv[2]
stop = time.time() + 3
bad = []
line = re.compile(rb"g v=\d+i \d+")
def whole(data, where):
    if b"\0" in data or any(not line.fullmatch(l) for l in data.split(b"\n")[:-1]) or not data.endswith(b"\n"):
        bad.append((where, data[-120:]))
def follow():
    fd = os.open(path, os.O_RDONLY)
    got = b""
    while time.time() < stop and not bad:
        os.fstat(fd)
        got += os.read(fd, 1 << 20)
    os.close(fd)
    whole(got[:got.rindex(b"\n") + 1], "follow")
    if b"\0" in got:
        bad.append(("follow", got[-120:]))
def again():
    while time.time() < stop and not bad:
        with open(path, "rb") as f:
            whole(f.read(), "again")
def append():
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    n = 1
    while time.time() < stop:
        os.write(fd, b"v=%di %d\n" % (n, 1700000000000000000 + n))
        n += 1
        if n % 50 == 0:
            time.sleep(0.01)
    os.close(fd)
threads = [threading.Thread(target=t) for t in (follow, follow, again, again, append)]
for t in threads[:2]:
    t.start()
time.sleep(0.1)
for t in threads[2:]:
    t.start()
for t in threads:
    t.join()
print("fine" if not bad else bad[0])
