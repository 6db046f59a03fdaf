#!/usr/bin/env bash
# The daemon finds no memory: first its own allocations fail, the n-th, some, or all from there on, while requests run
# (memory.py); then the system has little more than it holds, and queries that need more than that come.
. "$(dirname "$0")/../lib/mount.sh"
here=$(dirname "$0") seconds=${SECONDS_MAX:-18} rounds=${COUNT:-150}
if ! cc -shared -fPIC -O2 -o "$WORK/memory_fail.so" "$here/memory_fail.c" -ldl; then exit 1; fi
truncate -s 32 "$WORK/control"
export MEMORY_FAIL=$WORK/control ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
LD_PRELOAD=$WORK/memory_fail.so mount_start -o cold_seconds=0,reserve_mb=$((1 + ${SEED:-1} % 2))
if python3 "$here/memory.py" "$MNT" "$WORK/control" "${SEED:-1}" "$rounds" $((seconds * 2 / 3)) >"$WORK/out" 2>&1; then passed; else
	failed "requests while allocations fail: SEED=${SEED:-1}"
fi
cat "$WORK/out"
check "the daemon lives" [ -n "$(mount_pid)" ]
mount_stop
# The shadows of a sanitizer are most of its address space, and it ends the process that it refuses memory.
! skipped_sanitized "little address space" || exit 0

rm -rf "$DATA"
mkdir "$DATA"
mount_start -o query_memory_mb=4000,queries_memory_mb=4000,answers_mb=2000
mkdir "$MNT/db"
seq 20000 | sed 's/.*/cpu,host=h&,region=r v=&i,w=2.5 1700000000000000000/' >"$MNT/db/write"
seq 20000 | sed 's/.*/m&,host=h& v=&i 1700000000000000000/' >"$MNT/db/write"
cat >"$WORK/queries" <<'END'
select * from cpu
select * from merge(/.*/)
select first(v) from cpu group by host
show series
show tag values with key = host
select max(v) from (select v from cpu)
select percentile(v, 5), count(distinct(v)) from cpu
select v, w as a, w as b, w as c, w as d, w as e from cpu
select v from cpu order by time desc
END
ask() { while read -r query; do cat "$MNT/db/query/$query;.$1?fresh=1" 2>>"$WORK/problems"; done <"$WORK/queries" | md5sum; }
whole=$(ask csv)
# A heap that it made for them would do for them again.
mount_stop
mount_start -o query_memory_mb=4000,queries_memory_mb=4000,answers_mb=2000
cat "$MNT/db/query/select count(v) from cpu" >/dev/null
pid=$(mount_pid)
vm_kib=$(awk '/^VmSize/ { print $2 }' "/proc/$pid/status")
asked=0 end=$((SECONDS + seconds / 3))
for spare_mb in $(python3 -c "import random; random.seed(${SEED:-1}); print(*[random.randrange(5, 40) for _ in range(1000)])"); do
	[ $SECONDS -lt $end ] && [ $asked -lt $((rounds * 10)) ] || break
	prlimit --pid "$pid" --as=$(((vm_kib + spare_mb * 1024) * 1024)):
	ask csv >/dev/null
	asked=$((asked + $(wc -l <"$WORK/queries")))
done
refused=$(wc -l <"$WORK/problems")
check_equal "nothing but too little memory is told" 0 "$(grep -vcE 'Cannot allocate memory|Disk quota exceeded' "$WORK/problems")"
check "the daemon lives with little memory: SEED=${SEED:-1}" [ "$(mount_pid)" = "$pid" ]
prlimit --pid "$pid" --as=unlimited:
sleep 1
check_equal "and answers when there is some again" "$whole" "$(ask csv)"
echo "memory: $refused of $asked queries were refused for want of memory, the daemon did not end"
mount_stop
