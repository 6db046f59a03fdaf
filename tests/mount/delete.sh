#!/usr/bin/env bash
# DELETE, DROP SERIES, MEASUREMENT and SHARD and rm, on points in memory, in shards and rewritten ones, beside a
# model in Python: by queries and by files, at once, after a restart, a rewrite and kill -9.
. "$(dirname "$0")/../lib/mount.sh"
ctl() { echo "$1" >"$MNT/.seriesfs/ctl"; }

model() { python3 tests/mount/delete_model.py "$MNT" "$WORK/points" "$@"; }

mount_start
for state in hot flush compact; do for shards in 1 3; do
	mkdir "$MNT/db" "$MNT/db/autogen"
	echo "shards $shards" >"$MNT/db/autogen/.policy"
	check "points, $state, shards $shards" model fill
	[ $state = hot ] || ctl $state
	check "all are there, $state" model check
	for n in 0 1 2 3 4 5; do
		check "deletion $n, $state" model delete $n
		check "is obeyed at once" model check
	done
	check "rm in one group, $state" model rm 1 cpu,dc=y,host=b
	check "leaves the other" model check
	check "rm everywhere, $state" model rm -1 cpu,dc=y,host=a
	check "leaves the other series" model check
	check "points where others were" model again
	check "are there" model check
	if [ $state = flush ]; then mount_kill9; else mount_stop; fi
	mount_start
	check "after a restart, $state" model check
	ctl compact
	check "after a rewrite, $state" model check
	for n in 6 7; do
		check "deletion $n, $state" model delete $n
		check "is obeyed at once" model check
	done
	check "drop of a shard, $state" model drop 0
	check "leaves the others" model check
	mount_kill9
	mount_start
	check "nothing comes back by kill -9, $state" model check
	check "deletion of the rest" model delete 8
	check "leaves nothing" model check
	rm -r "$MNT/db"
done; done

# Space: what du tells, and what the data directory has, go with the points.
mkdir "$MNT/db"
awk 'BEGIN { srand(5); for (s = 0; s < 2; s++) for (i = 0; i < 40000; i++)
	printf "big,s=%d v=%.17g %d000000000\n", s, rand(), 1795392000 + i }' >"$WORK/big.lp"
check "40,000 points of two series" cp "$WORK/big.lp" "$MNT/db/write"
ctl compact
blocks() { du -s --block-size=512 "$MNT/db/autogen" | cut -f1; }
disk() { du -s --block-size=512 "$DATA/shard" | cut -f1; }
before=$(blocks) disk_before=$(disk)
exec 3<>"$MNT/db/exec"
echo "delete from big where s = '1'" >&3
exec 3>&-
ctl compact
check "half the space is back on disk: $disk_before, $(disk)" test $(($(disk) * 10)) -lt $((disk_before * 6))
check "du tells so: $before, $(blocks)" test $(($(blocks) * 10)) -lt $((before * 6))
check "a file of the rest is whole" cmp <(grep ,s=0 "$WORK/big.lp" | wc -l) <(cat "$MNT/db/autogen/big,s=0" | wc -l)
rm "$MNT/db/autogen/big,s=0"
ctl compact
check "and nothing is left of the rest: $(blocks)" test $(($(blocks) * 10)) -lt "$before"
check_equal "errors has nothing to tell" "" "$(cat "$MNT/db/errors")"
