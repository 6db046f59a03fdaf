/*
 * Constants computed once, and the times taken out of a WHERE.
 *
 *	time > now() - 1h and (h = 'a' or 1 = 2)
 *	  ─► [now - 1h + 1ns, no end]   and   h = 'a'
 *
 * Time terms are intersected wherever they stand, also below an OR: that is
 * what InfluxDB does.
 */
#ifndef QUERY_FOLD_H
#define QUERY_FOLD_H

#include "engine/base/err.h"
#include "query/language/ast.h"
#include "query/language/time_text.h"

struct fold {
	struct arena *arena;
	bool has_now; /* `now()` is now_ns; else it stays a call */
	bool has_math;
	int64_t now_ns;
	const struct zone *zone; /* of times without one; NULL = UTC */
};

/*
 * A new tree with the constants folded, without brackets around the whole.
 * NULL: the arena's budget is used up. `expr` stays as it is.
 */
struct expr *fold_expr(const struct fold *fold, const struct expr *expr);

/* Closed; what is not given is open on that side. */
struct bounds {
	bool has_first, has_last;
	int64_t first_ns, last_ns;
};

/*
 * Take a condition apart: its times, and the rest without them (NULL: nothing
 * is left, or it is true). `condition` may be NULL. ERR_INVALID in InfluxDB's
 * words; ERR_LIMIT: the arena's budget.
 */
int condition_split(const struct fold *fold, const struct expr *condition, struct bounds *bounds,
		    struct expr **rest, struct diag *diag);

#endif
