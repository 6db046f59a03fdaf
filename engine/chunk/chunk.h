/*
 * A chunk: up to CHUNK_ROWS_MAX rows of one series, by column, as bytes.
 *
 *	| checksum: 4 | flags: 1 | head_bytes: v | head | times | [laying | cells 0 | cells 1 | ...]
 *	| column 0 | column 1 | ...
 *	head   = series_id: v | row_count: v | bytes of times: v [sum: 4]
 *		 [bytes of laying and all cells: v | bytes of laying: v [sum: 4]]
 *		 | column_count: v | column...
 *	column = field_id: v | kind: 1 | bytes: v [sum: 4] [bytes of cells: v [sum: 4]]
 *		 [value_count: v] [summary]
 *
 *	times payload  = 0 | first: 8 | step: v			evenly spaced
 *		       | 1 | first: 8 | digits: 1 | vectors of (time - first) / 10^digits
 *	column payload = [vectors of the validity map] vectors of the values that are there
 *	vectors        = [bins] { length: v | vector (engine/codec) }	one for every VECTOR_ROWS
 *	laying, cells  = summary.h: in cold chunks, where they cost at most 1 / CELLS_SHARE
 *
 * `v` is a varint, other integers are little-endian. `kind` holds the value
 * type, whether there is a validity map, whether bins, and which summary follows. The
 * checksum is XXH3's low half over all behind it; in a chunk larger than
 * CHUNK_WHOLE_BYTES_MAX over the head only, and every payload has a `sum` of its
 * own in the head, so that one field is read without touching the others.
 */
#ifndef ENGINE_CHUNK_CHUNK_H
#define ENGINE_CHUNK_CHUNK_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/chunk/summary.h"
#include "engine/point/value.h"

/* Up to this size one checksum covers the whole chunk: 4 bytes a column count where rows are few.
 */
#define CHUNK_WHOLE_BYTES_MAX 4096

/* --- writing --- */

struct chunk_write_column {
	uint32_t field_id;
	enum value_type type; /* not VALUE_NONE */
	const union value
		*values;       /* row_count of them; those without a valid bit are not looked at */
	const uint64_t *valid; /* as batch_column; NULL = all */
};

struct chunk_rows {
	uint32_t series_id;
	size_t row_count;			  /* 1 to CHUNK_ROWS_MAX */
	const int64_t *times_ns;		  /* strictly ascending */
	const struct chunk_write_column *columns; /* every field_id once */
	size_t column_count;
	bool cold; /* written once, read often: take more effort to encode */
};

/* Append the chunk to `out`. Columns without a value are left out. */
void chunk_encode(struct buf *out, const struct chunk_rows *rows);

/* --- reading --- */

struct chunk_column {
	uint32_t field_id;
	enum value_type type; /* VALUE_NONE: the chunk does not have the field */
	const union value
		*values;       /* row_count of them; without a valid bit: zero. NULL: VALUE_NONE */
	const uint64_t *valid; /* NULL = all have */
	struct summary summary;
};

/*
 * A decoded chunk, or some vectors of it, owning all it points at. Zeroed it is empty; it can be
 * read into again and again, each time losing what it had; release it once.
 */
struct chunk_data {
	uint32_t series_id;
	size_t row_count;	 /* decoded */
	const int64_t *times_ns; /* strictly ascending */
	struct chunk_column *columns;
	size_t column_count;
	size_t chunk_rows; /* of the whole chunk: */
	int64_t time_first_ns, time_last_ns;
	struct arena arena;
};

#define CHUNK_ALL_FIELDS SIZE_MAX

/* What to decode. */
struct chunk_wish {
	const uint32_t *field_ids; /* these columns, in that order */
	size_t field_count;	   /* CHUNK_ALL_FIELDS: all, as they were written */
	/* Closed: vectors without a row in it may be left out, at least one stays. */
	int64_t time_first_ns, time_last_ns;
	size_t vectors_max; /* of these the first so many, or the last; 0: all */
	bool from_end;
};

static inline struct chunk_wish chunk_wish_all(void)
{
	return (struct chunk_wish){
		.field_count = CHUNK_ALL_FIELDS,
		.time_first_ns = INT64_MIN,
		.time_last_ns = INT64_MAX,
	};
}

/*
 * Decode times and columns. Any bytes may be given: ERR_CORRUPT when they are not a whole chunk.
 * ERR_MEMORY. A column of type VALUE_NONE is not there.
 */
int chunk_decode(struct slice chunk, const struct chunk_wish *wish, struct chunk_data *out);

struct outline_wish {
	const uint32_t *field_ids;
	size_t field_count;
	int64_t width_max_ns;
	bool sums_only; /* of cells nothing but count and sum is looked at */
};

/* What the head tells. */
struct chunk_outline {
	uint32_t series_id;
	size_t row_count;
	bool is_cold;
	struct laying laying; /* count 0: without cells */
	struct outline_column {
		enum value_type type; /* VALUE_NONE: the chunk does not have the field */
		struct summary summary;
		const struct summary *cells; /* laying.count; NULL: not known */
	} * columns;			     /* as many as were asked for */
};
/*
 * All in `arena`; no payload of a column is looked at, but for the values that cells name by their
 * rows. Cells wider than `width_max_ns` are not there. ERR_CORRUPT, ERR_MEMORY.
 */
int chunk_outline(struct slice chunk, const struct outline_wish *wish, struct arena *arena,
		  struct chunk_outline *out);

struct sums_wish {
	const uint32_t *field_ids;
	size_t field_count;
	int64_t time_first_ns, time_last_ns; /* closed */
	uint32_t group_id;
	const struct sums_taker *taker;
};
struct chunk_sums {
	uint32_t series_id;
	size_t chunk_rows;
	int64_t time_first_ns, time_last_ns; /* of the whole chunk */
	struct window_sums sums;
};
/*
 * Sums over the rows of each of the taker's windows, in `arena`; chunk_decode's checks are made.
 * 1, or 0: rows are wanted, since a column has holes or no numbers, the windows are of a few rows,
 * or the taker says so. ERR_CORRUPT, ERR_MEMORY.
 */
int chunk_sums(struct slice chunk, const struct sums_wish *wish, struct arena *arena,
	       struct chunk_sums *out);
void chunk_data_release(struct chunk_data *data);

#endif
