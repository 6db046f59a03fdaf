#!/usr/bin/env bash
# kill -9 while snapshots are made and let go beside a writer: each is whole or not there, an acknowledged one
# stays, and none has a write in part. CYCLES=n
. "$(dirname "$0")/../lib/mount.sh"
cat >"$WORK/writer.py" <<'PY'
import os, sys
out = os.open(sys.argv[1], os.O_WRONLY)
i = int(sys.argv[2]) * 1000000
try:
    while True:
        i += 1
        line = "".join(f"{'a' if k < 4 else 'b'} v={i}i {1700000000000000000 + k * 604800000000000 + i}\n" for k in range(8))
        os.write(out, line.encode())
except OSError:
    pass
PY
snapshots() { # CYCLE: make and let go, telling what was begun and what was done
	for i in $(seq 1000); do
		echo "$1.$i" >>"$WORK/begun"
		mkdir "$MNT/db/.snapshot/$1.$i" 2>/dev/null || return
		echo "$1.$i" >>"$WORK/made"
		[ $((i % 4)) = 0 ] || continue
		echo "$1.$((i - 1))" >>"$WORK/removing"
		rmdir "$MNT/db/.snapshot/$1.$((i - 1))" 2>/dev/null || return
		echo "$1.$((i - 1))" >>"$WORK/removed"
	done
}
touch "$WORK/begun" "$WORK/made" "$WORK/removing" "$WORK/removed"
mount_start -o snapshots_max=1024
mkdir "$MNT/db"
for cycle in $(seq "${CYCLES:-8}"); do
	python3 "$WORK/writer.py" "$MNT/db/write" "$cycle" &
	writer=$!
	snapshots "$cycle" &
	maker=$!
	sleep "0.$((RANDOM % 6 + 2))"
	mount_kill9
	wait $writer $maker 2>/dev/null
	mount_start -o snapshots_max=1024
	ls "$MNT/db/.snapshot" | sort >"$WORK/there"
	check_equal "cycle $cycle: what was made and not let go is there" "" \
		"$(sort "$WORK/made" | comm -23 - <(sort "$WORK/removing") | comm -23 - "$WORK/there")"
	check_equal "cycle $cycle: what was let go is not" "" "$(sort "$WORK/removed" | comm -12 - "$WORK/there")"
	check_equal "cycle $cycle: nothing else is" "" "$(comm -13 <(sort "$WORK/begun") "$WORK/there")"
	torn=0
	for name in $(tail -n 3 "$WORK/there") $(grep "^$cycle\." "$WORK/there"); do
		query=$MNT/db/.snapshot/$name/query
		# What a kill has cut short is in part in the database: of the snapshot's own cycle nothing is.
		since="where v > ${name%.*}000000"
		[ "$(tail -n 1 "$query/select count(v), last(v) from a $since" | cut -d, -f3-)" = \
			"$(tail -n 1 "$query/select count(v), last(v) from b $since" | cut -d, -f3-)" ] || torn=$((torn + 1))
		cat "$MNT/db/.snapshot/$name"/autogen/*/* >/dev/null 2>"$WORK/errors" || [ ! -s "$WORK/errors" ] ||
			grep -q 'No such file' "$WORK/errors" || torn=$((torn + 1))
	done
	check_equal "cycle $cycle: none has a write in part" 0 $torn
done
mount_stop
check "all is clean" "$PWD/$BUILD/seriesfs-check" "$DATA"
check "some were made" test "$(wc -l <"$WORK/made")" -gt 5
