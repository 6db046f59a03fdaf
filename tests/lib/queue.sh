# Tests that run several at a time, each with directories of its own. Source it, after $WORK_ALL was made:
#
#	queue_start                     # an empty queue in $WORK_ALL
#	queue_add bash tests/mount/first.sh
#	queue_run                       # $JOBS at a time; those with a line `# ALONE: why` at the end, one by one
#	queue_sum                       # `N passed, N failed`, and whether none failed
#
# A test's last line says `N passed, N failed`, one that begins with SKIPPED what it did not try. What it has to say
# is printed when it ends, in one piece. It may use $TMPDIR, which is its own and goes with it.

# A test that has not ended by then hangs.
export TEST_SECONDS_MAX=${TEST_SECONDS_MAX:-$([ -z "${SANITIZE:-}" ] && echo 600 || echo 2400)}

queue_start() {
	rm -rf "$WORK_ALL"/{counts,tmp,reports}
	mkdir "$WORK_ALL/counts" "$WORK_ALL/tmp" "$WORK_ALL/reports"
	queue_together=() queue_alone=() queue_count=0
}

queue_add() {
	queue_count=$((queue_count + 1))
	if [[ $2 == *.sh ]] && grep -q '^# ALONE: ' "$2"; then
		queue_alone+=("$queue_count $*")
	else
		queue_together+=("$queue_count $*")
	fi
}

# No word of a test's command has a blank in it.
queue_run() {
	[ ${#queue_together[@]} = 0 ] ||
		printf '%s\n' "${queue_together[@]}" | xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'queue_one {}'
	[ ${#queue_alone[@]} = 0 ] || printf '%s\n' "${queue_alone[@]}" | xargs -I{} bash -c 'queue_one {}'
}

# queue_one NUMBER COMMAND TEST…
queue_one() {
	local number=$1 name=$3 start=$SECONDS code line p f report
	local output=$WORK_ALL/$number.out reports=$WORK_ALL/reports/$number
	shift
	export TMPDIR=$WORK_ALL/tmp/$number
	mkdir "$TMPDIR"
	mkdir -m 1777 "$reports" # a daemon that became another user has something to say, too
	export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99:log_path=$reports/sanitizer}"
	export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1:log_path=$reports/sanitizer}"
	export LSAN_OPTIONS="${LSAN_OPTIONS:-suppressions=$PWD/tests/lib/lsan.supp:print_suppressions=0}"
	export TSAN_OPTIONS="${TSAN_OPTIONS:-exitcode=98:die_after_fork=0:suppressions=$PWD/tests/lib/tsan.supp:log_path=$reports/sanitizer}"
	timeout -k 30 "$TEST_SECONDS_MAX" "$@" >"$output" 2>&1 </dev/null
	code=$?
	line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$output" | tail -n 1)
	p=${line%% passed*}
	f=$(echo "$line" | sed 's/.*, \([0-9]*\) failed.*/\1/')
	[ -n "$line" ] || { p=0 f=1; }
	[ $code = 0 ] || [ "${f:-0}" -gt 0 ] || f=1
	for report in "$reports"/sanitizer.*; do
		[ -e "$report" ] || continue
		f=$((f + 1))
		{ echo "sanitizer report:" && head -n 60 "$report"; } >>"$output"
	done
	[ $code != 124 ] || echo "FAILED: it had not ended after $TEST_SECONDS_MAX s" >>"$output"
	[ "$f" = 0 ] || echo "repeat: ${SEED:+SEED=$SEED }${COUNT:+COUNT=$COUNT }${SECONDS_MAX:+SECONDS_MAX=$SECONDS_MAX }$*" >>"$output"
	echo "$p $f" >"$WORK_ALL/counts/$number"
	{
		flock 9
		printf '%-44s %5s passed %3s failed %4ds\n' "$name" "$p" "$f" $((SECONDS - start))
		grep -a '^SKIPPED' "$output" | tee -a "$WORK_ALL/skipped" | sed 's/^/    /'
		# What a search has found out, as `states: 312 crash states, 0 failed`.
		[[ $name != tests/torture/* ]] || grep -aE '^[a-z0-9_]+: [0-9]' "$output" | tee -a "$WORK_ALL/figures" | sed 's/^/    /'
		[ "$f" = 0 ] || grep -avE '^([0-9]+ passed|SKIPPED)' "$output" | tail -n 60 | sed 's/^/    /'
	} 9>>"$WORK_ALL/lock"
	rm -rf "$TMPDIR" "$output" "$reports"
}
export -f queue_one

queue_sum() {
	local ended
	ended=$(ls "$WORK_ALL/counts" | wc -l)
	[ "$ended" = "$queue_count" ] || echo "FAILED: $((queue_count - ended)) tests did not end"
	cat "$WORK_ALL/counts"/* 2>/dev/null | awk -v lost=$((queue_count - ended)) '
		{ passed += $1; failed += $2 }
		END { failed += lost; printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }'
}

# Where tests work: in memory, unless TMPDIR says where. The disks that they fill are files there, with a real file
# system in them.
if [ -z "${TMPDIR:-}" ] && [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -gt 4000000 ] 2>/dev/null; then
	TMPDIR=/dev/shm
fi
WORK_ALL=$(mktemp -d "${TMPDIR:-/tmp}/seriesfs-tests.XXXXXX")
export WORK_ALL
chmod 711 "$WORK_ALL" # tests become other users
trap 'rm -rf "$WORK_ALL"' EXIT
trap 'exit 130' INT TERM
