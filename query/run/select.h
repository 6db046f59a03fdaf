/*
 * One SELECT, from tree to rows: the face of binding, planning and running.
 *
 *	select_stmt ─► bind ─► plan ─► operators ─► series_begin row* series_end
 *
 * The statement lives in `arena`, which also takes what binding adds to it;
 * it is changed on the way (wildcards, constants) and runs once. What running
 * needs beyond that is counted against env->limits->memory_bytes_max.
 */
#ifndef QUERY_SELECT_H
#define QUERY_SELECT_H

#include "query/base/request.h"
#include "query/format/result.h"
#include "query/language/ast.h"

/*
 * Run it and give its series to `result`; statement_begin and statement_end
 * are the caller's. A target is not written to: the caller's `result` does
 * that (a statement with one leaves windows without a value out, as INTO
 * does). Other databases than env->database_id are read only when
 * env->access.check allows it.
 *
 * ERR_INVALID     with InfluxDB's words in `diag`, before any row was given
 * ERR_NOT_FOUND   the same, for a database or policy that is not there
 * ERR_LIMIT       too many series, buckets, points, too much memory or time
 * ERR_CANCELLED, ERR_CORRUPT, ERR_IO, ERR_ACCESS, and what `result` returned
 */
int select_run(const struct query_env *env, const struct select_scope *scope, struct arena *arena,
	       struct select_stmt *stmt, const struct result *result, struct diag *diag);

#endif
