/*
 * Why: `*`, `/re/` and `f(*)` stand for columns, so they are gone before
 * anything else looks at the fields.
 */
#include "query/base/pattern.h"
#include "query/plan/plan.h"

struct expansion {
	struct plan *plan;
	struct plan_name *names; /* what `*` means: without tags that are grouped by */
	size_t name_count;
	struct field *fields;
	size_t count, capacity;
};

static int add_field(struct expansion *expansion, struct field field)
{
	struct plan *plan = expansion->plan;

	expansion->fields = arena_grow(plan->context->arena, expansion->fields, expansion->count,
				       &expansion->capacity, sizeof(*expansion->fields));
	if (!expansion->fields || !field.expr)
		return ERR_LIMIT;
	expansion->fields[expansion->count++] = field;
	return OK;
}

static int open_regex(struct plan *plan, const struct expr *expr, struct pattern **out)
{
	*out = NULL;
	if (expr->kind != EXPR_REGEX)
		return OK;
	return pattern_open(expr->regex.pattern, expr->regex.ignore_case, out, plan->context->diag);
}

static int matches(const struct expr *wildcard, struct pattern *pattern,
		   const struct plan_name *name, bool *out)
{
	*out = true;
	if (pattern)
		return pattern_find(pattern, name->name, out);
	if (wildcard->wildcard == DATA_FIELD)
		*out = name->type != DATA_TAG;
	else if (wildcard->wildcard == DATA_TAG)
		*out = name->type == DATA_TAG;
	return OK;
}

static struct expr *reference(const struct plan *plan, const struct plan_name *name)
{
	bool shows_tag = name->is_field && name->type == DATA_TAG;

	return expr_new_varref(plan->context->arena, name->name,
			       shows_tag ? DATA_STRING : name->type);
}

static int expand_plain(struct expansion *expansion, const struct field *field)
{
	struct plan *plan = expansion->plan;
	struct pattern *pattern;
	int err;

	TRY(open_regex(plan, field->expr, &pattern));
	err = OK;
	for (size_t i = 0; err >= 0 && i < expansion->name_count; i++) {
		const struct plan_name *name = &expansion->names[i];
		bool found;

		err = matches(field->expr, pattern, name, &found);
		if (err >= 0 && found)
			err = add_field(expansion, (struct field){ .expr = reference(plan, name),
								   .position = field->position });
	}
	pattern_close(pattern);
	if (err >= 0 && plan->is_merge && field->expr->kind == EXPR_WILDCARD)
		err = add_field(expansion, (struct field){ .expr = expr_new_varref(
								   plan->context->arena,
								   SLICE("_orig_series"), DATA_TAG),
							   .position = field->position });
	return err;
}

/* The innermost call of `f(g(*))`; NULL when it has no wildcard. */
static struct expr *wildcard_call(struct expr *expr)
{
	const struct expr *argument;

	while (expr->kind == EXPR_CALL && expr->call.arg_count &&
	       expr->call.args[0]->kind == EXPR_CALL)
		expr = expr->call.args[0];
	if (expr->kind != EXPR_CALL || expr->call.arg_count == 0)
		return NULL;
	argument = expr->call.args[0];
	return argument->kind == EXPR_WILDCARD || argument->kind == EXPR_REGEX ? expr : NULL;
}

/* What `f(*)` takes besides numbers. */
static unsigned wildcard_types(const struct expr *call)
{
	static const struct {
		const char *name;
		unsigned types;
	} rows[] = {
		{ "count", TYPES_ANY },	   { "first", TYPES_ANY },	{ "last", TYPES_ANY },
		{ "distinct", TYPES_ANY }, { "elapsed", TYPES_ANY },	{ "mode", TYPES_ANY },
		{ "sample", TYPES_ANY },   { "min", TYPES_COMPARABLE }, { "max", TYPES_COMPARABLE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (expr_is_call(call, rows[i].name))
			return rows[i].types;
	return TYPES_NUMBER;
}

static int add_call(struct expansion *expansion, const struct field *field,
		    const struct plan_name *name)
{
	struct arena *arena = expansion->plan->context->arena;
	struct expr *copy = expr_copy(arena, field->expr);
	struct slice outer = field->alias.length ? field->alias : field->expr->call.name;
	const char *alias = arena_printf(arena, "%.*s_%.*s", (int)outer.length, outer.data,
					 (int)name->name.length, name->name.data);
	struct expr *call = copy ? wildcard_call(copy) : NULL;

	if (!call || !alias)
		return ERR_LIMIT;
	call->call.args[0] = expr_new_varref(arena, name->name, name->type);
	if (!call->call.args[0])
		return ERR_LIMIT;
	return add_field(expansion, (struct field){ .expr = copy,
						    .alias = slice_of_text(alias),
						    .position = field->position });
}

static int expand_call(struct expansion *expansion, const struct field *field, struct expr *call)
{
	const struct expr *wildcard = call->call.args[0];
	unsigned types = wildcard_types(call);
	struct pattern *pattern;
	int err;

	if (wildcard->kind == EXPR_WILDCARD && wildcard->wildcard == DATA_TAG)
		return diag_set(expansion->plan->context->diag, ERR_INVALID,
				"unable to use tag wildcard in %.*s()", (int)call->call.name.length,
				call->call.name.data);
	TRY(open_regex(expansion->plan, wildcard, &pattern));
	err = OK;
	for (size_t i = 0; err >= 0 && i < expansion->name_count; i++) {
		const struct plan_name *name = &expansion->names[i];
		bool found;

		if (name->type == DATA_TAG || !(types >> name->type & 1))
			continue;
		err = matches(wildcard, pattern, name, &found);
		if (err >= 0 && found)
			err = add_call(expansion, field, name);
	}
	pattern_close(pattern);
	return err;
}

static int expand_field(struct expansion *expansion, struct field *field)
{
	struct expr *call;

	if (field->expr->kind == EXPR_WILDCARD || field->expr->kind == EXPR_REGEX)
		return expand_plain(expansion, field);
	call = wildcard_call(field->expr);
	return call ? expand_call(expansion, field, call) : add_field(expansion, *field);
}

/* --- GROUP BY ------------------------------------------------------------------- */

struct dimension_list {
	struct slice *names;
	size_t count, capacity;
};

static int add_dimension(struct plan *plan, struct dimension_list *list, struct slice name)
{
	list->names = arena_grow(plan->context->arena, list->names, list->count, &list->capacity,
				 sizeof(*list->names));
	if (!list->names)
		return ERR_LIMIT;
	list->names[list->count++] = name;
	return OK;
}

static int expand_dimension(struct plan *plan, struct dimension_list *list,
			    const struct expr *dimension, const struct plan_name *names,
			    size_t count)
{
	struct pattern *pattern;
	int err = OK;

	if (dimension->kind == EXPR_VARREF)
		return add_dimension(plan, list, dimension->varref.name);
	if (dimension->kind != EXPR_WILDCARD && dimension->kind != EXPR_REGEX)
		return OK;
	TRY(open_regex(plan, dimension, &pattern));
	for (size_t i = 0; err >= 0 && i < count; i++) {
		bool found = !names[i].is_field;

		if (found && pattern)
			err = pattern_find(pattern, names[i].name, &found);
		if (err >= 0 && found)
			err = add_dimension(plan, list, names[i].name);
	}
	pattern_close(pattern);
	return err;
}

/* The outer statement groups by it, so the inner one has to keep it apart. */
static int inherit_dimensions(struct plan *plan, struct dimension_list *list)
{
	for (const struct plan *outer = plan->parent; outer; outer = outer->parent)
		for (size_t i = 0; i < outer->stmt->dimension_count; i++)
			if (outer->stmt->dimensions[i]->kind == EXPR_VARREF)
				TRY(add_dimension(plan, list,
						  outer->stmt->dimensions[i]->varref.name));
	return OK;
}

static bool is_grouped(const struct dimensions *dimensions, struct slice name)
{
	for (size_t i = 0; i < dimensions->count; i++)
		if (slice_equal(dimensions->names[i], name))
			return true;
	return false;
}

static int bind_dimensions(struct plan *plan, const struct plan_name *names, size_t count,
			   struct dimension_list *list)
{
	for (size_t i = 0; i < plan->stmt->dimension_count; i++)
		TRY(expand_dimension(plan, list, plan->stmt->dimensions[i], names, count));
	key_ring_init(&plan->ring, plan->context->arena);
	plan->own_dimensions = key_ring_list(&plan->ring, list->names, list->count);
	TRY(inherit_dimensions(plan, list));
	plan->dimensions = key_ring_list(&plan->ring, list->names, list->count);
	plan->ring.group = plan->dimensions;
	return plan->dimensions && plan->own_dimensions ? OK : ERR_LIMIT;
}

static bool has_wildcards(const struct plan *plan)
{
	for (size_t i = 0; i < plan->stmt->dimension_count; i++)
		if (plan->stmt->dimensions[i]->kind == EXPR_WILDCARD ||
		    plan->stmt->dimensions[i]->kind == EXPR_REGEX)
			return true;
	for (size_t i = 0; i < plan->field_count; i++)
		if (plan->fields[i].expr->kind == EXPR_WILDCARD ||
		    plan->fields[i].expr->kind == EXPR_REGEX || wildcard_call(plan->fields[i].expr))
			return true;
	return false;
}

/* As InfluxDB: with `group by *` no tag is left for `select *`. */
static bool groups_all(const struct plan *plan)
{
	for (size_t i = 0; i < plan->stmt->dimension_count; i++)
		if (plan->stmt->dimensions[i]->kind == EXPR_WILDCARD ||
		    plan->stmt->dimensions[i]->kind == EXPR_REGEX)
			return true;
	return false;
}

int plan_expand_wildcards(struct plan *plan)
{
	struct expansion expansion = { .plan = plan };
	struct dimension_list dimensions = { 0 };
	bool without_tags = groups_all(plan);

	if (has_wildcards(plan))
		TRY(plan_list_names(plan, &expansion.names, &expansion.name_count));
	TRY(bind_dimensions(plan, expansion.names, expansion.name_count, &dimensions));
	for (size_t i = 0, all = expansion.name_count; expansion.names && i < all; i++) {
		const struct plan_name *name = &expansion.names[i];

		if (i == 0)
			expansion.name_count = 0;
		if (!name->is_field &&
		    (without_tags || is_grouped(plan->own_dimensions, name->name)))
			continue;
		expansion.names[expansion.name_count++] = *name;
	}
	for (size_t i = 0; i < plan->field_count; i++)
		TRY(expand_field(&expansion, &plan->fields[i]));
	plan->fields = expansion.fields;
	plan->field_count = expansion.count;
	return OK;
}
