#!/usr/bin/env bash
# The table of fs/nodes/tree.def, walked through a mount: each kind of name, each call, the errno that
# the table promises; where it says 0, the call is not refused with EPERM or ENOSYS by the table.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
python3 tests/mount/calls_walk.py "$MNT" "$PWD/fs/nodes/tree.def" >"$WORK/walk.out" 2>&1
walk=$(tail -n 1 "$WORK/walk.out")
checks_passed=$((checks_passed + ${walk%% *}))
check_equal "every kind answers every call as the table says" 0 "${walk##* }"
grep -vE '^[0-9]+ [0-9]+$' "$WORK/walk.out" | head -40
