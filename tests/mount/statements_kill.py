"""statements_kill.py DB: a running query is listed by SHOW QUERIES, killed, and says so."""
import os, sys, threading, time
result = []
def slow():
    fd = os.open(sys.argv[1] + "/exec", os.O_RDWR)
    try:
        while not done:
            os.write(fd, b"select percentile(v, 50), mode(v), count(distinct(v)), median(v), spread(v) from big where v * 2 > 1\n")
        result.append("ended by itself")
    except OSError:
        with open(sys.argv[1] + "/errors") as file:
            result.append("query interrupted" if "query interrupted" in file.read() else "another error")
    os.close(fd)
done = False
thread = threading.Thread(target=slow)
thread.start()
def ask(text):
    fd = os.open(sys.argv[1] + "/exec", os.O_RDWR)
    try:
        os.write(fd, text.encode() + b"\n")
        return os.read(fd, 1 << 20).decode()
    except OSError as error:
        return error.strerror
    finally:
        os.close(fd)
words = []
for _ in range(500):
    rows = [line for line in ask("show queries").split("\n") if "percentile(v, 50" in line]
    if rows:
        words = ["listed"]
        if ask("kill query " + rows[0].split(",")[1]) == "":
            words.append("killed")
            break
    time.sleep(0.01)
thread.join(20)
done = True
print(" ".join(words + result))
