/*
 * Why: to the statement around it a join is a subquery whose columns are called `part.column`; its
 * parts are the SELECTs that nobody wrote.
 */
#include "query/base/pattern.h"
#include "query/language/print.h"
#include "query/plan/plan.h"
#include "query/statement/scope.h"

/* One measurement of the join, under the name that columns go by. */
struct part {
	const struct source *source;
	struct slice name, measurement;
};

struct part_list {
	struct part *items;
	size_t count, capacity;
};

static int refuse(struct plan *join, const char *words)
{
	return diag_set(join->context->diag, ERR_INVALID, "%s", words);
}

static int add_part(struct plan *join, struct part_list *list, const struct source *source,
		    struct slice measurement, struct slice name)
{
	for (size_t i = 0; i < list->count; i++)
		if (slice_equal(list->items[i].measurement, measurement) &&
		    slice_equal(list->items[i].source->policy, source->policy) &&
		    slice_equal(list->items[i].source->database, source->database))
			return refuse(join, "Cannot have the same table joined more than once");
	for (size_t i = 0; i < list->count; i++)
		if (slice_equal(list->items[i].name, name))
			return refuse(join, "two parts of a join have the same name");
	list->items = arena_grow(join->context->arena, list->items, list->count, &list->capacity,
				 sizeof(*list->items));
	if (!list->items)
		return ERR_LIMIT;
	list->items[list->count++] = (struct part){ source, name, measurement };
	return OK;
}

/* A regex is as many parts as there are measurements that it finds, in the order of their names. */
static int add_matching(struct plan *join, struct part_list *list, const struct source *source)
{
	struct plan_measurements found;

	TRY(plan_find_measurements(join, source, &found));
	for (size_t i = 0; i < found.count; i++)
		TRY(add_part(join, list, source, found.names[i], found.names[i]));
	return OK;
}

static int list_parts(struct plan *join, struct part_list *list)
{
	for (size_t i = 0; i < join->join->part_count; i++) {
		const struct source *source = &join->join->parts[i];
		struct slice measurement;

		TRY(plan_measurement_name(join, source, &measurement));
		TRY(source->regex ? add_matching(join, list, source)
				  : add_part(join, list, source, measurement,
					     source->alias.length ? source->alias : measurement));
	}
	return OK;
}

/* `part.column`; "" when the name does not begin with the part's. */
static struct slice column_in(struct slice name, const struct part *part)
{
	if (name.length <= part->name.length + 1 || !slice_starts_with(name, part->name) ||
	    name.data[part->name.length] != '.')
		return SLICE("");
	return slice_from(name, part->name.length + 1);
}

static int check_name(struct plan *join, const struct part_list *parts, struct slice name)
{
	for (size_t i = 0; i < parts->count; i++)
		if (column_in(name, &parts->items[i]).length)
			return OK;
	/* Without a measurement there is nobody to ask: the answer is empty. */
	if (parts->count < join->join->part_count)
		return OK;
	return diag_set(join->context->diag, ERR_INVALID, "Cannot find column %.*s",
			(int)name.length, name.data);
}

/* select COLUMNS from MEASUREMENT, where the join's own range is the range */
static int make_select(struct plan *join, const struct part *part, const struct slice *names,
		       size_t name_count, bool all, struct select_stmt **out)
{
	struct arena *arena = join->context->arena;
	struct select_stmt *stmt = arena_alloc(arena, sizeof(*stmt));
	struct field *fields = arena_alloc(arena, (name_count + 1) * sizeof(*fields));
	struct source *source = arena_alloc(arena, sizeof(*source));

	if (!stmt || !fields || !source)
		return ERR_LIMIT;
	*source = *part->source;
	source->alias = SLICE("");
	if (source->regex) {
		source->regex = NULL;
		source->name = part->measurement;
	}
	*stmt = (struct select_stmt){ .fields = fields,
				      .sources = source,
				      .source_count = 1,
				      .is_raw = true,
				      .is_old = true };
	for (size_t i = 0; !all && i < name_count; i++) {
		struct slice column = column_in(names[i], part);

		if (column.length)
			fields[stmt->field_count++].expr =
				expr_new_varref(arena, column, DATA_UNKNOWN);
	}
	/* Nothing of it is shown: its points pair up all the same. */
	if (stmt->field_count == 0)
		fields[stmt->field_count++].expr =
			expr_new(arena, EXPR_WILDCARD, (struct position){ 0 });
	for (size_t i = 0; i < stmt->field_count; i++)
		if (!fields[i].expr)
			return ERR_LIMIT;
	*out = stmt;
	return OK;
}

static int add_columns(struct plan *join, const struct part *part, const struct plan *rows,
		       size_t *capacity)
{
	for (size_t i = 0; i < rows->column_count; i++) {
		const char *name = arena_printf(
			join->context->arena, "%.*s.%.*s", (int)part->name.length, part->name.data,
			(int)rows->columns[i].name.length, rows->columns[i].name.data);

		join->columns = arena_grow(join->context->arena, join->columns, join->column_count,
					   capacity, sizeof(*join->columns));
		if (!name || !join->columns)
			return ERR_LIMIT;
		join->columns[join->column_count++] =
			(struct plan_column){ slice_of_text(name), NULL, rows->columns[i].type };
	}
	return OK;
}

/* The series is called what FROM says. */
static int name_series(struct plan *join)
{
	struct buf text = { 0 };

	source_print(&text, join->join);
	join->join_name = arena_copy(join->context->arena, buf_slice(&text));
	buf_release(&text);
	return join->join_name.data ? OK : ERR_LIMIT;
}

/* Columns of it may be dimensions of the statement around it: they are, of each of its rows. */
static int set_dimensions(struct plan *join)
{
	const struct select_stmt *outer = join->parent->stmt;
	struct arena *arena = join->context->arena;
	struct slice *names = arena_alloc(arena, (outer->dimension_count + 1) * sizeof(*names));
	size_t count = 0;

	if (!names)
		return ERR_LIMIT;
	for (size_t i = 0; i < outer->dimension_count; i++)
		if (outer->dimensions[i]->kind == EXPR_VARREF)
			names[count++] = outer->dimensions[i]->varref.name;
	key_ring_init(&join->ring, arena);
	join->own_dimensions = key_ring_list(&join->ring, names, 0);
	join->dimensions = key_ring_list(&join->ring, names, count);
	join->ring.group = join->dimensions;
	return join->own_dimensions && join->dimensions ? OK : ERR_LIMIT;
}

int plan_bind_join(struct plan *join)
{
	struct part_list parts = { 0 };
	struct slice *names;
	size_t count, capacity = 0;
	bool all;

	TRY(name_series(join));
	TRY(set_dimensions(join));
	TRY(list_parts(join, &parts));
	TRY(plan_list_columns(join->parent, &names, &count, &all));
	for (size_t i = 0; i < count; i++)
		TRY(check_name(join, &parts, names[i]));
	join->sources =
		arena_alloc(join->context->arena, (parts.count + 1) * sizeof(*join->sources));
	if (!join->sources)
		return ERR_LIMIT;
	for (size_t i = 0; i < parts.count; i++) {
		struct plan_source *source = &join->sources[join->source_count];
		struct select_stmt *stmt;
		struct plan *range = join->parent;

		TRY(make_select(join, &parts.items[i], names, count, all, &stmt));
		join->parent = NULL; /* the dimensions around it are not the parts' */
		int err = plan_inner(join, stmt, &source->subquery);

		join->source_count += source->subquery != NULL;
		join->parent = range;
		TRY(err);
		TRY(add_columns(join, &parts.items[i], source->subquery, &capacity));
	}
	return OK;
}
