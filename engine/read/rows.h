/*
 * Where rows come from: a table of what a source can do, so that a query need not know whether they
 * lie in memory, in shards of this machine, or with another one.
 *
 *	rows_open ─► rows_offer, rows_narrow ─► rows_next … END ─► rows_close
 *
 * Rows cross it in batches of up to BATCH_ROWS_MAX: a call through the table each.
 */
#ifndef ENGINE_READ_ROWS_H
#define ENGINE_READ_ROWS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/point/value.h"

/*
 * One series, some fields, one closed time range: batches in time order over
 * all groups of the policy. Rows where none of the asked fields has a value
 * are left out (with field_count 0 every row of the series comes, times only).
 */
struct rows_spec {
	uint32_t policy_id;
	uint32_t series_id;
	const uint32_t *field_ids; /* of the series' measurement; borrowed until close */
	size_t field_count;
	int64_t time_first_ns, time_last_ns;
	bool descending;
	const atomic_bool *cancelled; /* may be NULL; checked between batches */
	/* Counted up by the time they are closed; borrowed until then; NULL: not wanted. */
	struct chunk_counts {
		uint64_t decoded, summarized, skipped; /* outside the range, or not reached */
	} * counts;
	/* One of many that are open at once: hold about so many rows, a vector of a chunk at least;
	 * 0: as many as there are. */
	size_t rows_max;
};

struct rows_ops;
/* An open one; the first member of what a source makes of it. Belongs to one thread at a time. */
struct rows_stream {
	const struct rows_ops *ops;
};
struct rows_source {
	const struct rows_ops *ops;
	void *arg;
};

struct rows_ops {
	int (*open)(void *arg, const struct rows_spec *spec, struct rows_stream **out);
	void (*offer)(struct rows_stream *rows, const struct summary_taker *taker);
	void (*narrow)(struct rows_stream *rows, const struct value_bounds *bounds, size_t count);
	int (*next)(struct rows_stream *rows, struct batch *out);
	void (*close)(struct rows_stream *rows);
};

/* ERR_MEMORY. */
static inline int rows_open(struct rows_source source, const struct rows_spec *spec,
			    struct rows_stream **out)
{
	return source.ops->open(source.arg, spec, out);
}

/*
 * Before the first batch, of rows that ascend: offer `taker` (borrowed until close) what is
 * known of rows that come next, before they are decoded.
 */
static inline void rows_offer(struct rows_stream *rows, const struct summary_taker *taker)
{
	rows->ops->offer(rows, taker);
}

/*
 * Before the first batch: rows that fail one of the bounds (borrowed until close) may be left
 * out.
 */
static inline void rows_narrow(struct rows_stream *rows, const struct value_bounds *bounds,
			       size_t count)
{
	rows->ops->narrow(rows, bounds, count);
}

/* OK with a batch that lives until the next call, END, ERR_CORRUPT, ERR_IO, ERR_CANCELLED. */
static inline int rows_next(struct rows_stream *rows, struct batch *out)
{
	return rows->ops->next(rows, out);
}

static inline void rows_close(struct rows_stream *rows)
{
	if (rows)
		rows->ops->close(rows);
}

#endif
