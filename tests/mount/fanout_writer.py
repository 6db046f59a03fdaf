"""fanout_writer.py WRITE ACKED N: writes points until the mount ends, and keeps what was acknowledged."""
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
with open(sys.argv[2], "a") as acked:
    try:
        for n in range(100000):
            lines = b"".join(b'k u="u%d",v=%di %d\n' % (j, n, 1700000000000000000 + int(sys.argv[3]) * 10**12 + n * 100 + j) for j in range(20))
            if os.write(fd, lines) != len(lines):
                break
            acked.write("20\n"); acked.flush()
            if n == 0:
                open(os.path.dirname(sys.argv[2]) + "/writing", "w")
    except OSError:
        pass
