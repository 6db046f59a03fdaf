/*
 * From groups to rows: a bound plan runs, its subqueries first.
 *
 *	rows ─► inner (rows of subqueries, by rows again)
 *	     └► groups ─► raw    fields: rows merged by time    ─┐
 *	               └► calls  points of calls, lined up     ─┴► emit ─► sink
 *	     └► join   rows of its parts, in turns             ─────────► sink
 */
#ifndef QUERY_ROWS_H
#define QUERY_ROWS_H

#include "query/base/usage.h"
#include "query/run/emit.h"

/* Runs a bound plan. What the sink answers below 0 ends it. */
int rows_run(struct plan *plan, struct run *run, const struct row_sink *sink);

#endif
