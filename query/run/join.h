/* 0.8's join: rows of its parts, paired in turns. */
#ifndef QUERY_JOIN_H
#define QUERY_JOIN_H

#include "query/run/emit.h"
#include "query/run/inner.h"

/* `parts` are the rows of the plan's sources, one each. */
int join_run(struct plan *plan, struct inner_result *const *parts, struct run *run,
	     const struct row_sink *sink);

#endif
