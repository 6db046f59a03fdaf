"""tools_forecast.py MNT QUERY: a long forecast ends when its reader is killed."""
import os, signal, subprocess, sys, time
mnt, query = sys.argv[1:3]
def start():
    return subprocess.Popen(["cat", f"{mnt}/slow/query/{query};.csv"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
reader = start()
time.sleep(0.3)
assert reader.poll() is None, "the query was not slow"
worst = 0
for k in range(20):
    begin = time.time()
    with open(f"{mnt}/slow/write", "w") as file:
        file.write(f"beside v={k}\n")
    worst = max(worst, time.time() - begin)
assert reader.poll() is None, "the query ended before the writers"
begin = time.time()
reader.send_signal(signal.SIGKILL)
reader.wait(60)
gone = time.time() - begin
print(f"a write beside it waited {worst:.3f} s at most, the killed reader was gone in {gone:.3f} s")
