#!/usr/bin/env bash
# Whose the data directory is, as whom the daemon serves, and what it gives away.
ON_DISK=1 # the kernel counts what is written to it
. "$(dirname "$0")/../lib/mount.sh"

# --- a directory of somebody else's is refused, by name, and nothing of it changes -----------------
look() { (cd "$1" && find . -printf '%P %y %s %T@\n' | sort && find . -type f -exec md5sum {} +); }
refuses() { # refuses WHAT DIRECTORY MESSAGE
	before=$(look "$2")
	for options in "-o rw" "-o ro"; do
		check_fails "$1 is refused ($options)" "$3" "$SERIESFS" $options "$2" "$MNT"
	done
	check_equal "$1: nothing of it is touched" "$before" "$(look "$2")"
	check "$1: and nothing is mounted" bash -c "! mountpoint -q '$MNT'"
}
home=$WORK/home
mkdir "$home"
echo x >"$home/thesis.txt"
refuses "a home directory" "$home" ""
check_fails "its file is named" "it holds thesis.txt" "$SERIESFS" "$home" "$MNT"
touch "$home/a" "$home/b" "$home/c"
check_fails "of many the rest is counted" "and 1 more" "$SERIESFS" "$home" "$MNT"
# Our names with somebody's files in them: a daemon deletes what is in trash/.
for name in trash db wal shard; do
	mkdir -p "$WORK/foreign.$name/$name"
	echo x >"$WORK/foreign.$name/$name/hers"
	refuses "a directory with $name/hers" "$WORK/foreign.$name" ""
	check_fails "$name is named" "it holds $name" "$SERIESFS" "$WORK/foreign.$name" "$MNT"
done
mkdir "$WORK/foreign.link"
ln -s "$home" "$WORK/foreign.link/trash"
check_fails "a link of one of our names" "it holds trash" "$SERIESFS" "$WORK/foreign.link" "$MNT"
# What file systems and desktops make counts for nothing, and stays.
mkdir "$WORK/disk" "$WORK/disk/lost+found" "$WORK/disk/.snapshots" "$WORK/disk/.Trash-1000"
echo x >"$WORK/disk/lost+found/#12"
echo x >"$WORK/disk/.Trash-1000/old"
touch "$WORK/disk/.nfs000000000001"
theirs=$(look "$WORK/disk" | grep -vE '^ d')
mount_at() { "$SERIESFS" "$@" && mountpoint -q "$MNT"; }
check "a fresh disk is taken" mount_at "$WORK/disk" "$MNT"
mkdir "$MNT/db"
echo 'm v=1 1' >"$MNT/db/write"
mount_stop
check "again" mount_at "$WORK/disk" "$MNT"
mount_stop
check_equal "what is not ours on it is as it was" "$theirs" \
	"$(look "$WORK/disk" | grep -E 'lost|snapshots|Trash|nfs')"
# A first start that died leaves some of our names, and no format.
for left in lock "lock format.new" "lock db shard trash wal" "wal" "catalog.new db"; do
	rm -rf "$WORK/died"
	mkdir "$WORK/died"
	for name in $left; do
		case $name in *.*|lock) : >"$WORK/died/$name" ;; *) mkdir "$WORK/died/$name" ;; esac
	done
	check "a first start that left $left is repeated" mount_at "$WORK/died" "$MNT"
	mount_stop
done
# The wrong way round, and into each other.
mkdir "$WORK/other"
check_fails "swapped arguments" "is a data directory (DATADIR comes first" "$SERIESFS" "$WORK/other" "$WORK/disk"
check_equal "make nothing" "" "$(ls -A "$WORK/other")"
check_fails "a mount point that is not there" "No such file" "$SERIESFS" "$WORK/new" "$WORK/nowhere"
check "makes no data directory" test ! -e "$WORK/new"
check_fails "both the same" "are the same" "$SERIESFS" "$WORK/other" "$WORK/other"
ln -s other "$WORK/alias"
check_fails "by another name, too" "are the same" "$SERIESFS" "$WORK/other" "$WORK/alias"
check_fails "one that would be inside" "lie in each other" "$SERIESFS" "$WORK/other/data" "$WORK/other"
check_equal "is not made" "" "$(ls -A "$WORK/other")"
mount_start
check_fails "a mounted one as data directory" "lies in a mounted one" "$SERIESFS" "$MNT" "$WORK/other"
mount_stop

# --- links: no file of a data directory is one ------------------------------------------------
echo precious >"$WORK/victim"
for name in lock catalog clock wal/00000009 "$(cd "$WORK/disk" && echo db/*/index)"; do
	rm -rf "$WORK/linked"
	cp -a "$WORK/disk" "$WORK/linked"
	ln -sf "$WORK/victim" "$WORK/linked/$name"
	timeout 20 "$SERIESFS" "$WORK/linked" "$MNT" 2>/dev/null && { echo 'm v=2 2' >"$MNT/db/write"; mount_stop; } 2>/dev/null
	check_equal "a link at $name: what it names is as it was" precious "$(cat "$WORK/victim")"
done

# --- what is given away -------------------------------------------------------------------------
mount_start
pid=$(mount_pid)
check_equal "no exec can give it rights" 1 "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$pid/status")"
"$TOOLS/landlock" version >/dev/null 2>&1 && has_landlock=true || has_landlock=false
! skipped_sanitized "Landlock: the reports go to a file that it would close" || has_landlock=false
check_equal "status tells whether it is confined" "$has_landlock" "$(awk '/^confined/ { print $2 }' "$MNT/.seriesfs/status")"
mkdir "$MNT/db"
seq 100 | sed 's/.*/m v=& &/' >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
check "confined it reads time zones" grep -q '1970-01-01T01:00:00.000000001+01:00' "$MNT/db/query/select v from m limit 1 tz('Europe/Berlin');.csv"
mkdir "$MNT/db/.snapshot/s"
check_equal "confined it makes snapshots and reads them" "name,time,count
m,1970-01-01T00:00:00Z,100" "$(cat "$MNT/db/.snapshot/s/query/select count(v) from m")"
rmdir "$MNT/db/.snapshot/s"
helper=$(pgrep -P "$pid" | head -1)
check "one process waits to unmount" test -n "$helper"
mount_stop
for _ in $(seq 100); do is_gone "$helper" && break; sleep 0.02; done
check "unmounted it leaves no process" is_gone "$helper"
mount_start -o landlock=0
check_equal "landlock=0: not confined" false "$(awk '/^confined/ { print $2 }' "$MNT/.seriesfs/status")"
mount_stop

# The end by a signal: nothing mounted, no process, whoever it is.
ends_by() { # ends_by SIGNAL WHAT OPTIONS…
	signal=$1 what=$2
	shift 2
	mount_start "$@"
	pid=$(mount_pid)
	helper=$(pgrep -P "$pid" | head -1)
	exec 5<"$MNT/db/autogen/m"
	kill "-$signal" "$pid"
	for _ in $(seq 500); do is_gone "$pid" && is_gone "$helper" && break; sleep 0.02; done
	check "$what, SIG$signal: the daemon is gone" is_gone "$pid"
	check "$what, SIG$signal: and its helper" is_gone "$helper"
	check "$what, SIG$signal: nothing is mounted" bash -c "! grep -qF ' $MNT ' /proc/mounts"
	exec 5<&-
}
ends_by TERM "as it was started"
ends_by INT "as it was started"
ends_by HUP "as it was started"
mount_start
pid=$(mount_pid)
kill -9 "$(pgrep -P "$pid" | head -1)"
kill "$pid"
for _ in $(seq 500); do is_gone "$pid" && break; sleep 0.02; done
check "without its helper it ends, too" is_gone "$pid"
umount -l "$MNT" 2>/dev/null
mount_start
pid=$(mount_pid)
helper=$(pgrep -P "$pid" | head -1)
kill -9 "$pid"
for _ in $(seq 500); do is_gone "$pid" && is_gone "$helper" && break; sleep 0.02; done
check "kill -9 of the daemon ends the helper" is_gone "$helper"
mount_start
check_equal "and the next start clears what it left" 100 "$(wc -l <"$MNT/db/autogen/m")"
mount_stop

# --- another user ---------------------------------------------------------------------------------
if [ "$(id -u)" != 0 ]; then
	check_fails "setuid= is for root" "only root" "$SERIESFS" -o setuid=root "$DATA" "$MNT"
	echo "SKIPPED setuid=: not root"
	exit
fi
user=nobody uid=$(id -u nobody)
chmod 711 "$WORK"
above=$WORK
while [ "$above" != / ]; do
	[ $((0$(stat -c %a "$above") & 1)) = 1 ] || closed=$above
	above=$(dirname "$above")
done
check_fails "root's directory of nobody" "belongs to nobody" bash -c "mkdir '$WORK/theirs' && chown nobody '$WORK/theirs' && '$SERIESFS' '$WORK/theirs' '$MNT'"
check_fails "what to do is said" "-o setuid=nobody" "$SERIESFS" "$WORK/theirs" "$MNT"
check_fails "a user that is none" "there is no user" "$SERIESFS" -o setuid=no-such-user "$WORK/theirs" "$MNT"
mkdir -m 700 "$WORK/closed"
mkdir "$WORK/closed/data"
chown nobody "$WORK/closed/data"
check_fails "a directory that the user cannot reach" "cannot be used by nobody" "$SERIESFS" -o setuid=nobody "$WORK/closed/data" "$MNT"
if [ -n "${closed:-}" ]; then
	echo "SKIPPED setuid=nobody: $closed is closed to others"
	exit
fi
DATA=$WORK/dropped
mount_start -o setuid=nobody
check_equal "a new data directory is the user's, and closed" "nobody 700" "$(stat -c '%U %a' "$DATA")"
pid=$(mount_pid)
check_equal "all four user numbers are the user's" "$uid $uid $uid $uid" "$(awk '/^Uid/ { print $2, $3, $4, $5 }' "/proc/$pid/status")"
check_equal "all four group numbers, too" 1 "$(awk -v g="$(id -g nobody)" '/^Gid/ { print ($2 == g && $3 == g && $4 == g && $5 == g) }' "/proc/$pid/status")"
check_equal "and the groups" "$(id -G nobody)" "$(awk '/^Groups/ { $1 = ""; print substr($0, 2) }' "/proc/$pid/status")"
check_equal "it has no capability" 0000000000000000 "$(awk '/^CapEff/ { print $2 }' "/proc/$pid/status")"
check_equal "the mount is the user's" nobody "$(stat -c %U "$MNT")"
mkdir "$MNT/db"
seq 100 | sed 's/.*/m v=& &/' >"$MNT/db/write"
echo flush >"$MNT/.seriesfs/ctl"
check_equal "it works" 100 "$(wc -l <"$MNT/db/autogen/m")"
check "others may enter" setpriv --reuid=daemon --regid=daemon --clear-groups ls "$MNT/db/autogen"
check "what was written is counted" grep -q '^seriesfs_disk_bytes_written [1-9]' "$MNT/.seriesfs/metrics"
mount_stop
check_equal "every file is the user's" "" "$(find "$DATA" ! -user nobody)"
ends_by TERM "dropped" -o setuid=nobody
ends_by INT "dropped" -o setuid=nobody
mount_start -o "setuid=$uid"
check_equal "by number" 100 "$(wc -l <"$MNT/db/autogen/m")"
mount_stop
check_fails "without the option root does not take it" "belongs to nobody" "$SERIESFS" "$DATA" "$MNT"
# A copy: the tree may lie where nobody may not look.
install -D "$SERIESFS" "$WORK/bin/seriesfs"
# A daemon of a user from its start, on a mount that mount.fuse3 made for it.
if mount.fuse3 -h 2>&1 | grep -q . ; then
	PATH=$WORK/bin:$PATH timeout 20 mount.fuse3 "seriesfs#$DATA" "$MNT" -o setuid=nobody,drop_privileges,allow_other
	check_equal "mount.fuse3 -o drop_privileges" 100 "$(wc -l <"$MNT/db/autogen/m")"
	umount "$MNT"
	for _ in $(seq 500); do pgrep -f -- "seriesfs $DATA" >/dev/null || break; sleep 0.02; done
	check_equal "its umount ends it" "" "$(pgrep -f -- "seriesfs $DATA")"
fi
# A user who mounts for himself, with a device node that lets him, in a namespace of its own.
cat >"$WORK/user.sh" <<'END'
mkdir "$WORK/dev" && mount -t tmpfs -o mode=755,dev none "$WORK/dev" && mknod "$WORK/dev/fuse" c 10 229 &&
	chmod 666 "$WORK/dev/fuse" && mount --bind "$WORK/dev/fuse" /dev/fuse || exit 77
run() { setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$@"; }
run dd if=/dev/fuse count=0 status=none || exit 77
for signal in TERM INT unmount; do
	run "$SERIESFS" "$DATA" "$MNT" || exit
	pid=$(pgrep -f -- "seriesfs $DATA $MNT\$" | head -1)
	[ "$(run cat "$MNT/db/autogen/m" | wc -l)" = 100 ] || echo "$signal: it does not read"
	grep -q "^NoNewPrivs:.1" "/proc/$pid/status" || echo "$signal: it may gain rights"
	if [ $signal = unmount ]; then run fusermount3 -u "$MNT"; else kill -$signal "$pid"; fi
	for _ in $(seq 500); do [ -d "/proc/$pid" ] || break; sleep 0.02; done
	grep -qF " $MNT " /proc/mounts && echo "$signal: a mount is left"
done
exit 0
END
chown nobody "$MNT"
said=$(WORK=$WORK DATA=$DATA MNT=$MNT SERIESFS=$WORK/bin/seriesfs unshare -m bash "$WORK/user.sh" 2>&1)
if [ $? = 77 ]; then
	echo "SKIPPED a user who mounts: no device node may be made here: $said"
else
	check_equal "a user mounts for himself, and neither SIGTERM, SIGINT nor fusermount3 leaves a mount" "" "$said"
fi
