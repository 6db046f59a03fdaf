"""damage_flip.py FILE: flips a byte in each of its quarters but the first."""
import os, sys
with open(sys.argv[1], "r+b") as file:
    size = os.fstat(file.fileno()).st_size
    for at in range(size // 4, size, size // 4):
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x55]))
