#!/usr/bin/env bash
# A disk that runs full: ENOSPC exactly behind what was taken; reading, queries and rm go on; after
# room is made writes go on without a restart; nothing acknowledged is lost, also by a kill -9. All
# the while past shards are rewritten, which takes room, too, and is refused where there is none.
. "$(dirname "$0")/../lib/mount.sh"
. "$(dirname "$0")/../lib/disk.sh"
disk_start 64M
mount_start -o memtable_mb=8
mkdir "$MNT/db"
cat >"$WORK/fill.py" <<'PY'
import errno, os, random, sys
fd = os.open(sys.argv[1] + "/db/write", os.O_WRONLY)
random.seed(1)
first = taken = int(sys.argv[2])
while True:
    lines = [b"m,host=h%d v=%r %d\n" % (k % 10, random.random(), (1700000000 + (taken + k) * 10) * 10**9)
             for k in range(2000)]
    try:
        done = os.write(fd, b"".join(lines))
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
        break
    # A short write took whole lines.
    while done > 0:
        done -= len(lines.pop(0))
        taken += 1
    assert done == 0
print(taken - first)
PY
count() { tail -n 1 "$MNT/db/query/select ${1:-} count(v) from m" | cut -d, -f3; }
(
	while [ ! -e "$WORK/filled" ]; do
		echo compact >"$MNT/.seriesfs/ctl"
		sleep 0.05
	done
) 2>"$WORK/compact.err" &
rewriter=$!
taken=$(python3 "$WORK/fill.py" "$MNT" 0)
check "a full disk is told with ENOSPC, after $taken points" [ "${taken:-0}" -gt 1000000 ]
check "errors says so" grep -q 'no space left' "$MNT/db/errors"
check_equal "every point that was taken is there" "$taken" "$(count)"
check "shards were rewritten meanwhile" [ "$(sed -n 's/^seriesfs_rewrites_total //p' "$MNT/.seriesfs/metrics")" -gt 10 ]
check_equal "series read" 1 "$(head -n 1 "$MNT/db/autogen/m,host=h0" | wc -l)"
touch "$WORK/filled"
mount_kill9
wait $rewriter
check "a rewrite without room says so" grep -q 'No space left on device' "$WORK/compact.err"
check_equal "and nothing else" "" "$(grep -v 'No space left\|not connected\|No such\|Software caused' "$WORK/compact.err")"
mount_start -o memtable_mb=8
check_equal "also after kill -9" "$taken" "$(count ' ')"
for group in $(ls "$MNT/db/autogen" | head -n 60); do
	rm -r "$MNT/db/autogen/$group" || { failed "rm -r of $group"; break; }
done
kept=$(count '  ')
check "dropping weeks takes them alone ($kept are left)" [ "$kept" -gt 0 -a "$kept" -lt "$taken" ]
for _ in $(seq 50); do
	echo 'm,host=new v=1 1700000000000000000' 2>/dev/null >"$MNT/db/write" && break
	sleep 0.1
done
check_equal "then writes go on" "$((kept + 1))" "$(count '   ')"
check "and rewrites" sh -c "echo compact >'$MNT/.seriesfs/ctl'"
check_equal "which lose nothing" "$((kept + 1))" "$(count '    ')"
