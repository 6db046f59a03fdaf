"""spread_changing.py MNT: a policy is changed while others write into it; prints what was refused."""
import datetime, os, sys, threading
db, policy = sys.argv[1] + "/db", sys.argv[1] + "/db/changing"
monday = datetime.datetime(2018, 1, 1, tzinfo=datetime.timezone.utc)
weeks = [monday + datetime.timedelta(days=7 * n) for n in range(40)]
done, refused = False, []

def make():
    for week in weeks:
        try:
            os.mkdir(f"{policy}/{week:%Y-%m-%d}--{week + datetime.timedelta(days=7):%Y-%m-%d}")
        except FileExistsError:
            pass

def write(writer):
    for week in weeks:
        for series in range(6):
            fd = os.open(policy + "/.write", os.O_WRONLY)
            try:
                os.write(fd, b"m,h=%d-%d v=1 %ds\n" % (writer, series, week.timestamp() + 5 * 86400 + writer))
            except OSError as error:
                refused.append(error)
            os.close(fd)

def change():
    number = 0
    while not done:
        number = number % 4 + 1
        with open(policy + "/.policy", "w") as file:
            file.write(f"shards {number}\n")

workers = [threading.Thread(target=make)] + [threading.Thread(target=write, args=(n,)) for n in range(3)]
changer = threading.Thread(target=change)
for thread in [changer] + workers:
    thread.start()
for thread in workers:
    thread.join()
done = True
changer.join()
print(*refused)
