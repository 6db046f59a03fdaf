/*
 * What the files of one pass share and nobody else sees: the pass over the rows of a group.
 *
 *	share.c ─► aggregate.c ─► aggregate_absorb.c ─► aggregate_window.c
 *	                      └─► aggregate_samples.c
 *
 * A part is what one series gave within one window and one shard group. Parts are joined into the
 * window's state when they end: sums of doubles then come out the same whoever read the series.
 */
#ifndef QUERY_AGGREGATE_STATE_H
#define QUERY_AGGREGATE_STATE_H

#include "query/run/aggregate.h"

union state {
	struct accumulator acc;
	struct samples samples;
};

/*
 * What one series gave where several threads read: its parts in the order in which they were made,
 * so that they are joined as if one thread had read everything, to the last bit.
 */
struct recording {
	int64_t *starts;	   /* of the windows that the parts belong to */
	struct accumulator *parts; /* leaf_count for each, and behind them the one at hand */
	size_t count, capacity;
};

struct aggregate {
	struct aggregate_spec spec;
	struct recording *recording; /* NULL: parts are joined at once */
	bool has_shared, is_alone;   /* with other threads */
	int64_t *starts;	     /* of the windows, in the order they were met */
	union state *states;
	size_t count, capacity;
	struct idmap by_start;
	size_t *order; /* of the windows by time */
	/* the part: the series at hand, within one window and shard group */
	struct accumulator *parts; /* borrowed from the recording, where there is one */
	struct accumulator *own_parts;
	struct accumulator *next_parts; /* what a summary makes of them */
	size_t *sum_columns;		/* of sums that were offered: each leaf's */
	size_t bucket;			/* SIZE_MAX = none */
	struct window window;
	uint32_t group_id;
	bool has_samples;      /* a leaf collects values */
	bool wants_first_only; /* last() and first() without windows need one row a series */
	bool reads_backwards;
};

static inline union state *aggregate_state_of(struct aggregate *aggregate, size_t bucket,
					      size_t leaf)
{
	return &aggregate->states[bucket * aggregate->spec.leaf_count + leaf];
}

/* Rows of one block that lie in one window. */
struct rows {
	const struct feed *feed;
	const struct block *block;
	size_t first, end;
};

/* --- windows and parts (aggregate_window.c) ------------------------------------------- */

/* The window that starts there, made if it is not there yet. ERR_LIMIT, ERR_MEMORY. */
int aggregate_find_window(struct aggregate *aggregate, int64_t start_ns, size_t *bucket);
/* The part at hand ends; one begins in the window of a time. */
int aggregate_enter_window(struct aggregate *aggregate, int64_t time_ns);
int aggregate_join_part(struct aggregate *aggregate);
/* Parts of all leaves go into the window at hand. */
void aggregate_join_parts(struct aggregate *aggregate, const struct accumulator *parts);
/* From now on parts are kept in `recording`, to be joined later. */
int aggregate_record(struct aggregate *aggregate, struct recording *recording);

/* --- values that are kept (aggregate_samples.c) ------------------------------------------ */

/* A text is copied to where it lives as long as the group. */
int aggregate_keep_value(struct aggregate *aggregate, enum data_type type, union value *value);
/* A selected point's other columns; NULL when nobody asks for them. */
int aggregate_keep_row(struct aggregate *aggregate, const struct feed *feed,
		       const struct block *block, size_t row, const struct cell **out);
/* Values of rows into the samples of a call that collects: as keys, or with their times. */
int aggregate_take_keys(struct aggregate *aggregate, const struct plan_call *call,
			struct samples *samples, const struct rows *rows);
int aggregate_take_samples(struct aggregate *aggregate, const struct plan_call *call,
			   struct samples *samples, const struct rows *rows);
int aggregate_add_sample(struct aggregate *aggregate, struct samples *samples,
			 struct sample sample);
/* Room for so many keys behind those that are there. */
int aggregate_reserve_keys(struct aggregate *aggregate, struct samples *samples, size_t more);
/* What the call makes of a window's samples, appended. */
int aggregate_finish_samples(const struct aggregate *aggregate, const struct plan_call *call,
			     struct samples *samples, int64_t start_ns, struct points *out);
void aggregate_release_samples(struct aggregate *aggregate);

/* --- summaries (aggregate_absorb.c) ---------------------------------------------------- */

/* What the feed is offered for one series; it borrows this until it is closed. */
struct absorption {
	struct aggregate *aggregate;
	struct feed *feed;
	struct window window; /* that rows were cut by last */
	struct sums_taker sums;
	struct summary_taker taker;
};
/* Summaries may stand for rows, where all calls can take them. */
void aggregate_offer(struct absorption *absorption, struct aggregate *aggregate, struct feed *feed);

/* --- the pass (aggregate.c) ------------------------------------------------------------- */

/* aggregate_close() is needed after errors too. */
int aggregate_open(const struct aggregate_spec *spec, struct aggregate **out);
/* All rows of one series. */
int aggregate_take_series(struct aggregate *aggregate, const struct group_series *series);
/* All series are read: windows get their order. */
int aggregate_sort_windows(struct aggregate *aggregate);

#endif
