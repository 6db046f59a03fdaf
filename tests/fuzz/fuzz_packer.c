/* Any bytes for each packer by itself: an answer or ERR_CORRUPT, nothing else. */
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/codec/codec.h"
#include "engine/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t words[VECTOR_ROWS];
	struct reader reader;

	if (size < 3)
		return 0;
	size_t count = 1 + (data[1] | (size_t)data[2] << 8) % VECTOR_ROWS;
	reader = reader_of(slice_of((const char *)data + 3, size - 3));
	int err = packers[data[0] % packer_count].decode(&reader, count, words);
	if (err != OK && err != ERR_CORRUPT)
		abort();
	return 0;
}
