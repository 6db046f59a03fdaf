#!/bin/sh
# Many series and many points: what is counted is work and memory, not time.
. "$(dirname "$0")/../lib/mount.sh"

# metric NAME: its value now
metric() { sed -n "s/^seriesfs_$1 //p" "$MNT/.seriesfs/metrics"; }

# --- a stat formats nothing --------------------------------------------------------
mount_start
mkdir "$MNT/db"
"$TOOLS/gen" 50 200 dec2 >"$WORK/dec2.lp"
cat "$WORK/dec2.lp" >"$MNT/db/write"
printf '%s\n' 'm,s=a\ b x=1e21,t="a \"b\" \\ c",b=true 5' 'm,s=a\ b x=-0.25 -7' 'm,s=a\ b i=-3i 99' >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
mount_stop
mount_start
sizes=$(find "$MNT/db/autogen/" -mindepth 2 -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
check_equal "sizes of flushed series are known without decoding" 0 "$(metric chunks_decoded_total)"
check_equal "and are exact" "$(cat "$MNT"/db/autogen/*/* | wc -c)" "$sizes"
# The kernel asks once more and more until it hears that there are none.
check_fails "there are no ACLs" "Operation not supported" getfattr -n system.posix_acl_access "$MNT/db"
check_fails "nor capabilities" "Operation not supported" getfattr -n security.capability "$MNT/db/autogen"
