/*
 * SELECT … INTO: the rows of an answer become points of a measurement.
 *
 *	series, rows ─► line protocol ─► writer
 *
 * GROUP BY tags stay tags, columns become fields, nulls are left out. A name made
 * of [columns] is made for each row (target.h); those columns are no fields then,
 * unless no field would be left.
 */
#ifndef QUERY_INTO_H
#define QUERY_INTO_H

#include "query/expression/window.h"
#include "query/statement/task.h"

struct into;

/* A zeroed one is INTO by hand. */
struct into_spec {
	bool skip;	    /* rows that the target refuses are left out, see into_refused() */
	bool copies_points; /* 0.8's way with tags, whatever the text is */
	bool feeds_nothing; /* the points wake no ungrouped continuous query */
	/* Not NULL: only into windows (points, when it says none) that the target's series has not.
	 */
	const struct window_spec *gaps;
	int64_t time_first_ns, time_last_ns; /* with `gaps`: all rows are in this closed range */
};

/*
 * The result that takes the rows. `select` is completed where 0.8 reads more than
 * its text says. ERR_INVALID, ERR_NOT_FOUND in InfluxDB's words; ERR_ACCESS.
 */
int into_open(struct task *task, struct select_stmt *select, const struct into_spec *spec,
	      struct into **out, struct result *result);
/*
 * The open series, to come back to without beginning it again: rows of several series take turns
 * where writes are copied. into_reopen() is false when it is gone.
 */
struct into_head;
const struct into_head *into_head(const struct into *into, uint64_t *epoch);
bool into_reopen(struct into *into, const struct into_head *head, uint64_t epoch);
/* What was given so far is stored. */
int into_flush(struct into *into);
uint64_t into_written(const struct into *into);
/* The last error of a row that was left out, with its words; OK when there was none since
 * the last call. */
int into_refused(struct into *into, struct diag *diag);
/* Writes what is left and answers `result`, `written`. */
int into_finish(struct into *into);
void into_close(struct into *into);

#endif
