/*
 * What is known of number columns without decoding them: of whole chunks, and in cold chunks of
 * their cells.
 *
 * A cell is the rows of a chunk that lie in one slot of a clock: [n × width, (n + 1) × width)
 * seconds since 1970. All columns of a chunk share the cells; slots without a row have none.
 *
 *	laying	= width: v | cell count: v		where times are evenly spaced, that is all
 *		  [digits: 1 | vectors of: rows, first times, last times]
 *
 *	cells	= 127: 1 | five rows			of whole numbers
 *		| digits + 64: 1 | five rows | steps	of doubles, as llround(v × 10^digits)
 *		| 254: 1 | sums | rows of min, of max: few words | check: 4	of other doubles
 *		| 255: 1 | vectors of min, max, first, last | sums	of those again
 *	sums	= vector
 *	rows	= few words (engine/codec/few.h) of
 *		  min; max - min; first - min; last - the next first; sum - rows × (min + max) / 2
 *	steps	= few words: doubles from what dividing gives to the sum; only min, max, first and
 *		  last are decimals to the last bit
 *
 * Doubles that can be read one by one (engine/codec/access.h) are not repeated: cells name the
 * rows, counted from the first of the cell, and the check is one of all values that they name
 * (XXH3's low half over min, max, first, last of each cell), so that no other byte need be read.
 *
 * What was written before has no 127, digits without the 64, and rows in another form (summary.c).
 * Times are distances from the first row's in units that divide them all: digits: 1, as in chunk.h.
 */
#ifndef ENGINE_CHUNK_SUMMARY_H
#define ENGINE_CHUNK_SUMMARY_H

#include "engine/base/buf.h"
#include "engine/base/bytes.h"
#include "engine/point/value.h"

/* Fewer values are decoded soon enough, and a summary of doubles takes 40 bytes. */
#define SUMMARY_VALUES_MIN 512
#define CELLS_MAX	   512

struct summary {
	uint32_t count; /* values that are there */
	/* min, max, sum, first and last are known: numbers without NaN. `sum` adds in row order
	 * from 0; integers wrap. Of equal values min and max are the earliest. */
	bool has_numbers;
	union value min, max, sum, first, last;
};

/* Without numbers where `type` is none or a NaN is among the values. count > 0. */
struct summary summary_of(enum value_type type, const union value *values, size_t count);

/* How one lies in the head of a chunk. */
enum summary_kind { SUMMARY_NONE = 0, SUMMARY_WHOLE = 1, SUMMARY_DOUBLE = 2 };
enum summary_kind summary_kind(enum value_type type, const struct summary *summary);
void summary_encode(struct buf *out, const struct summary *summary, enum summary_kind kind);
/* `count` is known already. */
void summary_decode(struct reader *in, struct summary *summary, enum summary_kind kind);

/* --- cells ---------------------------------------------------------------- */

struct cell_rows {
	size_t first_row, row_count;
	int64_t time_first_ns, time_last_ns;
};
/* Where the cells of a chunk lie, in time order. */
struct laying {
	uint32_t width_s;
	size_t count;
	struct cell_rows *cells;
};
/* The times of a chunk as far as its head tells them. */
struct time_step {
	bool is_even; /* the rest is meant */
	int64_t first_ns;
	uint64_t step_ns;
};

/* What people group by; each divides the next. */
extern const uint32_t cell_widths_s[];
#define CELL_WIDTHS 7
/* The first of the rows that lie in the slot of the last one. */
size_t slot_first_row(const int64_t *times_ns, size_t row_count, uint32_t width_s);

/* All in `arena`. Times ascend. ERR_LIMIT: more than CELLS_MAX. */
int laying_make(const int64_t *times_ns, size_t row_count, uint32_t width_s, struct arena *arena,
		struct laying *out);
void laying_encode(struct buf *out, const struct laying *laying, bool is_even);
/* ERR_CORRUPT, ERR_MEMORY. */
int laying_decode(struct slice bytes, const struct time_step *step, size_t row_count,
		  struct arena *arena, struct laying *out);

/*
 * False, with nothing appended: a NaN is among the numbers. `access` NULL: values of the column
 * cannot be read one by one.
 */
struct access;
bool cells_encode(struct buf *out, enum value_type type, const union value *values,
		  const struct laying *laying, const struct access *access);
/* The cells as one; a sum of doubles adds theirs in their order. */
struct summary cells_join(const struct summary *cells, size_t count, enum value_type type);
/* Do they name rows for values? */
bool cells_name_rows(struct slice bytes, enum value_type type);
/* How many cells a laying has, without decoding it. ERR_CORRUPT. */
int laying_count(struct slice bytes, size_t *count);
/* Of `count` cells of integers, signed or not: the least value, and the greatest. ERR_CORRUPT. */
int cells_extremes(struct slice bytes, enum value_type type, size_t count, union value *min,
		   union value *max);
/*
 * One summary a cell, in `arena`. ERR_CORRUPT, ERR_MEMORY. Where rows are named and `access` is
 * NULL, nothing but count and sum is told; the rest is zero.
 */
int cells_decode(struct slice bytes, enum value_type type, const struct laying *laying,
		 const struct access *access, struct arena *arena, struct summary **out);

#endif
