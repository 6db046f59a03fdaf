/* Windows without a point: fill() of calls. */
#ifndef QUERY_FILL_H
#define QUERY_FILL_H

#include "query/base/usage.h"
#include "query/plan/plan.h"

/*
 * A call's points, in the order that is told, with a value for every window, the first `count_max`;
 * replaces `points`.
 */
int fill_points(const struct plan *plan, const struct window_spec *window,
		const struct plan_call *call, bool is_descending, size_t count_max, struct run *run,
		struct points *points);

/*
 * A run of a continuous query sees one window: fill(0) is asked for so that it is written also
 * when nothing came.
 */
bool fills_empty_range(const struct plan *plan);

#endif
