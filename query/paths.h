/* Raw dotted names of a request (LANGUAGE, "Names in FROM"): which of them are no path at all? */
#ifndef QUERY_PATHS_H
#define QUERY_PATHS_H

#include "query/ast.h"
#include "query/query.h"

/*
 * Before any statement of the request runs. ERR_INVALID with 1.x's words: more
 * segments than a path has, or a place that this statement does not take, and
 * no measurement of the default database has the whole as its name.
 */
int paths_check(const struct query_env *env, const struct request *request, struct diag *diag);

#endif
