#!/usr/bin/env bash
# How a start may be called: every option of an fstab, any of 0, 1, 2 closed, small limits of the machine.
. "$(dirname "$0")/../lib/mount.sh"

# --- options, each alone: taken, and the mount answers ------------------------------------
taken="defaults auto noauto user nouser users nousers owner noowner group nogroup nofail _netdev _rnetdev
nonempty atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime lazytime nolazytime iversion
noiversion nomand silent loud comment=x user=root helper=x uhelper=x x-systemd.automount x-systemd.idle-timeout=10
x-gvfs-show X-mount.mkdir exec noexec suid nosuid dev nodev ro rw sync async dirsync allow_other default_permissions
max_read=4096 max_read=65536 max_read=131072 max_read=1048576 commit=5 landlock=0 setuid=root setuid=0 fsname=x subtype=y"
[ "$(id -u)" = 0 ] || taken=$(echo "$taken" | tr ' ' '\n' | grep -vE '^(suid|dev|setuid=.*)$')
mount_start
mkdir "$MNT/db"
awk 'BEGIN { for (i = 1; i <= 10000; i++) printf "m v=%di 1700000000%09d\n", i, i }' >"$MNT/db/write"
sum=$(md5sum <"$MNT/db/autogen/m")
mount_stop
count=0
for option in $taken; do
	if timeout 20 "$SERIESFS" -o "$option" "$DATA" "$MNT" 2>"$WORK/said"; then
		mountpoint -q "$MNT" || failed "-o $option: a start that succeeded has no mount"
		check_equal "-o $option: the series reads" "$sum" "$(timeout 20 cat "$MNT/db/autogen/m" | md5sum)"
		check_equal "-o $option: nothing is said" "" "$(cat "$WORK/said")"
		count=$((count + 1))
	else
		failed "-o $option was refused: $(cat "$WORK/said")"
	fi
	mount_stop
done
echo "options: $count taken"
check_fails "an empty argument is named" "DATADIR is empty" "$SERIESFS" "" "$MNT"
check_fails "so is the other" "MOUNTPOINT is empty" "$SERIESFS" "$DATA" ""
check_fails "remount says what to do" "a new start" "$SERIESFS" -o remount,ro "$DATA" "$MNT"
for option in max_read= max_read=x max_read=-1 setuid= setuid=nobody-of-that-name nonsense context=none; do
	check_fails "-o $option: refused with words" " " timeout 20 "$SERIESFS" -o "$option" "$DATA" "$MNT"
	check "-o $option: and no mount is left" bash -c "! mountpoint -q '$MNT'"
done
# A line as mount(8) makes it of an fstab.
mount_start -o rw,nosuid,nodev,noexec,relatime,lazytime,group,nonempty,nofail,_netdev,x-systemd.automount,comment=hers
check "the options of a whole fstab line" test -d "$MNT/db"
mount_stop

# --- descriptors: any of the first three may be closed --------------------------------------
for closed in "" "0<&-" "1>&-" "0<&- 1>&-" "2>&-" "0<&- 2>&-" "1>&- 2>&-" "0<&- 1>&- 2>&-"; do
	timeout 20 bash -c "exec $closed; '$SERIESFS' '$DATA' '$MNT'"
	check_equal "closed: ${closed:-none}: it returns, with" 0 $?
	check_equal "closed: ${closed:-none}: the mount answers" "$sum" "$(timeout 20 cat "$MNT/db/autogen/m" | md5sum)"
	mount_stop
	timeout 20 bash -c "exec $closed; '$SERIESFS' '$WORK/nowhere/at/all' '$MNT'" 2>/dev/null
	check_equal "closed: ${closed:-none}: a start that fails says so" 1 $?
	timeout 20 bash -c "exec $closed; '${SERIESFS%/*}/seriesfs-check' '$DATA' >/dev/null" 2>/dev/null
	check_equal "closed: ${closed:-none}: seriesfs-check" 0 $?
done
check_equal "no message of any of them is in a file of the data directory" "" "$(grep -rlE 'recovered|seriesfs:' "$DATA" || true)"

# --- limits: a start works, or says which one is too small -------------------------------------
works() { # of a mount that is there: 40 groups, flushed, read back
	mkdir "$MNT/lim" &&
		seq 0 39 | awk '{ printf "c,n=%d v=1i %d000000000\n", $1, 1500000000 + $1 * 604800 }' >"$MNT/lim/write" &&
		echo flush >"$MNT/.seriesfs/ctl" &&
		[ "$(cat "$MNT/lim/query/select sum(v) from c;.csv?epoch=s")" = "name,time,sum
c,0,40" ] && rm -r "$MNT/lim"
}
for files in 3 8 16 32 48 64 80 100 150 256 1024; do
	if (ulimit -n $files && exec timeout 20 "$SERIESFS" "$DATA" "$MNT") 2>"$WORK/said"; then
		check "$files descriptors: it works" works
		mount_stop
	else
		check_equal "$files descriptors: it says what is too little" 1 "$(grep -c 'descriptors\|Too many open files\|cannot' "$WORK/said")"
		check "$files descriptors: and leaves no mount" bash -c "! mountpoint -q '$MNT'"
	fi
done
check "64 descriptors are enough to start" bash -c "ulimit -n 64 && '$SERIESFS' '$DATA' '$MNT'"
mount_stop
# Threads have a stack of their own size: a small limit is raised, and a large one takes no more. Subqueries go as deep.
deep="select v from lim.autogen.c" shallow=$deep
for _ in $(seq 90); do deep="select v from ($deep)"; done
nests() {
	mkdir "$MNT/lim" && echo "c v=1i 1500000000000000000" >"$MNT/lim/write"
	exec 4<>"$MNT/lim/exec" && echo "$deep" >&4 && [ "$(cat <&4)" = "$(cat "$MNT/lim/query/$shallow;")" ]
	local code=$?
	exec 4>&-
	rm -r "$MNT/lim" && return $code
}
for stack in 64 100 256 8192 1000000 unlimited; do
	check "a stack of $stack KiB: it starts" bash -c "ulimit -Ss $stack && exec timeout 20 '$SERIESFS' '$DATA' '$MNT'"
	check "a stack of $stack KiB: it works" works
	check "a stack of $stack KiB: a query of 91 levels" nests
	# A sanitizer's own maps are no stacks.
	[ "${BUILD##*/}" = build ] || { mount_stop && continue; }
	size=$(awk '/VmSize/ { print $2 }' "/proc/$(mount_pid)/status")
	check "a stack of $stack KiB: threads take little: $size KB" test "$size" -lt 400000
	mount_stop
done
for stack in 64 100 255; do
	check_fails "a hard limit of $stack KiB is told" "seriesfs: a stack of $stack KiB (ulimit -s) is too small: 256 are the least" \
		bash -c "ulimit -s $stack && exec timeout 20 '$SERIESFS' '$DATA' '$MNT'"
	check "a hard limit of $stack KiB leaves no mount" bash -c "! mountpoint -q '$MNT'"
	check_fails "seriesfs-check tells it, too: $stack" "seriesfs-check: a stack of $stack KiB" \
		bash -c "ulimit -s $stack && exec '${SERIESFS%/*}/seriesfs-check' '$DATA'"
done
check "256 KiB are enough to start" bash -c "ulimit -s 256 && '$SERIESFS' '$DATA' '$MNT'"
check "and to work" works
check "and for deep queries" nests
mount_stop
check "and to check" bash -c "ulimit -s 256 && '${SERIESFS%/*}/seriesfs-check' '$DATA'"
# Of a file no more than 64 KiB: the writer hears EFBIG, what was taken stays, the daemon too.
(ulimit -f 64 && exec "$SERIESFS" -o commit=1 "$DATA" "$MNT")
pid=$(mount_pid)
mkdir "$MNT/big"
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "b v=%d.5 1700000000%09d\n", i, i }' >"$WORK/lines"
check_fails "ulimit -f: EFBIG" "File too large" bash -c "while read -r line; do echo \"\$line\" || exit 1; done <'$WORK/lines' >'$MNT/big/write'"
check "ulimit -f: the daemon stays" test -d "/proc/$pid"
taken=$(wc -l <"$MNT/big/autogen/b")
check "ulimit -f: what was taken is there" test "$taken" -gt 0
check_equal "ulimit -f: nothing but that" "$(head -n "$taken" "$WORK/lines" | md5sum)" "$(md5sum <"$MNT/big/autogen/b")"
mount_stop
mount_start 2>/dev/null
check_equal "ulimit -f: and after a restart" "$(head -n "$taken" "$WORK/lines" | md5sum)" "$(md5sum <"$MNT/big/autogen/b")"
(seq 100000 | sed 's/.*/c v=1 &/' >"$MNT/big/write") & # a writer whose reader of errors goes away
cat "$MNT/big/query/select * from b;.csv" | head -1 >/dev/null
wait
check "a reader that goes away ends nothing" test -d "$MNT/big"
