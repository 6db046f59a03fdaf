/* What a running statement has used up, against the limits of its request. */
#ifndef QUERY_USAGE_H
#define QUERY_USAGE_H

#include "query/base/metering.h"

struct run {
	const struct query_env *env;
	struct diag *diag;
	int64_t deadline_ns; /* monotonic; 0 = none */
	uint64_t points, buckets, series;
	uint64_t summaries; /* of chunks and cells that were taken in place of rows */
	struct chunk_counts chunks;
	bool is_timed;	 /* EXPLAIN ANALYZE */
	int64_t read_ns; /* in cursors, when timed */
};
/* Nothing is used up yet; the time that it may take begins. Borrows both. */
void run_begin(struct run *run, const struct query_env *env, struct diag *diag);
/* ERR_CANCELLED, ERR_LIMIT, ERR_MEMORY. */
int run_check(struct run *run);
/* Before so much is asked of malloc: is there room for it (memory.h)? ERR_LIMIT, ERR_MEMORY. */
int run_take_bytes(struct run *run, size_t bytes);
/* One more row of a time bucket. ERR_LIMIT. */
int run_count_bucket(struct run *run);
int run_count_points(struct run *run, size_t count);
/*
 * What another thread used up for this run, with the error that it ended with; its counts began at
 * 0. ERR_LIMIT: together it is too much.
 */
int run_join(struct run *run, const struct run *part, int err);
/* `err`, with words for what ran out where there are none yet. */
int run_explain(int err, struct diag *diag);

#endif
