"""snapshot_kept_pairs.py WRITE NAME ENOUGH: points of two series in one write(2) each, in sixteen groups, until
ENOUGH exists."""
import os, sys
# Points of two series in one write(2), in sixteen groups: the first of a, the last of b.
path, name, enough = sys.argv[1:]
out = os.open(path, os.O_WRONLY)
i = 0
while not os.path.exists(enough):
    i += 1
    line = "".join(f"{'a' if k < 8 else 'b'},w={name} v={i}i {1700000000000000000 + k * 604800000000000 + i}\n"
                   for k in range(16))
    assert os.write(out, line.encode()) == len(line)
