"""limits_line.py WRITE: lines up to the limit are taken, longer ones refused, by one write(2) and by pieces."""
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
def write(text):
    try:
        return os.write(fd, text.encode())
    except OSError as error:
        return error.strerror
def line(length):
    return 'length s="' + "x" * (length - 13) + '" 1\n'
good = "length v=1\n"
results = [write(line(2000)), write(good + line(2001) + good), write(line(2001)), write(good)]
results += [write(line(2001)[:1000]), write(line(2001)[1000:]), write(good)]
print(*results)
