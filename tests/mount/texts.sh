#!/usr/bin/env bash
# Texts as editors on Windows write them: lines that end in CRLF, and a byte order mark in front, are taken in
# everything that is read. Both are no part of a name, of a value or of a statement.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db" "$MNT/db/autogen" "$MNT/db/continuous"
mark=$(printf '\xef\xbb\xbf')
ask() { tail -n +2 "$MNT/db/query/$1;.csv"; }

printf '%sm,t=a v=1,s="x" 1s\r\n# a comment\r\n\r\nm,t=a v=2,s="two\r\nlines" 2s\r\nm,t=a b=true\r\n' "$mark" >"$MNT/db/write"
check_equal "lines of write go in" 0 $?
check_equal "the names are as typed" "m,t=a" "$(ls "$MNT"/db/autogen/1969*)"
check_equal "a CR within a string stays" "two\r\nlines" "$(ask 'select s from m where v = 2' | od -An -c | tr -d ' \n' | sed 's/.*,"\(.*\)".*/\1/')"
check_equal "a value at the end has no CR" true "$(ask 'select b from m' | cut -d, -f3)"
check_equal "nothing is told" "" "$(cat "$MNT/db/errors")"
exec 3>"$MNT/db/write"
for byte in '\xef' '\xbb' '\xbf' 'o v=1 1s\r' '\n'; do printf "$byte" >&3; done
printf '%sn v=1 1s\n' "$mark" >&3
exec 3>&-
check_equal "a mark comes in pieces, and only once" "o" "$(ls "$MNT"/db/autogen/1969* | grep '^o')"
check_equal "in the midst of a file it is a letter as any" 1 "$(ls "$MNT"/db/autogen/1969* | grep -c "^${mark}n")"
printf '%sm,t=a v=5 5s' "$mark" >"$MNT/db/autogen/m,t=a"
printf '%s6.5 6s\r\nv=7 7s\r\n' "$mark" >>"$MNT/db/autogen/m,t=a"
check_equal "a series file takes them" "5 7" "$(ask 'select v from m where time >= 5s' | cut -d, -f3 | xargs)"
check_equal "in the short form, too" "6.5" "$(ask 'select value from m' | cut -d, -f3)"
group=$(echo "$MNT"/db/autogen/1969*)
printf '%ssc v=1 1s\r\nsc v=2 2s\r\n' "$mark" >"$group/.sc.tmp"
check "a file is put in the place of a series" mv "$group/.sc.tmp" "$group/sc"
check_equal "with its points" "sc v=1 1000000000 sc v=2 2000000000" "$(xargs <"$group/sc")"

mkdir "$MNT/dump"
printf '%s# DDL\r\nCREATE DATABASE d\r\n# DML\r\n# CONTEXT-DATABASE: d\r\n# CONTEXT-RETENTION-POLICY: autogen\r\nm v=1 1\r\n' "$mark" >"$MNT/dump/write"
check_equal "a dump" "m v=1 1" "$(cat "$MNT"/dump/autogen/*/m)"

printf '%sduration 9000d\r\nshard_duration 7d\r\n' "$mark" >"$MNT/db/autogen/.policy"
check_equal "settings" "duration 9000d" "$(head -n 1 "$MNT/db/autogen/.policy")"
printf '%sselect mean(v) into "m5" from m\r\ngroup by time(5m)\r\n' "$mark" >"$WORK/query"
check "a continuous query" cp "$WORK/query" "$MNT/db/continuous/q"
exec 3<>"$MNT/db/exec"
printf '%sselect v from m where time = 1s\r\n' "$mark" >&3
check_equal "a statement" "m,1970-01-01T00:00:01Z,1" "$(tail -n +2 <&3)"
printf 'show continuous queries\r\n' >&3
check_equal "which sees the query" 1 "$(grep -c 'mean(v)' <&3)"
exec 3>&-
check "a word of ctl" bash -c "printf '%sflush\r\n' '$mark' >'$MNT/.seriesfs/ctl'"
check "with arguments" bash -c "printf 'compact db autogen\r\n' >'$MNT/.seriesfs/ctl'"
check_equal "all goes out as it came" "m,t=a b=true" "$(cat "$MNT"/db/autogen/2*/m,t=a | cut -d' ' -f1,2)"
mount_end
