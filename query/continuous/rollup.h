/*
 * A continuous query, ready to be run over windows of the past.
 *
 *	stored text ─► rollup ─► SELECT over a range ─► into ─► points of the target
 *
 * What runs twice writes the same points twice, which changes nothing: results
 * are keyed by time. Belongs to one thread at a time.
 */
#ifndef QUERY_ROLLUP_H
#define QUERY_ROLLUP_H

#include "query/base/request.h"
#include "query/continuous/schedule.h"
#include "query/language/ast.h"

/* Windows that one SELECT computes. */
#define ROLLUP_WINDOWS 1000

struct rollup;

/* ERR_INVALID: the stored text is none (it was checked when it was stored). Copies. */
int rollup_open(const struct query_env *env, struct slice text, struct rollup **out,
		struct diag *diag);
void rollup_close(struct rollup *rollup);

/* Does it group by time? NULL: no, it is fed by writes. */
const struct schedule *rollup_schedule(const struct rollup *rollup);
/*
 * Does a row of one run depend on how many windows the run has? Sums that go on, differences,
 * fill(), LIMIT: then what was missed is run boundary by boundary, as it would have been.
 */
bool rollup_is_stepwise(const struct rollup *rollup);
/* Is existing data to be computed when it is made, and from when on (TIME_MIN_NS: all of it)? */
bool rollup_backfills(const struct rollup *rollup, int64_t *from_ns);
/* How long its target keeps points; 0 = for ever, or there is no such policy yet. */
int64_t rollup_target_duration_ns(const struct rollup *rollup, const struct query_env *env);

/*
 * The next part of a range that a run can take: where there are shard groups, and
 * ROLLUP_WINDOWS windows (or one group's) at most. Empty: there is nothing left.
 */
struct window rollup_part(const struct rollup *rollup, const struct query_env *env,
			  struct window range);
struct rollup_outcome {
	uint64_t written;
	int refused; /* below 0: a row was left out, `diag` says why */
};
/*
 * Compute one part. With `gaps_only` just the windows that the target's series
 * have no point in. Below 0: as select_run() and the writer, with `diag`.
 */
int rollup_run(const struct rollup *rollup, const struct query_env *env, struct window part,
	       bool gaps_only, struct rollup_outcome *out, struct diag *diag);

#endif
