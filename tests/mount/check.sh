#!/usr/bin/env bash
# seriesfs-check finds damage of each kind in each kind of file; after --repair the mount starts, all
# that can be read is answered, nothing wrong is, and what was damaged lies in set-aside.
# FLIPS=n SEED=n: as many random flips.
. "$(dirname "$0")/../lib/mount.sh"
CHECK=$PWD/$BUILD/seriesfs-check
mount_start -o cold_seconds=0
mkdir "$MNT/db" "$MNT/db/autogen" "$MNT/db/short" "$MNT/db/continuous" "$MNT/db/views"
echo 'duration 20000d' >"$MNT/db/short/.policy"
echo 'select mean(f) into m5 from m group by time(5m), host' >"$MNT/db/continuous/cq"
ln -s '../query/select 1;.csv' "$MNT/db/views/one"
python3 tests/mount/check_points.py 0 3000 >"$MNT/db/write"
echo compact >"$MNT/.seriesfs/ctl"
python3 tests/mount/check_points.py 3000 4500 >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
rm "$MNT/db/autogen/2023-11-13--2023-11-20/other,host=h2"
mkdir "$MNT/db/.snapshot/kept"
python3 tests/mount/check_points.py 4500 5000 >"$MNT/db/write"
echo 'new,host=a v=1i 1700000000000000000' >"$MNT/db/write"
rsync -a "$MNT/" "$WORK/whole/"
sleep 1.2
mount_kill9
mv "$DATA" "$WORK/pristine"
sort "$WORK"/whole/db/*/*/* >"$WORK/lines"
cut -d' ' -f2- "$WORK/lines" | sort >"$WORK/values"
lines=$(wc -l <"$WORK/lines")
# What was deleted, and comes back when the deletion is lost: then that is told.
python3 tests/mount/check_points.py 0 3000 | cat - <(python3 tests/mount/check_points.py 3000 4500) | grep '^other,host=h2 ' >"$WORK/deleted"

# Bytes, names, modes and times of all that is there.
digest() { (cd "$DATA" && find . -printf '%P %T@ %C@ %s %i %m\n' | sort && find . -type f -exec cat {} + | cksum); }
# Its exit code. Without --repair no byte changes, whatever is damaged.
run_check() {
	local before code
	before=$(digest)
	"$CHECK" "$@" "$DATA" >"$WORK/checked.out" 2>"$WORK/check.err"
	code=$?
	[[ " $* " == *" --repair "* ]] || [ "$before" = "$(digest)" ] || code="$code, and something was changed"
	echo "$code"
}
fresh() {
	rm -rf "$DATA"
	cp -a "$WORK/pristine" "$DATA"
}
# judge WHAT LEAST: what the mount answers now is right, and as many lines of it are there
judge() {
	allowed=$WORK/lines
	if grep -q 'what they deleted may be there again' "$WORK/check.mended"; then
		sort "$WORK/lines" "$WORK/deleted" >"$WORK/allowed"
		allowed=$WORK/allowed
	fi
	mount_start
	if ! find "$MNT" -type f ! -path '*/continuous/*' ! -name .policy -exec cat {} + 2>"$WORK/cat.err" |
		sort >"$WORK/now" || [ -s "$WORK/cat.err" ]; then
		failed "$1: all that is listed can be read: $(head -1 "$WORK/cat.err")"
	fi
	check_equal "$1: nothing is answered that was never written" "" \
		"$(grep -v '^recovered' "$WORK/now" | comm -13 "$allowed" - | head -3)"
	check_equal "$1: not even where names are lost" "" \
		"$(grep '^recovered' "$WORK/now" | cut -d' ' -f2- | grep -v recovered | sort | comm -13 "$WORK/values" - | head -3)"
	[ "$(wc -l <"$WORK/now")" -ge "$2" ] || failed "$1: $(wc -l <"$WORK/now") of at least $2 lines are there"
	check "$1: writing goes on" bash -c "mkdir -p '$MNT/db/autogen' && echo 'late v=1i 1700000000000000000' >'$MNT/db/write' &&
		echo flush >'$MNT/.seriesfs/ctl' && grep -q v=1i '$MNT/db/autogen/late'"
	mount_stop
}
# damaged WHAT FOUND MENDED LEAST COMMAND…: its exit codes before and with --repair
damaged() {
	what=$1 found=$2 mended=$3 least=$4
	shift 4
	fresh
	(cd "$DATA" && "$@") || failed "$what: cannot damage"
	check_equal "$what: found" "$found" "$(run_check)"
	cp "$WORK/checked.out" "$WORK/check.found"
	check_equal "$what: mended" "$mended" "$(run_check --repair)"
	cp "$WORK/checked.out" "$WORK/check.mended"
	check_equal "$what: clean then" 0 "$(run_check)"
	judge "$what" "$least"
}
hurt_py=$PWD/tests/mount/check_hurt.py
hurt() { python3 "$hurt_py" "$@"; }
fresh
check_equal "what a kill leaves is clean" 0 "$(run_check)"
check "it counts what is there" grep -q '^13 series, 20001 points, 0 damaged' "$WORK/checked.out"
check_equal "and mends nothing" 0 "$(run_check --repair)"
cp "$WORK/checked.out" "$WORK/check.mended"
check_equal "so nothing is moved" "" "$(ls "$DATA" | grep lost)"
judge "undamaged" $lines

small=$((lines - 30))     # a record or a file that points do not need
week=$((lines - 6500))    # a group
part=$((lines - 12000))   # some chunks
segment=$(ls "$WORK/pristine/wal" | head -1)
shard=shard/$(ls "$WORK/pristine/shard" | head -1)
table=$(cd "$WORK/pristine" && ls -S $shard/*.ldb | head -1)
small_table=$(cd "$WORK/pristine" && ls -S $shard/*.ldb | tail -1)
manifest=$(cd "$WORK/pristine" && ls $shard/MANIFEST-*)
index=$(cd "$WORK/pristine" && ls db/*/index)
damaged "a flip in the log" 4 1 $((lines - 2100)) hurt flip "wal/$segment"
check "the log's is copied" test -s "$DATA"/set-aside/*/"wal.$segment"
damaged "a log cut off" 4 1 $((lines - 2100)) hurt cut "wal/$segment"
damaged "a log without its header" 4 1 $((lines - 2100)) hurt cut "wal/$segment" 0
for place in 0.1 0.3 0.5 0.7 0.9 0.999; do
	# The last bytes lead to all others: of a table without them nobody knows what was in it.
	damaged "a flip in a table at $place" 4 $([ $place = 0.999 ] && echo 4 || echo 1) $part hurt flip "$table" $place
	check "the table is kept" test -s "$DATA"/set-aside/*/"$(dirname "$table" | tr / .)/$(basename "$table")"
	check "what is lost is told" grep -qE ' (is|are|be) lost' "$WORK/check.mended"
done
damaged "a flip in a later table" 4 1 $part hurt flip "$small_table" 0.3
damaged "a table cut off" 4 4 $week hurt cut "$table"
damaged "a table that is missing" 4 1 $week hurt remove "$table"
damaged "a flip in MANIFEST" 4 1 $small hurt flip "$manifest"
damaged "no MANIFEST" 4 1 $small hurt remove "$manifest"
damaged "a flip in CURRENT" 4 1 $small hurt flip "$shard/CURRENT"
damaged "no CURRENT" 4 1 $small hurt remove "$shard/CURRENT"
damaged "a flip in the catalog" 4 1 $lines hurt flip catalog 0.4
damaged "a catalog cut off" 4 1 $lines hurt cut catalog 0.65
damaged "an empty catalog" 4 1 $lines hurt cut catalog 0
damaged "no catalog" 4 1 $lines hurt remove catalog
damaged "no copy of the catalog" 0 0 $lines hurt remove catalog.copy
alone() { # the same of a journal that has no copy
	rm -f "$2.copy"
	hurt "$@"
}
damaged "a flip in a catalog without a copy" 4 1 0 alone flip catalog 0.4
# The last records of all are of times.
damaged "a catalog without a copy cut off" 4 4 0 alone cut catalog 0.65
damaged "no catalog and no copy" 4 4 0 alone remove catalog
check "no shard is deleted, all are moved aside" test "$(ls -d "$DATA"/set-aside/*/shard.* | wc -l)" = 3
for place in 0.2 0.5 0.97; do
	damaged "a flip in the index at $place" 4 1 $lines hurt flip "$index" $place
	damaged "a flip in an index without a copy at $place" 4 1 $small alone flip "$index" $place
done
damaged "an index cut off" 4 1 $lines hurt cut "$index" 0.6
damaged "no index" 4 1 $lines hurt remove "$index"
damaged "an index without a copy cut off" 4 1 $small alone cut "$index" 0.6
damaged "no index and no copy" 4 1 $small alone remove "$index"
damaged "a flip in the clock" 4 1 $small hurt flip clock
damaged "no clock" 4 1 $small hurt remove clock
damaged "a flip in the format" 4 1 $small hurt flip format
damaged "no format" 4 1 $small hurt remove format
damaged "a flip in what continuous queries have done" 4 1 $small hurt flip continuous
damaged "strays" 0 0 $lines touch stray wal/stray db/stray shard/stray "$shard/stray"
# The one in a shard goes with its directory, when that is rewritten.
check_equal "strays are left alone" 4 "$(find "$DATA" -maxdepth 2 -name stray | wc -l)"
# Without the room to salvage in (a limit on files stands for a full disk) the shard stays as it is.
fresh
(cd "$DATA" && hurt flip "$table" 0.3)
(
	ulimit -f 8
	trap '' XFSZ
	run_check --repair >"$WORK/code"
)
check_equal "no room to mend it: it could not be checked" 8 "$(cat "$WORK/code")"
check_equal "then it is still damaged" 4 "$(run_check)"
check_equal "and mended when there is room" 1 "$(run_check --repair)"
cp "$WORK/checked.out" "$WORK/check.mended"
judge "mended late" $part
damaged "a flip in a snapshot" 4 1 $lines bash -c "python3 '$hurt_py' flip \$(ls -S snapshot/*/kept/shard/*/*.ldb | head -1)"

# Without --repair, too: the numbers of names that are lost are not given to others.
fresh
mount_start
echo flush >"$MNT/.seriesfs/ctl"
mount_stop
alone cut "$DATA/$index" 0.5
mount_start
for i in 1 2 3 4 5 6 7 8; do echo "stranger$i x$i=-1i,y$i=true 1700000000000000000"; done >"$MNT/db/write"
check_equal "what is new has nothing of what was lost" "8 8" \
	"$(cat "$MNT"/db/autogen/*/stranger* | wc -l) $(cat "$MNT"/db/autogen/*/stranger* | grep -cE '^stranger[1-8] x[1-8]=-1i,y[1-8]=true 17')"
check_equal "which is there under names made up" "$((lines - $(cat "$MNT"/db/autogen/*/{m,other,new}* 2>/dev/null | wc -l)))" \
	"$(cat "$MNT"/db/autogen/*/recovered* | wc -l)"
check "some of it" test -n "$(ls "$MNT"/db/autogen/*/recovered*)"
mount_stop

fresh
echo 'seriesfs 3' >"$DATA/format"
check_equal "a newer format is not touched" 8 "$(run_check --repair)"
check "it says why" grep -q "newer format: 3" "$WORK/check.err"
check_fails "nor mounted" "is of format 3, and this version knows formats up to 2" "$SERIESFS" "$DATA" "$MNT"
check_equal "usage" 16 "$("$CHECK" --nothing "$DATA" 2>/dev/null; echo $?)"
check_equal "no data directory" 8 "$("$CHECK" "$WORK" 2>/dev/null; echo $?)"
mkdir "$WORK/home"
echo thesis >"$WORK/home/thesis.txt"
echo list >"$WORK/home/catalog"
check_equal "a foreign directory is not repaired" 8 "$("$CHECK" --repair "$WORK/home" 2>"$WORK/check.err"; echo $?)"
check "it says what it found" grep -q "home" "$WORK/check.err"
check_equal "nothing of it is touched" "catalog thesis.txt" "$(ls -A "$WORK/home" | tr '\n' ' ' | sed 's/ $//')"
fresh
mount_start
check_equal "one that is mounted" 8 "$(run_check)"
check "says by whom" grep -q "in use by process" "$WORK/check.err"
mount_stop

seed=${SEED:-$RANDOM}
echo "SEED=$seed"
for i in $(seq "${FROM:-1}" "${FLIPS:-12}"); do
	fresh
	python3 tests/mount/check_random.py "$DATA" $((seed + i)) >"$WORK/flips"
	run_check >"$WORK/code.found"
	code=$(run_check --repair)
	cp "$WORK/checked.out" "$WORK/check.mended"
	case $code in 0 | 1 | 4) passed ;; *) failed "flip $i: --repair gives $code" ;; esac
	before=$checks_failed
	check_equal "flip $i: clean then" 0 "$(run_check)"
	judge "flip $i" 0
	[ "$before" = $checks_failed ] || cat "$WORK/flips"
done

# A snapshot whose directory was emptied, or is another's, is no snapshot: told once, set aside, and over.
for left in nothing something; do
	fresh
	snapshot=$(cd "$DATA" && echo snapshot/*/kept)
	find "$DATA/$snapshot" -mindepth 1 -delete
	[ $left = nothing ] || echo text >"$DATA/$snapshot/file"
	check_equal "a snapshot with $left in it is damage" 4 "$(run_check)"
	check "which is named" grep -q "^$snapshot: nothing of a snapshot is in it" "$WORK/checked.out"
	check_equal "and is set aside" 1 "$(run_check --repair)"
	check_equal "for good" 0 "$(run_check)"
done
