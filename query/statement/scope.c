/* Why: SHOW, DELETE and DROP SERIES choose series in one way. */
#include "query/statement/scope.h"

#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/when.h"
#include "query/base/pattern.h"
#include "query/expression/fold.h"
#include "query/language/source.h"

/* A source, as it is looked up. */
struct choice {
	uint32_t policy_id; /* 0 = any */
	struct slice name;
	struct pattern *pattern; /* NULL: by name */
};

/* --- sources --------------------------------------------------------------- */

static int find_policy(struct task *task, const struct scope *scope, const struct scope_spec *spec,
		       const struct source *source, struct choice *out)
{
	struct diag unused = { 0 };
	struct diag *diag = task->diag;
	struct object policy;
	int err;

	if (source->policy.length == 0)
		return OK;
	task->diag = &unused;
	err = task_policy(task, scope->database.id, source->policy, &policy);
	task->diag = diag;
	if (err >= 0) {
		out->policy_id = policy.id;
		return task_policy_access(task, scope->database.id, policy.id, false);
	}
	if (spec->ignores_policies)
		return OK;
	return diag_set(diag, err, "%s", unused.text);
}

static int choose(struct task *task, const struct scope *scope, const struct scope_spec *spec,
		  const struct source *source, struct choice *out)
{
	*out = (struct choice){ .name = source->name };
	if (source->kind != SOURCE_MEASUREMENT)
		return diag_set(task->diag, ERR_INVALID,
				"only measurements can stand in this FROM");
	if (source_resolve(task_catalog(task), scope->index, scope->database.id, source, false) ==
	    DOTTED_NAME) {
		out->name = source->whole_name;
		return OK;
	}
	if (source->path_error)
		return diag_set(task->diag, ERR_INVALID, "%s", source->path_error);
	TRY(find_policy(task, scope, spec, source, out));
	if (source->regex)
		return pattern_open(source->regex->regex.pattern, source->regex->regex.ignore_case,
				    &out->pattern, task->diag);
	return OK;
}

/* The database of FROM, which all sources share, else of ON, else the default one. */
static int find_database(struct task *task, const struct scope_spec *spec, struct object *out)
{
	struct slice name = spec->database;
	struct object own;
	bool is_first = true;

	for (size_t i = 0; i < spec->source_count; i++) {
		const struct source *source = &spec->sources[i];

		if (source->database.length == 0)
			continue;
		if (catalog_find(task_catalog(task), OBJECT_ROOT_ID, source->database, &own) < 0 &&
		    source->whole_name.length)
			continue;
		if (!is_first && !slice_equal(name, source->database))
			return diag_set(task->diag, ERR_INVALID,
					"the measurements of one statement are of one database");
		name = source->database;
		is_first = false;
	}
	if (spec->write && !name.length && !task->env->database_id)
		return diag_set(task->diag, ERR_INVALID, "database not found: ");
	return task_database(task, name, spec->write, out);
}

/* --- series ---------------------------------------------------------------- */

static int compare_measurements(const void *a, const void *b)
{
	const struct scope_measurement *x = a, *y = b;

	return slice_compare(x->name, y->name);
}

/* Grows a sorted set of ids by another one. */
static int unite(uint32_t **ids, size_t *count, const uint32_t *more, size_t more_count)
{
	uint32_t *all = realloc(*ids, (*count + more_count + 1) * sizeof(*all));

	if (!all)
		return ERR_MEMORY;
	*ids = all;
	if (more_count)
		memcpy(all + *count, more, more_count * sizeof(*all));
	*count = sort_unique_ids(all, *count + more_count);
	return OK;
}

/* The series that a policy has, or with 0 any that the caller may read. */
static int list_policies(struct scope *scope, uint32_t policy_id, uint32_t measurement_id,
			 uint32_t **ids, size_t *count)
{
	if (policy_id || scope->has_all_policies)
		return snapshot_series(scope->snapshot, policy_id, measurement_id,
				       scope->range.first_ns, scope->range.last_ns, ids, count);
	for (size_t i = 0; i < scope->policy_count; i++) {
		uint32_t *more = NULL;
		size_t more_count = 0;
		int err = snapshot_series(scope->snapshot, scope->policies[i].id, measurement_id,
					  scope->range.first_ns, scope->range.last_ns, &more,
					  &more_count);

		if (err >= 0)
			err = unite(ids, count, more, more_count);
		free(more);
		TRY(err);
	}
	return OK;
}

/* The series of one source. */
static int list_choice(struct scope *scope, const struct choice *choice, uint32_t **ids,
		       size_t *count)
{
	uint32_t measurement_id = ID_NONE;
	size_t kept = 0;

	*ids = NULL;
	*count = 0;
	if (scope->range.first_ns > scope->range.last_ns)
		return OK;
	if (choice->name.length) {
		measurement_id = index_measurement_find(scope->index, choice->name);
		if (measurement_id == ID_NONE)
			return OK;
	}
	TRY(list_policies(scope, choice->policy_id, measurement_id, ids, count));
	if (!choice->pattern)
		return OK;
	for (size_t i = 0; i < *count; i++) {
		uint32_t id = index_series_measurement(scope->index, (*ids)[i]);
		bool found;

		TRY(pattern_find(choice->pattern, index_measurement_name(scope->index, id),
				 &found));
		if (found)
			(*ids)[kept++] = (*ids)[i];
	}
	*count = kept;
	return OK;
}

static int list_series(struct task *task, struct scope *scope, const struct scope_spec *spec,
		       uint32_t **ids, size_t *count)
{
	struct choice any = { 0 };

	if (spec->source_count == 0)
		return list_choice(scope, &any, ids, count);
	for (size_t i = 0; i < spec->source_count; i++) {
		struct choice choice;
		uint32_t *more = NULL;
		size_t more_count = 0;
		int err = choose(task, scope, spec, &spec->sources[i], &choice);

		if (err >= 0)
			err = list_choice(scope, &choice, &more, &more_count);
		if (err >= 0)
			err = unite(ids, count, more, more_count);
		free(more);
		pattern_close(choice.pattern);
		TRY(err);
	}
	return OK;
}

/*
 * Put the series of a measurement together: counted, given a place each, and
 * dealt out; ids stay ascending within.
 */
static int deal(struct task *task, struct scope *scope, const uint32_t *ids, size_t count)
{
	uint32_t measurement_count = index_measurement_count(scope->index);
	size_t *counts = arena_alloc(task->arena, (measurement_count + 1) * sizeof(*counts));
	uint32_t **places = arena_alloc(task->arena, (measurement_count + 1) * sizeof(*places));
	uint32_t *next;

	if (!counts || !places)
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		uint32_t id = index_series_measurement(scope->index, ids[i]);

		if (id >= measurement_count) /* chunks name a series that the index lost */
			return ERR_CORRUPT;
		scope->measurement_count += counts[id]++ == 0;
	}
	scope->measurements = arena_alloc(task->arena, (scope->measurement_count + 1) *
							       sizeof(*scope->measurements));
	next = scope->series_ids = calloc(count + 1, sizeof(*next));
	if (!scope->measurements || !next)
		return ERR_LIMIT;
	for (uint32_t id = 0, k = 0; id < measurement_count; id++) {
		if (counts[id] == 0)
			continue;
		places[id] = next;
		scope->measurements[k++] =
			(struct scope_measurement){ id, index_measurement_name(scope->index, id),
						    next, counts[id] };
		next += counts[id];
	}
	for (size_t i = 0; i < count; i++)
		*places[index_series_measurement(scope->index, ids[i])]++ = ids[i];
	qsort(scope->measurements, scope->measurement_count, sizeof(*scope->measurements),
	      compare_measurements);
	return OK;
}

static int filter_measurement(struct task *task, struct scope *scope, const struct scope_spec *spec,
			      struct scope_measurement *measurement)
{
	struct tag_filter *filter;
	size_t kept = 0;

	TRY(task_check(task));
	TRY(tag_filter_bind(task->arena, scope->index, measurement->id, scope->condition,
			    spec->mode, &filter, task->diag));
	for (size_t i = 0; i < measurement->series_count; i++)
		if (tag_filter_takes(filter, scope->index, measurement->series_ids[i]))
			measurement->series_ids[kept++] = measurement->series_ids[i];
	measurement->series_count = kept;
	return OK;
}

static int filter_all(struct task *task, struct scope *scope, const struct scope_spec *spec)
{
	size_t kept = 0;

	for (size_t i = 0; i < scope->measurement_count; i++) {
		TRY(filter_measurement(task, scope, spec, &scope->measurements[i]));
		if (scope->measurements[i].series_count)
			scope->measurements[kept++] = scope->measurements[i];
	}
	scope->measurement_count = kept;
	return OK;
}

static bool is_time_term(void *arg, struct expr *expr)
{
	bool *found = arg;

	*found = *found || expr_is_time_term(expr);
	return !*found;
}

bool scope_names_time(struct expr *condition)
{
	bool found = false;

	if (condition)
		expr_walk(condition, is_time_term, &found);
	return found;
}

/* Times are taken out of WHERE as SELECT takes them, so that both mean the same rows. */
static int split_condition(struct task *task, const struct scope_spec *spec, struct scope *scope)
{
	struct fold fold = {
		.arena = task->arena, .has_now = true, .has_math = true, .now_ns = task->now_ns
	};
	struct bounds bounds;

	TRY(condition_split(&fold, spec->condition, &bounds, &scope->condition, task->diag));
	scope->range = (struct time_range){ TIME_MIN_NS, TIME_MAX_NS };
	if (bounds.has_first && bounds.first_ns > TIME_MIN_NS)
		scope->range.first_ns = bounds.first_ns;
	if (bounds.has_last && bounds.last_ns < TIME_MAX_NS)
		scope->range.last_ns = bounds.last_ns;
	TRY(tag_filter_check(spec->condition, spec->mode, task->diag));
	return tag_filter_prepare(scope->condition, task->diag);
}

int scope_open(struct task *task, const struct scope_spec *spec, struct scope *out)
{
	uint32_t *ids = NULL;
	size_t count = 0;
	int err;

	*out = (struct scope){ 0 };
	TRY(find_database(task, spec, &out->database));
	TRY(split_condition(task, spec, out));
	TRY(snapshot_open(task->env->engine, out->database.id, &out->snapshot));
	out->index = snapshot_index(out->snapshot);
	TRY(task_policies(task, out->database.id, &out->policies, &out->policy_count,
			  &out->has_all_policies));
	err = list_series(task, out, spec, &ids, &count);
	if (err >= 0 && count > task->env->limits->series_max)
		err = diag_set(task->diag, ERR_LIMIT, "more series than one statement may touch");
	if (err >= 0)
		err = deal(task, out, ids, count);
	free(ids);
	TRY(err);
	return filter_all(task, out, spec);
}

void scope_close(struct scope *scope)
{
	tag_filter_release(scope->condition);
	free(scope->series_ids);
	free(scope->policies);
	if (scope->snapshot)
		snapshot_close(scope->snapshot);
	*scope = (struct scope){ 0 };
}
