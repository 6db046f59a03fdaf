#!/usr/bin/env bash
# kill -9 of the daemon at random moments under load: what write(2) returned for is there,
# once and whole. CYCLES=100 by default; a small memtable so that flushes fall in between, and
# rewrites beside.
. "$(dirname "$0")/../lib/mount.sh"
cycles=${CYCLES:-100}
# One process over all cycles. It is told where to begin, says `writing` when the first write
# is acknowledged, writes until the daemon is gone, and says how far it came.
cat >"$WORK/load.py" <<'PY'
import os, sys
for line in sys.stdin:
    first = n = int(line)
    fd = os.open(sys.argv[1] + "/db/write", os.O_WRONLY)
    try:
        while True:
            lines = b"".join(b"m,s=%d v=%di,w=%di %d\n" % (k % 5, k, k * 3, 1700000000000000000 + k * 1000)
                             for k in range(n, n + 20))
            os.write(fd, lines)
            if n == first:
                print("writing", flush=True)
            n += 20
    except OSError:
        pass
    try:
        os.close(fd)
    except OSError:
        pass
    print("acknowledged", n, flush=True)
PY
coproc LOAD { exec python3 "$WORK/load.py" "$MNT"; }
from_load=${LOAD[0]} to_load=${LOAD[1]}
mount_start -o memtable_mb=8
mkdir "$MNT/db"
next=0
writing_cycles=0
# Any blow may fall into a rewrite of all there is.
bash -c 'while [ -d "$0" ]; do echo compact >"$0/mnt/.seriesfs/ctl"; sleep 0.005; done' "$WORK" 2>/dev/null &
rewriter=$!
for cycle in $(seq 1 "$cycles"); do
	pid=$(mount_pid)
	echo "$next" >&"$to_load"
	read -r -t 20 word <&"$from_load" || word=nothing
	[ "$word" = writing ] || { failed "cycle $cycle: the load did not write: $word"; break; }
	sleep "0.0$((RANDOM % 9 + 1))"
	# Nothing said yet: it is in the middle of its writes when the blow falls.
	if read -r -t 0 <&"$from_load"; then failed "cycle $cycle: the load ended before the kill"; break; fi
	kill -9 "$pid"
	read -r -t 20 word acked <&"$from_load" || word=nothing
	[ "$word" = acknowledged ] || { failed "cycle $cycle: the load did not end: $word"; break; }
	[ "$acked" -le $((next + 20)) ] || writing_cycles=$((writing_cycles + 1))
	until is_gone "$pid"; do sleep 0.01; done
	# At once, over the dead mount, as a supervisor would.
	"$SERIESFS" -o memtable_mb=8 "$DATA" "$MNT" 2>>"$WORK/starts" || { failed "cycle $cycle: it did not come back: $(tail -n 2 "$WORK/starts")"; break; }
	got=$(tail -n 1 "$MNT/db/query/select count(v), sum(v), sum(w) from m;.csv" | cut -d, -f3-)
	count=${got%%,*}
	count=${count:-0}
	# Unacknowledged lines may be there too, but only whole and from the one write in flight.
	want="$count,$((count * (count - 1) / 2)),$((3 * count * (count - 1) / 2))"
	if [ "$count" -lt "$acked" ] || [ "$count" -gt $((acked + 20)) ] || [ "$got" != "$want" ]; then
		failed "cycle $cycle: $acked acknowledged, $got found"
		break
	fi
	next=$count
	[ $((cycle % 10)) != 0 ] || echo flush >"$MNT/.seriesfs/ctl"
done
exec {to_load}>&-
kill "$rewriter"
check_equal "every cycle came back with what was acknowledged" 0 "$checks_failed"
# On a busy machine a writer may not have come to its next write.
check "of $cycles blows $writing_cycles fell between writes that went on" test "$writing_cycles" -gt $((cycles / 2))
