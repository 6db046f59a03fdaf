#!/usr/bin/env bash
# Data directories that earlier builds have written (tests/fixtures) are read: every point, bit for bit,
# with all names, settings, modes and times; written to, and checked.
. "$(dirname "$0")/../lib/mount.sh"
CHECK=$PWD/$BUILD/seriesfs-check
fixtures=$PWD/tests/fixtures
python3 "$fixtures/points.py" all | sort >"$WORK/lines"
unpack() { # a fixture as $DATA
	what=$(basename "$1" .tar.gz)
	rm -rf "$DATA"
	mkdir "$DATA"
	tar -C "$DATA" -xzf "$1"
	check "$what: is clean" "$CHECK" "$DATA"
}
for tar in "$fixtures"/format*.tar.gz; do
	unpack "$tar"
	mount_start -o ro
	mount_stop
	check_equal "$what: who only reads leaves the format" "seriesfs 1" "$(cat "$DATA/format")"
	mount_start -o cold_seconds=0 2>"$WORK/said"
	check_equal "$what: it opens without a word" "" "$(grep -v "recovered .* from the log" "$WORK/said")"
	check_equal "$what: nothing of it is an error" "" "$(cat "$MNT/db/errors" "$MNT/.seriesfs/errors")"
	check_equal "$what: who writes raises the format" "seriesfs 2" "$(cat "$DATA/format")"
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
	if [ -d "$MNT/db/.snapshot/kept" ]; then
		check_equal "$what: a snapshot" "$(grep -c '^cpu,' "$WORK/lines")" \
			"$(($(tail -n 1 "$MNT/db/.snapshot/kept/query/select count(usage) from cpu;.csv" | cut -d, -f3) + $(python3 "$fixtures/points.py" hot | grep -c '^cpu,')))"
	fi
	echo 'cpu,host=h1 usage=1 1700000001000000000' >"$MNT/db/write"
	echo compact >"$MNT/.seriesfs/ctl"
	check_equal "$what: it goes on, and is rewritten" "$(sort - "$WORK/lines" <<<'cpu,host=h1 usage=1 1700000001000000000' | md5sum)" \
		"$(cat "$MNT"/db/autogen/*/* | sort | md5sum)"
	mount_stop
	check "$what: is clean after it" "$CHECK" "$DATA"
done

# Cold chunks of long series: what is decoded, and what is told by cells, which decode nothing.
python3 "$fixtures/points.py" long | sort >"$WORK/lines"
hours() { # a model of the query below, which judges what it reads
	python3 tests/mount/formats_expected.py "$WORK/lines" "$1"
}
for tar in "$fixtures"/long*.tar.gz; do
	unpack "$tar"
	mount_start -o cold_seconds=0
	check_equal "$what: every point is there" "" "$(cat "$MNT"/db/autogen/*/* | sort | diff - "$WORK/lines" | head -5)"
	for exact in "" "&exact=1"; do
		cat "$MNT/db/query/select count(noise), min(noise), max(noise), first(noise), last(noise), sum(noise), min(dec), max(dec), sum(dec), sum(int), spread(step), count(some) from long where time > 0 and time < 1700100000s group by time(1h), host fill(none);.csv?epoch=s$exact" >"$WORK/answer"
		check "$what: hours are what the rows come to ${exact#&}" hours "$WORK/answer"
	done
	mount_stop
done
check "there are fixtures" test "$(ls "$fixtures"/*.tar.gz | wc -l)" -ge 2

mount_damaged # what is left is newer than the program
# What is newer than this program is refused by name, and nothing of it is touched.
unpack "$fixtures/format1-last.tar.gz"
echo 'seriesfs 3' >"$DATA/format"
before=$(cd "$DATA" && find . -type f ! -name lock -exec md5sum {} + | sort | md5sum)
for options in "-o rw" "-o ro"; do
	check_fails "a newer format is refused ($options)" "is of format 3, and this version knows formats up to 2" "$SERIESFS" $options "$DATA" "$MNT"
done
check_fails "seriesfs-check refuses it" "is of a newer format: 3" "$CHECK" "$DATA"
check_fails "and does not repair it" "is of a newer format: 3" "$CHECK" --repair "$DATA"
check_equal "nothing of it is touched" "$before" "$(cd "$DATA" && find . -type f ! -name lock -exec md5sum {} + | sort | md5sum)"
