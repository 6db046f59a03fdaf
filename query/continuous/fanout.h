/*
 * Ungrouped continuous queries: every point that is written goes on to their
 * targets before the write returns, whatever its age.
 *
 *	rows just stored ─► source? ─► WHERE, columns ─► into ─► points of the targets
 *
 * What a crash cuts off between the two was never acknowledged. Points that come
 * out of here, and those of renamed scratch files, feed nothing.
 *
 * Threads: writers of any thread feed; a query has as many feeders as threads
 * met in it.
 */
#ifndef QUERY_FANOUT_H
#define QUERY_FANOUT_H

#include "query/base/request.h"

struct fanout;

struct fanout_options {
	struct engine *engine;
	const struct query_limits *limits;
	/* May the query's owner read, or write, that database? OK or ERR_ACCESS; NULL = always. */
	int (*check)(void *arg, const struct object *query, uint32_t object_id, bool write);
	/* A query that could not do what it should, or a point that its target refused. */
	void (*tell)(void *arg, const struct object *query, int err, const struct diag *diag);
	void *arg;
};

/* From here on writes feed, until fanout_close(); no write may be under way at either. */
struct fanout *fanout_open(const struct fanout_options *options);
void fanout_close(struct fanout *fanout);

struct fanout_stat {
	uint64_t points; /* written to targets, since the mount */
	int64_t fed_ns;	 /* when the last came; 0 = none did */
	int err;	 /* the last that was told; OK = none since the last good point */
};
void fanout_stat(struct fanout *fanout, uint32_t query_id, struct fanout_stat *out);

#endif
