#!/usr/bin/env bash
# One damaged shard among others: EIO there and a word in errors, everything else goes on, and the
# damaged group can be dropped. seriesfs-check finds it offline.
. "$(dirname "$0")/../lib/mount.sh"
CHECK=$PWD/$BUILD/seriesfs-check
mount_start
mkdir "$MNT/db"
python3 - >"$MNT/db/write" <<'PY'
import random
random.seed(1)
for week in (0, 1, 2):
    for k in range(3000):
        print(f"m,host=h{k % 3} v={random.random()} {1700000000 + week * 604800 + k}000000000")
PY
echo flush >"$MNT/.seriesfs/ctl"
bad=$(ls "$MNT/db/autogen" | sed -n 2p)
mount_stop
check_equal "a whole directory is fine" 0 "$("$CHECK" "$DATA" >"$WORK/check.1" 2>&1; echo $?)"
check_equal "with its series and none damaged" "9 series 0 damaged" "$(awk 'END { print $1, $2, $(NF - 1), $NF }' "$WORK/check.1" | tr -d ,)"
# The shards have the groups' numbers, which count up with their weeks.
table=$(ls "$DATA"/shard/*/*.ldb | sed -n 2p)
python3 - "$table" <<'PY'
import os, sys
with open(sys.argv[1], "r+b") as file:
    size = os.fstat(file.fileno()).st_size
    for at in range(size // 4, size, size // 4):
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x55]))
PY
check_equal "damage is found offline" 4 "$("$CHECK" "$DATA" >"$WORK/check.2" 2>&1; echo $?)"
check "and told where" grep -q "^db/autogen/$bad.*damaged" "$WORK/check.2"
mount_start
check_fails "the damaged group cannot be read" "Input/output error" bash -c "cat '$MNT'/db/autogen/$bad/m,host=h0"
check_fails "nor a query that needs it answered" "Input/output error" cat "$MNT/db/query/select sum(v) from m"
check_equal "a query beside it is answered" "m 3000" \
	"$(tail -n 1 "$MNT/db/query/select count(v) from m where time < '2023-11-20'" | awk -F, '{ print $1, $3 }')"
check_equal "its neighbours are whole" 6000 \
	"$(for group in $(ls "$MNT/db/autogen" | grep -v "$bad"); do cat "$MNT/db/autogen/$group"/*; done | wc -l)"
check "errors tells of it" grep -q damaged "$MNT/db/errors"
check "writing goes on" bash -c "echo 'm,host=h0 v=1 1700000000000000001' >'$MNT/db/write'"
check "the damaged group can be dropped" bash -c "echo 'drop db autogen $bad' >'$MNT/.seriesfs/ctl'"
check_equal "and then everything is answered" "m 6001" \
	"$(tail -n 1 "$MNT/db/query/select  count(v) from m" | awk -F, '{ print $1, $3 }')"
