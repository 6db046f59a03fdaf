#!/usr/bin/env bash
# The first minute: a database, points, answers, a drop, a remount.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
check "mkdir makes a database" mkdir "$MNT/mydb"
check "a line goes in" bash -c "echo 'cpu,host=a usage=0.5 1700000000000000000' > '$MNT/mydb/write'"
check "another" bash -c "echo 'cpu,host=b usage=1.5 1700000001000000000' > '$MNT/mydb/write'"
check_equal "the policy came by itself" autogen "$(ls "$MNT/mydb")"
check_equal "the group is named by its week" 2023-11-13--2023-11-20 "$(ls "$MNT/mydb/autogen")"
group=$MNT/mydb/autogen/2023-11-13--2023-11-20
check_equal "series are files" "cpu,host=a cpu,host=b" "$(ls "$group" | tr '\n' ' ' | sed 's/ $//')"
check_equal "which hold their lines" "cpu,host=a usage=0.5 1700000000000000000" "$(cat "$group/cpu,host=a")"
check_equal "with their exact size" 41 "$(stat -c %s "$group/cpu,host=a")"
check_equal "a query is a file" "name,time,mean
cpu,1970-01-01T00:00:00Z,1" "$(cat "$MNT/mydb/query/select mean(usage) from cpu")"
check_equal "with a slash in it" "name,time,usage
cpu,2023-11-14T22:13:20Z,0.5" "$(cat "$MNT/mydb/query/select usage from cpu where host =~ /^a/;.csv")"
check "a bare value is appended to a series" bash -c "echo '2.5 1700000002s' >> '$MNT/mydb/autogen/cpu,host=a'"
check "so is a named one" bash -c "echo 'usage=2.5 1700000002s' >> '$MNT/mydb/autogen/cpu,host=a'"
check_equal "and is there" "cpu,host=a usage=2.5,value=2.5 1700000002000000000" "$(tail -n 1 "$group/cpu,host=a")"
check_fails "garbage is refused" "Invalid argument" bash -c "echo garbage > '$MNT/mydb/write'"
check "errors tells why" grep -q 'missing fields' "$MNT/mydb/errors"
check_fails "a full directory stays" "Directory not empty" rmdir "$MNT/mydb"
before=$(find "$MNT" -printf '%P %i %s %T@ %m\n' | sort)
mount_stop
mount_start
check_equal "a remount shows the same" "$before" "$(find "$MNT" -printf '%P %i %s %T@ %m\n' | sort)"
check "rm -r drops a group" rm -r "$group"
check_equal "and it is gone" "" "$(ls "$MNT/mydb/autogen")"
check "rm -r drops the database" rm -r "$MNT/mydb"
check_equal "and nothing is left" "" "$(ls "$MNT")"
