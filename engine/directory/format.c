/*
 * Judges the text of DATADIR/format. Why a file of its own: the engine and seriesfs-check must
 * agree on it.
 */
#include "engine/directory/format.h"

#include <string.h>

#include "engine/base/err.h"
#include "engine/base/number.h"

uint64_t format_parse(struct slice text)
{
	static const char word[] = "seriesfs ";
	const size_t length = sizeof(word) - 1;
	uint64_t version;

	if (text.length < length + 2 || memcmp(text.data, word, length) != 0 ||
	    text.data[text.length - 1] != '\n')
		return 0;
	struct slice number = slice_of(text.data + length, text.length - length - 1);
	return unsigned_parse(number, &version) == OK ? version : 0;
}
