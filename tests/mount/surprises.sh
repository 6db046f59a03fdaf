#!/usr/bin/env bash
# What tools and habits expect: a copy that was put aside arrives, an empty one deletes nothing, a
# snapshot goes as a whole, a word of ctl fails where it is written, and a directory of a group stays one.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
umask 022
mkdir "$MNT/db"
printf 'm,host=%s v=%d 1700000000s\n' a 1 b 2 >"$MNT/db/write"
printf 'duration 9000d\n' >"$MNT/db/autogen/.policy"
mkdir "$MNT/db/continuous"
echo 'select mean(v) from m group by time(1h) into x' >"$MNT/db/continuous/q"
echo continuous >"$MNT/.seriesfs/ctl" # now: a run between the copy and the look at it would be a difference
group=$(basename "$MNT"/db/autogen/2*)

# --- copies that are put aside first
if command -v rsync >/dev/null; then
	rsync -a "$MNT/db/" "$WORK/backup/"
	mkdir "$MNT/again"
	check "rsync --delay-updates" rsync -a --delay-updates "$WORK/backup/" "$MNT/again/"
	check "everything arrived" diff -r "$MNT/db" "$MNT/again"
	check_equal "a query sees it" "$(cat "$MNT/db/query/select * from m")" "$(cat "$MNT/again/query/select * from m")"
	sed -i 's/v=1/v=77/' "$WORK/backup/autogen/$group/m,host=a"
	check "again, over what is there" rsync -a --delay-updates "$WORK/backup/" "$MNT/again/"
	check_equal "the change arrived" "m,host=a v=77 1700000000000000000" "$(cat "$MNT/again/autogen/$group/m,host=a")"
	check_equal "a third run copies nothing" "" "$(rsync -ai --delay-updates "$WORK/backup/" "$MNT/again/")"
	check_equal "nothing is left of it" "" "$(find "$MNT/again" -name '.~tmp~' -o -name '.*.??????')"
	check "with a directory of another name" rsync -a --delay-updates --partial-dir=.part "$MNT/db/autogen/" "$MNT/again/autogen/"
	check_equal "arrives, too" "m,host=a v=1 1700000000000000000" "$(cat "$MNT/again/autogen/$group/m,host=a")"
	: >"$WORK/backup/autogen/$group/m,host=a"
	check_fails "an empty copy is refused" "Invalid argument" rsync -a "$WORK/backup/" "$MNT/again/"
	check_equal "and deletes nothing" "m,host=a v=1 1700000000000000000" "$(cat "$MNT/again/autogen/$group/m,host=a")"
	check "errors says why" grep -q "an empty file replaces no points" "$MNT/again/errors"
fi
series="$MNT/db/autogen/$group/m,host=a"
: >"$MNT/db/autogen/$group/.m.XXXX"
check_fails "mv of an empty file" "cannot move" mv "$MNT/db/autogen/$group/.m.XXXX" "$series"
check "the points are there" grep -q v=1 "$series"
rm "$MNT/db/autogen/$group/.m.XXXX"
mkdir "$MNT/db/autogen/$group/.put"
echo 'm,host=a v=8 1700000000s' >"$MNT/db/autogen/$group/.put/any name"
check_equal "what is put aside is listed there" "any name" "$(ls "$MNT/db/autogen/$group/.put")"
check_fails "a directory that holds something stays" "Directory not empty" rmdir "$MNT/db/autogen/$group/.put"
check "seen by no query" grep -q v=1 "$series"
mv "$MNT/db/autogen/$group/.put/any name" "$series"
check_equal "until it is moved onto a series" "m,host=a v=8 1700000000000000000" "$(cat "$series")"
check "then it goes" rmdir "$MNT/db/autogen/$group/.put"
check_fails "others cannot be made" "Operation not permitted" mkdir "$MNT/db/autogen/$group/put"

# --- snapshots
seq 300 | sed 's/.*/many,n=& v=1 1700000000s/' >"$MNT/db/write"
count=$(ls "$MNT/db/autogen/$group" | wc -l)
mkdir "$MNT/db/.snapshot/s" "$MNT/db/.snapshot/t"
check_fails "a file of a snapshot is not removed" "Read-only file system" rm "$MNT/db/.snapshot/s/autogen/$group/many,n=1"
check_fails "nor a directory in it" "Read-only file system" rmdir "$MNT/db/.snapshot/s/autogen/$group"
check_equal "nor by rm -r of a part" 1 "$(rm -r "$MNT/db/.snapshot/s/autogen/$group/many,n=1" 2>&1 | wc -l)"
check "rm -r lets go of it as rmdir does" rm -r "$MNT/db/.snapshot/s"
check_equal "it is gone, the others are not" t "$(ls "$MNT/db/.snapshot")"
check_equal "and whole" "$count" "$(ls "$MNT/db/.snapshot/t/autogen/$group" | wc -l)"
check "rmdir lets go" rmdir "$MNT/db/.snapshot/t"
check_equal "of what is stored nothing is lost" "$count" "$(ls "$MNT/db/autogen/$group" | wc -l)"

# --- ctl
check_equal "a word without a newline is done or refused by write(2)" "5 None EINVAL None 11 None " \
	"$(python3 tests/mount/surprises_ctl.py "$MNT/.seriesfs/ctl" flush flash "$(printf 'flush\nflush')")"

# --- directories of a group
if [ "$(id -u)" = 0 ]; then
	as() { setpriv --reuid=1001 --regid=1001 --groups=43210 "$@"; }
	chmod 711 "$WORK"
	mkdir "$MNT/team"
	chgrp 43210 "$MNT/team"
	chmod 2775 "$MNT/team"
	as mkdir "$MNT/team/p" "$MNT/team/continuous" "$MNT/team/views"
	owner() { stat -c '%A %u %g' "$MNT/$1"; }
	check_equal "a directory made in it is of its group" "drwxr-sr-x 1001 43210" "$(owner team/p)"
	as bash -c "echo 'm v=1 1700000000s' >'$MNT/team/write'; echo 'm v=1 1700000000s' >'$MNT/team/p/.write'
		echo 'duration 9000d' >'$MNT/team/p/.policy'; ln -s x '$MNT/team/views/v'
		echo 'select mean(v) from m group by time(1h) into x' >'$MNT/team/continuous/q'
		echo 'create retention policy made on team duration 9000d replication 1' >'$MNT/team/exec'
		echo 'create continuous query made on team begin select mean(v) into y from m group by time(1h) end' >'$MNT/team/exec'
		echo x >'$MNT/team/p/$group/.scratch'; mkdir '$MNT/team/p/$group/.dir'; mkdir '$MNT/team/p/2024-01-01--2024-01-08'"
	check_equal "so is all that comes" "" "$(find "$MNT/team" ! -gid 43210)"
	check_equal "directories have the bit" "" "$(find "$MNT/team" -type d ! -perm -2000)"
	check_equal "files have not" "" "$(find "$MNT/team" -type f -perm -2000)"
	mkdir "$MNT/group"
	chgrp 43210 "$MNT/group"
	chmod 2775 "$MNT/group"
	echo 'm v=1 1700000000s' >"$MNT/group/write"
	check_equal "a policy by the first write has the modes of its database" "drwxrwsr-x 0 43210" "$(owner group/autogen)"
	mkdir "$MNT/plain"
	check_equal "elsewhere it is the maker's" "drwxr-xr-x 0 0" "$(owner plain)"
	mount_stop
	mount_start
	check_equal "after a restart, too" "" "$(find "$MNT/team" ! -gid 43210 -o -type d ! -perm -2000)"
	disk=$WORK/disk
	mkdir "$disk" "$disk/team" && chgrp 43210 "$disk/team" && chmod 2775 "$disk/team" && chmod 755 "$disk" && (umask 027; mkdir "$disk/team/d"; : >"$disk/team/f")
	(umask 027; mkdir "$MNT/team/d"; : >"$MNT/team/p/$group/.f")
	check_equal "as the file system below does it" "$(cd "$disk/team" && stat -c '%A %u %g' d f)" \
		"$(cd "$MNT/team" && stat -c '%A %u %g' d "p/$group/.f")"
fi
