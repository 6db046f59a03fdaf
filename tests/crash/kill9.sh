#!/usr/bin/env bash
# kill -9 of the daemon at random moments under load: what write(2) returned for is there,
# once and whole. CYCLES=100 by default; a small memtable so that flushes fall in between.
. "$(dirname "$0")/../lib/mount.sh"
cycles=${CYCLES:-100}
cat >"$WORK/load.py" <<'PY'
import os, sys
mnt, first, acked = sys.argv[1], int(sys.argv[2]), sys.argv[3]
fd = os.open(mnt + "/db/write", os.O_WRONLY)
log = open(acked, "a", buffering=1)
n = first
try:
    while True:
        lines = b"".join(b"m,s=%d v=%di,w=%di %d\n" % (k % 5, k, k * 3, 1700000000000000000 + k * 1000)
                         for k in range(n, n + 20))
        os.write(fd, lines)
        n += 20
        log.write(f"{n}\n")
except OSError:
    pass
PY
mount_start
mkdir "$MNT/db"
next=0
lost=0
for cycle in $(seq 1 "$cycles"); do
	: >"$WORK/acked"
	python3 "$WORK/load.py" "$MNT" "$next" "$WORK/acked" &
	load=$!
	# Once it writes, a random moment later.
	for _ in $(seq 200); do [ -s "$WORK/acked" ] && break; sleep 0.01; done
	sleep "0.0$((RANDOM % 9 + 1))"
	mount_kill9
	wait $load 2>/dev/null
	acked=$(tail -n 1 "$WORK/acked")
	acked=${acked:-$next}
	"$SERIESFS" "$DATA" "$MNT" || { failed "cycle $cycle: it did not come back"; break; }
	got=$(cat "$MNT/db/query/select count(v), sum(v), sum(w) from m;.csv" | tail -n 1 | cut -d, -f3-)
	count=${got%%,*}
	count=${count:-0}
	# Unacknowledged lines may be there too, but only whole and from the one write in flight.
	want="$count,$((count * (count - 1) / 2)),$((3 * count * (count - 1) / 2))"
	if [ "$count" -lt "$acked" ] || [ "$count" -gt $((acked + 20)) ] || { [ "$count" != 0 ] && [ "$got" != "$want" ]; }; then
		failed "cycle $cycle: $acked acknowledged, $got found"
		lost=1
		break
	fi
	next=$count
	[ $((cycle % 10)) != 0 ] || echo flush >"$MNT/.seriesfs/ctl"
done
[ $lost = 1 ] || passed
check_equal "points were written at all" 1 "$([ "$next" -gt 100 ] && echo 1)"
