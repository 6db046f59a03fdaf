/* Any bytes for each packer by itself: an answer or ERR_CORRUPT, nothing else. */
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/codec/codec.h"
#include "tests/lib/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader reader;

	if (size < 3)
		return 0;
	size_t count = 1 + (data[1] | (size_t)data[2] << 8) % VECTOR_ROWS;
	uint64_t *words = malloc(count * sizeof(*words)); /* and no room behind */

	reader = reader_of(slice_of((const char *)data + 3, size - 3));
	int err = packers[data[0] % packer_count].decode(&reader, count, words);
	free(words);
	if (err != OK && err != ERR_CORRUPT)
		abort();
	return 0;
}
