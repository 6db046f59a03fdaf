# A mount for a test, and the words to judge with. Source it first:
#
#	. "$(dirname "$0")/../lib/mount.sh"
#	mount_start                     # $MNT over $DATA, both in $WORK; options: mount_start -o commit=0
#	wait_until 10 '[ -e "$MNT/db/autogen" ]'
#	check "cat answers" grep -q 5 "$MNT/db/query/select mean(v) from m"
#	check_equal "size" 12 "$(stat -c %s "$MNT/db/autogen/m")"
#	check_fails "rmdir of a full directory" "Directory not empty" rmdir "$MNT/db"
#
#	mount_damaged                   # what is left is not to be whole
#	skipped_sanitized "RSS" || check "it is small" [ "$rss" -lt 100 ]
#
# Each check counts; the script ends with `N passed, N failed` and its exit code.
# Whatever happens, the mount is gone and $WORK removed at the end.

set -u
BUILD=${BUILD:-build}
SERIESFS=${SERIESFS:-$PWD/$BUILD/seriesfs}
TOOLS=${TOOLS:-$PWD/$BUILD/tools}
# A test that asks the kernel what reached a disk sets ON_DISK=1 before: TMPDIR may be memory.
[ -z "${ON_DISK:-}" ] || TMPDIR=${DISK_TMPDIR:-/var/tmp}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/seriesfs-test.XXXXXX")
MNT=$WORK/mnt
DATA=$WORK/data
checks_passed=0
checks_failed=0
mkdir -p "$MNT" "$DATA"
export LC_ALL=C.UTF-8

# The daemon that serves $MNT, by its command line: only ours carries this path.
mount_pid() { pgrep -f -- "seriesfs .*$MNT\$" | head -1; }

# Ended, though perhaps nobody has asked for its exit code yet.
is_gone() { [ -z "$1" ] || ! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null; }

mount_start() {
	if ! "$SERIESFS" "$@" "$DATA" "$MNT"; then
		echo "FAILED: the mount did not start"
		checks_failed=$((checks_failed + 1))
		exit 1
	fi
}

# wait_until SECONDS 'SHELL WORDS': until they succeed, which they need not; what comes next judges
wait_until() {
	local end=$((SECONDS + $1 + 1)) words=$2
	until eval "$words"; do
		[ $SECONDS -lt $end ] || return 0
		sleep 0.02
	done >/dev/null 2>&1
}

# Unmount and wait until the daemon has written everything and is gone.
mount_stop() {
	pid=$(mount_pid)
	fusermount3 -u "$MNT" 2>/dev/null || umount "$MNT" 2>/dev/null || umount -l "$MNT" 2>/dev/null
	wait_until 600 'is_gone "$pid"'
}

mount_kill9() {
	pid=$(mount_pid)
	[ -n "$pid" ] && kill -9 "$pid"
	while ! is_gone "$pid"; do sleep 0.01; done
	fusermount3 -u "$MNT" 2>/dev/null || umount -l "$MNT" 2>/dev/null
}

passed() { checks_passed=$((checks_passed + 1)); }
failed() {
	checks_failed=$((checks_failed + 1))
	echo "FAILED: $1"
}

# check WHAT COMMAND…: the command succeeds
check() {
	check_what=$1
	shift
	if "$@" >"$WORK/check.out" 2>&1; then passed; else
		failed "$check_what"
		sed 's/^/	/' "$WORK/check.out" | head -20
	fi
}

# check_equal WHAT EXPECTED ACTUAL
check_equal() {
	if [ "$2" = "$3" ]; then passed; else
		failed "$1"
		printf '	expected: %s\n	got:      %s\n' "$2" "$3" | head -40
	fi
}

# check_fails WHAT MESSAGE COMMAND…: fails, and stderr holds MESSAGE (as strerror spells it)
check_fails() {
	check_what=$1 check_message=$2
	shift 2
	if "$@" >"$WORK/check.out" 2>&1; then
		failed "$check_what: succeeded, $check_message was expected"
	elif grep -qF -- "$check_message" "$WORK/check.out"; then passed; else
		failed "$check_what: $check_message was expected"
		sed 's/^/	/' "$WORK/check.out" | head -20
	fi
}

# skipped_sanitized WHAT: true, and tells it, in a build whose sanitizer takes the sense of what follows
skipped_sanitized() {
	[ -n "${SANITIZE:-}" ] || return 1
	echo "SKIPPED under $SANITIZE: $1"
}

# Says that the script damages $DATA on purpose: else seriesfs-check must find nothing in it at the end.
mount_damaged() { data_is_damaged=1; }
data_is_damaged=0

mount_end() {
	code=$?
	trap - EXIT
	[ -z "$(mount_pid)" ] && ! mountpoint -q "$MNT" 2>/dev/null || mount_stop
	pid=$(mount_pid)
	[ -z "$pid" ] || kill -9 "$pid"
	umount -l "$MNT" 2>/dev/null
	if [ -e "$DATA/format" ] && [ $data_is_damaged = 0 ]; then
		check "seriesfs-check finds no damage in what the test leaves" "$PWD/$BUILD/seriesfs-check" "$DATA"
	fi
	rm -rf "$WORK"
	[ $code = 0 ] || [ $checks_failed -gt 0 ] || { echo "FAILED: exit code $code"; checks_failed=1; }
	echo "$checks_passed passed, $checks_failed failed"
	[ $checks_failed = 0 ]
	exit
}
trap mount_end EXIT
trap 'exit 130' INT TERM
