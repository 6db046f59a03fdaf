/* The vectors of a column one after the other, and the head and bins that they share when it is
 * cold. */
#ifndef ENGINE_CODEC_COLUMN_H
#define ENGINE_CODEC_COLUMN_H

#include "engine/base/limits.h"
#include "engine/codec/bins.h"
#include "engine/codec/codec.h"

#define VECTORS_MAX (CHUNK_ROWS_MAX / VECTOR_ROWS)

/* Stays where it was opened: a part of it points at another. */
struct vectors_walk {
	struct vectors_shared shared;
	struct bins_decoder decoder;
	uint64_t lengths[VECTORS_MAX]; /* with a shared head */
	size_t vector_count, next;
};

/* Reads what stands in front of the vectors. ERR_CORRUPT. */
int vectors_open(struct reader *reader, enum value_type type, uint8_t form, size_t count,
		 struct vectors_walk *out);
/* The bytes of the next one, taken from the reader; `own`: with a head of its own. */
struct reader vectors_next(struct vectors_walk *walk, struct reader *reader, bool *own);

#endif
