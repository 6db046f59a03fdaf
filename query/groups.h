/*
 * The groups of a statement: which series each has, in the order of the
 * answer.
 *
 *	sources ─► series in range ─► WHERE over tags ─► by name and GROUP BY tags
 */
#ifndef QUERY_GROUPS_H
#define QUERY_GROUPS_H

#include "query/feed.h"

struct group {
	const struct series_key *key;
	struct group_series *series; /* in the order of their keys */
	size_t series_count;
};

struct inner_result;

struct groups {
	struct group *items; /* ascending by name, then tags */
	size_t count;
	struct group_series *series;
	struct inner_result **inner; /* what subqueries gave */
	size_t inner_count;
};

/*
 * Lists them, SLIMIT and SOFFSET heeded; runs the subqueries. groups_close()
 * is needed after errors too. ERR_LIMIT: more series than one statement may
 * touch.
 */
int groups_open(struct plan *plan, struct run *run, struct groups *out);
void groups_close(struct groups *groups);

/* --- rows of a subquery (inner.c) ---------------------------------------------- */

/* Runs the plan and keeps its rows; inner_close() is needed after errors too. */
int inner_open(struct plan *plan, struct run *run, struct inner_result **out);
void inner_close(struct inner_result *inner);
size_t inner_series_count(const struct inner_result *inner);
const struct inner_series *inner_series_at(const struct inner_result *inner, size_t number);

#endif
