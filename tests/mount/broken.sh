#!/usr/bin/env bash
# Blank, cut and broken texts for everything that takes a text through the mount: each call ends, refused or not, and
# the daemon goes on. (Below the mount: tests/unit/test_broken_text.c.)
. "$(dirname "$0")/../lib/mount.sh"
mount_start -o clock=2026-11-22T10:00:00Z
mkdir "$MNT/db" "$MNT/db/autogen" "$MNT/db/continuous" "$MNT/db/views" "$MNT/db/.snapshot/s"
echo 'm,h=a v=1 2026-11-22T10:00:00Z' >"$MNT/db/write"
check_equal "broken texts end nothing" texts "$(python3 tests/mount/broken.py "$MNT" 2>&1 | tee "$WORK/out" | cut -d' ' -f2-)"
sed 's/^/	/' "$WORK/out"
check "a point is there" grep -q 'v=' "$MNT"/db/autogen/2026*/m,h=a
mount_stop

# Options, of which no start comes as far as a mount.
check_equal "nor do broken options" fine "$(python3 tests/mount/broken_options.py "$SERIESFS" "$DATA" 2>&1)"
