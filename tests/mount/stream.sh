#!/usr/bin/env bash
# An answer too large to keep is a stream: no offsets, several readers share it as they share a pipe,
# and one that waits holds up nobody and can be killed.
. "$(dirname "$0")/../lib/mount.sh"

mount_start -o query_memory_mb=1,answers_mb=1
mkdir "$MNT/db"
"$TOOLS/gen" 2 60000 int 7 1451865600 10 >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
query="$MNT/db/query/select * from cpu;.csv?epoch=s"
cat "$query" >"$WORK/whole"
check_equal "its size is not known" 0 "$(stat -c %s "$query")"
check "it is large" test "$(stat -c %s "$WORK/whole")" -gt 2000000

exec 3<"$query"
read -r first <&3
read -r second <&3
check_equal "read, line by line" "$(head -n 2 "$WORK/whole")" "$first
$second"
check_equal "and another program goes on there" "$(sed -n 3p "$WORK/whole")" "$(head -n 1 <&3 2>"$WORK/unused")"
exec 3<&-
n=0
while read -r line && [ $n -lt 500 ]; do n=$((n + 1)); last=$line; done <"$query"
check_equal "while read" "$(sed -n 500p "$WORK/whole")" "$last"

cat >"$WORK/stream.py" <<'PY'
import errno, os, signal, subprocess, sys, threading, time
query, slow, whole = sys.argv[1:4]
def code(call):
    try:
        call()
        return "nothing"
    except OSError as error:
        return errno.errorcode[error.errno]
fd = os.open(query, os.O_RDONLY)
print("seek", code(lambda: os.lseek(fd, 0, os.SEEK_SET)), code(lambda: os.pread(fd, 10, 0)))
# A byte here, much there: what comes is the answer, in order.
pieces, size = [], 1
while True:
    piece = os.read(fd, size)
    if not piece:
        break
    pieces.append(piece)
    size = size * 7 % 300007 + 1
print("pieces", b"".join(pieces) == open(whole, "rb").read(), os.read(fd, 10) == b"")
os.close(fd)
# Several readers of one open file: each byte to one of them.
fd, got = os.open(query, os.O_RDONLY), []
def drain():
    while piece := os.read(fd, 4096):
        got.append(len(piece))
threads = [threading.Thread(target=drain) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("shared", sum(got) == os.stat(whole).st_size)
os.close(fd)
# One that waits: others get on with the file, and a signal ends it.
fd = os.open(slow, os.O_RDONLY)
child = subprocess.Popen(["cat"], stdin=fd, stdout=subprocess.DEVNULL)
def position():
    return open("/proc/%d/io" % child.pid).read().split()[1]
before = -1
while child.poll() is None and position() != before:
    before = position()
    time.sleep(0.1)
print("waits", child.poll() is None)
done = []
other = threading.Thread(target=lambda: done.append((os.fstat(fd), code(lambda: os.lseek(fd, 0, os.SEEK_CUR)))))
other.start()
other.join(5)
print("others", bool(done) and done[0][1])
child.send_signal(signal.SIGKILL)
try:
    print("killed", child.wait(5))
except subprocess.TimeoutExpired:
    print("killed not at all")
os.close(fd)
PY
# Much at once, then nothing for long: rows that a regex takes its time to refuse.
python3 -c 'for t in range(72000): print("burst s=\"%s\" %d" % ("a" if t < 60000 else "x" * 15, 1700000000 + t))' |
	cat >"$MNT/db/write?precision=s"
slow="$MNT/db/query/select s from burst where s =~ /^a|(x+x+)+y$/;.csv"
timeout 100 python3 "$WORK/stream.py" "$query" "$slow" "$WORK/whole" >"$WORK/told" 2>&1
check_equal "as a pipe" "seek ESPIPE ESPIPE
pieces True True
shared True" "$(head -n 3 "$WORK/told")"
check_equal "a reader that waits does not hold the file, and ends when it is killed" "waits True
others ESPIPE
killed -9" "$(sed -n '4,$p' "$WORK/told")"
mount_stop
