/*
 * SELECT … INTO: the rows of an answer become points of a measurement.
 *
 *	series, rows ─► line protocol ─► writer
 *
 * GROUP BY tags stay tags, columns become fields, nulls are left out.
 */
#ifndef QUERY_INTO_H
#define QUERY_INTO_H

#include "query/task.h"

struct into;

/* The result that takes the rows. ERR_INVALID, ERR_NOT_FOUND in InfluxDB's words; ERR_ACCESS. */
int into_open(struct task *task, const struct select_stmt *select, struct into **out,
	      struct result *result);
/* Writes what is left and answers `result`, `written`. */
int into_finish(struct into *into);
void into_close(struct into *into);

#endif
