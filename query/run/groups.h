/*
 * The groups of a statement: which series each has, in the order of the
 * answer.
 *
 *	sources ─► series in range ─► WHERE over tags ─► by name and GROUP BY tags
 */
#ifndef QUERY_GROUPS_H
#define QUERY_GROUPS_H

#include "query/run/inner.h"

struct group {
	const struct series_key *key;
	struct group_series *series; /* in the order of their keys */
	size_t series_count;
};

struct groups {
	struct group *items; /* ascending by name, then tags */
	size_t count;
	struct group_series *series;
};

/*
 * Lists them, SLIMIT and SOFFSET heeded. `inner` has the rows of each source that is a subquery,
 * NULL for the others, and is borrowed until groups_close(), which is needed after errors too.
 * ERR_LIMIT: more series than one statement may touch.
 */
int groups_open(struct plan *plan, struct inner_result *const *inner, struct run *run,
		struct groups *out);
void groups_close(struct groups *groups);

#endif
