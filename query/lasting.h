/* Does an answer hold as long as nothing is written? */
#ifndef QUERY_LASTING_H
#define QUERY_LASTING_H

#include "query/language/ast.h"

/* It does, if the request is SELECTs alone, which neither look at the clock nor throw dice. */
bool request_lasts(const struct request *request, struct arena *arena);

#endif
