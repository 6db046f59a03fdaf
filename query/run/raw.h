/* Rows of fields: those of all series of a group, merged by time. */
#ifndef QUERY_RAW_H
#define QUERY_RAW_H

#include "query/run/emit.h"
#include "query/run/groups.h"

int rows_of_fields(struct plan *plan, const struct group *group, struct run *run,
		   struct emitter *emitter);
/* The values of one column as points, the earliest first whatever the order of the answer. */
int raw_points(struct plan *plan, const struct group *group, struct run *run,
	       const struct plan_call *call, struct arena *arena, struct points *out);

#endif
