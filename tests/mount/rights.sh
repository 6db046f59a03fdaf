#!/usr/bin/env bash
# What is closed is closed: every statement, by every face of the mount, asked by a stranger about
# what is in a database of mode 0700 and about what is not (rights.py), by members of a group, and
# after chmod.
. "$(dirname "$0")/../lib/mount.sh"
[ "$(id -u)" = 0 ] || { echo "skipped: only root can be others"; exit 0; }
chmod 711 "$WORK"

mount_start
umask 022
mkdir "$MNT/pub" "$MNT/secret" "$MNT/shared" "$MNT/secret/continuous" "$MNT/secret/views" "$MNT/pub/views"
chmod 700 "$MNT/secret"
chgrp 43210 "$MNT/shared"
chmod 750 "$MNT/shared"
chmod 777 "$MNT/pub/views"
echo 'm v=1,s="a" 1700000000s' >"$MNT/pub/write"
for i in 0 1 2; do echo "m$i v=5 1700000000s"; done >"$MNT/shared/write"
chmod 755 "$MNT/shared/autogen" # it was made with the modes of its database
cat >"$MNT/secret/write" <<'END'
m v=1,s="v_here",hidden=1 1700000000s
m,t=v_here,g_here=hidden1 v=2,v_here=2 1700000001s
m_here v=3,s="hidden2" 1700000000s
m_here,t=v_here v=4 1700000002s
END
mkdir "$MNT/secret/p_here"
echo 'm,t=v_here v=1 1700000000s' >"$MNT/secret/p_here/.write"
echo 'select mean(v) into x from m group by time(1h)' >"$MNT/secret/continuous/q_here"
ln -s '../query/show series' "$MNT/secret/views/w_here"
mkdir "$MNT/secret/.snapshot/n_here" "$MNT/pub/.snapshot/s"
echo flush >"$MNT/.seriesfs/ctl"

mkdir "$MNT/pub/open" "$MNT/pub/shut"
echo 'm,t=a v=1 1700000000s' >"$MNT/pub/open/.write"
printf '%s 1700000000s\n' 'shut_m,t=shut v=1' 'm,t=shut v=1,shut_v=1' >"$MNT/pub/shut/.write"
chmod 700 "$MNT/pub/shut"

timeout 300 python3 "$(dirname "$0")/rights.py" "$MNT" query/language/ast.h >"$WORK/tries"
check_equal "every try" 0 $?
cat "$WORK/tries"
