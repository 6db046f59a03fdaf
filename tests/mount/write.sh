#!/usr/bin/env bash
# Writing: whole lines inside write(2), a bad line stops it exactly there, errors tells why.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
db=$MNT/db
points() { cat "$db/query/select count(v) from $1;.csv" 2>/dev/null | tail -n 1 | cut -d, -f3; }

cat >"$WORK/write.py" <<'PY'
import errno, os, sys
db = sys.argv[1]
failures = []
def expect(what, want, got):
    if want != got:
        failures.append(f"{what}: expected {want!r}, got {got!r}")
def write(fd, data):
    try:
        return os.write(fd, data)
    except OSError as e:
        return errno.errorcode[e.errno]

fd = os.open(db + "/write", os.O_WRONLY)
expect("short count before the bad line", 12, write(fd, b"a v=1\na v=2\ngarbage\na v=3\n"))
expect("then the error", "EINVAL", write(fd, b"garbage\na v=3\n"))
expect("then a new line", 6, write(fd, b"a v=4\n"))
expect("a line in two writes: first", 3, write(fd, b"a v"))
expect("a line in two writes: second", 3, write(fd, b"=5\n"))
expect("a bad line that began before", 3, write(fd, b"gar"))
expect("takes nothing", "EINVAL", write(fd, b"bage\na v=6\n"))
expect("and leaves nothing", 6, write(fd, b"a v=7\n"))
expect("a type clash stops it", "EINVAL", write(fd, b'a v="text"\n'))
expect("comments and blanks pass", 14, write(fd, b"# a comment\n\n\n"))
expect("a newline in a string belongs to it", 18, write(fd, b'b v=1,s="two\nlines'))
expect("until its quote", 2, write(fd, b'"\n'))
expect("an unfinished line waits", 5, write(fd, b"c v=1"))
os.close(os.dup(fd))
os.close(fd)

fd = os.open(db + "/autogen/d", os.O_WRONLY | os.O_CREAT)
expect("a bare value", 4, write(fd, b"0.5\n"))
expect("a named value", 6, write(fd, b"v=0.5\n"))
expect("a full line", 8, write(fd, b"d v=0.5\n"))
expect("another series' line", "EINVAL", write(fd, b"e v=0.5\n"))
expect("ftruncate to what was written", None, os.ftruncate(fd, 18))
try:
    os.ftruncate(fd, 3)
    failures.append("ftruncate to something else went through")
except OSError as e:
    expect("ftruncate to something else", errno.EPERM, e.errno)
expect("and then nothing more", "EPERM", write(fd, b"0.7\n"))
os.close(fd)

# One write(2) of many megabytes: the kernel cuts it, no line is torn.
lines = b"".join(b"big,h=%d v=%di %d\n" % (i % 10, i, 1700000000000000000 + i * 1000) for i in range(100000))
fd = os.open(db + "/write", os.O_WRONLY)
done = 0
while done < len(lines):
    done += os.write(fd, lines[done:])
os.close(fd)
# The same with a bad line in the middle: it stops there, and says so.
bad = lines.index(b"\n", 3 << 20) + 1
mixed = lines[:bad] + b"garbage\n" + lines[bad:]
mixed = mixed.replace(b"big,", b"mix,")
fd = os.open(db + "/write", os.O_WRONLY)
done, failed = 0, None
while done < len(mixed):
    got = write(fd, mixed[done:])
    if isinstance(got, str):
        failed = got
        break
    done += got
os.close(fd)
expect("stopped by", "EINVAL", failed)
expect("lines stored before it", mixed[:bad].count(b"\n"), mixed[:done].count(b"\n"))
print("\n".join(failures))
PY
check_equal "write(2) from Python" "" "$(python3 "$WORK/write.py" "$db" 2>&1)"
check_equal "five points of a" 5 "$(points a)"
check_equal "one of c, taken at the close of a duplicate" 1 "$(points c)"
check_equal "100000 of big" 100000 "$(points big)"
check "the rest of mix is not there" test "$(points mix)" -lt 100000
check "errors names the line" grep -q 'db/write line 3: missing fields' "$db/errors"
check "and shows it with a caret" grep -q '^	 *^$' "$db/errors"
for line in 'k v=1,s="v=2i, v=3" 5' 'k s="v=2i, v=3",v=1i 6' 'k v=1 9223372036854775807' 'k w=1,v=true 7'; do
	echo "$line" >>"$db/write" 2>/dev/null
done
echo '0.5' >"$db/autogen/1969-12-29--1970-01-05/k" 2>/dev/null
check_equal "the caret stands under the field, the time, or where a time would be" \
	'	k s="v=2i, v=3",v=1i 6
	                ^
	k v=1 9223372036854775807
	      ^
	k w=1,v=true 7
	      ^
	0.5
	   ^' "$(tail -n 12 "$db/errors" | grep '^	')"
check "truncating errors clears it" bash -c ": >'$db/errors'"
check_equal "it is empty" 0 "$(stat -c %s "$db/errors")"

check_fails "bash tells of a bad line" "Invalid argument" bash -c "echo garbage >>'$db/write'"
check_fails "so does cp" "Invalid argument" bash -c "printf 'x v=1\ngarbage\n' >'$WORK/bad'; cp '$WORK/bad' '$db/write'"
check_equal "but the good line is in" 1 "$(points x)"
check_fails "and cat" "Invalid argument" bash -c "cat '$WORK/bad' >'$db/write'"
check "printf without a newline is taken" bash -c "printf 'y v=1' >'$db/write'"
check_equal "and seen" 1 "$(points y)"
check "dash" dash -c "echo 'z v=1' >>'$db/write'; echo 'z v=2' >'$db/write'"
check_equal "two points of z" 2 "$(points z)"
check "one redirect, many echoes" bash -c "exec 3>'$db/write'; for i in 1 2 3; do echo \"w v=\$i\" >&3; done"
check_equal "three points of w" 3 "$(points w)"

check "seconds" bash -c "echo 's v=1 1700000000' >'$db/write?precision=s'"
check_equal "are seconds" "s v=1 1700000000000000000" "$(cat "$db/autogen/s")"
check "a unit in the line" bash -c "echo 's v=2 1700000001s' >'$db/write'"
check "RFC 3339" bash -c "echo 's v=3 2023-11-14T22:13:22Z' >'$db/write'"
check_equal "come out as nanoseconds" "1700000000000000000 1700000001000000000 1700000002000000000" \
	"$(cut -d' ' -f3 "$db/autogen/s" | tr '\n' ' ' | sed 's/ $//')"
check "skip=true passes bad lines over" bash -c "cat '$WORK/bad' '$WORK/bad' >'$db/write?skip=true'"
check "and tells of them" grep -q 'write?skip=true line' "$db/errors"
check_fails "an unknown option" "Invalid argument" bash -c "echo 'x v=1' >'$db/write?nonsense=1'"
check_fails "an unknown policy" "Invalid argument" bash -c "echo 'x v=1' >'$db/write?rp=nope'"
mkdir "$db/other"
check "into another policy" bash -c "echo 'o v=1' >'$db/write?rp=other'; echo 'o v=2' >'$db/other/.write'"
check_equal "both are there" 2 "$(cat "$db/other/o" | wc -l)"
check "four writers at once" bash -c "for w in 1 2 3 4; do (for i in \$(seq 200); do echo \"p,w=\$w v=\$i\" >>'$db/write'; done) & done; wait"
check_equal "lose nothing" 800 "$(points p)"
