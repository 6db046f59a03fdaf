#!/usr/bin/env bash
# Files for `influx -import`: headers, statements and contexts are understood by `write`, fields of one
# time that come in lines of their own are one row. InfluxDB, if it is here, answers the same for the
# same file.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
# As influx_inspect export writes: one field a line, all of a series and field together, then the next.
python3 tests/mount/import_export.py >"$WORK/dump"
mkdir "$MNT/noaa"
check "the dump goes in" cp "$WORK/dump" "$MNT/noaa/write"
check_equal "nothing is told" "" "$(cat "$MNT/noaa/errors")"
check_equal "its policies are there" "autogen long" "$(ls "$MNT/noaa" | tr '\n' ' ' | sed 's/ $//')"
ask() { tail -n +2 "$MNT/noaa/query/$1;.csv"; }
check_equal "points of one time are one row" "cpu,1970-01-01T00:00:00Z,600,600,400,600" \
	"$(ask 'select count(usage), count(n), count(ok), count(s) from autogen.cpu' | head -n 1)"
check_equal "of one series" 300 "$(cat "$MNT"/noaa/autogen/2023*/cpu,host=a,region=eu | grep -c ' n=')"
check_equal "each in its policy" "late,1970-01-01T00:00:00Z,1 late,1970-01-01T00:00:00Z,4" \
	"$(ask 'select sum(v) from autogen.late') $(ask 'select sum(v) from long.late')"
check_equal "what looks like a header in a string is text" 606 \
	"$(ask 'select count(s) from long.cpu where s =~ /CONTEXT-DATABASE/' | head -n 1 | cut -d, -f3)"

# In pieces of any size, by any pipe.
mkdir "$MNT/pieces"
check "in small pieces" bash -c "dd if='$WORK/dump' of='$MNT/pieces/write' bs=37 conv=notrunc 2>&1 | grep -v records"
check "it comes to the same" diff -r "$MNT/noaa" "$MNT/pieces"
zcat -f <(gzip -c "$WORK/dump") >"$MNT/pieces/write"
check "and once more changes nothing" diff -r "$MNT/noaa" "$MNT/pieces"

# A hand-written one.
cat >"$WORK/hand" <<'EOT'
# DDL
CREATE DATABASE pirates
CREATE RETENTION POLICY oneday ON pirates DURATION 9000d REPLICATION 1

# DML
# CONTEXT-DATABASE: pirates
# CONTEXT-RETENTION-POLICY: oneday

treasures,captain_id=dread_pirate_roberts value=801 1700000001
# a comment
treasures,captain_id=flint value=29 1700000002
EOT
mkdir "$MNT/pirates"
check "with ?precision" bash -c "cat '$WORK/hand' >'$MNT/pirates/write?precision=s'"
check_equal "its policy is made as told" "duration 9000d" "$(head -n 1 "$MNT/pirates/oneday/.policy")"
check_equal "its points are in it" 2 "$(cat "$MNT"/pirates/oneday/2023*/treasures* | wc -l)"
mkdir "$MNT/pirates/mine"
check "where a policy is named, it is that" bash -c "sed /CREATE/d '$WORK/hand' >'$MNT/pirates/mine/.write?precision=s'"
check_equal "whatever the file says" 2 "$(cat "$MNT"/pirates/mine/2023*/treasures* | wc -l)"

# What cannot be meant.
mkdir "$MNT/bad"
{ cat "$WORK/hand"; printf '# CONTEXT-DATABASE: other\nm v=1\n'; } >"$WORK/two"
check_fails "a second database" "Invalid argument" bash -c "cat '$WORK/two' >'$MNT/bad/write?precision=s'"
check "is told where it begins" grep -q 'line 12: the points of database "pirates" end here, those of "other" begin' "$MNT/bad/errors"
check_equal "what precedes it is there" 2 "$(cat "$MNT"/bad/oneday/2023*/treasures* | wc -l)"
check_fails "a policy that nobody made" "Invalid argument" bash -c "printf '# DML\n# CONTEXT-RETENTION-POLICY: none\nm v=1\n' >'$MNT/bad/write'"
check "is told" grep -q 'line 2: retention policy not found: "none"' "$MNT/bad/errors"
check_fails "statements of other kinds" "Invalid argument" bash -c "printf '# DDL\nDROP DATABASE noaa\n# DML\n' >'$MNT/bad/write'"
check "are told" grep -q 'line 2: an import may make' "$MNT/bad/errors"
check "and did nothing" test -d "$MNT/noaa/autogen"
check_fails "a bad line has its number in the file" "Invalid argument" bash -c "{ cat '$WORK/hand'; echo 'bad line'; } >'$MNT/bad/write?precision=s'"
check "with all headers counted" grep -q 'line 12: ' "$MNT/bad/errors"
check "?skip passes over it" bash -c "{ cat '$WORK/hand'; echo 'worse'; echo 'after v=1 1700000000'; } >'$MNT/bad/write?precision=s&skip=true'"
check "and tells its line" grep -q 'worse' "$MNT/bad/errors"
check_equal "and goes on" 1 "$(cat "$MNT"/bad/oneday/2023*/after | wc -l)"

# The policies of a dump. CREATE DATABASE makes autogen, the default one; others are what DEFAULT says.
mkdir "$MNT/plain" "$MNT/said" "$MNT/broken"
sed 's/RETENTION-POLICY: oneday/RETENTION-POLICY: autogen/' "$WORK/hand" >"$WORK/plain"
check "the default policy of a new database" bash -c "cat '$WORK/plain' >'$MNT/plain/write?precision=s'"
check_equal "is autogen" "autogen oneday" "$(ls "$MNT/plain" | xargs)"
check_equal "and takes the points" 2 "$(cat "$MNT"/plain/autogen/2023*/treasures* | wc -l)"
echo 'later v=1' >"$MNT/plain/write"
check_equal "as all that comes later" later "$(ls "$MNT"/plain/autogen/202* | grep later)"
sed 's/REPLICATION 1/REPLICATION 1 DEFAULT/; /CONTEXT-RETENTION/d' "$WORK/hand" >"$WORK/said"
check "a policy that is said to be the default one" bash -c "cat '$WORK/said' >'$MNT/said/write?precision=s'"
check_equal "takes the points" 2 "$(cat "$MNT"/said/oneday/2023*/treasures* | wc -l)"
check_equal "and is that" "default true" "$(grep default "$MNT/said/oneday/.policy")"
mkdir "$MNT/broken/autogen"
check_fails "a dump that breaks off" "Invalid argument" bash -c "{ cat '$WORK/said'; echo bad; } >'$MNT/broken/write?precision=s'"
check_equal "changes no default" "default false" "$(grep default "$MNT/broken/oneday/.policy")"
echo 'later v=1' >"$MNT/broken/write"
check_equal "which what comes later shows" later "$(ls "$MNT"/broken/autogen/202* | grep later)"

# Of a dump of several databases: policies of those whose points are not in front are passed over.
mkdir "$MNT/several"
printf '%s\n' '# DDL' 'CREATE DATABASE db0' 'CREATE DATABASE db1' 'CREATE RETENTION POLICY short ON db1 DURATION 1h REPLICATION 1 DEFAULT' \
	'CREATE RETENTION POLICY long ON db0 DURATION 9000d REPLICATION 1' '# DML' '# CONTEXT-DATABASE: db0' 'm v=1 1700000000' >"$WORK/several"
check "such a dump goes in" bash -c "cat '$WORK/several' >'$MNT/several/write?precision=s'"
check_equal "with the policies of the first" "autogen long" "$(ls "$MNT/several" | xargs)"
check "and the others are told" grep -q 'passed over: the points are of database "db0"' "$MNT/several/errors"
check_equal "the point is there" 1 "$(cat "$MNT"/several/autogen/2023*/m | wc -l)"
mkdir "$MNT/statements"
check "statements alone" bash -c "sed '/DML/,\$d' '$WORK/hand' >'$MNT/statements/write'"
check_equal "are run at the end" "autogen oneday" "$(ls "$MNT/statements" | xargs)"

# What we list is a dump that goes in again.
mkdir "$MNT/again"
{ echo '# DML'; for rp in autogen long; do echo "# CONTEXT-RETENTION-POLICY:$rp"; cat "$MNT/noaa/$rp"/*/*; done; } >"$WORK/ours"
mkdir "$MNT/again/autogen" "$MNT/again/long"
check "listings with headers go in" cp "$WORK/ours" "$MNT/again/write"
check "and come to the same" diff -r -x .policy "$MNT/noaa" "$MNT/again"

if command -v influxd >/dev/null; then
	python3 tests/mount/import_differ.py "$WORK" "$MNT" >"$WORK/differ" 2>&1
	check_equal "InfluxDB answers the same for the same file" "" "$(head -c 2000 "$WORK/differ")"
fi
