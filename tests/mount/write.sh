#!/usr/bin/env bash
# Writing: whole lines inside write(2), a bad line stops it exactly there, errors tells why.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
db=$MNT/db
points() { cat "$db/query/select count(v) from $1;.csv" 2>/dev/null | tail -n 1 | cut -d, -f3; }

check_equal "write(2) from Python" "" "$(python3 tests/mount/write.py "$db" 2>&1)"
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
