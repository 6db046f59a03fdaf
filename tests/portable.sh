#!/usr/bin/env bash
# The codecs on other machines: without what this one has beyond the baseline, and on arm64 under an emulator. The
# same bytes, the same values, and on arm64 the unit tests of what is below the store.
cd "$(dirname "$0")/.." || exit 2
tools=${TOOLS:-${BUILD:-build}/tools}
work=$(mktemp -d "${TMPDIR:-/tmp}/seriesfs-portable.XXXXXX")
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

flags="-std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I$PWD -Wall -Werror -Wno-unused-parameter
	-fno-strict-aliasing -ffp-contract=off"
sources=$(find "$PWD/engine" -path "*/engine/chunk/*.c" -o -name value.c -o -path '*/engine/codec/*.c' -o -path '*/engine/base/*.c')
unit() { find tests/unit -name "test_$1.c"; }
# compile NAME COMPILER: what is below the store, into $work/NAME
compile() {
	mkdir "$work/$1"
	# shellcheck disable=SC2086
	(cd "$work/$1" && echo $sources | xargs -P "$(nproc)" -n 5 $2 $flags -c) && return
	echo "FAILED: it does not compile with $2"
	failed=$((failed + 1))
	return 1
}
# engine/base/memory.c counts what is allocated: the linker sends these to it, as the Makefile says.
wraps=$(printf -- '-Wl,--wrap=%s ' malloc calloc realloc reallocarray free)
# program NAME OUTPUT COMPILER SOURCES LIBRARIES: with that
program() { judge "$2 is built" bash -c "$3 $(echo $flags) $4 '$work/$1'/*.o -o '$work/$1/$2' $wraps $5 -lpthread -lm"; }
# judge WHAT COMMAND…
judge() {
	if "${@:2}" >"$work/out" 2>&1; then passed=$((passed + 1)); else
		echo "FAILED: $1"
		tail -20 "$work/out"
		failed=$((failed + 1))
	fi
}
# same_bytes NAME RUNNER COMPILER LIBRARIES: of each kind of points, hot and cold
for set in int dec2 gauge rand; do
	"$tools/gen" 5 3000 $set >"$work/$set"
	"$tools/codec_sizes" $set <"$work/$set" >"$work/$set.sizes"
done
same_bytes() {
	program "$1" codec_sizes "$3" tests/tools/codec_sizes.c "$4"
	for set in int dec2 gauge rand; do
		judge "$set, $1" bash -c "$2 '$work/$1/codec_sizes' $set <'$work/$set' | cmp - '$work/$set.sizes'"
	done
}
here() {
	compile "$1" "$2" && same_bytes "$1" "" "$2" "-lsnappy -lxxhash"
	program "$1" test_codec "$2" "$(unit codec) tests/lib/test.c" "-lsnappy -lxxhash"
	judge "test_codec, $1" "$work/$1/test_codec"
}

here baseline "${CC:-gcc} -O2 -DNO_CLONES"
# What asks for a processor's instructions is told that it has SSSE3 alone.
printf '#!/bin/sh\nexec %s -O2 "-D__builtin_cpu_supports(name)=((name)[0] == 115)" "$@"\n' "${CC:-gcc}" >"$work/older"
chmod +x "$work/older"
here eights "$work/older"
here scalar "${CC:-gcc} -O1 -DNO_CLONES -fno-tree-vectorize"

# Of libraries for arm64 there is the C library alone: xxhash is all in its header, snappy is stood in for.
arm="aarch64-linux-gnu-gcc -O2 -static -DXXH_INLINE_ALL= -I$work/include"
if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null; then
	mkdir "$work/include"
	ln -s /usr/include/{xxhash,xxh3,snappy-c}.h "$work/include"
	sources="$sources $PWD/tests/lib/snappy_stored.c"
	compile arm64 "$arm" && same_bytes arm64 qemu-aarch64 "$arm"
	for test in base codec chunk number when; do
		program arm64 "test_$test" "$arm" "$(unit "$test") tests/lib/test.c" ""
		judge "test_$test on arm64" qemu-aarch64 "$work/arm64/test_$test"
	done
else
	echo "SKIPPED: arm64, for want of gcc-aarch64-linux-gnu, libc6-dev-arm64-cross or qemu-user"
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
