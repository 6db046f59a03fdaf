"""shards_hold.py MNT PID: a hundred files of a hundred groups, open at once, and read when all are; prints the
descriptors that takes."""
import glob, os, sys
# A hundred files of a hundred groups, open at once, and read when all are.
paths = sorted(glob.glob(sys.argv[1] + "/db/autogen/*/m,h=0"))[:100]
files = [open(path, "rb") for path in paths]
print(len(os.listdir(f"/proc/{sys.argv[2]}/fd")), sum(len(f.read().splitlines()) for f in files))
