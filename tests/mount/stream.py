"""stream.py QUERY SLOW WHOLE: reads of a stream: one after the other, shared, interrupted, given up; a line for
each."""
import errno, os, signal, subprocess, sys, threading, time
query, slow, whole = sys.argv[1:4]
def code(call):
    try:
        call()
        return "nothing"
    except OSError as error:
        return errno.errorcode[error.errno]
fd = os.open(query, os.O_RDONLY)
print("seek", code(lambda: os.lseek(fd, 0, os.SEEK_SET)), code(lambda: os.pread(fd, 10, 0)))
# A byte here, much there: what comes is the answer, in order.
pieces, size = [], 1
while True:
    piece = os.read(fd, size)
    if not piece:
        break
    pieces.append(piece)
    size = size * 7 % 300007 + 1
print("pieces", b"".join(pieces) == open(whole, "rb").read(), os.read(fd, 10) == b"")
os.close(fd)
# Several readers of one open file: each byte to one of them.
fd, got = os.open(query, os.O_RDONLY), []
def drain():
    while piece := os.read(fd, 4096):
        got.append(len(piece))
threads = [threading.Thread(target=drain) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("shared", sum(got) == os.stat(whole).st_size)
os.close(fd)
# One that waits: others get on with the file, and a signal ends it.
fd = os.open(slow, os.O_RDONLY)
child = subprocess.Popen(["cat"], stdin=fd, stdout=subprocess.DEVNULL)
def position():
    return open("/proc/%d/io" % child.pid).read().split()[1]
before = -1
while child.poll() is None and position() != before:
    before = position()
    time.sleep(0.1)
print("waits", child.poll() is None)
done = []
other = threading.Thread(target=lambda: done.append((os.fstat(fd), code(lambda: os.lseek(fd, 0, os.SEEK_CUR)))))
other.start()
other.join(5)
print("others", bool(done) and done[0][1])
child.send_signal(signal.SIGKILL)
try:
    print("killed", child.wait(5))
except subprocess.TimeoutExpired:
    print("killed not at all")
os.close(fd)
