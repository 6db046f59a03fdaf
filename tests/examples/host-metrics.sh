#!/usr/bin/env bash
# The collector runs for some seconds against a real mount, and the questions have answers.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
check "three samples go in" examples/host-metrics "$MNT/host" 3
cpus=$(grep -c '^cpu[0-9]' /proc/stat)
check_equal "a row per cpu and sample" "$((cpus * 3))" \
	"$(cat "$MNT/host/query/select count(idle) from cpu;.csv" | tail -n 1 | cut -d, -f3)"
check "the questions are answered" examples/host-questions "$MNT/host"
examples/host-questions "$MNT/host" >"$WORK/answers" 2>&1
check "busy percent of the first cpu is told" grep -q 'cpu0' "$WORK/answers"
check_equal "total memory is what the kernel says" \
	"$(awk '/MemTotal/ { printf "%.0f\n", $2 * 1024 }' /proc/meminfo)" \
	"$(cat "$MNT/host/query/select last(memtotal) from mem;.csv" | tail -n 1 | cut -d, -f3)"
