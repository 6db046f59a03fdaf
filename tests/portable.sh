#!/usr/bin/env bash
# The codecs without what this machine has beyond the baseline: the same bytes, the same values.
cd "$(dirname "$0")/.." || exit 2
tools=${TOOLS:-${BUILD:-build}/tools}
work=$(mktemp -d "${TMPDIR:-/tmp}/seriesfs-portable.XXXXXX")
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

sources="tests/tools/codec_sizes.c engine/chunk.c engine/value.c $(ls engine/codec/*.c engine/base/*.c)"
for flags in "-O2 -DNO_CLONES" "-O1 -DNO_CLONES -fno-tree-vectorize"; do
	# shellcheck disable=SC2086
	if ! ${CC:-gcc} -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -Wall -Wno-unused-parameter \
		-fno-strict-aliasing -ffp-contract=off $flags $sources -o "$work/plain" -lsnappy -lxxhash -lpthread -lm; then
		echo "FAILED: it does not build with $flags"
		failed=$((failed + 1))
		continue
	fi
	for set in int dec2 gauge rand; do
		"$tools/gen" 5 3000 $set >"$work/points"
		if [ "$("$tools/codec_sizes" $set <"$work/points")" = "$("$work/plain" $set <"$work/points")" ]; then
			passed=$((passed + 1))
		else
			echo "FAILED: $set under $flags"
			failed=$((failed + 1))
		fi
	done
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
