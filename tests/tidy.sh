#!/bin/sh
# The rules a compiler does not know: the arrows between layers, who may include
# what, format, leftovers, dead files.
set -u
cd "$(dirname "$0")/.." || exit 2
passed=0
failed=0
files=$(git ls-files '*.c' '*.h' '*.def' | while read -r f; do [ -e "$f" ] && echo "$f"; done)

# rule WHAT LINES: fails when there are lines to show
rule() {
	if [ -z "$2" ]; then passed=$((passed + 1)); return; fi
	failed=$((failed + 1))
	echo "FAILED: $1"
	echo "$2" | head -20 | sed 's/^/	/'
}

rule "arrows between folders point down, and no files of a folder reach each other in a circle (tests/layers.txt, tests/circles.txt)" \
	"$(tests/layers.py "${BUILD:-build}" 2>&1)"
rule "only engine/shard/store.c knows LevelDB" \
	"$(echo "$files" | xargs grep -nHE '#include [<"]leveldb' | grep -v '^engine/shard/store.c:')"
rule "only fs knows FUSE" \
	"$(echo "$files" | xargs grep -nHE '#include <(fuse|linux/fuse)' | grep -vE '^fs/|^tests/tools/bare_fuse')"
rule "only fs knows errno (and engine/base/env*.c, which turn it into errors.def)" \
	"$(echo "$files" | grep -E '^(engine|query)/' | xargs grep -nHE '#include <errno.h>' |
		grep -vE '^engine/base/(env|env_lock|number|err)\.c:')"
rule "only engine/base/env*.c open files in the lower layers" \
	"$(echo "$files" | grep -E '^(engine|query)/.*\.c$' | grep -vE '(^|/)main_' |
		xargs grep -nHE '[^_a-z](open|openat|creat|fopen|pwrite|fdatasync|fsync|unlink|opendir)\(' |
		grep -vE '^engine/base/env(_lock|_machine)?\.c:')"
rule "a byte of a slice is looked for by slice_find(): the data of an empty one may be NULL" \
	"$(echo "$files" | grep -E '^(engine|query|fs)/' | xargs grep -nP 'memchr\(([\w>.-]+)(\.|->)data, [^,]*, \1\2length\)' |
		grep -v '^engine/base/slice\.h:')"
rule "what threads share without a lock has an atomic type: of a plain one a plain read compiles, too" \
	"$(echo "$files" | grep -E '^(engine|query|fs)/' | xargs grep -nHE '\b__(atomic|sync)_')"
rule "nothing unfinished is left" \
	"$(echo "$files" | xargs grep -nHE '\b(TO''DO|FIX''ME|X''XX|HA''CK)\b')"
rule "every header is included by someone, or README.md names it as a contract ahead of its code" "$(
	echo "$files" | grep -E '\.(h|def)$' | while read -r header; do
		echo "$files" | xargs grep -qF "\"$header\"" || grep -qF "$header" README.md || echo "$header"
	done)"
rule "every folder has a README" "$(
	git ls-files | grep / | sed 's:/[^/]*$::' | sort -u | grep -vE '^(\.ci|man|tests/.*)$|corpus' | while read -r dir; do
		[ -e "$dir/README.md" ] || echo "$dir"
	done)"
rule "no picture or paragraph was run together by clang-format (a line that is too long)" \
	"$(echo "$files" | xargs grep -nHE '^ \*[^ /	*]')"
rule "lines end without blanks" \
	"$(git ls-files '*.c' '*.h' '*.sh' '*.md' Makefile | while read -r f; do [ -e "$f" ] && echo "$f"; done |
		xargs grep -nHE '[ 	]+$')"
if command -v clang-format >/dev/null; then
	rule "clang-format has nothing to change" \
		"$(echo "$files" | grep -E '\.[ch]$' | xargs clang-format --dry-run 2>&1 | grep -E 'warning:' | head -20)"
else
	rule "clang-format is installed" "it is missing"
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
