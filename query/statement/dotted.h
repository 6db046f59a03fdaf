/* Raw dotted names of a request (LANGUAGE, "Names in FROM"): which of them are no path at all? */
#ifndef QUERY_DOTTED_H
#define QUERY_DOTTED_H

#include "query/base/request.h"
#include "query/language/ast.h"

/*
 * Before any statement of the request runs. ERR_INVALID with 1.x's words: more
 * segments than a path has, or a place that this statement does not take, and
 * no measurement of the default database has the whole as its name. The dotted
 * names of the trees are marked as what they are.
 */
int dotted_check(const struct query_env *env, struct request *request, struct diag *diag);

#endif
