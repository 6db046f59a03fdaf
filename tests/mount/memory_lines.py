"""memory_lines.py WRITE: unfinished lines of twenty open files, until they are refused."""
import os, sys
taken = 0
for i in range(20):
    fd = os.open(sys.argv[1], os.O_WRONLY)
    try:
        os.write(fd, b"m s=\"" + b"x" * 200000)
        taken += 1
    except OSError as error:
        print(taken, error.strerror)
        break
