/*
 * One statement being run: what its executor is lent, and the questions every
 * executor asks first (which database, may I).
 */
#ifndef QUERY_TASK_H
#define QUERY_TASK_H

#include "query/base/request.h"
#include "query/format/result.h"
#include "query/language/ast.h"

struct task {
	const struct query_env *env;
	const struct query_options *options;
	struct arena *arena; /* of the statement, under the memory limit */
	struct statement *statement;
	const struct result *result;
	struct diag *diag;
	int64_t now_ns;
};

static inline struct catalog *task_catalog(const struct task *task)
{
	return engine_catalog(task->env->engine);
}
/* OK or ERR_ACCESS with diag; database_id 0: the root. */
int task_access(struct task *task, uint32_t database_id, bool write);
/* The same of a policy's own modes. */
int task_policy_access(struct task *task, uint32_t database_id, uint32_t policy_id, bool write);
/* May the caller change what is in a policy of a database that it may change? Not in one that is
   closed to it: it deletes and alters what it may see, or may write to. */
int task_policy_change(struct task *task, uint32_t database_id, uint32_t policy_id);
/* The same without words, for lists that leave out what the caller may not see. */
bool task_may(const struct task *task, uint32_t database_id, uint32_t policy_id, bool write);
/* Is nothing hidden from the caller? */
bool task_sees_all(const struct task *task);
/*
 * The database of that name, or with "" the default one, that the caller may
 * use. ERR_INVALID `database name required`, ERR_NOT_FOUND `database not
 * found: x`, ERR_ACCESS.
 */
int task_database(struct task *task, struct slice name, bool write, struct object *out);
/* ERR_NOT_FOUND `retention policy not found: x`. */
int task_policy(struct task *task, uint32_t database_id, struct slice name, struct object *out);
/* ERR_CANCELLED once the reader went away, ERR_LIMIT, ERR_MEMORY; for loops over series. */
int task_check(const struct task *task);
/* Every database that the caller may read, in order of creation; free() the array. */
int task_databases(struct task *task, struct object **out, size_t *count);
/* Every policy of a database that the caller may read; `*all`: none was left out. */
int task_policies(struct task *task, uint32_t database_id, struct object **out, size_t *count,
		  bool *all);

/* --- answers as tables ----------------------------------------------------- */

int task_series_begin(struct task *task, struct slice name, const struct slice *columns,
		      size_t column_count);
int task_row(struct task *task, const struct cell *cells);
int task_series_end(struct task *task);
/* One row of one count, without a name: how cardinalities answer. */
int task_count(struct task *task, struct slice column, uint64_t count);

static inline struct cell cell_string(struct slice text)
{
	return (struct cell){ .type = CELL_STRING, .s = text };
}
static inline struct cell cell_integer(int64_t value)
{
	return (struct cell){ .type = CELL_INTEGER, .i = value };
}
static inline struct cell cell_boolean(bool value)
{
	return (struct cell){ .type = CELL_BOOLEAN, .b = value };
}
#define COLUMN_COUNT(columns) (sizeof(columns) / sizeof((columns)[0]))

#endif
