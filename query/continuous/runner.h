/*
 * Continuous queries at work: a thread that runs the grouped ones when they are
 * due and computes what was there before them.
 *
 *	catalog: continuous/NAME ─► rollups, by interval ─► due? run ─► seen by runner_each()
 *
 * What has run is kept in the data directory, so that a restart makes up for
 * the boundaries it missed. It may be behind by a moment after a crash: what is
 * computed again comes out the same.
 *
 * A query whose file was given an older mtime than its arrival is one that came
 * back from a backup. It is not backfilled, since its target comes back as well.
 */
#ifndef QUERY_RUNNER_H
#define QUERY_RUNNER_H

#include "query/base/request.h"
#include "query/expression/window.h"

struct runner;

struct runner_options {
	struct engine *engine;
	const struct query_limits *limits;
	/* May the query's owner read, or write, that object? OK or ERR_ACCESS. */
	int (*check)(void *arg, const struct object *query, uint32_t object_id, bool write);
	/* A query that cannot be run, or whose run met an error. */
	void (*tell)(void *arg, const struct object *query, int err, const struct diag *diag);
	void *arg;
};

/* Starts the thread. Copies `options`. NULL: no thread could be made. */
struct runner *runner_open(const struct runner_options *options);
/* No run is under way, and none begins, when it returns. */
void runner_cancel(struct runner *runner);
/* After runner_cancel(), and when all writes have ended. */
void runner_close(struct runner *runner);

/* Everything that is due, and all backfill, done when it returns. */
void runner_run_now(struct runner *runner);
/*
 * When (monotonic) the last look began at whose end everything due was run, or met an error.
 * Retention waits for one: after a rest it must not drop what results are still to be made of.
 */
int64_t runner_looked_ns(const struct runner *runner);

/* A query as it stands; valid during the call. */
struct runner_query {
	const struct object *object;
	struct slice database; /* its name */
	uint32_t database_id;
	bool is_grouped; /* by time: else writes feed it, and `ran_ns` is of its backfill */
	bool has_backfill;
	struct window backfill; /* what is left of it */
	int64_t ran_ns;		/* up to when it ran; 0 = it never did */
	int64_t lag_ns;		/* what is due for so long and has not run */
	uint64_t written;
	int err; /* of the last run */
	const char *why;
};
void runner_each(struct runner *runner, void (*each)(void *arg, const struct runner_query *query),
		 void *arg);

#endif
