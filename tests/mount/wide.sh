#!/usr/bin/env bash
# A measurement of 5,000 fields: a query of one answers, and one field of an old point is written
# anew alone, hot and cold.
. "$(dirname "$0")/../lib/mount.sh"

metric() { sed -n "s/^seriesfs_$1 //p" "$MNT/.seriesfs/metrics"; }
ctl() { echo "$1" >"$MNT/.seriesfs/ctl"; }

# 300 rows of fields of whole numbers that walk, and what Python knows of f0777.
read -r total middle above < <(python3 tests/mount/wide.py "$WORK/wide.lp")
mount_start
mkdir "$MNT/db"
cat "$WORK/wide.lp" >"$MNT/db/write"

# An answer of the last second would be given again: blanks make it another question.
ask() { cat "$MNT/db/query/$(printf "%$((RANDOM % 200))s")$1;.csv?epoch=s" | tail -1; }
answer() { ask "select sum(f0777), count(f0777) from wide"; }
matching() { ask "select count(f0777) from wide where f0777 >= $middle"; }
check_equal "one of 5,000 fields, in memory" "wide,0,$total,300" "$(answer)"
check_equal "compared with a number" "wide,0,$above" "$(matching)"
ctl flush
all=$(metric flush_bytes_total)
check "5,000 fields take less than a byte and a half a value" test "$all" -lt $((300 * 5000 * 3 / 2))

check_equal "one of 5,000 fields, flushed" "wide,0,$total,300" "$(answer)"
check_equal "compared with a number, flushed" "wide,0,$above" "$(matching)"

# One value of an old point. What is flushed of it is that value.
echo 'wide,host=a f0777=1000000i 1700000007000000000' >"$MNT/db/write"
old=$(sed -n 8p "$WORK/wide.lp" | tr ', ' '\n\n' | sed -n 's/^f0777=\(.*\)i$/\1/p')
total=$((total - old + 1000000))
check_equal "a field of an old point has its new value, in memory" "wide,0,$total,300" "$(answer)"
before=$(metric flush_bytes_total)
ctl flush
check "and alone is what is written" test $(($(metric flush_bytes_total) - before)) -lt 200
check_equal "a field of an old point has its new value, flushed" "wide,0,$total,300" "$(answer)"
check_equal "the other fields of the point are as they were" "$(sed -n 8p "$WORK/wide.lp" | sed 's/f0777=[0-9-]*i/f0777=1000000i/')" \
	"$(grep ' 1700000007000000000$' "$MNT/db/autogen/wide,host=a")"

ctl compact
check_equal "one of 5,000 fields, rewritten" "wide,0,$total,300" "$(answer)"
echo 'wide,host=a f0777=2000000i 1700000007000000000' >"$MNT/db/write"
total=$((total + 1000000))
before=$(metric flush_bytes_total)
ctl flush
check "one value over a rewritten shard is written alone" test $(($(metric flush_bytes_total) - before)) -lt 200
check_equal "and stands" "wide,0,$total,300" "$(answer)"
