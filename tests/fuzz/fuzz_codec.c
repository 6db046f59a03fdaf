/* Any bytes as a vector of any type: an answer or ERR_CORRUPT, nothing else. */
#include <stdlib.h>

#include "engine/base/limits.h"
#include "engine/codec/codec.h"
#include "tests/lib/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena = { .bytes_max = 64u << 20 };

	if (size < 3)
		return 0;
	size_t count = 1 + (data[1] | (size_t)data[2] << 8) % VECTOR_ROWS;
	enum value_type type = VALUE_FLOAT + data[0] % 5;
	union value *values = malloc(count * sizeof(*values)); /* and no room behind */
	int err = vector_decode(type, slice_of(data + 3, size - 3), count, values, &arena);

	arena_reset(&arena);
	free(values);
	if (err != OK && err != ERR_CORRUPT && err != ERR_LIMIT)
		abort();
	return 0;
}
