/* Why: every statement names databases, and each of them has to be there and be allowed. */
#include "query/statement/task.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "query/base/metering.h"

bool task_may(const struct task *task, uint32_t database_id, uint32_t policy_id, bool write)
{
	const struct query_access *access = &task->env->access;

	return !access->check || access->check(access->arg, database_id, policy_id, write) >= 0;
}

bool task_sees_all(const struct task *task)
{
	return task_may(task, QUERY_ALL_DATABASES, 0, false);
}

int task_access(struct task *task, uint32_t database_id, bool write)
{
	if (task_may(task, database_id, 0, write))
		return OK;
	return diag_set(task->diag, ERR_ACCESS, "not authorized to %s this database",
			write ? "change" : "read");
}

int task_policy_access(struct task *task, uint32_t database_id, uint32_t policy_id, bool write)
{
	if (task_may(task, database_id, policy_id, write))
		return OK;
	return diag_set(task->diag, ERR_ACCESS, "not authorized to %s this retention policy",
			write ? "change" : "read");
}

int task_policy_change(struct task *task, uint32_t database_id, uint32_t policy_id)
{
	if (task_may(task, database_id, policy_id, false))
		return OK;
	return task_policy_access(task, database_id, policy_id, true);
}

int task_database(struct task *task, struct slice name, bool write, struct object *out)
{
	struct catalog *catalog = task_catalog(task);
	int err;

	if (name.length)
		err = catalog_find(catalog, OBJECT_ROOT_ID, name, out);
	else if (task->env->database_id)
		err = catalog_get(catalog, task->env->database_id, out);
	else
		return diag_set(task->diag, ERR_INVALID, "database name required");
	if (err < 0 || out->kind != OBJECT_DATABASE)
		return diag_set(task->diag, ERR_NOT_FOUND, "database not found: %.*s",
				(int)name.length, name.data);
	return task_access(task, out->id, write);
}

int task_policy(struct task *task, uint32_t database_id, struct slice name, struct object *out)
{
	int err = catalog_find(task_catalog(task), database_id, name, out);

	if (err < 0 || out->kind != OBJECT_POLICY)
		return diag_set(task->diag, ERR_NOT_FOUND, "retention policy not found: %.*s",
				(int)name.length, name.data);
	return OK;
}

int task_check(const struct task *task)
{
	const atomic_bool *cancelled = task->env->cancelled;

	if (cancelled && atomic_load_explicit(cancelled, memory_order_relaxed))
		return ERR_CANCELLED;
	return query_memory(task->env, task->diag);
}

int task_databases(struct task *task, struct object **out, size_t *count)
{
	bool sees_all = task_sees_all(task);
	size_t kept = 0, total;
	struct object *all;

	TRY(catalog_list(task_catalog(task), OBJECT_ROOT_ID, OBJECT_DATABASE, &all, &total));
	for (size_t i = 0; i < total; i++)
		if (sees_all || task_may(task, all[i].id, 0, false))
			all[kept++] = all[i];
	*out = all;
	*count = kept;
	return OK;
}

int task_policies(struct task *task, uint32_t database_id, struct object **out, size_t *count,
		  bool *all)
{
	size_t kept = 0, total;
	struct object *policies;

	TRY(catalog_list(task_catalog(task), database_id, OBJECT_POLICY, &policies, &total));
	for (size_t i = 0; i < total; i++)
		if (task_may(task, database_id, policies[i].id, false))
			policies[kept++] = policies[i];
	*out = policies;
	*count = kept;
	*all = kept == total;
	return OK;
}

static enum result_chunks chunks_of(enum statement_kind kind)
{
	switch (kind) {
	case STATEMENT_SHOW_TAG_KEYS:
	case STATEMENT_SHOW_TAG_VALUES: return CHUNKS_OF_SERIES;
	case STATEMENT_SHOW_SERIES:
	case STATEMENT_LIST_SERIES:
	case STATEMENT_SHOW_FIELD_KEYS:
	case STATEMENT_SHOW_SERIES_CARDINALITY:
	case STATEMENT_SHOW_MEASUREMENT_CARDINALITY:
	case STATEMENT_SHOW_TAG_KEY_CARDINALITY:
	case STATEMENT_SHOW_TAG_VALUES_CARDINALITY:
	case STATEMENT_SHOW_FIELD_KEY_CARDINALITY: return CHUNKS_OF_ROWS;
	default: return CHUNKS_OF_STATEMENTS;
	}
}

int task_series_begin(struct task *task, struct slice name, const struct slice *columns,
		      size_t column_count)
{
	struct result_series series = { .name = name,
					.columns = columns,
					.column_count = column_count,
					.chunks = chunks_of(task->statement->kind) };

	return task->result->ops->series_begin(task->result->arg, &series);
}

int task_row(struct task *task, const struct cell *cells)
{
	return task->result->ops->row(task->result->arg, cells);
}

int task_series_end(struct task *task)
{
	return task->result->ops->series_end(task->result->arg);
}

int task_count(struct task *task, struct slice column, uint64_t count)
{
	struct cell cell = cell_integer((int64_t)count);

	TRY(task_series_begin(task, SLICE(""), &column, 1));
	TRY(task_row(task, &cell));
	return task_series_end(task);
}
