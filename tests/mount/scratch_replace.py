"""scratch_replace.py GROUP: a file made by tempfile and renamed replaces a series, as editors do."""
import errno, os, sys, tempfile
group = sys.argv[1]
def code(call, *args):
    try:
        call(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
fd, name = tempfile.mkstemp(dir=group)
os.write(fd, b"cpu,host=a v=5 1700000005000000000\n")
assert os.fstat(fd).st_size == 35, os.fstat(fd).st_size
assert os.path.basename(name) in os.listdir(group)
open(group + "/cpu,host=a", "a").write("v=9 1700000009000000000\n")   # after the scratch file: stays
os.replace(name, group + "/cpu,host=a")
os.close(fd)
assert open(group + "/cpu,host=a").read() == ("cpu,host=a v=5 1700000005000000000\n"
    "cpu,host=a v=9 1700000009000000000\n"), open(group + "/cpu,host=a").read()
fd, name = tempfile.mkstemp(dir=group)
os.write(fd, b"cpu,host=a v=6 1700000006000000000\ngarbage\n")
os.close(fd)
assert code(os.replace, name, group + "/cpu,host=a") == "EINVAL"
assert "v=5" in open(group + "/cpu,host=a").read(), "left as it was"
os.unlink(name)
fd = os.open(group + "/.cpu,host=b.Xy12Zz", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
os.pwrite(fd, b"cpu,host=b v=1 1700000001000000000\n", 0)
os.ftruncate(fd, 35)
assert os.pread(fd, 100, 11) == b"v=1 1700000001000000000\n"
os.close(fd)
os.utime(group + "/.cpu,host=b.Xy12Zz", ns=(5, 1234567890123456789))
os.chmod(group + "/.cpu,host=b.Xy12Zz", 0o644)
assert code(os.rename, group + "/.cpu,host=b.Xy12Zz", os.path.dirname(group) + "/x") == "EPERM"
os.rename(group + "/.cpu,host=b.Xy12Zz", group + "/cpu,host=b")
assert os.stat(group + "/cpu,host=b").st_mtime_ns == 1234567890123456789
assert open(group + "/cpu,host=b").read() == "cpu,host=b v=1 1700000001000000000\n"
# What the kernel remembers of a scratch file is not what the series is told to be, an instant after it.
for i in range(50):
    open(group + "/.d", "w").write("cpu,host=d v=1.50,a=%di 1700000001000000000\n" % i)
    os.chmod(group + "/.d", 0o600)
    assert os.stat(group + "/.d").st_size > 40
    kept = os.open(group + "/.d", os.O_RDONLY)
    os.rename(group + "/.d", group + "/cpu,host=d")
    text = "cpu,host=d a=%di,v=1.5 1700000001000000000\n" % i
    size = (os.stat if i % 2 else os.lstat)(group + "/cpu,host=d").st_size
    assert size == len(text), size
    assert os.fstat(kept).st_size == len(text)
    assert not os.path.exists(group + "/.d")
    if i % 3 == 0:
        assert os.getxattr(group + "/cpu,host=d", "user.seriesfs.points") == b"1"
    with open(group + "/cpu,host=d", "a" if i % 5 == 0 else "r") as f:
        if i % 5 == 0:
            f.write("v=2 1700000002000000000\n")
        else:
            assert f.read() == text
    if i % 7 == 0:
        os.unlink(group + "/cpu,host=d")
        assert not os.path.exists(group + "/cpu,host=d")
    if i % 11 == 0:
        open(os.path.dirname(group) + "/../exec", "w").write("drop series from cpu where host = 'd'\n")
        assert not os.path.exists(group + "/cpu,host=d")
    os.close(kept)
open(os.path.dirname(group) + "/../exec", "w").write("drop series from cpu where host = 'd'\n")
# A new name made with O_EXCL whose first line is its own is that series at once.
fd = os.open(group + "/cpu,host=c", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
os.write(fd, b"cpu,host=c v=1 17000")
os.write(fd, b"00001000000000\ncpu,host=c v=2 1700000002000000000\n")
assert open(group + "/cpu,host=c").read().count("\n") == 2
assert code(os.write, fd, b"garbage\n") == "EINVAL"
os.utime(group + "/cpu,host=c", ns=(5, 1500000000000000001))
os.close(fd)
assert os.stat(group + "/cpu,host=c").st_mtime_ns == 1500000000000000001
print("fine")
