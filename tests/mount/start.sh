#!/usr/bin/env bash
# Starting and stopping: what is refused with a message, what a dead mount leaves, signals.
. "$(dirname "$0")/../lib/mount.sh"
check "--version" bash -c "'$SERIESFS' --version | grep -q '^seriesfs '"
check "--help" bash -c "'$SERIESFS' --help | grep -q MOUNTPOINT"
check_fails "no arguments" "usage:" "$SERIESFS"
check_fails "an option that is none" "unknown option" "$SERIESFS" -o nonsense=1 "$DATA" "$MNT"
check_fails "a number out of range" "expected a number" "$SERIESFS" -o memtable_mb=0 "$DATA" "$MNT"
check_fails "a mount point that is not there" "No such file" "$SERIESFS" "$DATA" "$WORK/nowhere"
touch "$WORK/file"
check_fails "a mount point that is a file" "file: not a directory" "$SERIESFS" "$DATA" "$WORK/file"
check "and stays one" test -f "$WORK/file"
check_fails "what the kernel refuses" "cannot mount at $MNT" "$SERIESFS" -o context=none "$DATA" "$MNT"
mkdir -p "$DATA/inside"
check_fails "mounting inside the data directory" "refusing" "$SERIESFS" "$DATA" "$DATA/inside"
check_fails "or over it" "refusing" "$SERIESFS" "$DATA" "$DATA"
rmdir "$DATA/inside"
mount_start -o commit=1,query_seconds=30
check "the mount answers when the command returns" mountpoint -q "$MNT"
check "options are shown" grep -q '^query_seconds 30$' "$MNT/.seriesfs/status"
mkdir "$WORK/mnt2"
check_fails "a second daemon" "$(mount_pid)" "$SERIESFS" "$DATA" "$WORK/mnt2"
mkdir "$MNT/db"
echo 'm v=1 1700000000000000000' >"$MNT/db/write"
pid=$(mount_pid)
kill -9 "$pid"
until is_gone "$pid"; do sleep 0.01; done
# While the last threads end, it is "Software caused connection abort".
for _ in $(seq 100); do ls "$MNT" 2>&1 | grep -q 'connection abort' || break; sleep 0.02; done
check_fails "a killed daemon leaves a dead mount" "not connected" ls "$MNT"
mount_start
check_equal "which the next start clears" 1 "$(cat "$MNT/db/autogen/m" | wc -l)"
pid=$(mount_pid)
kill "$pid"
wait_until 20 'is_gone "$pid"'
check_equal "SIGTERM ends it" gone "$(is_gone "$pid" && echo gone)"
check "and unmounts" bash -c "! mountpoint -q '$MNT'"
mount_start -o ro
check_equal "a read-only mount reads" "m v=1 1700000000000000000" "$(cat "$MNT/db/autogen/m")"
check_fails "and does not write" "Read-only file system" mkdir "$MNT/db2"
mount_stop
check_fails "what is not there cannot be read" "No such file or directory" "$SERIESFS" -o ro "$WORK/nothing" "$MNT"
check "and is not made" test ! -e "$WORK/nothing"
mkdir "$WORK/empty"
check_fails "nor an empty directory" "is not a data directory" "$SERIESFS" -o ro "$WORK/empty" "$MNT"
check_equal "which stays empty" "" "$(ls -A "$WORK/empty")"
# A script's background job has SIGINT ignored, which a daemon keeps: one with it, one without.
env --default-signal=INT "$SERIESFS" -f "$DATA" "$MNT" -o rw,nofail,_netdev,x-systemd.automount &
wait_until 20 'mountpoint -q "$MNT"'
check "-f serves in the foreground, and takes what fstab adds" test -d "$MNT/db"
exec 5<"$MNT/db/autogen/m"
kill -INT $!
wait $!
check_equal "SIGINT ends it with 0, files open or not" 0 $?
exec 5<&-
env --ignore-signal=INT "$SERIESFS" -f "$DATA" "$MNT" &
wait_until 20 'mountpoint -q "$MNT"'
kill -INT $!
sleep 0.3
check "started with SIGINT ignored it stays" test -d "$MNT/db"
kill -TERM $!
wait $!
check_equal "SIGTERM ends it with 0" 0 $?
mount_start
check "with open files the data is whole" grep -q 'v=1' "$MNT/db/autogen/m"
