/* What a SELECT will do, as text. */
#ifndef QUERY_EXPLAIN_H
#define QUERY_EXPLAIN_H

#include "query/run/select.h"

/* Its plan as one series without a name, column `QUERY PLAN`; with `analyze` it is run as well. */
int explain_run(const struct query_env *env, const struct select_scope *scope, struct arena *arena,
		struct select_stmt *stmt, bool analyze, const struct result *result,
		struct diag *diag);

#endif
