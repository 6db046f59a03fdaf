/*
 * Why: FROM names measurements in three ways (path, dotted 0.8 name, regex)
 * and subqueries besides; behind here they are all sources with columns.
 */
#include <stdlib.h>

#include "query/base/pattern.h"
#include "query/language/source.h"
#include "query/plan/plan.h"
#include "query/statement/scope.h"

static struct catalog *catalog_of(struct plan *plan)
{
	return engine_catalog(plan->context->env->engine);
}

/* --- databases and policies ----------------------------------------------------- */

static int refuse_database(struct plan *plan, struct slice name)
{
	return diag_set(plan->context->diag, ERR_NOT_FOUND, "database not found: %.*s",
			(int)name.length, name.data);
}

static int find_database(struct plan *plan, struct slice name, struct object *out)
{
	const struct query_env *env = plan->context->env;
	int err;

	if (name.length)
		err = catalog_find(catalog_of(plan), OBJECT_ROOT_ID, name, out);
	else if (env->database_id)
		err = catalog_get(catalog_of(plan), env->database_id, out);
	else
		return diag_set(plan->context->diag, ERR_INVALID, "database name required");
	if (err < 0 || out->kind != OBJECT_DATABASE)
		return refuse_database(plan, name);
	if (env->access.check && env->access.check(env->access.arg, out->id, 0, false) < 0)
		return diag_set(plan->context->diag, ERR_ACCESS,
				"not authorized to read this database");
	return OK;
}

/* Asked before a name is looked up in it: a policy that is closed has no measurements to tell of.
 */
static int check_policy(struct plan *plan, uint32_t database_id, uint32_t policy_id)
{
	const struct query_access *access = &plan->context->env->access;

	if (!policy_id || !access->check ||
	    access->check(access->arg, database_id, policy_id, false) >= 0)
		return OK;
	return diag_set(plan->context->diag, ERR_ACCESS,
			"not authorized to read this retention policy");
}

/* One snapshot a database and statement: all its parts see the same instant. */
static int open_database(struct plan *plan, const struct object *database, struct snapshot **out)
{
	struct plan_context *context = plan->context;
	struct plan_database *item;
	int err;

	for (size_t i = 0; i < context->database_count; i++)
		if (context->databases[i].id == database->id) {
			*out = context->databases[i].snapshot;
			return OK;
		}
	context->databases = arena_grow(context->arena, context->databases, context->database_count,
					&context->database_capacity, sizeof(*context->databases));
	if (!context->databases)
		return ERR_LIMIT;
	item = &context->databases[context->database_count];
	*item = (struct plan_database){ .id = database->id, .name = database->name };
	err = snapshot_open(context->env->engine, database->id, &item->snapshot);
	if (err < 0)
		return err == ERR_NOT_FOUND ? refuse_database(plan, database->name) : err;
	context->database_count++;
	*out = item->snapshot;
	return OK;
}

/* The policy of that name, else the default one; id 0 when the database has none yet. */
static int find_policy(struct plan *plan, const struct object *database, struct slice name,
		       uint32_t *policy_id)
{
	const struct select_scope *scope = plan->context->scope;
	struct object policy;
	int err;

	*policy_id = 0;
	if (name.length == 0 && scope && scope->options && scope->options->rp[0])
		name = slice_of_text(scope->options->rp);
	if (name.length == 0) {
		if (catalog_default_policy(catalog_of(plan), database->id, &policy) >= 0)
			*policy_id = policy.id;
		return OK;
	}
	err = catalog_find(catalog_of(plan), database->id, name, &policy);
	if (err < 0 || policy.kind != OBJECT_POLICY)
		return diag_set(plan->context->diag, ERR_NOT_FOUND,
				"retention policy not found: %.*s", (int)name.length, name.data);
	*policy_id = policy.id;
	return OK;
}

/* --- measurements ------------------------------------------------------------------ */

struct origin {
	struct snapshot *snapshot;
	uint32_t database_id, policy_id;
};

static int has_series(struct plan *plan, const struct origin *origin, uint32_t measurement_id,
		      bool *has)
{
	uint32_t *ids = NULL;
	size_t count = 0;
	int err =
		snapshot_series(origin->snapshot, origin->policy_id, measurement_id,
				plan->reach.time_first_ns, plan->reach.time_last_ns, &ids, &count);

	free(ids);
	*has = count > 0;
	return err;
}

/* A policy is of one database, and a statement has one snapshot of that. */
static uint64_t known_key(const struct origin *origin, uint32_t measurement_id)
{
	return (uint64_t)origin->policy_id << 32 | measurement_id;
}

struct source_list {
	size_t capacity;
	bool is_merged; /* what is added belongs to a merge */
};

static int add_measurement(struct plan *plan, struct source_list *list, const struct origin *origin,
			   uint32_t measurement_id)
{
	struct index *index = snapshot_index(origin->snapshot);

	bool has;

	if (measurement_id == ID_NONE || origin->policy_id == 0 ||
	    idmap_find(&plan->known, known_key(origin, measurement_id)) != MAP_NONE)
		return OK;
	TRY(has_series(plan, origin, measurement_id, &has));
	if (!has)
		return OK;
	plan->sources = arena_grow(plan->context->arena, plan->sources, plan->source_count,
				   &list->capacity, sizeof(*plan->sources));
	if (!plan->sources)
		return ERR_LIMIT;
	idmap_set(&plan->known, known_key(origin, measurement_id), 0);
	plan->sources[plan->source_count++] =
		(struct plan_source){ .name = index_measurement_name(index, measurement_id),
				      .snapshot = origin->snapshot,
				      .index = index,
				      .policy_id = origin->policy_id,
				      .measurement_id = measurement_id,
				      .is_merged = list->is_merged };
	return OK;
}

/* Exactly so many more: doubled, a list of 100,000 would take three times its room in the arena. */
static int reserve_sources(struct plan *plan, struct source_list *list, size_t more)
{
	struct plan_source *sources;

	if (plan->source_count + more <= list->capacity)
		return OK;
	list->capacity = plan->source_count + more;
	sources = arena_alloc(plan->context->arena, list->capacity * sizeof(*sources));
	if (!sources)
		return ERR_LIMIT;
	if (plan->source_count)
		memcpy(sources, plan->sources, plan->source_count * sizeof(*sources));
	plan->sources = sources;
	return OK;
}

/* The measurements that a regex finds: their numbers at the front of `ids`. */
static int find_matching(struct plan *plan, struct index *index, const struct expr *regex,
			 uint32_t measurement_count, uint32_t *ids, size_t *count)
{
	struct pattern *pattern;
	int err;

	*count = 0;
	TRY(pattern_open(regex->regex.pattern, regex->regex.ignore_case, &pattern,
			 plan->context->diag));
	err = OK;
	for (uint32_t id = 0; err >= 0 && id < measurement_count; id++) {
		bool found;

		err = pattern_find(pattern, index_measurement_name(index, id), &found);
		if (err >= 0 && found)
			ids[(*count)++] = id;
	}
	pattern_close(pattern);
	return err;
}

static int add_matching(struct plan *plan, struct source_list *list, const struct origin *origin,
			const struct expr *regex)
{
	struct index *index = snapshot_index(origin->snapshot);
	uint32_t measurement_count = index_measurement_count(index);
	uint32_t *ids;
	size_t count;
	int err;

	TRY(check_policy(plan, origin->database_id, origin->policy_id));
	ids = malloc((measurement_count + (size_t)1) * sizeof(*ids));
	if (!ids)
		return ERR_MEMORY;
	err = find_matching(plan, index, regex, measurement_count, ids, &count);
	if (err >= 0)
		err = reserve_sources(plan, list, count);
	for (size_t i = 0; err >= 0 && i < count; i++)
		err = add_measurement(plan, list, origin, ids[i]);
	free(ids);
	return err;
}

static int add_named(struct plan *plan, struct source_list *list, const struct origin *origin,
		     struct slice name)
{
	TRY(check_policy(plan, origin->database_id, origin->policy_id));
	return add_measurement(plan, list, origin,
			       index_measurement_find(snapshot_index(origin->snapshot), name));
}

/* A raw dotted name that is no path here (LANGUAGE, "Names in FROM"). */
static bool is_whole_name(struct plan *plan, const struct source *source,
			  const struct origin *default_origin)
{
	if (source->whole_name.length == 0 || source->dotted != DOTTED_UNKNOWN)
		return source->dotted == DOTTED_NAME;
	return source_resolve(catalog_of(plan), snapshot_index(default_origin->snapshot),
			      plan->context->env->database_id, source,
			      plan->stmt->is_old) == DOTTED_NAME;
}

static int open_origin(struct plan *plan, struct slice database_name, struct slice policy_name,
		       struct origin *out)
{
	struct object database;

	TRY(find_database(plan, database_name, &database));
	out->database_id = database.id;
	TRY(open_database(plan, &database, &out->snapshot));
	return find_policy(plan, &database, policy_name, &out->policy_id);
}

/* InfluxDB keeps these names for itself. */
static int check_system_name(struct slice name, struct diag *diag)
{
	static const struct {
		const char *name, *use;
	} rows[] = {
		{ "_fieldKeys", "SHOW FIELD KEYS" },
		{ "_measurements", "SHOW MEASUREMENTS" },
		{ "_series", "SHOW SERIES" },
		{ "_tagKeys", "SHOW TAG KEYS" },
		{ "_tags", "SHOW TAG VALUES" },
		{ "_name", "the appropriate meta command" },
		{ "_tagKey", "the appropriate meta command" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (slice_equal(name, slice_of_text(rows[i].name)))
			return diag_set(diag, ERR_INVALID,
					"unable to use system source '%s': use %s instead",
					rows[i].name, rows[i].use);
	return OK;
}

static int bind_measurement(struct plan *plan, struct source_list *list,
			    const struct source *source)
{
	struct origin origin;

	if (source->whole_name.length && plan->context->env->database_id) {
		TRY(open_origin(plan, SLICE(""), SLICE(""), &origin));
		if (is_whole_name(plan, source, &origin))
			return add_named(plan, list, &origin, source->whole_name);
	}
	if (source->path_error)
		return diag_set(plan->context->diag, ERR_INVALID, "%s", source->path_error);
	TRY(check_system_name(source->name, plan->context->diag));
	TRY(open_origin(plan, source->database, source->policy, &origin));
	if (source->regex)
		return add_matching(plan, list, &origin, source->regex);
	return add_named(plan, list, &origin, source->name);
}

static int bind_merge(struct plan *plan, struct source_list *list, const struct source *source)
{
	list->is_merged = true;
	for (size_t i = 0; i < source->part_count; i++)
		TRY(bind_measurement(plan, list, &source->parts[i]));
	list->is_merged = false;
	return OK;
}

int plan_measurement_name(struct plan *plan, const struct source *source, struct slice *out)
{
	struct origin origin;

	*out = source->name;
	if (source->whole_name.length == 0 || plan->context->env->database_id == 0)
		return OK;
	TRY(open_origin(plan, SLICE(""), SLICE(""), &origin));
	if (is_whole_name(plan, source, &origin))
		*out = source->whole_name;
	return OK;
}

static int compare_slices(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

int plan_find_measurements(struct plan *plan, const struct source *source,
			   struct plan_measurements *out)
{
	struct source_list list = { 0 };

	*out = (struct plan_measurements){ 0 };
	plan->reach = plan->window;
	TRY(bind_measurement(plan, &list, source));
	out->names =
		arena_alloc(plan->context->arena, (plan->source_count + 1) * sizeof(*out->names));
	if (!out->names)
		return ERR_LIMIT;
	while (out->count < plan->source_count) {
		out->names[out->count] = plan->sources[out->count].name;
		out->count++;
	}
	plan->source_count = 0;
	plan->sources = NULL;
	idmap_release(&plan->known);
	qsort(out->names, out->count, sizeof(*out->names), compare_slices);
	return OK;
}

int plan_bind_sources(struct plan *plan)
{
	struct source_list list = { .capacity = plan->stmt->source_count + 1 };

	for (size_t i = 0; i < plan->stmt->source_count; i++) {
		const struct source *source = &plan->stmt->sources[i];
		size_t first = plan->source_count;

		if (source->kind == SOURCE_MEASUREMENT)
			TRY(bind_measurement(plan, &list, source));
		else if (source->kind == SOURCE_MERGE)
			TRY(bind_merge(plan, &list, source));
		for (size_t k = first; k < plan->source_count; k++)
			plan->sources[k].place = i;
	}
	idmap_release(&plan->known);
	return OK;
}

/* --- columns of sources --------------------------------------------------------------- */

/* The greatest type of a field in a measurement; DATA_UNKNOWN: it has no such field here. */
static int measurement_type(struct plan *plan, const struct plan_source *source, uint32_t field_id,
			    enum data_type *out)
{
	unsigned types;

	*out = DATA_UNKNOWN;
	TRY(snapshot_field_types(source->snapshot, source->policy_id, source->measurement_id,
				 field_id, plan->reach.time_first_ns, plan->reach.time_last_ns,
				 &types));
	for (unsigned type = 1; type < VALUE_TYPE_COUNT; type++)
		if (types >> type & 1 && data_type_yields(*out, data_type_of_value(type)))
			*out = data_type_of_value(type);
	return OK;
}

static uint32_t field_find(const struct plan_source *source, struct slice name)
{
	uint32_t id = ID_NONE;

	if (index_field(source->index, source->measurement_id, name, false, &id) < 0)
		return ID_NONE;
	return id;
}

static const struct plan_column *column_find(const struct plan *plan, struct slice name,
					     uint32_t *number)
{
	for (size_t i = 0; i < plan->column_count; i++)
		if (slice_equal(plan->columns[i].name, name)) {
			*number = (uint32_t)i;
			return &plan->columns[i];
		}
	return NULL;
}

static bool has_dimension(const struct dimensions *dimensions, struct slice name)
{
	for (size_t i = 0; i < dimensions->count; i++)
		if (slice_equal(dimensions->names[i], name))
			return true;
	return false;
}

/* What a source knows by that name. */
static int source_type(struct plan *plan, const struct plan_source *source, struct slice name,
		       enum data_type *out)
{
	const struct plan_column *column;
	uint32_t id;

	*out = DATA_UNKNOWN;
	if (source->subquery) {
		column = column_find(source->subquery, name, &id);
		if (column)
			*out = column->type == DATA_TAG ? DATA_STRING : column->type;
		else if (has_dimension(source->subquery->own_dimensions, name))
			*out = DATA_TAG;
		return OK;
	}
	id = field_find(source, name);
	if (id != ID_NONE)
		TRY(measurement_type(plan, source, id, out));
	if (*out == DATA_UNKNOWN && plan_is_origin(plan, name))
		*out = DATA_TAG;
	if (*out == DATA_UNKNOWN &&
	    index_tag_key_find(source->index, source->measurement_id, name) != ID_NONE)
		*out = DATA_TAG;
	return OK;
}

int plan_type_of(struct plan *plan, struct slice name, enum data_type *out)
{
	*out = DATA_UNKNOWN;
	for (size_t i = 0; i < plan->source_count; i++) {
		enum data_type type;

		TRY(source_type(plan, &plan->sources[i], name, &type));
		if (type != DATA_UNKNOWN && (*out == DATA_UNKNOWN || data_type_yields(*out, type)))
			*out = type;
	}
	return OK;
}

bool plan_has_field(const struct plan *plan, struct slice name)
{
	for (size_t i = 0; i < plan->source_count; i++)
		if (!plan->sources[i].subquery && field_find(&plan->sources[i], name) != ID_NONE)
			return true;
	return false;
}

static bool is_tag_of_source(const struct plan_source *source, struct slice name)
{
	const struct plan_column *column;
	uint32_t id;

	if (!source->subquery)
		return field_find(source, name) == ID_NONE &&
		       index_tag_key_find(source->index, source->measurement_id, name) != ID_NONE;
	column = column_find(source->subquery, name, &id);
	return column ? column->type == DATA_TAG
		      : has_dimension(source->subquery->own_dimensions, name);
}

bool plan_is_tag(const struct plan *plan, struct slice name)
{
	if (plan_is_origin(plan, name))
		return true;
	for (size_t i = 0; i < plan->source_count; i++)
		if (is_tag_of_source(&plan->sources[i], name))
			return true;
	return false;
}

/* The number of a field among those that cursors of the source read. */
static int read_field(struct plan *plan, struct plan_source *source, uint32_t field_id,
		      uint32_t *number)
{
	size_t capacity = source->field_capacity;

	for (*number = 0; *number < source->field_count; (*number)++)
		if (source->field_ids[*number] == field_id)
			return OK;
	source->field_ids = arena_grow(plan->context->arena, source->field_ids, source->field_count,
				       &capacity, sizeof(*source->field_ids));
	source->field_capacity = (uint32_t)capacity;
	if (!source->field_ids)
		return ERR_LIMIT;
	source->field_ids[source->field_count++] = field_id;
	return OK;
}

static int bind_slot(struct plan *plan, struct plan_source *source, const struct plan_slot *slot,
		     struct plan_bound *bound)
{
	uint32_t id;
	enum data_type type = DATA_UNKNOWN;

	*bound = (struct plan_bound){ BOUND_NOTHING, 0 };
	if (source->subquery) {
		if ((slot->type != DATA_TAG || !slot->is_filter) &&
		    column_find(source->subquery, slot->name, &id))
			*bound = (struct plan_bound){ BOUND_FIELD, id };
		else if (has_dimension(slot->is_filter ? source->subquery->dimensions
						       : source->subquery->own_dimensions,
				       slot->name))
			*bound = (struct plan_bound){ BOUND_TAG, 0 };
		return OK;
	}
	id = field_find(source, slot->name);
	if (slot->type != DATA_TAG && id != ID_NONE)
		TRY(measurement_type(plan, source, id, &type));
	if (type != DATA_UNKNOWN) {
		bound->kind = BOUND_FIELD;
		return read_field(plan, source, id, &bound->index);
	}
	if (plan_is_origin(plan, slot->name)) {
		bound->kind = BOUND_NAME;
		return OK;
	}
	id = index_tag_key_find(source->index, source->measurement_id, slot->name);
	if ((slot->type == DATA_TAG || (slot->is_filter && slot->type != DATA_UNKNOWN)) &&
	    id != ID_NONE)
		*bound = (struct plan_bound){ BOUND_TAG, id };
	return OK;
}

int plan_bind_slots(struct plan *plan)
{
	for (size_t i = 0; i < plan->source_count; i++) {
		struct plan_source *source = &plan->sources[i];

		source->bounds = arena_alloc(plan->context->arena,
					     (plan->slot_count + 1) * sizeof(*source->bounds));
		if (!source->bounds)
			return ERR_LIMIT;
		for (size_t slot = 0; slot < plan->slot_count; slot++)
			TRY(bind_slot(plan, source, &plan->slots[slot], &source->bounds[slot]));
	}
	return OK;
}

/* --- the names of all columns ------------------------------------------------------------ */

struct name_list {
	struct arena *arena;
	struct plan_name *items;
	size_t count, capacity;
};

static int compare_names(const void *a, const void *b);

/* Sorted, each once: measurements by the thousand have the same few names. */
static void sort_names(struct name_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_names);
	for (size_t i = 0; i < list->count; i++) {
		const struct plan_name *last = kept ? &list->items[kept - 1] : NULL;

		if (!last || !slice_equal(last->name, list->items[i].name) ||
		    last->is_field != list->items[i].is_field)
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

static int add_name(struct name_list *list, struct plan_name name)
{
	if (list->count == list->capacity) {
		sort_names(list);
		/* Where most stay, there is to be room, or they would be sorted for each. */
		if (list->count >= list->capacity / 2)
			list->items = arena_grow(list->arena, list->items, list->capacity,
						 &list->capacity, sizeof(*list->items));
	}
	if (!list->items)
		return ERR_LIMIT;
	list->items[list->count++] = name;
	return OK;
}

static int list_tag_keys(struct plan *plan, const struct plan_source *source,
			 struct name_list *list)
{
	uint32_t count = index_tag_key_count(source->index, source->measurement_id), found = 0;
	bool *seen = arena_alloc(plan->context->arena, count + 1);
	uint32_t *ids = NULL;
	size_t series_count = 0;

	if (!seen)
		return ERR_LIMIT;
	TRY(snapshot_series(source->snapshot, source->policy_id, source->measurement_id,
			    plan->reach.time_first_ns, plan->reach.time_last_ns, &ids,
			    &series_count));
	for (size_t i = 0; i < series_count && found < count; i++)
		for (uint32_t key = 0; key < count; key++)
			if (!seen[key] && index_series_tag(source->index, ids[i], key) != ID_NONE) {
				seen[key] = true;
				found++;
			}
	free(ids);
	for (uint32_t key = 0; key < count; key++)
		if (seen[key])
			TRY(add_name(list, (struct plan_name){ .name = index_tag_key_name(
								       source->index,
								       source->measurement_id, key),
							       .type = DATA_TAG }));
	return OK;
}

static int list_measurement(struct plan *plan, const struct plan_source *source,
			    struct name_list *list)
{
	uint32_t count = index_field_count(source->index, source->measurement_id);

	for (uint32_t id = 0; id < count; id++) {
		enum data_type type;

		TRY(measurement_type(plan, source, id, &type));
		if (type != DATA_UNKNOWN)
			TRY(add_name(list, (struct plan_name){ .name = index_field_name(
								       source->index,
								       source->measurement_id, id),
							       .type = type,
							       .is_field = true }));
	}
	return list_tag_keys(plan, source, list);
}

static int list_subquery(const struct plan *inner, struct name_list *list)
{
	for (size_t i = 0; i < inner->column_count; i++) {
		if (i >= inner->best_first && i < inner->best_end)
			continue;
		TRY(add_name(list, (struct plan_name){ .name = inner->columns[i].name,
						       .type = inner->columns[i].type,
						       .is_field = true }));
	}
	for (size_t i = 0; i < inner->own_dimensions->count; i++)
		TRY(add_name(list, (struct plan_name){ .name = inner->own_dimensions->names[i],
						       .type = DATA_TAG }));
	return OK;
}

static int compare_names(const void *a, const void *b)
{
	const struct plan_name *x = a, *y = b;
	int order = slice_compare(x->name, y->name);

	if (order == 0)
		order = y->is_field - x->is_field;
	return order ? order
		     : data_type_yields(x->type, y->type) - data_type_yields(y->type, x->type);
}

int plan_list_names(struct plan *plan, struct plan_name **out, size_t *count)
{
	struct name_list list = { .arena = plan->context->arena };

	for (size_t i = 0; i < plan->source_count; i++) {
		const struct plan_source *source = &plan->sources[i];

		TRY(source->subquery ? list_subquery(source->subquery, &list)
				     : list_measurement(plan, source, &list));
	}
	sort_names(&list);
	*out = list.items;
	*count = list.count;
	return OK;
}
