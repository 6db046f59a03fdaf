#!/usr/bin/env bash
# autofs mounts at the first access, which waits until the mount answers: only the process group of the
# automounter may enter meanwhile, so a daemon that left it would wait for itself. x-systemd.automount
# goes by the same rule.
. "$(dirname "$0")/../lib/mount.sh"
skip() {
	echo "SKIPPED autofs: $1"
	exit
}
automount=$(command -v automount || echo /usr/sbin/automount)
[ "$(id -u)" = 0 ] || skip "not root"
[ -x "$automount" ] || skip "the package is not installed"
[ -c /dev/autofs ] || skip "the kernel has no /dev/autofs"

# An automounter of our own: its own map, its own lock files, in a mount namespace that ends with it.
mkdir "$WORK/auto" "$WORK/run" "$WORK/sbin"
cat >"$WORK/sbin/mount.fuse.seriesfs" <<END
#!/bin/sh
exec "$SERIESFS" "\$@"
END
chmod 755 "$WORK/sbin/mount.fuse.seriesfs"
echo "db -fstype=fuse.seriesfs,rw,nosuid,commit=1 :$DATA" >"$WORK/auto.map"
echo "$WORK/auto $WORK/auto.map --timeout=2" >"$WORK/auto.master"
cat >"$WORK/script" <<'END'
mount -t tmpfs none /run 2>/dev/null
mkdir -p /run/autofs
# mount(8) looks for its helpers in /sbin: a link there, seen in this namespace alone.
mkdir "$WORK/upper" "$WORK/work"
mount -t tmpfs none "$WORK/run" && mkdir "$WORK/run/upper" "$WORK/run/work" &&
	mount -t overlay none -o "lowerdir=/usr/sbin,upperdir=$WORK/run/upper,workdir=$WORK/run/work" /usr/sbin ||
	{ echo "SKIPPED: no overlay"; exit 77; }
cp "$WORK/sbin/mount.fuse.seriesfs" /usr/sbin/
"$automount" -f -p "$WORK/auto.pid" "$WORK/auto.master" 2>"$WORK/automount.log" &
daemon=$!
# Who waits for a mount that does not come waits in the kernel, and is let go when the automounter ends.
(
	sleep 60
	echo "ended: something waited for a minute"
	kill -9 $daemon
	pkill -9 -f "^[^ ]*seriesfs $DATA $WORK/auto/db"
) &
watch=$!
for _ in $(seq 100); do grep -q " $WORK/auto autofs " /proc/mounts && break; sleep 0.05; done
grep -q " $WORK/auto autofs " /proc/mounts || { echo "SKIPPED: automount did not start"; kill $watch $daemon; exit 77; }
timeout -s KILL 20 mkdir "$WORK/auto/db/mydb" && echo "first access"
echo 'm v=1 1' >"$WORK/auto/db/mydb/write" && echo "written"
timeout -s KILL 20 cat "$WORK/auto/db/mydb/autogen/m"
# It goes by itself when nobody looks, and comes back.
for _ in $(seq 200); do grep -q " $WORK/auto/db fuse.seriesfs" /proc/mounts || break; sleep 0.1; done
grep -q " $WORK/auto/db fuse.seriesfs" /proc/mounts || echo "expired"
timeout -s KILL 20 cat "$WORK/auto/db/mydb/autogen/m"
pid=$(pgrep -f -- "seriesfs .*$WORK/auto/db" | head -1)
[ "$(ps -o sid= -p "$pid" | tr -d ' ')" = "$pid" ] && echo "a session of its own"
# Two at once: one mount.
umount "$WORK/auto/db"
for _ in 1 2 3 4; do timeout -s KILL 20 cat "$WORK/auto/db/mydb/autogen/m" & done | sort -u
grep -c " $WORK/auto/db fuse.seriesfs" /proc/mounts
kill $watch $daemon
wait $daemon
grep -q " $WORK/auto/db " /proc/mounts || echo "all unmounted"
END
# Into a file: a daemon that hangs would keep a pipe open.
automount=$automount WORK=$WORK DATA=$DATA timeout 100 unshare -m bash "$WORK/script" >"$WORK/said" 2>&1
code=$?
said=$(cat "$WORK/said")
[ $code != 77 ] || skip "$(echo "$said" | tail -1)"
check_equal "the first access, the expiry, the next one, four at once, the end" "first access
written
m v=1 1
expired
m v=1 1
a session of its own
m v=1 1
1
all unmounted" "$said"
[ "$checks_failed" = 0 ] || sed 's/^/	/' "$WORK/automount.log" | tail -20
