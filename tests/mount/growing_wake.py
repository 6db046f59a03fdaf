"""growing_wake.py PATH APPEND: a file whose pages the kernel keeps shows what is appended, to those who have it
open, too."""
import mmap, os, sys
path, append = sys.argv[1:]
n = 0
for turn in range(20):
    with open(path, "rb") as f:
        view = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) if turn == 0 else None
        before = f.read()
        last = before.splitlines()[-1]
        time = int(last.split()[-1]) + 1
        with open(append, "a") as w:
            w.write(f"v=7i {time}\n")
        more = f.read()
        assert more == b"g v=7i %d\n" % time, (turn, more)
        if view:
            assert view[:] == before
        assert os.stat(path).st_size == len(before) + len(more)
        assert open(path, "rb").read() == before + more
print("fine")
