#!/usr/bin/env bash
# kill -9 while continuous queries run: windows at each boundary, a chain, copies and a backfill;
# at the end every result is what the same SELECT by hand answers. CYCLES=100 for a long run.
. "$(dirname "$0")/../lib/mount.sh"
db=$MNT/db
ask() { exec 3<>"$db/exec.csv?epoch=s"; echo "$1" >&3; cat <&3; exec 3>&-; }
cat >"$WORK/drive.py" <<'PY'
import os, random, signal, subprocess, sys, threading, time
seriesfs, data, mnt, cycles, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
random.seed(seed)
start = 1795341600  # 2026-11-22T10:00:00Z
stamp = lambda s: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))

def write(path, data):
    fd = os.open(path, os.O_WRONLY)
    try:
        assert os.write(fd, data) == len(data)
    finally:
        os.close(fd)

def batch(window):
    r = random.Random(window)
    return b"".join(b'src,host=h%d v=%d,u="u%d" %d000000000\n' %
                    (r.randrange(3), r.randrange(1000), r.randrange(5), start + window * 60 + s)
                    for s in range(0, 60, 3))

window = 0
for cycle in range(cycles):
    daemon = subprocess.Popen([seriesfs, "-f", "-o", "clock=" + stamp(start + window * 60 + 1), data, mnt],
                              stderr=subprocess.DEVNULL)
    while not os.path.ismount(mnt):
        time.sleep(0.01)
    if cycle == 0:
        os.mkdir(mnt + "/db")
        os.mkdir(mnt + "/db/continuous")
        old = b"".join(b"old v=%d %d\n" % (i, (start - 400 * 86400 + i * 60) * 10**9) for i in range(30000))
        write(mnt + "/db/write", old)
        for name, text in (
            ("minute", "select mean(v), count(v) as n from src group by time(1m), host into 1m.src"),
            ("hour", "select sum(n) as n from \"1m.src\" group by time(1h), host into 1h.src"),
            ("copy", "select * from src into copy.[u]"),
            ("old", "select count(v) from old group by time(1m) into 1m.old")):
            subprocess.run(["sh", "-c", 'echo "$1" > "$2"', "sh", text, mnt + "/db/continuous/" + name], check=True)
    killer = threading.Timer(random.uniform(0.02, 0.5), daemon.kill)
    killer.start()
    try:
        while True:
            write(mnt + "/db/write", batch(window))
            write(mnt + "/.seriesfs/ctl", b"clock %s\n" % stamp(start + (window + 1) * 60 + 1).encode())
            if random.random() < 0.5:
                write(mnt + "/.seriesfs/ctl", b"continuous\n")
            window += 1
    except (OSError, AssertionError):
        pass
    killer.join()
    daemon.wait()
    subprocess.run(["fusermount3", "-u", mnt], stderr=subprocess.DEVNULL)
print(stamp(start + (window // 60 + 1) * 3600 + 1), window)
PY
seed=${SEED:-$RANDOM}
echo "SEED=$seed"
read -r end windows < <(python3 "$WORK/drive.py" "$SERIESFS" "$DATA" "$MNT" "${CYCLES:-25}" "$seed")
mount_start -o clock="$end"
echo continuous >"$MNT/.seriesfs/ctl"
check "windows went by" test "$windows" -gt 5
by_hand() { ask "select $1 from $2 where time >= '2026-11-22T10:00:00Z' group by time($3), host fill(none)" | tail -n +2 | cut -d, -f2-; }
check_equal "minutes" "$(by_hand 'mean(v), count(v)' src 1m)" \
	"$(ask 'select mean, n from "1m.src" group by host' | tail -n +2 | cut -d, -f2-)"
check_equal "hours, from the minutes" "$(by_hand 'count(v)' src 1h)" \
	"$(ask 'select n from "1h.src" group by host' | tail -n +2 | cut -d, -f2-)"
check_equal "copies" "$(ask 'select v, host from src where time > 0' | tail -n +2 | cut -d, -f2- | sort)" \
	"$(ask 'select v, host from /^copy[.]/' | tail -n +2 | cut -d, -f2- | sort)"
check_equal "backfill" "30000,30000" "$(ask 'select count(count), sum(count) from "1m.old"' | tail -n 1 | cut -d, -f3-)"
check_equal "no error" "" "$(cat "$db/errors")"
