/*
 * Rows of one series that pass WHERE, in blocks of columns: what is read, one
 * level above the engine's cursors.
 *
 *	cursor ─► cast to the statement's types ─► WHERE ─► block
 *	rows of a subquery ────────────────────────┘
 *
 * A series whose tags alone decide WHERE costs no look at its rows.
 */
#ifndef QUERY_FEED_H
#define QUERY_FEED_H

#include "engine/base/bits.h"
#include "query/base/usage.h"
#include "query/plan/plan.h"

/* Rows that a subquery gave, as the series they are to the statement around it. */
struct inner_series {
	const struct series_key *key;
	struct batch *batches; /* ascending; columns are the inner plan's */
	size_t batch_count;
};

struct group_series {
	const struct plan_source *source;
	uint32_t series_id;
	const struct inner_series *inner; /* of a subquery */
};

struct block {
	size_t row_count;
	const int64_t *times_ns;
	const struct batch_column *columns; /* one a slot; VALUE_NONE: see the feed's constants */
	uint32_t group_id;
};

struct feed {
	const struct plan *plan;
	const struct group_series *series;
	struct run *run;
	struct rows_stream *rows;
	bool descending;
	size_t batch_rows; /* of the last one that was read, before WHERE */
	const int64_t *batch_times_ns;
	size_t batch;		       /* of an inner series: the next one */
	struct cell *constants;	       /* one a slot: tags, null */
	const struct expr **row_tests; /* conjuncts that look at fields */
	size_t row_test_count;
	struct value_bounds *bounds; /* what some of them ask; borrowed by `rows` */
	struct cell *cells;
	struct batch_column *columns;
	union value *cast_values; /* BATCH_ROWS_MAX a slot, made when needed */
	uint64_t *cast_valid;
	union value *kept_values;
	uint64_t *kept_valid;
	int64_t *kept_times;
	int64_t *turned_times; /* an inner batch, reversed */
	union value *turned_values;
	uint64_t *turned_valid;
	struct batch_column *turned_columns;
	struct arena tags; /* of a subquery's series, where calls read them */
};

/* Does WHERE leave anything of the series, as far as its tags tell? */
int feed_takes(const struct plan *plan, const struct group_series *series, bool *takes);
/* What stands in a slot that no block of the series has a column for. */
struct cell feed_constant(const struct plan *plan, const struct group_series *series, size_t slot);
/*
 * `window` gives the range; `rows_max` is that of a cursor. feed_close() is needed after errors
 * too.
 */
int feed_open(struct feed *feed, const struct plan *plan, const struct group_series *series,
	      const struct window_spec *window, bool descending, size_t rows_max, struct run *run);
/*
 * Before the first block: `taker` (borrowed) may take summaries in place of blocks. Nothing comes
 * of it when WHERE looks at rows.
 */
void feed_offer(struct feed *feed, const struct summary_taker *taker);
/* Of a slot; VALUE_NONE: the rows do not have it. NULL: its type is not the statement's. */
const struct column_summary *feed_summary(const struct feed *feed, size_t slot,
					  const struct rows_summary *rows);
/*
 * Which of the columns of sums a slot is; SIZE_MAX: the rows do not have it. False: its type is not
 * the statement's.
 */
bool feed_sums(const struct feed *feed, size_t slot, const struct window_sums *sums,
	       size_t *column);
/* Count the rows of a summary that was taken. ERR_LIMIT, ERR_CANCELLED. */
int feed_count(struct feed *feed, const struct rows_summary *rows);
/* OK with at least one row, or END. The block lives until the next call. */
int feed_next(struct feed *feed, struct block *out);
/* Rows of the last batch behind a time will be read again by another feed: they are not counted. */
void feed_return(struct feed *feed, int64_t time_ns);
void feed_close(struct feed *feed);

/* One cell of a block. Strings are borrowed from it. */
static inline struct cell feed_cell(const struct feed *feed, const struct block *block, size_t slot,
				    size_t row)
{
	const struct batch_column *column = &block->columns[slot];

	if (column->type == VALUE_NONE)
		return feed->constants[slot];
	if (column->valid && !bit_is_set(column->valid, row))
		return cell_null();
	return cell_of_value(column->type, column->values[row]);
}

#endif
