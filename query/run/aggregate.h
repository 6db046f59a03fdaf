/*
 * One pass over the rows of a group: what the calls that read columns make of
 * them, window by window.
 *
 *	series ─► blocks ─► runs of rows in one window ─► part per (series, shard group)
 *	                                                    └─► joined into the window
 */
#ifndef QUERY_AGGREGATE_H
#define QUERY_AGGREGATE_H

#include "query/run/groups.h"

struct aggregate;

struct aggregate_spec {
	struct plan *plan;
	const struct group *group;
	struct window_spec window; /* the plan's, or one that begins earlier */
	struct plan_call **leaves;
	size_t leaf_count;
	struct run *run;
	struct arena *arena; /* for rows and texts that are kept; of this group */
};

/*
 * What a leaf gave: its windows in the order of the answer, without the empty
 * ones. Appended to `out`.
 */
int aggregate_points(struct aggregate *aggregate, size_t leaf, struct points *out);
void aggregate_close(struct aggregate *aggregate);

#endif
