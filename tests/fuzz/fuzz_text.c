/* Any bytes as any text that people type: the first byte chooses the parser (tests/lib/parsers.h),
 * the rest is the text. */
#include "tests/lib/fuzz.h"
#include "tests/lib/parsers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t i = 0; size > 0 && i < PARSER_COUNT; i++)
		if (parser_rows[i].letter == (char)data[0])
			parser_rows[i].take(slice_from(slice_of(data, size), 1));
	return 0;
}
