/*
 * The time terms of a condition, wherever they stand in it, intersected: what
 * InfluxDB does, also under OR. For statements that choose series (SHOW,
 * DELETE); times are UTC.
 */
#ifndef QUERY_TIME_RANGE_H
#define QUERY_TIME_RANGE_H

#include "engine/base/err.h"
#include "query/language/ast.h"

struct time_range {
	int64_t first_ns, last_ns; /* closed; first > last: nothing */
	bool is_given;		   /* the condition has a time term */
};

/*
 * `condition` may be NULL. ERR_INVALID in InfluxDB's words: an operator that
 * times have not, a value that is no time.
 */
int time_range_of(struct expr *condition, int64_t now_ns, struct time_range *out,
		  struct diag *diag);
/* Is it a comparison with the column `time`? */
bool expr_is_time_term(const struct expr *expr);

#endif
