/*
 * snappy-c.h without compression, for a machine whose snappy is not here: its streams are snappy's,
 * one literal each, and it reads no others.
 */
#include <snappy-c.h>
#include <string.h>

#include "engine/base/bytes.h"

#define LITERAL_32 (63 << 2) /* its length less one follows, in four bytes */

size_t snappy_max_compressed_length(size_t source_length)
{
	return VARINT_BYTES_MAX + 5 + source_length;
}

snappy_status snappy_compress(const char *input, size_t input_length, char *compressed,
			      size_t *compressed_length)
{
	char *end = varint_put(compressed, input_length);

	if (input_length) {
		*end++ = (char)LITERAL_32;
		store32(end, (uint32_t)input_length - 1);
		memcpy(end + 4, input, input_length);
		end += 4 + input_length;
	}
	*compressed_length = (size_t)(end - compressed);
	return SNAPPY_OK;
}

snappy_status snappy_uncompressed_length(const char *compressed, size_t compressed_length,
					 size_t *result)
{
	struct reader in = reader_of(slice_of(compressed, compressed_length));

	*result = reader_varint(&in);
	return !in.failed && *result <= UINT32_MAX ? SNAPPY_OK : SNAPPY_INVALID_INPUT;
}

snappy_status snappy_uncompress(const char *compressed, size_t compressed_length,
				char *uncompressed, size_t *uncompressed_length)
{
	struct reader in = reader_of(slice_of(compressed, compressed_length));
	uint64_t length = reader_varint(&in);

	if (length && (reader_u8(&in) != LITERAL_32 || reader_u32(&in) != length - 1))
		return SNAPPY_INVALID_INPUT;
	if (in.failed || reader_left(&in) != length || *uncompressed_length < length)
		return SNAPPY_INVALID_INPUT;
	memcpy(uncompressed, in.next, length);
	*uncompressed_length = length;
	return SNAPPY_OK;
}
