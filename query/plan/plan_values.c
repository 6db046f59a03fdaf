/*
 * Why: 0.8 groups by any column, 1.x by tags. Here a column that is grouped by becomes a
 * dimension of the rows of a subquery, and behind that it is a tag like any other.
 *
 *	select mean(v) from m group by time(1m), c          c being a field
 *	select mean(v) from (select v, c from m, by c) group by time(1m), c
 */
#include "query/plan/plan.h"

/* --- what is read ------------------------------------------------------------------------------
 */

struct column_names {
	struct plan *plan;
	struct slice *items;
	size_t count, capacity;
	bool all, failed;
};

static void add_name(struct column_names *names, struct slice name)
{
	for (size_t i = 0; i < names->count; i++)
		if (slice_equal(names->items[i], name))
			return;
	names->items = arena_grow(names->plan->context->arena, names->items, names->count,
				  &names->capacity, sizeof(*names->items));
	if (!names->items)
		names->failed = true;
	else
		names->items[names->count++] = name;
}

static bool add_node(void *arg, struct expr *expr)
{
	struct column_names *names = arg;

	if (expr->kind == EXPR_VARREF && !expr_is_time(expr))
		add_name(names, expr->varref.name);
	else if (expr->kind == EXPR_DISTINCT)
		add_name(names, expr->distinct);
	else if (expr->kind == EXPR_WILDCARD)
		names->all = true;
	return !names->failed;
}

/* A regex among the fields, or as an argument, is a wildcard; in WHERE it is a value. */
static bool find_regex(void *arg, struct expr *expr)
{
	struct column_names *names = arg;

	names->all |= expr->kind == EXPR_REGEX;
	return true;
}

int plan_list_columns(struct plan *plan, struct slice **out, size_t *count, bool *all)
{
	struct column_names names = { .plan = plan };

	for (size_t i = 0; i < plan->field_count; i++) {
		expr_walk(plan->fields[i].expr, add_node, &names);
		expr_walk(plan->fields[i].expr, find_regex, &names);
	}
	if (plan->condition)
		expr_walk(plan->condition, add_node, &names);
	for (size_t i = 0; i < plan->stmt->dimension_count; i++)
		if (plan->stmt->dimensions[i]->kind == EXPR_VARREF)
			add_name(&names, plan->stmt->dimensions[i]->varref.name);
	*out = names.items;
	*count = names.count;
	*all = names.all;
	return names.failed ? ERR_LIMIT : OK;
}

/* --- which columns are dimensions
 * ------------------------------------------------------------------ */

static bool is_said(const struct plan *plan, struct slice name)
{
	for (size_t i = 0; i < plan->value_count; i++)
		if (slice_equal(plan->values[i], name))
			return true;
	return false;
}

/* A tag of that name stays what it is in 1.x; a merge's `_orig_series` is a column of 0.8. */
static int is_value(struct plan *plan, const struct expr *dimension, bool *is)
{
	enum data_type type;

	*is = false;
	if (dimension->kind != EXPR_VARREF ||
	    (!plan->stmt->is_old && !is_said(plan, dimension->varref.name)))
		return OK;
	TRY(plan_type_of(plan, dimension->varref.name, &type));
	*is = (type != DATA_UNKNOWN && type != DATA_TAG) ||
	      plan_is_origin(plan, dimension->varref.name);
	return OK;
}

static int list_values(struct plan *plan, struct slice **out, size_t *count)
{
	struct slice *names = arena_alloc(plan->context->arena,
					  (plan->stmt->dimension_count + 1) * sizeof(*names));

	*out = names;
	*count = 0;
	if (!names)
		return ERR_LIMIT;
	for (size_t i = 0; i < plan->stmt->dimension_count; i++) {
		bool is;

		TRY(is_value(plan, plan->stmt->dimensions[i], &is));
		if (is)
			names[(*count)++] = plan->stmt->dimensions[i]->varref.name;
	}
	return OK;
}

/* --- the subquery
 * ---------------------------------------------------------------------------------- */

static int make_fields(struct plan *plan, struct select_stmt *stmt)
{
	struct arena *arena = plan->context->arena;
	struct slice *names;
	size_t count;
	bool all;

	TRY(plan_list_columns(plan, &names, &count, &all));
	if (all)
		count = 0;
	stmt->fields = arena_alloc(arena, (count + 1) * sizeof(*stmt->fields));
	if (!stmt->fields)
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++)
		stmt->fields[stmt->field_count++].expr =
			expr_new_varref(arena, names[i], DATA_UNKNOWN);
	if (all)
		stmt->fields[stmt->field_count++].expr =
			expr_new(arena, EXPR_WILDCARD, (struct position){ 0 });
	for (size_t i = 0; i < stmt->field_count; i++)
		if (!stmt->fields[i].expr)
			return ERR_LIMIT;
	return OK;
}

/* The measurements of FROM, as one subquery in their place. */
static int bind_subquery(struct plan *plan, struct plan **out)
{
	struct select_stmt *stmt = arena_alloc(plan->context->arena, sizeof(*stmt));
	const struct select_stmt *outer = plan->stmt;

	if (!stmt)
		return ERR_LIMIT;
	stmt->sources = arena_alloc(plan->context->arena,
				    (outer->source_count + 1) * sizeof(*stmt->sources));
	if (!stmt->sources)
		return ERR_LIMIT;
	for (size_t i = 0; i < outer->source_count; i++)
		if (outer->sources[i].kind == SOURCE_MEASUREMENT ||
		    outer->sources[i].kind == SOURCE_MERGE)
			stmt->sources[stmt->source_count++] = outer->sources[i];
	stmt->is_raw = stmt->is_old = true;
	TRY(make_fields(plan, stmt));
	return plan_inner(plan, stmt, out);
}

/* Subqueries and joins have the rows already. */
static bool has_column(const struct plan *inner, struct slice name)
{
	for (size_t i = 0; i < inner->column_count; i++)
		if (slice_equal(inner->columns[i].name, name))
			return true;
	return false;
}

static int set_values(struct plan *inner, struct slice *names, size_t count)
{
	inner->values = arena_alloc(inner->context->arena, (count + 1) * sizeof(*inner->values));
	inner->value_count = 0;
	if (!inner->values)
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++)
		if (has_column(inner, names[i]))
			inner->values[inner->value_count++] = names[i];
	return OK;
}

int plan_group_by_values(struct plan *plan)
{
	struct slice *names;
	struct plan *inner = NULL;
	size_t count, kept = 0;
	bool has_measurement = false;

	TRY(list_values(plan, &names, &count));
	plan->value_count = 0;
	if (count == 0)
		return OK;
	plan->groups_by_values = true;
	for (size_t i = 0; i < plan->source_count; i++) {
		if (plan->sources[i].subquery) {
			TRY(set_values(plan->sources[i].subquery, names, count));
			plan->sources[kept++] = plan->sources[i];
		} else {
			has_measurement = true;
		}
	}
	if (!has_measurement)
		return OK;
	int err = bind_subquery(plan, &inner);

	if (inner)
		plan->sources[kept++] = (struct plan_source){ .subquery = inner };
	plan->source_count = kept;
	plan->is_merge = false; /* the subquery is */
	TRY(err);
	return set_values(inner, names, count);
}
