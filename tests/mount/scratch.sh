#!/usr/bin/env bash
# Scratch files: what rsync, tar, cp, sed -i, vim and Python do to replace a file.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
for i in 1 2 3; do echo "cpu,host=a v=$i 170000000${i}000000000"; done >"$MNT/db/write"
group=$MNT/db/autogen/2023-11-13--2023-11-20
file=$group/cpu,host=a
line() { echo "cpu,host=a v=$1 170000000${2}000000000"; }

check "sed -i" sed -i 's/v=2/v=22/' "$file"
check_equal "changed the line" "$(line 1 1; line 22 2; line 3 3)" "$(cat "$file")"
check "sed -i deletes a line" sed -i '/v=22/d' "$file"
check_equal "it is gone" "$(line 1 1; line 3 3)" "$(cat "$file")"
check "vim" vim -es -c '%s/v=3/v=33/' -c wq "$file"
check_equal "changed the line, too" "$(line 1 1; line 33 3)" "$(cat "$file")"
check_equal "nothing is left lying" "cpu,host=a" "$(ls -A "$group")"
cat >"$WORK/replace.py" <<'PY'
import errno, os, sys, tempfile
group = sys.argv[1]
def code(call, *args):
    try:
        call(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
fd, name = tempfile.mkstemp(dir=group)
os.write(fd, b"cpu,host=a v=5 1700000005000000000\n")
assert os.fstat(fd).st_size == 35, os.fstat(fd).st_size
assert os.path.basename(name) in os.listdir(group)
open(group + "/cpu,host=a", "a").write("v=9 1700000009000000000\n")   # after the scratch file: stays
os.replace(name, group + "/cpu,host=a")
os.close(fd)
assert open(group + "/cpu,host=a").read() == ("cpu,host=a v=5 1700000005000000000\n"
    "cpu,host=a v=9 1700000009000000000\n"), open(group + "/cpu,host=a").read()
fd, name = tempfile.mkstemp(dir=group)
os.write(fd, b"cpu,host=a v=6 1700000006000000000\ngarbage\n")
os.close(fd)
assert code(os.replace, name, group + "/cpu,host=a") == "EINVAL"
assert "v=5" in open(group + "/cpu,host=a").read(), "left as it was"
os.unlink(name)
fd = os.open(group + "/.cpu,host=b.Xy12Zz", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
os.pwrite(fd, b"cpu,host=b v=1 1700000001000000000\n", 0)
os.ftruncate(fd, 35)
assert os.pread(fd, 100, 11) == b"v=1 1700000001000000000\n"
os.close(fd)
os.utime(group + "/.cpu,host=b.Xy12Zz", ns=(5, 1234567890123456789))
os.chmod(group + "/.cpu,host=b.Xy12Zz", 0o644)
assert code(os.rename, group + "/.cpu,host=b.Xy12Zz", os.path.dirname(group) + "/x") == "EPERM"
os.rename(group + "/.cpu,host=b.Xy12Zz", group + "/cpu,host=b")
assert os.stat(group + "/cpu,host=b").st_mtime_ns == 1234567890123456789
assert open(group + "/cpu,host=b").read() == "cpu,host=b v=1 1700000001000000000\n"
# What the kernel remembers of a scratch file is not what the series is told to be, an instant after it.
for i in range(50):
    open(group + "/.d", "w").write("cpu,host=d v=1.50,a=%di 1700000001000000000\n" % i)
    os.chmod(group + "/.d", 0o600)
    assert os.stat(group + "/.d").st_size > 40
    kept = os.open(group + "/.d", os.O_RDONLY)
    os.rename(group + "/.d", group + "/cpu,host=d")
    text = "cpu,host=d a=%di,v=1.5 1700000001000000000\n" % i
    size = (os.stat if i % 2 else os.lstat)(group + "/cpu,host=d").st_size
    assert size == len(text), size
    assert os.fstat(kept).st_size == len(text)
    assert not os.path.exists(group + "/.d")
    if i % 3 == 0:
        assert os.getxattr(group + "/cpu,host=d", "user.seriesfs.points") == b"1"
    with open(group + "/cpu,host=d", "a" if i % 5 == 0 else "r") as f:
        if i % 5 == 0:
            f.write("v=2 1700000002000000000\n")
        else:
            assert f.read() == text
    if i % 7 == 0:
        os.unlink(group + "/cpu,host=d")
        assert not os.path.exists(group + "/cpu,host=d")
    if i % 11 == 0:
        open(os.path.dirname(group) + "/../exec", "w").write("drop series from cpu where host = 'd'\n")
        assert not os.path.exists(group + "/cpu,host=d")
    os.close(kept)
open(os.path.dirname(group) + "/../exec", "w").write("drop series from cpu where host = 'd'\n")
# A new name made with O_EXCL whose first line is its own is that series at once.
fd = os.open(group + "/cpu,host=c", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
os.write(fd, b"cpu,host=c v=1 17000")
os.write(fd, b"00001000000000\ncpu,host=c v=2 1700000002000000000\n")
assert open(group + "/cpu,host=c").read().count("\n") == 2
assert code(os.write, fd, b"garbage\n") == "EINVAL"
os.utime(group + "/cpu,host=c", ns=(5, 1500000000000000001))
os.close(fd)
assert os.stat(group + "/cpu,host=c").st_mtime_ns == 1500000000000000001
print("fine")
PY
check_equal "tempfile and replace" fine "$(python3 "$WORK/replace.py" "$group" 2>&1 | tail -n 1)"
check_equal "the queries see the points" 5 \
	"$(cat "$MNT/db/query/select count(v) from cpu;.csv" | tail -n 1 | cut -d, -f3)"
mkdir "$MNT/db/views"
check "a scratch file" bash -c "echo 'cpu,host=z v=1' >'$group/.left'"
check_equal "no query sees it" 5 "$(cat "$MNT/db/query/select count(v) from cpu;.csv" | tail -n 1 | cut -d, -f3)"
check_fails "its group is not empty" "Directory not empty" rmdir "$group"
echo x >"$MNT/db/views/.left"
wait_until 20 'grep -q ".left: a scratch file was closed" "$MNT/db/errors" && grep -q views/.left "$MNT/db/errors"'
check "errors tells that it was left" grep -q '.left: a scratch file was closed' "$MNT/db/errors"
check "with its whole name" grep -q " db/views/.left: a scratch file" "$MNT/db/errors"
check "it can be removed" rm "$group/.left" "$MNT/db/views/.left"

mkdir "$MNT/db/continuous"
check ".policy by rename" bash -c "cd '$MNT/db/autogen' && echo 'shards 3' >..policy.tmp && mv ..policy.tmp .policy"
check "is installed" grep -q 'shards 3' "$MNT/db/autogen/.policy"
check_fails "a bad one is not" "Invalid argument" \
	python3 -c "import os; os.chdir('$MNT/db/autogen'); open('..policy.tmp', 'w').write('duration 1s'); os.rename('..policy.tmp', '.policy')"
check "and the old one stays" grep -q 'shards 3' "$MNT/db/autogen/.policy"
check "a continuous query by rename" bash -c "cd '$MNT/db/continuous' && echo 'select mean(v) into m from cpu group by time(5m)' >.cq.tmp && mv .cq.tmp cq"
check_equal "is installed" "select mean(v) into m from cpu group by time(5m)" "$(cat "$MNT/db/continuous/cq")"
check "rsync --inplace" bash -c "cp '$file' '$WORK/cpu,host=a' && echo '$(line 7 7)' >>'$WORK/cpu,host=a' && rsync --inplace '$WORK/cpu,host=a' '$file'"
check "put the line in" grep -q 'v=7' "$file"
check "rsync --delete" bash -c "mkdir '$WORK/empty' && rsync -r --delete '$WORK/empty/' '$group/'"
check_equal "removes all" "" "$(ls -A "$group")"

# How much rsync has to ask for a small file: what it made itself the kernel remembers.
mount_stop
rm -rf "$DATA"
mkdir -p "$DATA" "$WORK/many/db/autogen/2023-11-13--2023-11-20"
for i in $(seq 50); do echo "m,h=$i v=1 1700000000000000000" >"$WORK/many/db/autogen/2023-11-13--2023-11-20/m,h=$i"; done
"$SERIESFS" -d "$DATA" "$MNT" >"$WORK/requests" 2>&1 &
wait_until 20 'mountpoint -q "$MNT"'
check "rsync of fifty files" rsync -a "$WORK/many/" "$MNT/"
mount_stop
requests=$(grep -c 'opcode: ' "$WORK/requests")
check "takes at most twenty requests a file: $requests" test "$requests" -le 1000
