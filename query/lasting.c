/*
 * What an answer depends on besides the points: now(), a window that ends now, sample(), or the
 * running server, which SHOW tells of.
 *
 * Why: an answer that lasts is given again until something is written, instead of asked again.
 */
#include "query/lasting.h"

#include "query/expression/expr.h"
#include "query/expression/fold.h"

static bool find_now(void *arg, struct expr *expr)
{
	bool *found = arg;

	*found |= expr_is_call(expr, "now") || expr_is_call(expr, "sample");
	return !*found;
}

static bool select_uses_now(struct select_stmt *select, struct arena *arena)
{
	struct fold fold = { .arena = arena, .has_now = true };
	struct bounds bounds;
	struct diag diag = { 0 };
	bool found = false, has_window = false;
	struct expr *rest;

	for (size_t i = 0; i < select->field_count; i++)
		expr_walk(select->fields[i].expr, find_now, &found);
	for (size_t i = 0; i < select->dimension_count; i++) {
		expr_walk(select->dimensions[i], find_now, &found);
		has_window |= select->dimensions[i]->kind == EXPR_CALL;
	}
	if (select->condition)
		expr_walk(select->condition, find_now, &found);
	/* Windows without an upper bound end now. */
	if (has_window && !found &&
	    (condition_split(&fold, select->condition, &bounds, &rest, &diag) < 0 ||
	     !bounds.has_last))
		found = true;
	for (size_t i = 0; !found && i < select->source_count; i++)
		if (select->sources[i].kind == SOURCE_SUBQUERY)
			found = select_uses_now(select->sources[i].subquery, arena);
	return found;
}

bool request_lasts(const struct request *request, struct arena *arena)
{
	for (size_t i = 0; i < request->count; i++) {
		const struct statement *statement = &request->statements[i];

		if (statement->kind != STATEMENT_SELECT ||
		    select_uses_now(statement->select, arena))
			return false;
	}
	return request->count > 0;
}
