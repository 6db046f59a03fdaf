#!/usr/bin/env bash
# An answer too large to keep is a stream: no offsets, several readers share it as they share a pipe,
# and one that waits holds up nobody and can be killed.
. "$(dirname "$0")/../lib/mount.sh"

mount_start -o query_memory_mb=1,answers_mb=1
mkdir "$MNT/db"
"$TOOLS/gen" 2 60000 int 7 1451865600 10 >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
query="$MNT/db/query/select * from cpu;.csv?epoch=s"
cat "$query" >"$WORK/whole"
check_equal "its size is not known" 0 "$(stat -c %s "$query")"
check "it is large" test "$(stat -c %s "$WORK/whole")" -gt 2000000

exec 3<"$query"
read -r first <&3
read -r second <&3
check_equal "read, line by line" "$(head -n 2 "$WORK/whole")" "$first
$second"
check_equal "and another program goes on there" "$(sed -n 3p "$WORK/whole")" "$(head -n 1 <&3 2>"$WORK/unused")"
exec 3<&-
n=0
while read -r line && [ $n -lt 500 ]; do n=$((n + 1)); last=$line; done <"$query"
check_equal "while read" "$(sed -n 500p "$WORK/whole")" "$last"

# Much at once, then nothing for long: rows that a regex takes its time to refuse.
python3 -c 'for t in range(72000): print("burst s=\"%s\" %d" % ("a" if t < 60000 else "x" * 15, 1700000000 + t))' |
	cat >"$MNT/db/write?precision=s"
slow="$MNT/db/query/select s from burst where s =~ /^a|(x+x+)+y$/;.csv"
timeout 100 python3 tests/mount/stream.py "$query" "$slow" "$WORK/whole" >"$WORK/told" 2>&1
check_equal "as a pipe" "seek ESPIPE ESPIPE
pieces True True
shared True" "$(head -n 3 "$WORK/told")"
check_equal "a reader that waits does not hold the file, and ends when it is killed" "waits True
others ESPIPE
killed -9" "$(sed -n '4,$p' "$WORK/told")"
mount_stop
