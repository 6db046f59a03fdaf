#!/usr/bin/env bash
# Series as files: exact size before open, any offset, growth, snapshots that never shrink, mmap,
# and concurrent readers of a growing one who never see a NUL or a torn line.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
for i in 1 2 3; do echo "cpu,host=a v=$i 170000000${i}000000000"; done >"$MNT/db/write"
group=$MNT/db/autogen/2023-11-13--2023-11-20
all=$MNT/db/autogen/cpu,host=a
file=$group/cpu,host=a
want=$(printf 'cpu,host=a v=%s 170000000%s000000000\n' 1 1 2 2 3 3)
check_equal "cat" "$want" "$(cat "$file")"
check_equal "over all groups too" "$want" "$(cat "$all")"
check_equal "size before open" $((${#want} + 1)) "$(stat -c %s "$file")"
check_equal "tail -n 1" "$(echo "$want" | tail -n 1)" "$(tail -n 1 "$file")"
check_equal "dd at an offset" "$(echo "$want" | tail -c +11 | head -c 7)" "$(dd if="$file" bs=1 skip=10 count=7 2>/dev/null)"
check "st_blocks is at least 1" test "$(stat -c %b "$file")" -ge 1
check_equal "any spelling opens it" "$want" "$(cat "$group/cpu,host=%61")"
check_equal "mode from the policy" 644 "$(stat -c %a "$file")"
check "chmod changes nothing" chmod 600 "$file"
check_equal "really" 644 "$(stat -c %a "$file")"
check "mtime is settable" touch -d '2020-01-02 03:04:05 UTC' "$file"
check_equal "and kept" 1577934245 "$(stat -c %Y "$file")"
check_fails "link" "Operation not permitted" ln "$file" "$group/link"
check_fails "rename" "Operation not permitted" mv -n "$file" "$group/other"
check ": > deletes nothing" bash -c ": >'$file'"
check_equal "it is all there" "$want" "$(cat "$file")"
check_fails "truncate is refused" "Operation not permitted" truncate -s 5 "$file"
check_equal "xattr points" 3 "$(getfattr -n user.seriesfs.points --only-values "$file" 2>/dev/null)"
check_equal "xattr first" 2023-11-14T22:13:21Z "$(getfattr -n user.seriesfs.first --only-values "$file" 2>/dev/null)"
check_equal "of a group" 3 "$(getfattr -n user.seriesfs.points --only-values "$group" 2>/dev/null)"
check_equal "never listed" "" "$(getfattr -d "$file" 2>/dev/null)"
check "setxattr is accepted" setfattr -n user.comment -v x "$file"

sleep 2.2 # quiet now: the kernel may keep its pages
check_equal "snapshots that only grow" fine "$(python3 tests/mount/series_grow.py "$file" 2>&1 | tail -n 1)"
check_equal "a removed series is gone" "" "$(ls "$group")"

echo 'g v=0i 1700000000000000000' >"$MNT/db/write"
sleep 2.2
check_equal "readers of a growing series" fine "$(python3 tests/mount/series_torn.py "$group/g" "$MNT/db/write" 2>&1 | tail -n 1)"
timeout 3 tail -f -n 1 -s 0.2 "$MNT/db/autogen/g" >"$WORK/tail.out" 2>/dev/null &
wait_until 20 '[ -s "$WORK/tail.out" ]'
for i in 1 2 3; do echo "v=${i}i 170000010${i}000000000" >>"$MNT/db/autogen/g"; sleep 0.1; done
wait
check_equal "tail -f follows" 4 "$(wc -l <"$WORK/tail.out")"
