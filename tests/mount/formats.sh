#!/usr/bin/env bash
# Data directories that earlier builds have written (tests/fixtures) are read: every point, bit for bit,
# with all names, settings, modes and times; written to, and checked.
. "$(dirname "$0")/../lib/mount.sh"
CHECK=$PWD/$BUILD/seriesfs-check
fixtures=$PWD/tests/fixtures
python3 "$fixtures/points.py" all | sort >"$WORK/lines"
for tar in "$fixtures"/*.tar.gz; do
	what=$(basename "$tar" .tar.gz)
	rm -rf "$DATA"
	mkdir "$DATA"
	tar -C "$DATA" -xzf "$tar"
	check "$what: is clean" "$CHECK" "$DATA"
	mount_start -o cold_seconds=0
	check_equal "$what: every point is there" "" "$(cat "$MNT"/db/autogen/*/* | sort | diff - "$WORK/lines" | head -5)"
	check_equal "$what: sizes are exact" "$(cat "$MNT"/db/autogen/*/* | wc -c)" \
		"$(find "$MNT/db/autogen" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')"
	check_equal "$what: a query counts the same" "$(grep -c '^cpu,' "$WORK/lines")" \
		"$(tail -n 1 "$MNT/db/views/count.csv" | cut -d, -f3)"
	check_equal "$what: and adds the same" "$(grep '^cpu,' "$WORK/lines" | sed 's/.*usage=\([^ ]*\) .*/\1/' | awk '{ sum += $1 * 10 } END { print sum }')" \
		"$(tail -n 1 "$MNT/db/query/select sum(usage) * 10 from cpu" | cut -d, -f3 | awk '{ printf "%.0f", $1 }')"
	check_equal "$what: databases, policies, queries, views" ".policy autogen continuous count.csv db empty hourly views year" \
		"$(cd "$MNT" && find . -mindepth 1 ! -path './db/autogen/*' -printf '%f\n' | sort | tr '\n' ' ' | sed 's/ $//')"
	check_equal "$what: a policy's settings" "duration 52w shard_duration 1d" "$(head -n 2 "$MNT/db/year/.policy" | tr '\n' ' ' | sed 's/ $//')"
	check_equal "$what: modes" 750 "$(stat -c %a "$MNT/db")"
	check_equal "$what: times" "2024-02-01 2024-02-01 2024-01-01" \
		"$(stat -c %y "$MNT/db" "$MNT/empty" "$MNT/db/autogen/2023-11-13--2023-11-20/cpu,host=h1" | cut -d' ' -f1 | tr '\n' ' ' | sed 's/ $//')"
	echo 'cpu,host=h1 usage=1 1700000001000000000' >"$MNT/db/write"
	echo compact >"$MNT/.seriesfs/ctl"
	check_equal "$what: it goes on, and is rewritten" "$(sort - "$WORK/lines" <<<'cpu,host=h1 usage=1 1700000001000000000' | md5sum)" \
		"$(cat "$MNT"/db/autogen/*/* | sort | md5sum)"
	mount_stop
	check "$what: is clean after it" "$CHECK" "$DATA"
done
check "there are fixtures" test "$(ls "$fixtures"/*.tar.gz | wc -l)" -ge 2
