"""tools_read.py ANSWER WANT: an answer is read, sought in, and mapped from Python."""
import mmap, os, sys
want = open(sys.argv[2], "rb").read()
with open(sys.argv[1], "rb") as f:
    assert f.read() == want
    f.seek(-9, os.SEEK_END)
    assert f.read() == want[-9:]
    view = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
    assert len(view) == len(want) and view[:] == want
assert os.path.getsize(sys.argv[1]) == len(want)
assert open(sys.argv[1]).readlines() == want.decode().splitlines(True)
print("fine")
