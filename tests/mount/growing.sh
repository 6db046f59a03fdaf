#!/usr/bin/env bash
# A series that grows under readers: two at once, through both of its names, and tail -f. Some
# ten thousand reads: no NUL, no torn or stale line, never shorter than before.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
echo 'm,host=a v=0i 1700000000000000000' >"$MNT/db/write"
group=$(ls -d "$MNT"/db/autogen/2*)
cat >"$WORK/reader.py" <<'PY'
import os, re, sys
path, stop, reads = sys.argv[1], sys.argv[2], 0
line = re.compile(rb"m,host=a v=(\d+)i (\d+)\n")
last, bad = 0, 0
def check(data):
    global bad
    if b"\0" in data or not data.endswith(b"\n"):
        return -1
    at = count = 0
    while at < len(data):
        match = line.match(data, at)
        if not match or int(match[1]) != count or int(match[2]) != 1700000000000000000 + count:
            return -1
        at, count = match.end(), count + 1
    return count
while not os.path.exists(stop) or reads < 100:
    written = int(open(sys.argv[3]).read() or 0)  # acknowledged before this open
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read()
    count = check(data)
    if count < 0 or count < last or count < written or len(data) < size:
        bad += 1
        if bad < 4:
            print(f"bad read: {count} lines after {last}, {written} written, {len(data)} of {size} bytes",
                  data[-120:], file=sys.stderr)
    last, reads = max(count, last), reads + 1
print(reads, bad)
PY
echo 0 >"$WORK/written"
tail -n +1 -f "$MNT/db/autogen/m,host=a" >"$WORK/tail.out" 2>"$WORK/tail.err" &
tail_pid=$!
python3 "$WORK/reader.py" "$MNT/db/autogen/m,host=a" "$WORK/stop" "$WORK/written" >"$WORK/one" 2>&1 &
one=$!
python3 "$WORK/reader.py" "$group/m,host=a" "$WORK/stop" "$WORK/written" >"$WORK/two" 2>&1 &
two=$!
python3 - "$MNT" "$WORK" <<'PY'
import os, sys, time
mnt, work = sys.argv[1:3]
marker = os.open(work + "/written", os.O_WRONLY)
end, k = time.time() + 12, 1
while time.time() < end:
    fd = os.open(mnt + ("/db/write" if k % 3 else "/db/autogen/m,host=a"), os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"m,host=a v=%di %d\n" % (k, 1700000000000000000 + k))
    os.close(fd)
    k += 1
    os.pwrite(marker, b"%d\n" % k, 0)
    if k % 500 == 0:
        with open(mnt + "/.seriesfs/ctl", "w") as ctl:
            ctl.write("flush\n")
    time.sleep(0.004)
print(k)
PY
lines=$(cat "$WORK/written")
touch "$WORK/stop"
wait $one $two
for _ in $(seq 50); do [ "$(wc -l <"$WORK/tail.out")" -ge "$lines" ] && break; sleep 0.1; done
kill $tail_pid
reads=$(($(tail -1 "$WORK/one" | cut -d' ' -f1) + $(tail -1 "$WORK/two" | cut -d' ' -f1)))
check_equal "the reader of the policy's name saw whole lines only" 0 "$(tail -1 "$WORK/one" | cut -d' ' -f2)"
check_equal "so did the one of the group's name" 0 "$(tail -1 "$WORK/two" | cut -d' ' -f2)"
grep -h "bad read" "$WORK/one" "$WORK/two" | head -4
check "that were $reads reads of up to $lines lines" [ "$reads" -gt 3000 ]
check_equal "tail -f got every line" "$lines" "$(wc -l <"$WORK/tail.out")"
check_equal "in order, each once" "" \
	"$(awk '{ if ($2 != "v=" NR - 1 "i") { print "line " NR ": " $0; exit } }' "$WORK/tail.out")"
check_equal "and complained of nothing" "" "$(cat "$WORK/tail.err")"
