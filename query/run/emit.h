/*
 * Rows on their way out, group by group: what is between the two ways to make rows and whoever
 * takes them.
 */
#ifndef QUERY_EMIT_H
#define QUERY_EMIT_H

#include "query/plan/plan.h"

/* Who takes the rows of a plan, group by group; a group without rows is not begun. */
struct row_sink {
	int (*begin)(void *arg, const struct series_key *key);
	/* One cell a column; strings live until the call returns. */
	int (*row)(void *arg, int64_t time_ns, const struct cell *columns);
	int (*end)(void *arg);
	void *arg;
};

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
/* Borrows plan and sink; emitter_release() is needed after errors too. */
int emitter_init(struct emitter *emitter, struct plan *plan, const struct row_sink *sink);
void emitter_release(struct emitter *emitter);
/* Rows of another group come. */
void emitter_begin(struct emitter *emitter, const struct series_key *key);
/*
 * `cells` are slots, then calls; `absent` (may be NULL) tells of each call
 * whether it has no point here, rather than null. OK, END: LIMIT is reached;
 * below 0.
 */
int emit_row(struct emitter *emitter, int64_t time_ns, const struct cell *cells,
	     const bool *absent);

#endif
