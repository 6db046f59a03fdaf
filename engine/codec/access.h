/*
 * One value of a column without decoding the others: where no word is predicted from its
 * neighbours, and all are bits of one width a vector, as those of doubles without a pattern are.
 */
#ifndef ENGINE_CODEC_ACCESS_H
#define ENGINE_CODEC_ACCESS_H

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/codec/codec.h"

struct access {
	size_t row_count;
	struct access_vector {
		struct vector_head head;
		struct packed_bits bits;
		struct reader patches;
	} vectors[CHUNK_ROWS_MAX / VECTOR_ROWS];
};

/* Borrows the column, which vectors_encode made. ERR_CORRUPT: it cannot be read so. */
int access_open(struct slice column, uint8_t form, size_t row_count, struct access *out);
/* ERR_CORRUPT. `row` is one of row_count. */
int access_get(const struct access *access, size_t row, union value *out);

#endif
