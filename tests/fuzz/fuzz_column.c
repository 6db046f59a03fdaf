/* Any bytes as a column in any form: an answer or ERR_CORRUPT, nothing else. */
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/codec/codec.h"
#include "engine/limits.h"
#include "tests/lib/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena = { .bytes_max = 64u << 20 };
	struct reader reader;

	if (size < 3)
		return 0;
	size_t count = 1 + (data[1] | (size_t)data[2] << 8) % CHUNK_ROWS_MAX;
	enum value_type type = VALUE_FLOAT + data[0] / 2 % 5;
	uint8_t form = (data[0] & VECTORS_BINS) | (data[0] & 0x80 ? VECTORS_SHARED : 0);

	union value *values = malloc(count * sizeof(*values)); /* and no room behind */

	reader = reader_of(slice_of((const char *)data + 3, size - 3));
	int err = vectors_decode(&reader, type, form, count, VECTORS_ALL, values, &arena);

	arena_reset(&arena);
	free(values);
	if (err != OK && err != ERR_CORRUPT && err != ERR_LIMIT)
		abort();
	return 0;
}
