#!/usr/bin/env bash
# Scratch files: what rsync, tar, cp, sed -i, vim and Python do to replace a file.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
for i in 1 2 3; do echo "cpu,host=a v=$i 170000000${i}000000000"; done >"$MNT/db/write"
group=$MNT/db/autogen/2023-11-13--2023-11-20
file=$group/cpu,host=a
line() { echo "cpu,host=a v=$1 170000000${2}000000000"; }

check "sed -i" sed -i 's/v=2/v=22/' "$file"
check_equal "changed the line" "$(line 1 1; line 22 2; line 3 3)" "$(cat "$file")"
check "sed -i deletes a line" sed -i '/v=22/d' "$file"
check_equal "it is gone" "$(line 1 1; line 3 3)" "$(cat "$file")"
check "vim" vim -es -c '%s/v=3/v=33/' -c wq "$file"
check_equal "changed the line, too" "$(line 1 1; line 33 3)" "$(cat "$file")"
check_equal "nothing is left lying" "cpu,host=a" "$(ls -A "$group")"
check_equal "tempfile and replace" fine "$(python3 tests/mount/scratch_replace.py "$group" 2>&1 | tail -n 1)"
check_equal "the queries see the points" 5 \
	"$(cat "$MNT/db/query/select count(v) from cpu;.csv" | tail -n 1 | cut -d, -f3)"
mkdir "$MNT/db/views"
check "a scratch file" bash -c "echo 'cpu,host=z v=1' >'$group/.left'"
check_equal "no query sees it" 5 "$(cat "$MNT/db/query/select count(v) from cpu;.csv" | tail -n 1 | cut -d, -f3)"
check_fails "its group is not empty" "Directory not empty" rmdir "$group"
echo x >"$MNT/db/views/.left"
wait_until 20 'grep -q ".left: a scratch file was closed" "$MNT/db/errors" && grep -q views/.left "$MNT/db/errors"'
check "errors tells that it was left" grep -q '.left: a scratch file was closed' "$MNT/db/errors"
check "with its whole name" grep -q " db/views/.left: a scratch file" "$MNT/db/errors"
check "it can be removed" rm "$group/.left" "$MNT/db/views/.left"

mkdir "$MNT/db/continuous"
check ".policy by rename" bash -c "cd '$MNT/db/autogen' && echo 'shards 3' >..policy.tmp && mv ..policy.tmp .policy"
check "is installed" grep -q 'shards 3' "$MNT/db/autogen/.policy"
check_fails "a bad one is not" "Invalid argument" \
	python3 -c "import os; os.chdir('$MNT/db/autogen'); open('..policy.tmp', 'w').write('duration 1s'); os.rename('..policy.tmp', '.policy')"
check "and the old one stays" grep -q 'shards 3' "$MNT/db/autogen/.policy"
check "a continuous query by rename" bash -c "cd '$MNT/db/continuous' && echo 'select mean(v) into m from cpu group by time(5m)' >.cq.tmp && mv .cq.tmp cq"
check_equal "is installed" "select mean(v) into m from cpu group by time(5m)" "$(cat "$MNT/db/continuous/cq")"
check "rsync --inplace" bash -c "cp '$file' '$WORK/cpu,host=a' && echo '$(line 7 7)' >>'$WORK/cpu,host=a' && rsync --inplace '$WORK/cpu,host=a' '$file'"
check "put the line in" grep -q 'v=7' "$file"
check "rsync --delete" bash -c "mkdir '$WORK/empty' && rsync -r --delete '$WORK/empty/' '$group/'"
check_equal "removes all" "" "$(ls -A "$group")"

# How much rsync has to ask for a small file: what it made itself the kernel remembers.
mount_stop
rm -rf "$DATA"
mkdir -p "$DATA" "$WORK/many/db/autogen/2023-11-13--2023-11-20"
for i in $(seq 50); do echo "m,h=$i v=1 1700000000000000000" >"$WORK/many/db/autogen/2023-11-13--2023-11-20/m,h=$i"; done
"$SERIESFS" -d "$DATA" "$MNT" >"$WORK/requests" 2>&1 &
wait_until 20 'mountpoint -q "$MNT"'
check "rsync of fifty files" rsync -a "$WORK/many/" "$MNT/"
mount_stop
requests=$(grep -c 'opcode: ' "$WORK/requests")
check "takes at most twenty requests a file: $requests" test "$requests" -le 1000
