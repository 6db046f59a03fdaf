#!/usr/bin/env bash
# Series as files: exact size before open, any offset, growth, snapshots that never shrink, mmap,
# and concurrent readers of a growing one who never see a NUL or a torn line.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
for i in 1 2 3; do echo "cpu,host=a v=$i 170000000${i}000000000"; done >"$MNT/db/write"
group=$MNT/db/autogen/2023-11-13--2023-11-20
all=$MNT/db/autogen/cpu,host=a
file=$group/cpu,host=a
want=$(printf 'cpu,host=a v=%s 170000000%s000000000\n' 1 1 2 2 3 3)
check_equal "cat" "$want" "$(cat "$file")"
check_equal "over all groups too" "$want" "$(cat "$all")"
check_equal "size before open" $((${#want} + 1)) "$(stat -c %s "$file")"
check_equal "tail -n 1" "$(echo "$want" | tail -n 1)" "$(tail -n 1 "$file")"
check_equal "dd at an offset" "$(echo "$want" | tail -c +11 | head -c 7)" "$(dd if="$file" bs=1 skip=10 count=7 2>/dev/null)"
check "st_blocks is at least 1" test "$(stat -c %b "$file")" -ge 1
check_equal "any spelling opens it" "$want" "$(cat "$group/cpu,host=%61")"
check_equal "mode from the policy" 644 "$(stat -c %a "$file")"
check "chmod changes nothing" chmod 600 "$file"
check_equal "really" 644 "$(stat -c %a "$file")"
check "mtime is settable" touch -d '2020-01-02 03:04:05 UTC' "$file"
check_equal "and kept" 1577934245 "$(stat -c %Y "$file")"
check_fails "link" "Operation not permitted" ln "$file" "$group/link"
check_fails "rename" "Operation not permitted" mv -n "$file" "$group/other"
check ": > deletes nothing" bash -c ": >'$file'"
check_equal "it is all there" "$want" "$(cat "$file")"
check_fails "truncate is refused" "Operation not permitted" truncate -s 5 "$file"
check_equal "xattr points" 3 "$(getfattr -n user.seriesfs.points --only-values "$file" 2>/dev/null)"
check_equal "xattr first" 2023-11-14T22:13:21Z "$(getfattr -n user.seriesfs.first --only-values "$file" 2>/dev/null)"
check_equal "of a group" 3 "$(getfattr -n user.seriesfs.points --only-values "$group" 2>/dev/null)"
check_equal "never listed" "" "$(getfattr -d "$file" 2>/dev/null)"
check "setxattr is accepted" setfattr -n user.comment -v x "$file"

sleep 2.2 # quiet now: the kernel may keep its pages
cat >"$WORK/grow.py" <<'PY'
import mmap, os, sys
path = sys.argv[1]
cached = open(path, "rb")
view = mmap.mmap(cached.fileno(), 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
before = view[:]
assert before.count(b"\n") == 3, before
reader = open(path, "rb", buffering=0)
assert reader.read(1 << 20) == before
with open(path, "a") as writer:
    writer.write("v=4 1700000004000000000\n")
size = os.fstat(reader.fileno()).st_size
more = reader.read(1 << 20)
assert more == b"cpu,host=a v=4 1700000004000000000\n", more
assert size == len(before) + len(more), (size, len(before), len(more))
assert view[:len(before)] == before
with open(path, "a") as writer:
    writer.write("v=0 1700000000000000000\n")   # not at the end: what is open stays as it was
assert os.fstat(reader.fileno()).st_size == size
assert reader.read(100) == b""
assert open(path, "rb").read().startswith(b"cpu,host=a v=0 "), "a later open sees it"
os.unlink(path)
assert os.fstat(reader.fileno()).st_size == size, "removed while open"
assert os.pread(reader.fileno(), 1 << 20, 0) == before + more
print("fine")
PY
check_equal "snapshots that only grow" fine "$(python3 "$WORK/grow.py" "$file" 2>&1 | tail -n 1)"
check_equal "a removed series is gone" "" "$(ls "$group")"

echo 'g v=0i 1700000000000000000' >"$MNT/db/write"
sleep 2.2
cat >"$WORK/torn.py" <<'PY'
import os, re, sys, threading, time
path, write = sys.argv[1], sys.argv[2]
stop = time.time() + 3
bad = []
line = re.compile(rb"g v=\d+i \d+")
def whole(data, where):
    if b"\0" in data or any(not line.fullmatch(l) for l in data.split(b"\n")[:-1]) or not data.endswith(b"\n"):
        bad.append((where, data[-120:]))
def follow():
    fd = os.open(path, os.O_RDONLY)
    got = b""
    while time.time() < stop and not bad:
        os.fstat(fd)
        got += os.read(fd, 1 << 20)
    os.close(fd)
    whole(got[:got.rindex(b"\n") + 1], "follow")
    if b"\0" in got:
        bad.append(("follow", got[-120:]))
def again():
    while time.time() < stop and not bad:
        with open(path, "rb") as f:
            whole(f.read(), "again")
def append():
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    n = 1
    while time.time() < stop:
        os.write(fd, b"v=%di %d\n" % (n, 1700000000000000000 + n))
        n += 1
        if n % 50 == 0:
            time.sleep(0.01)
    os.close(fd)
threads = [threading.Thread(target=t) for t in (follow, follow, again, again, append)]
for t in threads[:2]:
    t.start()
time.sleep(0.1)
for t in threads[2:]:
    t.start()
for t in threads:
    t.join()
print("fine" if not bad else bad[0])
PY
check_equal "readers of a growing series" fine "$(python3 "$WORK/torn.py" "$group/g" "$MNT/db/write" 2>&1 | tail -n 1)"
timeout 3 tail -f -n 1 -s 0.2 "$MNT/db/autogen/g" >"$WORK/tail.out" 2>/dev/null &
wait_until 20 '[ -s "$WORK/tail.out" ]'
for i in 1 2 3; do echo "v=${i}i 170000010${i}000000000" >>"$MNT/db/autogen/g"; sleep 0.1; done
wait
check_equal "tail -f follows" 4 "$(wc -l <"$WORK/tail.out")"
