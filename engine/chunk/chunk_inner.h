/*
 * What the files of a chunk share: the bits and parts of its head, and a head that is being read.
 *
 * Why: the encoder writes a head (chunk_encode.c), and three readers walk through one: of rows
 * (chunk.c), of what is known without them (chunk_outline.c) and of sums (chunk_sums.c). For nobody
 * outside of the room; chunk.h draws the bytes.
 */
#ifndef ENGINE_CHUNK_CHUNK_INNER_H
#define ENGINE_CHUNK_CHUNK_INNER_H

#include <xxhash.h>

#include "engine/base/bytes.h"
#include "engine/base/err.h"
#include "engine/chunk/chunk.h"

#define CHECKSUM_BYTES 4

enum { FLAG_SUMS = 1, FLAG_COLD = 2, FLAG_CELLS = 4, FLAGS_KNOWN = 7 };
enum {
	KIND_TYPE = 7,
	KIND_SPARSE = 8,
	KIND_SUMMARY_SHIFT = 4,
	KIND_FORM_SHIFT = 6 /* VECTORS_BINS, VECTORS_SHARED */
};
/* The seed keeps a run of zeros from being a chunk. */
static inline uint32_t checksum_of(struct slice bytes)
{
	return (uint32_t)XXH3_64bits_withSeed(bytes.data, bytes.length, 1);
}

/* What the head says of one payload. */
struct part {
	uint64_t bytes;
	uint32_t sum;
};

struct column_part {
	uint32_t field_id;
	uint8_t kind;
	struct part payload, cells;
	struct summary summary;
};

/* A chunk of which the head is read, column by column. Borrows the bytes of the chunk. */
struct decoding {
	uint8_t flags;
	uint32_t series_id;
	size_t row_count, column_count;
	struct reader head;	/* stands at the first column */
	struct reader cells;	/* at those of the first column */
	struct reader payloads; /* at the first column */
	struct part laying_part;
	struct slice times, laying;
};

static inline int part_check(struct slice payload, const struct part *part,
			     const struct decoding *d)
{
	return d->flags & FLAG_SUMS && checksum_of(payload) != part->sum ? ERR_CORRUPT : OK;
}

/* The next column of the head with its bytes, not looked at yet. */
struct column_place {
	struct column_part part;
	struct slice payload, cells;
};

/*
 * Read the fixed part of the head; checks the checksums that cover it and the times.
 * ERR_CORRUPT for any bytes that are no whole chunk.
 */
int chunk_head_open(struct slice chunk, struct decoding *d);
/*
 * The next column; column_count times at most. Its lengths and counts are checked, its payload and
 * cells are not: part_check() before their first use. ERR_CORRUPT.
 */
int chunk_column_next(struct decoding *d, struct column_place *out);

/* Cells of the chunk in `arena`; `out` has a count of 0 where they are wider, or not there. */
int chunk_laying_open(struct decoding *d, int64_t width_max_ns, struct arena *arena,
		      struct laying *out);
/* What is known of a column without its rows; `outline` has its laying already. */
int chunk_column_outline(struct decoding *d, const struct column_place *place, bool sums_only,
			 struct arena *arena, const struct chunk_outline *outline,
			 struct outline_column *out);

#endif
