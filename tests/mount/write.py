"""write.py DB: write(2) takes whole lines, counts what it took, says why not; prints what was expected and what
came."""
import errno, os, sys
db = sys.argv[1]
failures = []
def expect(what, want, got):
    if want != got:
        failures.append(f"{what}: expected {want!r}, got {got!r}")
def write(fd, data):
    try:
        return os.write(fd, data)
    except OSError as e:
        return errno.errorcode[e.errno]

fd = os.open(db + "/write", os.O_WRONLY)
expect("short count before the bad line", 12, write(fd, b"a v=1\na v=2\ngarbage\na v=3\n"))
expect("then the error", "EINVAL", write(fd, b"garbage\na v=3\n"))
expect("then a new line", 6, write(fd, b"a v=4\n"))
expect("a line in two writes: first", 3, write(fd, b"a v"))
expect("a line in two writes: second", 3, write(fd, b"=5\n"))
expect("a bad line that began before", 3, write(fd, b"gar"))
expect("takes nothing", "EINVAL", write(fd, b"bage\na v=6\n"))
expect("and leaves nothing", 6, write(fd, b"a v=7\n"))
expect("a type clash stops it", "EINVAL", write(fd, b'a v="text"\n'))
expect("comments and blanks pass", 14, write(fd, b"# a comment\n\n\n"))
expect("a newline in a string belongs to it", 18, write(fd, b'b v=1,s="two\nlines'))
expect("until its quote", 2, write(fd, b'"\n'))
expect("an unfinished line waits", 5, write(fd, b"c v=1"))
os.close(os.dup(fd))
os.close(fd)

fd = os.open(db + "/autogen/d", os.O_WRONLY | os.O_CREAT)
expect("a bare value", 4, write(fd, b"0.5\n"))
expect("a named value", 6, write(fd, b"v=0.5\n"))
expect("a full line", 8, write(fd, b"d v=0.5\n"))
expect("another series' line", "EINVAL", write(fd, b"e v=0.5\n"))
expect("ftruncate to what was written", None, os.ftruncate(fd, 18))
try:
    os.ftruncate(fd, 3)
    failures.append("ftruncate to something else went through")
except OSError as e:
    expect("ftruncate to something else", errno.EPERM, e.errno)
expect("and then nothing more", "EPERM", write(fd, b"0.7\n"))
os.close(fd)

# One write(2) of many megabytes: the kernel cuts it, no line is torn.
lines = b"".join(b"big,h=%d v=%di %d\n" % (i % 10, i, 1700000000000000000 + i * 1000) for i in range(100000))
fd = os.open(db + "/write", os.O_WRONLY)
done = 0
while done < len(lines):
    done += os.write(fd, lines[done:])
os.close(fd)
# The same with a bad line in the middle: it stops there, and says so.
bad = lines.index(b"\n", 3 << 20) + 1
mixed = lines[:bad] + b"garbage\n" + lines[bad:]
mixed = mixed.replace(b"big,", b"mix,")
fd = os.open(db + "/write", os.O_WRONLY)
done, failed = 0, None
while done < len(mixed):
    got = write(fd, mixed[done:])
    if isinstance(got, str):
        failed = got
        break
    done += got
os.close(fd)
expect("stopped by", "EINVAL", failed)
expect("lines stored before it", mixed[:bad].count(b"\n"), mixed[:done].count(b"\n"))
print("\n".join(failures))
