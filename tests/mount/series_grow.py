"""series_grow.py PATH: what a file shows only grows for who has it open or mapped."""
import mmap, os, sys
path = sys.argv[1]
cached = open(path, "rb")
view = mmap.mmap(cached.fileno(), 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
before = view[:]
assert before.count(b"\n") == 3, before
reader = open(path, "rb", buffering=0)
assert reader.read(1 << 20) == before
with open(path, "a") as writer:
    writer.write("v=4 1700000004000000000\n")
size = os.fstat(reader.fileno()).st_size
more = reader.read(1 << 20)
assert more == b"cpu,host=a v=4 1700000004000000000\n", more
assert size == len(before) + len(more), (size, len(before), len(more))
assert view[:len(before)] == before
with open(path, "a") as writer:
    writer.write("v=0 1700000000000000000\n")   # not at the end: what is open stays as it was
assert os.fstat(reader.fileno()).st_size == size
assert reader.read(100) == b""
assert open(path, "rb").read().startswith(b"cpu,host=a v=0 "), "a later open sees it"
os.unlink(path)
assert os.fstat(reader.fileno()).st_size == size, "removed while open"
assert os.pread(reader.fileno(), 1 << 20, 0) == before + more
print("fine")
