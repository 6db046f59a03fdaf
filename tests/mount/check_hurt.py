"""check_hurt.py HOW FILE [PLACE]: flip a byte at a share of FILE (its middle), cut it there, or remove it."""
import os, sys
how, path = sys.argv[1:3]
place = float(sys.argv[3]) if len(sys.argv) > 3 else 0.5
data = bytearray(open(path, "rb").read())
at = min(int(len(data) * place), len(data) - 1)
os.unlink(path)  # a snapshot may have the same file
if how == "flip":
    data[at] ^= 0x41
if how == "cut":
    del data[at:]
if how != "remove":
    open(path, "wb").write(data)
