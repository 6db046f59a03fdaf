#!/usr/bin/env bash
# A disk that takes its time over a sync holds up whoever asked for one, and nobody else: while a flush or a
# rewrite waits in fdatasync for as long as the test wants, lines of known and of new series are taken, queries answer,
# names are looked up, databases are made. Told by the order of events: the sync ends after all that, not before.
. "$(dirname "$0")/../lib/mount.sh"
PAGE=$WORK/page
truncate -s 128K "$PAGE"
# page WORD [ARGUMENT]: orders of tests/torture/calls/fail.h
page() {
	python3 tests/mount/slow_disk_times.py "$PAGE" "$@"
}
export FAIL_DIR=$DATA FAIL_PAGE=$PAGE
# Libraries of sanitizers come first in their builds.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
LD_PRELOAD=$PWD/$BUILD/torture/fail.so mount_start -o commit=3600
unset FAIL_DIR FAIL_PAGE
mkdir "$MNT/db"
n=0
line() { n=$((n + 1)) && echo "m,host=$1 v=${n}i $((1700000000 + n))000000000"; }
line first >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"

# go_on WHAT FILES COMMAND…: the command waits in a sync of FILES, and all else goes on
go_on() {
	local what=$1 files=$2
	shift 2
	line "new_$n" >"$MNT/db/write"
	page hold "$files"
	"$@" &
	local waiting=$!
	# Whoever waits for the disk, too, cannot be killed: then the disk answers, and the test fails below.
	(sleep 30 && page go) >/dev/null 2>&1 &
	local guard=$!
	check "$what waits for the disk" page wait
	check "$what: a line of a known series is taken" timeout 60 sh -c "echo '$(line first)' >'$MNT/db/write'"
	n=$((n + 1))
	check "$what: one of a new series" timeout 60 sh -c "echo '$(line "other_$n")' >'$MNT/db/write'"
	n=$((n + 1))
	check "$what: one of a new field, in its file" timeout 60 sh -c "echo 'w$n=1 $((1700000000 + n))000000000' >>'$MNT/db/autogen/m,host=first'"
	check "$what: a query answers" timeout 60 grep -q '^m,' "$MNT/db/query/select count(v) from m limit 1$n"
	check "$what: names are looked up" timeout 60 sh -c "ls -l '$MNT/db/autogen'/* && stat '$MNT/db/autogen/m,host=first' && cat '$MNT/.seriesfs/status'"
	check "$what: a database is made" timeout 60 mkdir "$MNT/made_$n"
	check "$what: and written to" timeout 60 sh -c "echo 'm v=1 1700000000000000000' >'$MNT/made_$n/write'"
	check "$what: all the while it waits" page holds
	check "$what: and has not ended" kill -0 $waiting
	page go
	kill $guard 2>/dev/null
	wait $waiting
	check_equal "$what: then it ends well" 0 $?
}
control() { echo "$1" >"$MNT/.seriesfs/ctl"; }

# Of the first database; one that is made has a sync of its own.
go_on "a flush, in its index" "/db/2/" control flush
go_on "a flush, in the log" "/wal/" control flush
go_on "a flush, in the catalog" "/catalog" control flush
go_on "a flush, in a shard" "/shard/" control flush
go_on "a flush, in the clock" "/clock" control flush
go_on "a rewrite" ".tmp/" control "compact db"
check_equal "all lines are there" "$(grep -c . <(cat "$MNT/db/autogen"/*/*))" "$(cat "$MNT/db/autogen"/*/* | sort -u | wc -l)"
