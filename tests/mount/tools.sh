#!/usr/bin/env bash
# The tools people have: readers over query files, editors and copiers over series, removers over
# directories; and that neither a slow query nor its reader stands in anybody's way.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
for i in $(seq 20); do echo "m,h=h$((i % 2)) v=$i,s=\"a b\" $((1700000000 + i))000000000"; done >"$MNT/db/write"
db=$MNT/db
group=$db/autogen/2023-11-13--2023-11-20

# --- what reads an answer ---
answer=$db/query/'select v from m;.csv'
cp "$answer" "$WORK/want"
bytes=$(wc -c <"$WORK/want")
check_equal "the answer has all rows" 21 "$(wc -l <"$WORK/want")"
check_equal "stat: the size before any open" "$bytes" "$(stat -c %s "$db/query/select v  from m;.csv")"
check "cat" cmp "$WORK/want" <(cat "$answer")
check_equal "head" "$(head -n 3 "$WORK/want")" "$(head -n 3 "$answer")"
check_equal "tail" "$(tail -n 3 "$WORK/want")" "$(tail -n 3 "$answer")"
check_equal "tail -c" "$(tail -c 40 "$WORK/want")" "$(tail -c 40 "$answer")"
check_equal "wc -c by name" "$bytes $answer" "$(wc -c "$answer")"
check_equal "wc -l" 21 "$(wc -l <"$answer")"
check "cp -p" bash -c "cp -p '$answer' '$WORK/copy' && cmp '$WORK/want' '$WORK/copy'"
check "cp --reflink=auto --sparse=always" bash -c "cp --sparse=always '$answer' '$WORK/copy2' && cmp '$WORK/want' '$WORK/copy2'"
check "tar" bash -c "tar -cf - -C '$db/query' 'select v from m;.csv' | tar -xOf - | cmp - '$WORK/want'"
check_equal "grep -c" 10 "$(grep -c '0Z\|2Z\|4Z\|6Z\|8Z' "$answer")"
check_equal "grep in two files" 2 "$(grep -l '22:13:21Z' "$answer" "$db/query/select v from m;.json" | wc -l)"
check "dd in odd pieces" bash -c "dd if='$answer' bs=7 status=none | cmp - '$WORK/want'"
check_equal "dd skip" "$(dd if="$WORK/want" bs=13 skip=5 count=2 status=none)" "$(dd if="$answer" bs=13 skip=5 count=2 status=none)"
check "dash" dash -c "while read -r line; do echo \"\$line\"; done <'$answer' | cmp - '$WORK/want'"
check "sort, diff, sha256sum" bash -c "diff <(sort '$answer') <(sort '$WORK/want') && sha256sum '$answer'"
check_equal "Python: read, seek, mmap" fine "$(python3 tests/mount/tools_read.py "$answer" "$WORK/want")"
if command -v less >/dev/null; then
	check "less" bash -c "less '$answer' </dev/null | cmp - '$WORK/want'"
	check "less on a series" bash -c "less '$group/m,h=h0' </dev/null | cmp - '$group/m,h=h0'"
fi
cp "$db/autogen/m,h=h0" "$WORK/h0"
sleep 2.2 # quiet now: the kernel may keep its pages, and so map them
check "a series: cat, tar, dd, mmap" bash -c "
	cmp '$WORK/h0' '$group/m,h=h0' &&
	tar -cf - -C '$group' m,h=h0 | tar -xOf - | cmp - '$WORK/h0' &&
	dd if='$group/m,h=h0' bs=11 status=none | cmp - '$WORK/h0' &&
	python3 -c 'import mmap, sys; f = open(sys.argv[1], \"rb\"); assert mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:] == open(sys.argv[2], \"rb\").read()' '$group/m,h=h0' '$WORK/h0'"
check_equal "its size" "$(wc -c <"$WORK/h0")" "$(stat -c %s "$group/m,h=h0")"
check_equal "grep -r sees every point once" 20 "$(grep -rh '^m' "$MNT" | wc -l)"

# --- what edits a series ---
h1=$(md5sum <"$group/m,h=h1")
check "sed -i" sed -i 's/v=2 /v=222 /; s/v=2$/v=222/; s/,v=2 /,v=222 /' "$group/m,h=h0"
check_equal "replaced one value" 222 "$(sed -n 's/.*v=\(222\) .*/\1/p' "$group/m,h=h0")"
check_equal "and kept the others" 10 "$(wc -l <"$db/autogen/m,h=h0")"
check "sed -i that deletes a line" sed -i '/v=222/d' "$group/m,h=h0"
check_equal "deletes one point" 9 "$(wc -l <"$db/autogen/m,h=h0")"
check_fails "sed -i into nonsense" "Invalid argument" sed -i 's/v=/=/' "$group/m,h=h0"
check_equal "changes nothing" 9 "$(wc -l <"$db/autogen/m,h=h0")"
rm -f "$group"/sed??????
if command -v vim.tiny >/dev/null; then
	check "vim writes an appended line" vim.tiny -u NONE -es -c '$s/$/\rv=77 1700000077000000000/' -c wq "$group/m,h=h0"
	check_equal "which is stored" "m,h=h0 v=77 1700000077000000000" "$(tail -n 1 "$group/m,h=h0")"
	check_equal "beside all others" 10 "$(wc -l <"$group/m,h=h0")"
	check "vim that only looks" vim.tiny -u NONE -es -c q "$group/m,h=h0"
	check_equal "leaves nothing behind" "m,h=h0 m,h=h1" "$(ls -A "$group" | tr '\n' ' ' | sed 's/ $//')"
fi
cp "$group/m,h=h0" "$WORK/new"
echo "m,h=h0 v=78 1700000078000000000" >>"$WORK/new"
check "rsync --inplace" rsync --inplace "$WORK/new" "$group/m,h=h0"
check_equal "brings the new line" "m,h=h0 v=78 1700000078000000000" "$(tail -n 1 "$group/m,h=h0")"
sed -i 1d "$WORK/new"
check "rsync" rsync "$WORK/new" "$group/m,h=h0"
check "replaces" cmp "$WORK/new" "$group/m,h=h0"
echo "m,h=h0 v=79 1700000079000000000" >"$WORK/one"
check "cp merges" cp "$WORK/one" "$group/m,h=h0"
check "and > is >>" bash -c "echo 'v=80 1700000080000000000' >'$group/m,h=h0'"
check "nothing is lost by either" cmp <(cat "$WORK/new" "$WORK/one" && echo "m,h=h0 v=80 1700000080000000000") "$group/m,h=h0"
check "truncate -s to its own size" truncate -s "$(stat -c %s "$group/m,h=h0")" "$group/m,h=h0"
check "truncate -s 0, which many tools begin with" truncate -s 0 "$group/m,h=h0"
check_equal "takes nothing away" 12 "$(wc -l <"$group/m,h=h0")"
check_fails "truncate -s 5" "Operation not permitted" truncate -s 5 "$group/m,h=h0"
check_fails "mv of a series" "Operation not permitted" mv "$group/m,h=h0" "$group/m,h=h9"
check_fails "mv of a group" "Operation not permitted" mv "$group" "$db/autogen/2023-11-20--2023-11-27"
check_fails "mv of a policy out of its database" "Operation not permitted" bash -c "mkdir '$MNT/other' && perl -e 'rename(\$ARGV[0], \$ARGV[1]) or die \"\$!\\n\"' '$db/autogen' '$MNT/other/autogen'"
check_fails "ln" "Operation not permitted" ln "$group/m,h=h0" "$group/m,h=h9"
check_equal "the other series is as it was" "$h1" "$(md5sum <"$group/m,h=h1")"
before=$(md5sum <(cat "$group"/*))
check "mv of a policy" mv "$db/autogen" "$db/raw"
check "mv of a database" mv "$db" "$MNT/moved"
check_equal "takes all with it" "$before" "$(md5sum <(cat "$MNT"/moved/raw/*/*))"
check "and back" bash -c "mv '$MNT/moved' '$db' && mv '$db/raw' '$db/autogen'"

# --- what copies and removes directories ---
check "cp -a of a policy beside it" cp -a "$db/autogen" "$db/copy"
check "is the same" diff -r "$db/autogen" "$db/copy"
check "cp -a of a group out" bash -c "cp -a '$group' '$WORK/group' && diff -r '$group' '$WORK/group'"
find "$MNT" -type d -exec rmdir {} + >"$WORK/rmdir.out" 2>&1
check "find -type d -exec rmdir removes nothing that has a name in it" diff -r "$db/autogen" "$db/copy"
check_equal "but what is empty" "db" "$(ls "$MNT")"
check_equal "with the right word" "" "$(grep -vF 'Directory not empty' "$WORK/rmdir.out" | grep -v 'Device or resource busy')"
check "rm of a series in a group" rm "$db/copy/2023-11-13--2023-11-20/m,h=h0"
check_equal "leaves its neighbour" "m,h=h1" "$(ls "$db/copy/2023-11-13--2023-11-20")"
check "rm -r of a group" rm -r "$db/copy/2023-11-13--2023-11-20"
check_equal "leaves the policy" "" "$(ls -A "$db/copy")"
echo 'm,h=h0 v=1 1800000000000000000' >"$db/copy/.write"
check "rm -r of a policy" rm -r "$db/copy"
check_equal "leaves the other" "autogen" "$(ls -A "$db")"
check "untouched" cmp <(cat "$WORK/new" "$WORK/one" && echo "m,h=h0 v=80 1700000080000000000") "$group/m,h=h0"
mkdir -p "$MNT/gone/autogen" "$MNT/gone/views" "$MNT/gone/continuous"
echo 'm v=1 1700000000000000000' >"$MNT/gone/write"
ln -s '../query/select 1;.csv' "$MNT/gone/views/v"
echo 'select mean(v) into m5 from m group by time(5m)' >"$MNT/gone/continuous/cq"
check "rm -r of a database with all there is" rm -r "$MNT/gone"
check_equal "leaves the other" db "$(ls -A "$MNT")"
mount_stop
mount_start
check "all this holds after a remount" cmp <(cat "$WORK/new" "$WORK/one" && echo "m,h=h0 v=80 1700000080000000000") "$group/m,h=h0"
check_equal "and nothing came back" "db autogen" "$(ls -A "$MNT") $(ls -A "$db")"

# --- a slow query and those beside it ---
mkdir "$MNT/big"
"$TOOLS/gen" 100 "${STEPS:-4000}" rand >"$MNT/big/write"
check_equal "slow queries keep nobody waiting, and end with their readers" fine \
	"$(mount_pid | python3 tests/mount/tools_slow.py "$MNT" 2>"$WORK/slow.err")"
sed 's/^/	/' "$WORK/slow.err"
check_equal "every write beside them is there" 40 "$(cat "$MNT/db/autogen/w" | wc -l)"

# Another that takes long, in one place: a forecast from 60,000 windows.
mkdir "$MNT/slow"
python3 tests/mount/tools_many.py >"$WORK/many.lp"
cp "$WORK/many.lp" "$MNT/slow/write"
check "a slow query keeps no writer waiting, and its killed reader is gone at once" \
	python3 tests/mount/tools_forecast.py "$MNT" "select holt_winters(mean(v), 10, 100) from s where time >= 1700000000s and time < 1700060000s group by time(1s)"
cat "$WORK/check.out"
