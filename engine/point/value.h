/*
 * Values: the five field types, and a column of them.
 *
 * In memory every value is 8 bytes. Strings point at a length and bytes that
 * somebody else owns (an arena, a memtable, a decoded chunk).
 */
#ifndef ENGINE_VALUE_H
#define ENGINE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/bits.h"
#include "engine/base/slice.h"

/* The numbers are stored on disk. The order is not InfluxDB's ranking. */
enum value_type {
	VALUE_NONE = 0,
	VALUE_FLOAT = 1,
	VALUE_INTEGER = 2,
	VALUE_UNSIGNED = 3,
	VALUE_STRING = 4,
	VALUE_BOOLEAN = 5,
};
#define VALUE_TYPE_COUNT 6

/* 8-aligned. */
struct text {
	uint32_t length;
	char bytes[];
};

union value {
	double f;
	int64_t i;
	uint64_t u;
	uint64_t bits; /* any of the above, as it lies in memory */
	const struct text *s;
	bool b; /* the other 7 bytes are zero */
};
_Static_assert(sizeof(union value) == 8, "a value is a word");

/* float, integer, unsigned, string, boolean; InfluxDB's words. */
const char *value_type_name(enum value_type type);

static inline struct slice text_slice(const struct text *text)
{
	return slice_of(text->bytes, text->length);
}
/* NULL when the arena's budget is used up. */
const struct text *text_copy(struct arena *arena, struct slice bytes);

/* A field of a point: which (an id of its measurement, see index.h), what type, what value. */
struct field_value {
	uint32_t field_id;
	enum value_type type;
	union value value;
};

/*
 * Some rows of one series, by column, in ascending (or, where asked for,
 * descending) strictly monotonic time. The function that gave it says how long it lives.
 */
struct batch_column {
	enum value_type type;	   /* VALUE_NONE: no row of this batch has the field */
	const union value *values; /* row_count of them; NULL when type is VALUE_NONE */
	const uint64_t *valid;	   /* bit r of word r / 64 = row r has a value; NULL = all have */
};
struct batch {
	size_t row_count;
	const int64_t *times_ns;
	struct batch_column *columns; /* one for each field that was asked for, in that order */
	size_t column_count;
	uint32_t group_id; /* rows of two shard groups never share a batch */
};
#define BATCH_ROWS_MAX 1024

/* What is known of rows without decoding them; every row has the field, or (VALUE_NONE) none. */
struct column_summary {
	enum value_type type;
	/* The rest is known: numbers without NaN. `sum` adds in row order from 0; integers wrap.
	 * Of equal values the first is the least and the greatest. */
	bool has_numbers;
	union value min, max, sum, first, last;
};
struct rows_summary {
	size_t row_count;
	int64_t time_first_ns, time_last_ns;
	const struct column_summary *columns; /* one for each field that was asked for */
	size_t column_count;
	uint32_t group_id;
	bool is_settled; /* of a cold chunk: sums were and may be added up in any order */
};
/* Rows whose field is outside of a closed range, or not of the type, or not there, are not wanted.
 */
struct value_bounds {
	size_t field; /* of those that were asked for */
	enum value_type type;
	union value min, max;
};
/* Sums over the rows of each window, one after the other, in place of the rows. */
struct window_sums {
	size_t window_count;
	const uint32_t *row_counts;    /* of each */
	const int64_t *times_first_ns; /* of its first row */
	const struct sum_column {
		enum value_type type; /* VALUE_NONE: no row has the field; else all have */
		const union value *sums;
	} * columns; /* one for each field that was asked for */
	size_t row_count;
	uint32_t group_id;
};
/* Takers that can do with them; 1 and 0 as for summaries. */
struct sums_taker {
	void *arg;
	/* The time at which the window ends that `time_ns` lies in; not asked for earlier ones. */
	int64_t (*window_end)(void *arg, int64_t time_ns);
	/* What the sums of the first window go on from, one for each field: 0, or where rows before
	 * it came to. */
	int (*begin)(void *arg, const struct window_sums *sums, union value *before);
	int (*take)(void *arg, const struct window_sums *sums);
};
/* A taker of summaries: 1 = takes it in place of the rows, 0 = wants the rows, below 0 fails.
 */
struct summary_taker {
	int (*take)(void *arg, const struct rows_summary *summary);
	void *arg;
	bool is_exact;		       /* sums add in the order of rows, whatever the chunk */
	int64_t rows_max_ns;	       /* rows that lie further apart are not taken */
	const struct sums_taker *sums; /* NULL: what is decoded is given as rows */
	bool sums_only; /* of numbers nothing but the sum is looked at: the rest may be zero */
};

static inline bool column_has(const struct batch_column *column, size_t row)
{
	return column->type != VALUE_NONE && (!column->valid || bit_is_set(column->valid, row));
}

#endif
