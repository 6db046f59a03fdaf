/* Rows of calls: what functions gave for a group, lined up by time. */
#ifndef QUERY_CALLS_H
#define QUERY_CALLS_H

#include "query/run/emit.h"
#include "query/run/groups.h"

int rows_of_calls(struct plan *plan, const struct group *group, struct run *run,
		  struct emitter *emitter);

#endif
