/*
 * What a condition asks of a field, as a closed range: for the engine, which knows the least and
 * the greatest value of many rows.
 *
 *	usage > 90	of an integer: [91, 2^63 - 1]; of a float: [90.00000000000001, inf]
 */
#ifndef QUERY_BOUNDS_H
#define QUERY_BOUNDS_H

#include "query/plan/plan.h"

/*
 * False: the condition is not `field op number`, or its rows cannot be told by a range. Rows for
 * which it is true lie inside; some of the others may, too.
 */
bool bounds_of(const struct plan *plan, const struct plan_source *source,
	       const struct expr *condition, struct value_bounds *out);

#endif
