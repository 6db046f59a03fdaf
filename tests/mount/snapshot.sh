#!/usr/bin/env bash
# .snapshot/NAME: a database as it was at one instant.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
for i in $(seq 50); do echo "m,h=$((i % 5)) v=$i,s=\"a b\" $((1700000000 + i))000000000"; done >"$MNT/db/write"
mkdir "$MNT/db/continuous" "$MNT/db/views"
echo 'select mean(v) into m5 from m group by time(5m)' >"$MNT/db/continuous/cq"
ln -s '../query/select 1;.csv' "$MNT/db/views/one"
echo 'default true' >"$MNT/db/autogen/.policy"
rsync -a "$MNT/db/" "$WORK/before/"
check "mkdir freezes" mkdir "$MNT/db/.snapshot/s"
echo "m,h=0 v=999 1700000100000000000" >"$MNT/db/write"
echo "new v=1 1700000100000000000" >"$MNT/db/write"
rm "$MNT/db/autogen/2023-11-13--2023-11-20/m,h=4"
check "diff shows what was" diff -r --no-dereference "$WORK/before" "$MNT/db/.snapshot/s"
check_equal "sizes are exact" \
	"$(cd "$WORK/before" && find . -type f -printf '%P %s\n' | sort)" \
	"$(cd "$MNT/db/.snapshot/s" && find . -type f -printf '%P %s\n' | sort)"
check "rsync copies it" rsync -a "$MNT/db/.snapshot/s/" "$WORK/copy/"
check "and it is the same" diff -r --no-dereference "$WORK/before" "$WORK/copy"
check_fails "it is read-only" "Read-only file system" rm "$MNT/db/.snapshot/s/autogen/2023-11-13--2023-11-20/m,h=0"
check_fails "all of it" "Read-only file system" mkdir "$MNT/db/.snapshot/s/x"
check_fails "one name, one snapshot" "File exists" mkdir "$MNT/db/.snapshot/s"
check_equal "listed among snapshots" s "$(ls "$MNT/db/.snapshot")"
check_equal "not in the database" "autogen continuous views" "$(ls -A "$MNT/db" | tr '\n' ' ' | sed 's/ $//')"
check "rmdir lets it go" rmdir "$MNT/db/.snapshot/s"
check_equal "it is gone" "" "$(ls "$MNT/db/.snapshot")"
