/*
 * Why: series and points go the same way whether they are named by measurement,
 * by tags or by time: a scope of series, removed policy by policy.
 */
#include <stdlib.h>

#include "engine/base/when.h"
#include "query/statement/manage.h"
#include "query/statement/scope.h"

/* What a series has in one policy may be nothing. */
static int remove_series(struct task *task, const struct object *policy, uint32_t series_id,
			 const struct time_range *range)
{
	int err = engine_series_remove(task->env->engine, policy->id, 0, series_id, range->first_ns,
				       range->last_ns);

	return err == ERR_NOT_FOUND ? OK : err;
}

static int remove_measurement(struct task *task, const struct scope_measurement *measurement,
			      const struct object *policies, size_t policy_count,
			      const struct time_range *range)
{
	for (size_t i = 0; i < measurement->series_count; i++) {
		TRY(task_check(task));
		for (size_t k = 0; k < policy_count; k++)
			TRY(remove_series(task, &policies[k], measurement->series_ids[i], range));
	}
	return OK;
}

static int remove_all(struct task *task, const struct scope *scope)
{
	if (scope->range.first_ns > scope->range.last_ns)
		return OK;
	for (size_t i = 0; i < scope->measurement_count; i++)
		TRY(remove_measurement(task, &scope->measurements[i], scope->policies,
				       scope->policy_count, &scope->range));
	return OK;
}

static int remove_scope(struct task *task, const struct scope_spec *spec)
{
	struct scope scope;
	int err = scope_open(task, spec, &scope);

	if (err >= 0)
		err = remove_all(task, &scope);
	scope_close(&scope);
	return err;
}

static struct scope_spec spec_of(const struct remove_stmt *remove)
{
	return (struct scope_spec){ .sources = remove->sources,
				    .source_count = remove->source_count,
				    .condition = remove->condition,
				    .mode = TAG_FILTER_REMOVE,
				    .write = true };
}

int manage_delete(struct task *task)
{
	struct scope_spec spec = spec_of(&task->statement->remove);

	return remove_scope(task, &spec);
}

int manage_drop_series(struct task *task)
{
	struct scope_spec spec = spec_of(&task->statement->remove);

	if (scope_names_time(spec.condition))
		return diag_set(task->diag, ERR_INVALID,
				"DROP SERIES doesn't support time in WHERE clause");
	return remove_scope(task, &spec);
}

int manage_drop_measurement(struct task *task)
{
	struct source source = { .kind = SOURCE_MEASUREMENT, .name = task->statement->name.name };
	struct scope_spec spec = { .sources = &source, .source_count = 1, .write = true };

	return remove_scope(task, &spec);
}

/* --- shards ------------------------------------------------------------------ */

static int find_group(struct task *task, uint32_t parent_id, uint64_t number, uint32_t *id)
{
	struct object *groups;
	size_t count;

	TRY(catalog_list(task_catalog(task), parent_id, OBJECT_GROUP, &groups, &count));
	for (size_t i = 0; i < count; i++)
		if (groups[i].window.number == number)
			*id = groups[i].id;
	free(groups);
	return OK;
}

static int find_group_in_database(struct task *task, uint32_t database_id, uint64_t number,
				  uint32_t *id)
{
	struct object *policies;
	size_t count;
	int err = OK;

	TRY(catalog_list(task_catalog(task), database_id, OBJECT_POLICY, &policies, &count));
	for (size_t i = 0; err >= 0 && !*id && i < count; i++)
		err = find_group(task, policies[i].id, number, id);
	free(policies);
	return err;
}

static int drop_shard_of(struct task *task, uint32_t database_id, uint64_t number, bool *found)
{
	struct object group;
	uint32_t id = 0;

	TRY(find_group_in_database(task, database_id, number, &id));
	if (!id || catalog_get(task_catalog(task), id, &group) < 0)
		return OK;
	/* Of what the caller may not read, it is as if the number were nobody's. */
	if (!task_may(task, database_id, 0, false) && !task_may(task, database_id, 0, true))
		return OK;
	if (!task_may(task, database_id, group.parent_id, false) &&
	    !task_may(task, database_id, group.parent_id, true))
		return OK;
	*found = true;
	TRY(task_access(task, database_id, true));
	return engine_drop(task->env->engine, id);
}

int manage_drop_shard(struct task *task)
{
	struct object *databases;
	bool found = false;
	size_t count;
	int err = OK;

	TRY(catalog_list(task_catalog(task), OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count));
	for (size_t i = 0; err >= 0 && !found && i < count; i++)
		err = drop_shard_of(task, databases[i].id, task->statement->number.number, &found);
	free(databases);
	return err;
}
