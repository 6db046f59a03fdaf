"""limits_streams.py QUERY_DIR QUERY: a second stream is refused while one is open (streams_max=1), and that one ends when its
time is over (query_seconds=2)."""
import os, sys, time
def problem(path):
    try:
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
    except OSError as error:
        return error.strerror
fd = os.open(sys.argv[1] + sys.argv[2], os.O_RDONLY)
words = [os.read(fd, 64).decode().split("\n")[0][5:13], problem(sys.argv[1] + sys.argv[2] + " and h != '7'")]
time.sleep(2.1)
try:
    while os.read(fd, 1 << 20):
        pass
except OSError as error:
    words.append(error.strerror)
print(" / ".join(words))
