#!/usr/bin/env bash
# Everyday tools over a mount: queries under readers of every kind, editors, mv, rm and find on
# what is stored; killed readers, and writers beside slow queries.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
for i in 1 2 3 4 5; do echo "m,host=a v=$i 170000000$i"000000000; done >"$MNT/db/write"
for i in 1 2 3; do echo "m,host=b v=$i 170000000$i"000000000; done >"$MNT/db/write"
query="$MNT/db/query/select v from m where host = 'a';.csv"
cat >"$WORK/want" <<'TEXT'
name,time,v
m,2023-11-14T22:13:21Z,1
m,2023-11-14T22:13:22Z,2
m,2023-11-14T22:13:23Z,3
m,2023-11-14T22:13:24Z,4
m,2023-11-14T22:13:25Z,5
TEXT
size=$(stat -c %s "$WORK/want")
check_equal "stat tells the size before anybody reads" "$size" "$(stat -c %s "$query")"
check "cat" cmp "$WORK/want" <(cat "$query")
check "cp" bash -c "cp \"$query\" '$WORK/copy' && cmp '$WORK/want' '$WORK/copy'"
check_equal "wc -c" "$size" "$(wc -c <"$query")"
check_equal "head" "name,time,v" "$(head -n 1 "$query")"
check_equal "tail" "m,2023-11-14T22:13:25Z,5" "$(tail -n 1 "$query")"
check_equal "grep -c" 5 "$(grep -c ^m "$query")"
check "dd by single bytes" cmp "$WORK/want" <(dd if="$query" bs=1 2>/dev/null)
check "dd with a skip" cmp <(tail -c +13 "$WORK/want") <(dd if="$query" bs=12 skip=1 2>/dev/null)
check "tar" bash -c "tar -C '$MNT/db/query' -cf - \"select v from m where host = 'a';.csv\" | tar -xOf - | cmp '$WORK/want' -"
check "python reads and maps it" python3 - "$query" "$WORK/want" <<'PY'
import mmap, sys
want = open(sys.argv[2], "rb").read()
with open(sys.argv[1], "rb") as file:
    assert file.read() == want
    file.seek(5)
    assert file.read(4) == want[5:9]
    assert mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[:] == want
PY
if command -v less >/dev/null; then check "less" cmp "$WORK/want" <(less "$query" </dev/null); fi
check "dash" dash -c "while read -r line; do echo \"\$line\"; done <\"$query\" | cmp '$WORK/want' -"

group=$(ls -d "$MNT"/db/autogen/2*)
other=$(cat "$group/m,host=b")
check "sed -i replaces a value" sed -i 's/v=3 /v=33 /' "$group/m,host=a"
check_equal "and nothing else" "m,host=a v=1 1700000001000000000
m,host=a v=2 1700000002000000000
m,host=a v=33 1700000003000000000
m,host=a v=4 1700000004000000000
m,host=a v=5 1700000005000000000" "$(cat "$group/m,host=a")"
check "sed -i takes a line out" sed -i 2d "$group/m,host=a"
check_equal "which is gone" "1 33 4 5" "$(sed 's/.*v=\([0-9]*\) .*/\1/' "$group/m,host=a" | tr '\n' ' ' | sed 's/ $//')"
check "vim edits" vim.tiny -es -u NONE -c '%s/v=4 /v=44 /' -c wq "$group/m,host=a"
check_equal "what it was told" "1 33 44 5" "$(sed 's/.*v=\([0-9]*\) .*/\1/' "$group/m,host=a" | tr '\n' ' ' | sed 's/ $//')"
check_equal "the other series is untouched" "$other" "$(cat "$group/m,host=b")"
check_equal "no scratch file is left" "m,host=a m,host=b" "$(ls -A "$group" | tr '\n' ' ' | sed 's/ $//')"
check "rsync --inplace of a longer text" bash -c "
	{ cat '$group/m,host=b'; echo 'm,host=b v=4 1700000004000000000'; } >'$WORK/m,host=b' &&
	rsync --inplace '$WORK/m,host=b' '$group/'"
check_equal "appends" 4 "$(wc -l <"$group/m,host=b")"
check "cp -a of a series to a directory beside" cp -a "$group/m,host=a" "$WORK/kept"
check_equal "keeps its time" "$(stat -c %Y "$group/m,host=a")" "$(stat -c %Y "$WORK/kept")"
check "mv renames a database" mv "$MNT/db" "$MNT/db2"
check_equal "with all it holds" 8 "$(cat "$MNT"/db2/autogen/*/* | wc -l)"
check "rm of a series" rm "$MNT/db2/autogen/$(basename "$group")/m,host=b"
check_equal "takes it alone" 4 "$(cat "$MNT"/db2/autogen/*/* | wc -l)"
check "find -type d -exec rmdir takes what is empty" bash -c "
	mkdir '$MNT/db3' '$MNT/db3/rp' && find '$MNT' -depth -type d -exec rmdir {} + 2>/dev/null; [ ! -e '$MNT/db3' ]"
check_equal "and no more" 4 "$(cat "$MNT"/db2/autogen/*/* | wc -l)"
check "rm -r of the group" rm -r "$MNT/db2/autogen/$(basename "$group")"
check "rm -r of the policy" rm -r "$MNT/db2/autogen"
check "rm -r of the database" rm -r "$MNT/db2"
check_equal "nothing is left" "" "$(ls -A "$MNT")"

# A query that takes long: a forecast from 60,000 windows.
mkdir "$MNT/slow"
python3 - >"$WORK/many.lp" <<'PY'
for k in range(60000):
    print(f"s,host=h{k % 50} v={k * 7919 % 100003} {1700000000 + k}000000000")
PY
cp "$WORK/many.lp" "$MNT/slow/write"
cat >"$WORK/slow.py" <<'PY'
import os, signal, subprocess, sys, time
mnt, query = sys.argv[1:3]
def start():
    return subprocess.Popen(["cat", f"{mnt}/slow/query/{query};.csv"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
reader = start()
time.sleep(0.3)
assert reader.poll() is None, "the query was not slow"
worst = 0
for k in range(20):
    begin = time.time()
    with open(f"{mnt}/slow/write", "w") as file:
        file.write(f"beside v={k}\n")
    worst = max(worst, time.time() - begin)
assert reader.poll() is None, "the query ended before the writers"
begin = time.time()
reader.send_signal(signal.SIGKILL)
reader.wait()
gone = time.time() - begin
print(f"a write beside it waited {worst:.3f} s at most, the killed reader was gone in {gone:.3f} s")
assert worst < 0.5 and gone < 0.5
PY
check "a slow query keeps no writer waiting, and its killed reader is gone at once" \
	python3 "$WORK/slow.py" "$MNT" "select holt_winters(mean(v), 10, 100) from s where time >= 1700000000s and time < 1700060000s group by time(1s)"
cat "$WORK/check.out"
