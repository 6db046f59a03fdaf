#!/usr/bin/env bash
# A large line protocol file: in by cat, right in count, sums and groups, out again by rsync.
# ROWS of 100 hosts; `make test` takes a tenth of the 864,000 that the figures are about.
. "$(dirname "$0")/../lib/mount.sh"
steps=${STEPS:-864}
"$TOOLS/gen" 100 "$steps" int >"$WORK/big.lp"
# What must come out, counted from the text itself.
truth=$(awk '{ split($2, f, /[=i,]+/); n++; user += f[2] } END { printf "%d,%d", n, user }' \
	<(sed 's/usage_//g; s/=\([0-9]*\)i/=\1/g; s/ user=/ /' "$WORK/big.lp" | awk '{ split($2, f, ","); print "x u=" f[1] }'))
mount_start
mkdir "$MNT/b"
check "the file goes in" cp "$WORK/big.lp" "$MNT/b/write"
check_equal "count and sum" "$truth" \
	"$(cat "$MNT/b/query/select count(usage_user), sum(usage_user) from cpu;.csv" | tail -n 1 | cut -d, -f3-)"
check_equal "a row for each host" 100 \
	"$(cat "$MNT/b/query/select max(usage_user) from cpu group by hostname;.csv" | tail -n +2 | wc -l)"
check "rsync brings it out" rsync -a "$MNT/b/" "$WORK/out/"
check_equal "every line once" "$((steps * 100))" "$(cat "$WORK"/out/autogen/*/* | wc -l)"
check_equal "the same lines, fields in name order" \
	"$(python3 tests/mount/bulk_written.py "$WORK/big.lp")" "$(cat "$WORK"/out/autogen/*/* | python3 -c '
import hashlib, sys
print(hashlib.md5("\n".join(sorted(sys.stdin.read().splitlines())).encode()).hexdigest())')"

# Two files at once, each with a writer of its own, onto one database and onto two.
sed 's/^[^,]*,/one,/' "$WORK/big.lp" >"$WORK/one.lp"
sed 's/^[^,]*,/two,/' "$WORK/big.lp" >"$WORK/two.lp"
mkdir "$MNT/c" "$MNT/d"
started=$(date +%s%N)
check "one file" cp "$WORK/one.lp" "$MNT/d/write"
single=$(($(date +%s%N) - started))
totals() { # DATABASE MEASUREMENT
	tail -n 1 "$MNT/$1/query/select count(usage_user), sum(usage_user) from $2;.csv" | cut -d, -f3-
}
for databases in "c c" "d d" "c d"; do
	set -- $databases
	started=$(date +%s%N)
	cp "$WORK/one.lp" "$MNT/$1/write" &
	first=$!
	cp "$WORK/two.lp" "$MNT/$2/write" &
	check "two at once into $databases: the first ends" wait $first
	check "and the second" wait $!
	double=$(($(date +%s%N) - started))
	check_equal "the first's count and sum" "$truth" "$(totals "$1" one)"
	check_equal "the second's" "$truth" "$(totals "$2" two)"
	echo "	one alone $((single / 1000000)) ms, two into $databases $((double / 1000000)) ms"
done
check_equal "a hundred series of each" 200 "$(ls "$MNT/c/autogen/"*/ | wc -l)"
