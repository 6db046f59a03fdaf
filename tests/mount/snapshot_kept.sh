#!/usr/bin/env bash
# Snapshots of a database with writers at work, and how long they stay: over restarts, kill -9, drops,
# retention, cold rewrites, renames, until rmdir or the end of the database. Their raw bytes are a
# data directory.
. "$(dirname "$0")/../lib/mount.sh"
mount_start -o cold_seconds=0
mkdir "$MNT/db" "$MNT/db/autogen" "$MNT/db/short" "$MNT/db/views" "$MNT/db/continuous"
echo 'duration 20000d' >"$MNT/db/short/.policy"
ln -s '../query/select count(v) from a;.csv' "$MNT/db/views/count"
for w in 1 2 3; do python3 tests/mount/snapshot_kept_pairs.py "$MNT/db/write" $w "$WORK/enough" & done
writers=$(jobs -p)
( while [ ! -e "$WORK/enough" ]; do echo flush >"$MNT/.seriesfs/ctl"; sleep 0.1; done ) &
flusher=$!
until ls "$MNT"/db/autogen/2024-02-26*/b,w=1 "$MNT"/db/autogen/2024-02-26*/b,w=[23] >"$WORK/first" 2>&1; do sleep 0.05; done
sleep 0.3
for i in $(seq 12); do
	mkdir "$MNT/db/.snapshot/s$i" || failed "mkdir under load"
	[ $((i % 3)) != 0 ] || echo compact >"$MNT/.seriesfs/ctl"
done
touch "$WORK/enough"
wait $writers $flusher
last() { tail -n +2 "$1/query/select last(v) from $2 group by w;.csv" | awk -F, '{ print $2, $NF }'; }
same=0 more=0 before=0
for i in $(seq 12); do
	snapshot=$MNT/db/.snapshot/s$i
	a=$(last "$snapshot" a)
	[ -n "$a" ] && [ "$a" = "$(last "$snapshot" b)" ] && same=$((same + 1))
	count=$(cat "$snapshot"/autogen/2023-11-13*/a,* | wc -l)
	[ "$count" = "$(cat "$snapshot"/autogen/2024-02-26*/b,* | wc -l)" ] && [ "$count" -gt "$before" ] && more=$((more + 1))
	before=$count
done
check_equal "no snapshot has one of a pair without the other" 12 $same
check_equal "each has more than the one before" 12 $more
check_equal "a query in it answers as its files" "$(cat "$MNT"/db/.snapshot/s5/autogen/*/a,* | wc -l)" \
	"$(tail -n 1 "$MNT/db/.snapshot/s5/query/select count(v) from a;.csv" | cut -d, -f3)"
check_equal "a view too" "$(tail -n 1 "$MNT/db/.snapshot/s5/query/select count(v) from a;.csv")" \
	"$(tail -n 1 "$MNT/db/.snapshot/s5/views/count")"
check "and not as the database does" test "$(tail -n 1 "$MNT/db/query/select count(v) from a;.csv")" != \
	"$(tail -n 1 "$MNT/db/.snapshot/s5/views/count")"
check_fails "what is no query is told" "Invalid argument" cat "$MNT/db/.snapshot/s5/query/selec"
check_fails "what changes something is refused" "Operation not permitted" cat "$MNT/db/.snapshot/s5/query/drop measurement a"
rsync -a "$MNT/db/.snapshot/s5/" "$WORK/s5/"
rsync -a "$MNT/db/.snapshot/s12/" "$WORK/s12/"

same_as_before() { # same_as_before WHEN [DATABASE]
	check_equal "$1: the snapshots are there" "$(seq -f s%g 12 | sort)" "$(ls "$MNT/${2:-db}/.snapshot")"
	check "$1: s5 is as it was" diff -r --no-dereference "$WORK/s5" "$MNT/${2:-db}/.snapshot/s5"
	check "$1: s12 is as it was" diff -r --no-dereference "$WORK/s12" "$MNT/${2:-db}/.snapshot/s12"
	check_equal "$1: nothing to copy again" "" "$(rsync -ai "$MNT/${2:-db}/.snapshot/s5/" "$WORK/s5/")"
	check_equal "$1: a query answers" "$(cat "$WORK"/s12/autogen/*/b,* | wc -l)" \
		"$(tail -n 1 "$MNT/${2:-db}/.snapshot/s12/query/select count(v) from b;.csv" | cut -d, -f3)"
}
mount_stop
mount_start -o cold_seconds=0
same_as_before "after a restart"
mount_kill9
mount_start -o cold_seconds=0
same_as_before "after kill -9"
check_equal "and what was open then is cleared away" "" \
	"$(sleep 1.5; find "$DATA/trash" -mindepth 1 -maxdepth 1 ! -name 'reading.*'; [ "$(ls "$DATA/trash" | wc -l)" -le 2 ] || ls "$DATA/trash")"
echo compact >"$MNT/.seriesfs/ctl"
same_as_before "after a cold rewrite"
rm "$MNT/db/autogen/a,w=1"
echo 'drop db autogen 2024-02-26--2024-03-04' >"$MNT/.seriesfs/ctl"
same_as_before "after a drop and an rm"
echo 'duration 1d' >"$MNT/db/autogen/.policy"
echo retention >"$MNT/.seriesfs/ctl"
check_equal "retention has taken all" "" "$(ls "$MNT/db/autogen")"
same_as_before "after retention"
mount_stop
mount_start -o ro
same_as_before "mounted read-only"
check_fails "then none is made" "Read-only file system" mkdir "$MNT/db/.snapshot/more"
check_fails "nor let go" "Read-only file system" rmdir "$MNT/db/.snapshot/s1"
mount_stop
mount_start -o cold_seconds=0
mv "$MNT/db" "$MNT/renamed"
same_as_before "after a rename" renamed

# The raw bytes of a snapshot are a data directory: one copy and a mount.
cp -a "$DATA"/snapshot/*/s5 "$WORK/data2"
mkdir "$WORK/mnt2"
check "a copy of the raw bytes mounts" "$SERIESFS" "$WORK/data2" "$WORK/mnt2"
check "and is what the snapshot is" diff -r --no-dereference "$WORK/s5" "$WORK/mnt2/db"
check "and goes on from there" bash -c "echo 'a,w=1 v=1i' >'$WORK/mnt2/db/write'"
fusermount3 -u "$WORK/mnt2"

bytes() { du -s --block-size=1 "$1" | cut -f1; }
full=$(bytes "$DATA/snapshot")
for i in $(seq 12); do rmdir "$MNT/renamed/.snapshot/s$i" || failed "rmdir s$i"; done
check_equal "none is left" "" "$(ls "$MNT/renamed/.snapshot"; ls -A "$DATA"/snapshot/*)"
wait_until 20 '[ -z "$(ls "$DATA/trash")" ]'
check "and their space is free" test "$(bytes "$DATA/trash")" -lt $((full / 10))
mkdir "$MNT/renamed/.snapshot/last"
rm -r "$MNT/renamed"
check_equal "a database takes its snapshots along" "" "$(ls "$DATA/snapshot")"
wait_until 20 '[ -z "$(ls "$DATA/trash")" ]'
check_equal "and their room is free while it is mounted" "" "$(ls "$DATA/trash")"
mkdir "$MNT/renamed"
check_equal "they are not another's" "" "$(ls "$MNT/renamed/.snapshot")"
mkdir "$MNT/renamed/.snapshot/last"
echo "drop database renamed" >"$MNT/.seriesfs/exec"
# The kernel holds the names of what it was not told to remove until it looks them up again.
check_fails "dropped by a statement" "No such file" ls "$MNT/renamed"
wait_until 20 '[ -z "$(ls "$DATA/trash")" ]'
check_equal "and gives their room back too" "" "$(ls "$DATA/trash")"
