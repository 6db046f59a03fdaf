"""slow_disk_times.py PAGE HOW…: holds and lets go of syncs of files whose path has a word in it (tests/tools)."""
import mmap, struct, sys, time
with open(sys.argv[1], "r+b") as file:
    page = mmap.mmap(file.fileno(), 0)
if sys.argv[2] == "hold":  # syncs of files whose path holds the argument wait
    page[40:104] = sys.argv[3].encode().ljust(64, b"\0")
    struct.pack_into("<I", page, 32, 1)
elif sys.argv[2] == "wait":  # until one does
    for _ in range(6000):
        if struct.unpack_from("<I", page, 36)[0]:
            break
        time.sleep(0.01)
    else:
        sys.exit(1)
elif sys.argv[2] == "holds":
    sys.exit(struct.unpack_from("<I", page, 36)[0] == 0)
else:
    struct.pack_into("<I", page, 32, 0)
