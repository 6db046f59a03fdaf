#!/usr/bin/env bash
# What statements tell of the mount itself: ids that stay, running queries, statistics, diagnostics.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/a" "$MNT/b"
# Through exec: an answer is looked up again for a second.
ask() {
	exec 3<>"$MNT/$1/exec"
	echo "$2" >&3
	cat <&3
	exec 3>&-
}
shards() { ask a 'show shards' | awk -F, 'NF > 3 && $2 != "id" { print $2, $3, $4, $5 }' | paste -sd';'; }
groups() { ask a 'show shard groups' | awk -F, 'NF > 3 && $2 != "id" { print $2, $3, $4, $5 }' | paste -sd';'; }

echo 'm v=1 1609459200000000000' >"$MNT/a/write"
echo 'm v=1 1609459200000000000' >"$MNT/b/write"
echo 'm v=2 1700000000000000000' >"$MNT/a/write"
want="1 a autogen 1;3 a autogen 3;2 b autogen 2"
check_equal "ids count from 1 over the mount, in order of creation" "$want" "$(shards)"
check_equal "groups, too" "1 a autogen 2020-12-28T00:00:00Z;3 a autogen 2023-11-13T00:00:00Z;2 b autogen 2020-12-28T00:00:00Z" "$(groups)"
mount_stop
mount_start
check_equal "and are kept over a remount" "$want" "$(shards)"
ask a 'drop shard 2' >/dev/null
check_equal "DROP SHARD takes the one of that id" "" "$(ls "$MNT/b/autogen")"
check_equal "the others keep theirs" "1 a autogen 1;3 a autogen 3" "$(shards)"
ask a 'drop shard 2; drop shard 77' >/dev/null
check_equal "an absent one is no error" 0 $?
rm -r "$MNT/a/autogen/2023-11-13--2023-11-20"
echo 'm v=2 1700000000000000000' >"$MNT/a/write"
check_equal "a new one is counted on" "1 a autogen 1;4 a autogen 4" "$(shards)"
mount_stop
mount_start
check_equal "over a remount as well" "1 a autogen 1;4 a autogen 4" "$(shards)"

seq 0 399999 | sed 's/.*/big v=& &000000/' >"$MNT/a/write"
check_equal "a running query is listed, killed, and says so" "listed killed query interrupted" "$(python3 tests/mount/statements_kill.py "$MNT/a")"
check_equal "a query that is none" "no such query id: 99999" \
	"$(exec 3<>"$MNT/a/exec.json"; echo 'kill query 99999' >&3 2>/dev/null; cat <&3 | grep -o 'no such query id: 99999')"
check "SHOW STATS has the engine's figures" grep -q '^name,points_written,' <(ask a 'show stats')
check_equal "SHOW DIAGNOSTICS too" 1 "$(ask a 'show diagnostics' | grep -c '^engine,')"
check_equal "FOR takes one module" "" "$(ask a "show stats for 'nothing'")"
for text in "create user u with password 'p'" "grant all to u" "drop user u" "set password for u = 'p'"; do
	check_fails "$text" "Operation not permitted" bash -c "echo \"$text\" >'$MNT/a/exec'"
	check "$text: what to use" grep -q 'chown and chmod' "$MNT/a/errors"
	: >"$MNT/a/errors"
done
