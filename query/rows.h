/*
 * From groups to rows: raw rows merged by time, or the points of calls lined
 * up by time; then columns, OFFSET and LIMIT.
 */
#ifndef QUERY_ROWS_H
#define QUERY_ROWS_H

#include "query/aggregate.h"

/* Who takes the rows of a plan, group by group; a group without rows is not begun. */
struct row_sink {
	int (*begin)(void *arg, const struct series_key *key);
	/* One cell a column; strings live until the call returns. */
	int (*row)(void *arg, int64_t time_ns, const struct cell *columns);
	int (*end)(void *arg);
	void *arg;
};

/* Runs a bound plan. What the sink answers below 0 ends it. */
int rows_run(struct plan *plan, struct run *run, const struct row_sink *sink);

/* The same of a join: rows of its parts in turns (join.c). */
int join_run(struct plan *plan, struct run *run, const struct row_sink *sink);

/* A group's rows on their way out. */
struct emitter {
	struct plan *plan;
	const struct row_sink *sink;
	const struct series_key *key;
	bool has_begun;
	int64_t seen;		   /* rows of the group, with those that OFFSET passes over */
	struct cell *columns;	   /* of this row */
	struct cell *cells, *last; /* filled; what each cell had last, for fill(previous) */
	struct buf *last_texts;
};
/*
 * `cells` are slots, then calls; `absent` (may be NULL) tells of each call
 * whether it has no point here, rather than null. OK, END: LIMIT is reached;
 * below 0.
 */
int emit_row(struct emitter *emitter, int64_t time_ns, const struct cell *cells,
	     const bool *absent);

/* --- the two ways to rows ---------------------------------------------------------- */

int rows_of_fields(struct plan *plan, const struct group *group, struct run *run,
		   struct emitter *emitter); /* raw.c */
/* The values of one column in the order of such rows, as points. */
int raw_points(struct plan *plan, const struct group *group, struct run *run,
	       const struct plan_call *call, struct arena *arena, struct points *out);
int rows_of_calls(struct plan *plan, const struct group *group, struct run *run,
		  struct emitter *emitter); /* calls.c */
/* A call's points with a value for every window, the first `count_max` (fill.c); replaces `points`.
 */
int fill_points(const struct plan *plan, const struct window_spec *window,
		const struct plan_call *call, size_t count_max, struct run *run,
		struct points *points);

#endif
