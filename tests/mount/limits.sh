#!/usr/bin/env bash
# What a query may cost, and that a large answer streams.
. "$(dirname "$0")/../lib/mount.sh"

# asks WHAT ERRNO WORDS QUERY: through a path and through exec, and `errors` tells why
asks() {
	check_fails "$1: a path" "$2" cat "$MNT/db/query/$4;.csv?fresh=1"
	check "$1: errors of the path" grep -qF -- "$3" "$MNT/db/errors"
	: >"$MNT/db/errors"
	check_equal "$1: exec" "$2" "$(ask "$4")"
	check "$1: errors of exec" grep -qF -- "$3" "$MNT/db/errors"
	: >"$MNT/db/errors"
}

# The error of a write to exec, "" = none.
ask() {
	python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
try:
    os.write(fd, sys.argv[2].encode() + b"\n")
except OSError as error:
    print(error.strerror)' "$MNT/db/exec" "$1"
}

mount_start -o query_buckets=1000,query_series=5,query_points=18000,query_seconds=2,query_memory_mb=1,query_bytes=400000,streams_max=1
mkdir "$MNT/db"
for host in 1 2 3 4 5 6; do
	seq 0 3999 | sed "s/.*/m,h=$host v=&,s=\"a string of the row &\" &000000000/"
done >"$WORK/points"
cat "$WORK/points" >"$MNT/db/write"
seq 0 7999 | sed 's/.*/wide s="a string of the row &, and some more of it",s2="another of the row &, and some more of it" &000000000/' >"$MNT/db/write"
echo 'narrow v=1 0' >"$MNT/db/write"

quota="Disk quota exceeded" long="Message too long"
asks buckets "$quota" "max-select-buckets limit exceeded: (1001/1000)" \
	"select mean(v) from m where h = '1' and time >= 0 and time < 4000s group by time(1s)"
asks "empty buckets" "$quota" "max-select-buckets limit exceeded: (1001/1000)" \
	"select mean(v) from m where h = '1' and time >= 0 and time < 400000s group by time(10s)"
echo 'sparse,h=1 v=1 0
sparse,h=2 v=1 0
sparse,h=3 v=1 0' >"$MNT/db/write"
asks "empty buckets of all groups together" "$quota" "max-select-buckets limit exceeded: (1001/1000)" \
	"select mean(v) from sparse where time >= 0 and time < 400s group by time(1s), h"
check_equal "and just under it" 997 \
	"$(wc -l <"$MNT/db/query/select mean(v) from sparse where time >= 0 and time < 332s group by time(1s), h")"
asks series "$quota" "max-select-series limit exceeded: (6/5)" "select mean(v) from m where h != '7'"
asks "series of SHOW" "$quota" "more series than one statement may touch" "show tag values with key = h"
asks points "$quota" "max-select-point limit exceeed: (" \
	"select count(v) from m where h != '6'"
asks memory "$quota" "the query needs more than its 1048576 bytes of memory" \
	"select mode(s), count(distinct(s)) from m where h != '5' and h != '6'"
asks "a subquery's memory" "$quota" "the query needs more than its 1048576 bytes of memory" \
	"select max(v) from (select v, s, s as s2 from m where h != '5' and h != '6')"
asks "a join's memory" "$quota" "the query needs more than its 1048576 bytes of memory" \
	"select x.s, x.s2, y.v from wide as x inner join narrow as y"
asks depth "$quota" "more than 100 brackets within brackets" \
	"select v from m where $(printf '(%.0s' $(seq 120))v > 1$(printf ')%.0s' $(seq 120))"
check_equal "just under the buckets" 1001 \
	"$(wc -l <"$MNT/db/query/select mean(v) from m where h = '1' and time >= 0 and time < 1000s group by time(1s)")"
check_equal "just under the series" 2 "$(wc -l <"$MNT/db/query/select mean(v) from m where h != '6' and time < 3000s")"

# A series of a subquery costs what its rows, its keys and its groups cost: 2,000 of them in 3 MiB.
mkdir "$MNT/many"
seq 2000 | sed 's/.*/m,h=& v=& 0/' >"$MNT/many/write"
mount_stop
mount_start -o query_memory_mb=3
check_equal "many series of a subquery" "m,1970-01-01T00:00:00Z,2000" \
	"$(tail -n 1 "$MNT/many/query/select max(mean) from (select mean(v) from m group by h)")"
check_equal "LIMIT ends what fill() would make up to now" "m,1970-01-01T00:00:00Z,1000.5 m,1970-01-01T00:00:01Z," \
	"$(tail -n 2 "$MNT/many/query/select mean(v) from m where time >= 0 group by time(1s) limit 2" | paste -sd' ')"
mount_stop
mount_start -o query_buckets=1000,query_series=5,query_points=18000,query_seconds=2,query_memory_mb=1,query_bytes=400000,streams_max=1

# Deep and long statements end: at a limit, or with their answer.
check_equal "statements of 100,000 parts" "$(printf '%s\n' fields names calls sources groups keys conditions brackets)" \
	"$(python3 tests/mount/limits_huge.py "$MNT/huge/exec" "$MNT/huge")"

mount_stop
mount_start -o query_points=18000,query_seconds=2,query_memory_mb=1,query_bytes=4000,streams_max=1
text="select v from m where h = '1' $(printf "or h = '1' %.0s" $(seq 400))"
check_equal "length of a request" "$long" "$(ask "$text")"
check_equal "length of a request in pieces" "$long" \
	"$(for i in $(seq 3); do printf '%s ' "$text"; done | dd bs=1000 status=none 2>"$WORK/dd" of="$MNT/db/exec" conv=notrunc
	grep -o "$long" "$WORK/dd")"
check_equal "a request of the length allowed" "" "$(ask "select v from m where h = '1' $(printf "or h = '1' %.0s" $(seq 300)) limit 1")"

# A line over line_bytes, whole in one write and in two.
mount_stop
mount_start -o line_bytes=2000,query_points=18000,query_seconds=2,query_memory_mb=1,query_bytes=4000,streams_max=1
check_equal "length of a line" "2001 11 $long 11 1000 $long 11" "$(python3 tests/mount/limits_line.py "$MNT/db/write")"
check "is told" grep -qF "a line of more than 2000 bytes" "$MNT/db/errors"
check "?skip=true passes over it" bash -c "printf 'length s=\"%2001d\" 1\nlength v=5 2\n' 7 >'$MNT/db/write?skip=true'"
check_equal "and takes the rest" "length v=5 2" "$(grep -h v=5 "$MNT"/db/autogen/*/length)"

# An answer over query_memory_mb: exec refuses it, a path streams it, streams_max at once.
large="select v, s as a, s as b, s as c, s as d, s as e, s as f, s as g from m where h != '5' and h != '6'"
check_equal "an answer too large for exec" "$quota" "$(ask "$large")"
check "its words" grep -qF "an answer of more than 1 MiB" "$MNT/db/errors"
check_equal "a stream is whole" 16001 "$(cat "$MNT/db/query/$large" | wc -l)"
check_equal "its size is not known" 0 "$(stat -c %s "$MNT/db/query/$large;.json")"
check_equal "it begins at once, one at a time, and no reader may sleep for longer than a query may run" \
	"time,v,a / Disk quota exceeded / Disk quota exceeded" "$(python3 tests/mount/limits_streams.py "$MNT/db/query/" "$large")"
check "the words of streams" grep -qF "more than 1 answers over query_memory_mb are read at once" "$MNT/db/errors"
check "the words of time" grep -qF "query-timeout limit exceeded" "$MNT/db/errors"
check "the mount answers" test -d "$MNT/db/autogen"
mount_stop
