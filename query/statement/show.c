/* Why: the tables of what the catalog knows, and the table of all SHOW statements. */
#include "query/statement/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/env.h"
#include "engine/base/when.h"
#include "query/language/stored.h"
#include "query/statement/running.h"

/* --- databases and policies -------------------------------------------------- */

/* What ls of the root is to a file browser; but it names only those that the caller may use. */
static int show_databases(struct task *task)
{
	static const struct slice columns[] = { SLICE("name") };
	struct object *databases;
	bool sees_all = task_sees_all(task);
	size_t kept = 0, count;
	int err;

	TRY(task_access(task, 0, false));
	err = catalog_list(task_catalog(task), OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count);
	for (size_t i = 0; err >= 0 && i < count; i++)
		if (sees_all || task_may(task, databases[i].id, 0, false) ||
		    task_may(task, databases[i].id, 0, true))
			databases[kept++] = databases[i];
	count = err >= 0 ? kept : 0;
	if (err >= 0 && count)
		err = task_series_begin(task, SLICE("databases"), columns, 1);
	for (size_t i = 0; err >= 0 && i < count; i++) {
		struct cell cell = cell_string(databases[i].name);

		err = task_row(task, &cell);
	}
	if (err >= 0 && count)
		err = task_series_end(task);
	free(databases);
	return err;
}

static int print_policy(struct task *task, const struct object *policy)
{
	char duration[DURATION_BYTES_MAX], shard[DURATION_BYTES_MAX];
	const struct policy_settings *s = &policy->policy;
	struct cell cells[] = {
		cell_string(policy->name),
		cell_string(slice_of(duration, duration_print_go(duration, s->duration_ns))),
		cell_string(slice_of(shard, duration_print_go(shard, s->shard_duration_ns))),
		cell_integer(s->replication),
		cell_boolean(s->is_default),
	};

	return task_row(task, cells);
}

static int show_policies(struct task *task)
{
	static const struct slice columns[] = { SLICE("name"), SLICE("duration"),
						SLICE("shardGroupDuration"), SLICE("replicaN"),
						SLICE("default") };
	struct object database, *policies;
	size_t count;
	int err;

	TRY(task_database(task, task->statement->show.database, false, &database));
	TRY(task_series_begin(task, SLICE(""), columns, COLUMN_COUNT(columns)));
	TRY(catalog_list(task_catalog(task), database.id, OBJECT_POLICY, &policies, &count));
	err = OK;
	for (size_t i = 0; err >= 0 && i < count; i++)
		err = print_policy(task, &policies[i]);
	free(policies);
	TRY(err);
	return task_series_end(task);
}

/* --- shards -------------------------------------------------------------------- */

/* Seconds, since a window may begin before the first and end after the last ns. */
static size_t print_seconds(char *out, size_t size, int64_t seconds)
{
	struct civil c = civil_of_seconds(seconds);
	int length = snprintf(out, size, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month,
			      c.day, c.hour, c.minute, c.second);

	return length < 0 ? 0 : (size_t)length;
}

struct shard_row {
	struct cell id, database, policy, start, end, expiry;
	char start_text[WHEN_BYTES_MAX], end_text[WHEN_BYTES_MAX], expiry_text[WHEN_BYTES_MAX];
};

static void fill_shard_row(struct shard_row *row, struct slice database,
			   const struct object *policy, const struct object *group)
{
	/* InfluxDB ends the last group where time does; its name has the whole window. */
	int64_t last_s = TIME_MAX_NS / NS_PER_SECOND;
	int64_t end_s = group->window.end_s < last_s ? group->window.end_s : last_s;
	int64_t expiry_s = end_s + policy->policy.duration_ns / NS_PER_SECOND;

	row->id = cell_integer(group->window.number);
	row->database = cell_string(database);
	row->policy = cell_string(policy->name);
	row->start = cell_string(
		slice_of(row->start_text, print_seconds(row->start_text, sizeof(row->start_text),
							group->window.start_s)));
	row->end = cell_string(slice_of(
		row->end_text, print_seconds(row->end_text, sizeof(row->end_text), end_s)));
	row->expiry = cell_string(
		slice_of(row->expiry_text,
			 print_seconds(row->expiry_text, sizeof(row->expiry_text), expiry_s)));
}

typedef int group_seen(struct task *task, struct slice database, const struct object *policy,
		       const struct object *group);

static int walk_policy(struct task *task, struct slice database, const struct object *policy,
		       group_seen *seen)
{
	struct object *groups;
	size_t count;
	int err = OK;

	TRY(catalog_list(task_catalog(task), policy->id, OBJECT_GROUP, &groups, &count));
	for (size_t i = 0; err >= 0 && i < count; i++)
		err = seen(task, database, policy, &groups[i]);
	free(groups);
	return err;
}

static int walk_groups(struct task *task, const struct object *database, group_seen *seen)
{
	bool sees_all = task_sees_all(task);
	struct object *policies;
	size_t count;
	int err = OK;

	TRY(catalog_list(task_catalog(task), database->id, OBJECT_POLICY, &policies, &count));
	for (size_t i = 0; err >= 0 && i < count; i++)
		if (sees_all || task_may(task, database->id, policies[i].id, false))
			err = walk_policy(task, database->name, &policies[i], seen);
	free(policies);
	return err;
}

static int print_shard(struct task *task, struct slice database, const struct object *policy,
		       const struct object *group)
{
	struct shard_row row;

	fill_shard_row(&row, database, policy, group);
	return task_row(task, (struct cell[]){ row.id, row.database, row.policy, row.id, row.start,
					       row.end, row.expiry, cell_string(SLICE("")) });
}

static int print_group(struct task *task, struct slice database, const struct object *policy,
		       const struct object *group)
{
	struct shard_row row;

	fill_shard_row(&row, database, policy, group);
	return task_row(task, (struct cell[]){ row.id, row.database, row.policy, row.start, row.end,
					       row.expiry });
}

/* Calls `each` for every database that may be read. */
static int for_databases(struct task *task,
			 int (*each)(struct task *task, const struct object *database))
{
	struct object *databases;
	size_t count;
	int err = OK;

	TRY(task_databases(task, &databases, &count));
	for (size_t i = 0; err >= 0 && i < count; i++)
		err = each(task, &databases[i]);
	free(databases);
	return err;
}

static int print_shards(struct task *task, const struct object *database)
{
	static const struct slice columns[] = {
		SLICE("id"),	      SLICE("database"),   SLICE("retention_policy"),
		SLICE("shard_group"), SLICE("start_time"), SLICE("end_time"),
		SLICE("expiry_time"), SLICE("owners")
	};

	TRY(task_series_begin(task, database->name, columns, COLUMN_COUNT(columns)));
	TRY(walk_groups(task, database, print_shard));
	return task_series_end(task);
}

static int show_shards(struct task *task)
{
	return for_databases(task, print_shards);
}

static int print_groups(struct task *task, const struct object *database)
{
	return walk_groups(task, database, print_group);
}

static int show_shard_groups(struct task *task)
{
	static const struct slice columns[] = {
		SLICE("id"),	     SLICE("database"), SLICE("retention_policy"),
		SLICE("start_time"), SLICE("end_time"), SLICE("expiry_time")
	};

	TRY(task_series_begin(task, SLICE("shard groups"), columns, COLUMN_COUNT(columns)));
	TRY(for_databases(task, print_groups));
	return task_series_end(task);
}

/* --- continuous queries --------------------------------------------------------- */

static int print_continuous_query(struct task *task, const struct object *database,
				  const struct object *query)
{
	struct buf text = { 0 };
	struct cell cells[2];
	int err;

	err = stored_print_create(&text, task_catalog(task), database, query);
	cells[0] = cell_string(query->name);
	cells[1] = cell_string(buf_slice(&text));
	if (err >= 0)
		err = task_row(task, cells);
	buf_release(&text);
	return err;
}

static int print_continuous(struct task *task, const struct object *database)
{
	static const struct slice columns[] = { SLICE("name"), SLICE("query") };
	struct catalog *catalog = task_catalog(task);
	struct object directory, *queries = NULL;
	size_t count = 0;
	int err = OK;

	TRY(task_series_begin(task, database->name, columns, COLUMN_COUNT(columns)));
	if (catalog_find(catalog, database->id, SLICE("continuous"), &directory) >= 0)
		err = catalog_list(catalog, directory.id, OBJECT_CONTINUOUS_QUERY, &queries,
				   &count);
	for (size_t i = 0; err >= 0 && i < count; i++)
		err = print_continuous_query(task, database, &queries[i]);
	free(queries);
	TRY(err);
	return task_series_end(task);
}

static int show_continuous_queries(struct task *task)
{
	return for_databases(task, print_continuous);
}

/* --- what runs -------------------------------------------------------------------- */

/* A Go duration as it prints one, cut to microseconds. */
static size_t print_elapsed(char *out, int64_t start_ns)
{
	return duration_print_go(out, (env_monotonic_ns() - start_ns) / NS_PER_US * NS_PER_US);
}

static int print_running(struct task *task, const struct running_copy *copy)
{
	char elapsed[DURATION_BYTES_MAX];
	struct cell cells[] = {
		cell_integer((int64_t)copy->running.id),
		cell_string(copy->running.text),
		cell_string(copy->running.database),
		cell_string(slice_of(elapsed, print_elapsed(elapsed, copy->running.start_ns))),
		cell_string(copy->is_killed ? SLICE("killed") : SLICE("running")),
	};

	return task_row(task, cells);
}

static int show_queries(struct task *task)
{
	static const struct slice columns[] = { SLICE("qid"), SLICE("query"), SLICE("database"),
						SLICE("duration"), SLICE("status") };
	struct running_copy *copies;

	TRY(running_copy_all(task->arena, &copies));
	TRY(task_series_begin(task, SLICE(""), columns, COLUMN_COUNT(columns)));
	for (const struct running_copy *copy = copies; copy; copy = copy->next)
		if (running_is_shown(task, copy))
			TRY(print_running(task, copy));
	return task_series_end(task);
}

/* --- the service itself ------------------------------------------------------------ */

static bool is_wanted(struct task *task, const char *module)
{
	struct slice name = task->statement->name.name;

	return name.length == 0 || slice_equal(name, slice_of_text(module));
}

static int print_module(struct task *task, const char *module, const struct slice *columns,
			const struct cell *cells, size_t count)
{
	if (!is_wanted(task, module))
		return OK;
	TRY(task_series_begin(task, slice_of_text(module), columns, count));
	TRY(task_row(task, cells));
	return task_series_end(task);
}

static int show_stats(struct task *task)
{
	struct slice columns[COUNTER_COUNT];
	struct cell cells[COUNTER_COUNT];

	for (int i = 0; i < COUNTER_COUNT; i++) {
		columns[i] = slice_of_text(counter_name((enum counter)i));
		cells[i] = cell_integer((int64_t)counter_get((enum counter)i));
	}
	return print_module(task, "engine", columns, cells, COUNTER_COUNT);
}

static int show_diagnostics(struct task *task)
{
	static const struct slice columns[] = { SLICE("groups"),	 SLICE("index_bytes"),
						SLICE("memtable_bytes"), SLICE("series"),
						SLICE("shards_open"),	 SLICE("wal_bytes") };
	struct engine_gauges g;

	engine_gauges(task->env->engine, &g);
	return print_module(task, "engine", columns,
			    (struct cell[]){
				    cell_integer((int64_t)g.groups),
				    cell_integer((int64_t)g.index_bytes),
				    cell_integer((int64_t)g.memtable_bytes),
				    cell_integer((int64_t)g.series),
				    cell_integer((int64_t)g.shards_open),
				    cell_integer((int64_t)g.wal_bytes),
			    },
			    COLUMN_COUNT(columns));
}

/* --- what a file system has instead ------------------------------------------------- */

/* Users are those of the system; the table is there for clients that ask for it. */
static int show_users(struct task *task)
{
	static const struct slice columns[] = { SLICE("user"), SLICE("admin") };

	TRY(task_series_begin(task, SLICE(""), columns, COLUMN_COUNT(columns)));
	return task_series_end(task);
}

static int show_grants(struct task *task)
{
	return diag_set(task->diag, ERR_NOT_FOUND, "user not found");
}

static int show_subscriptions(struct task *task)
{
	return OK;
}

/* --- the table ---------------------------------------------------------------------- */

typedef int show_function(struct task *task);
static show_function *const show_functions[STATEMENT_KIND_COUNT] = {
	[STATEMENT_SHOW_CONTINUOUS_QUERIES] = show_continuous_queries,
	[STATEMENT_LIST_CONTINUOUS_QUERIES] = show_continuous_queries,
	[STATEMENT_SHOW_DATABASES] = show_databases,
	[STATEMENT_SHOW_DIAGNOSTICS] = show_diagnostics,
	[STATEMENT_SHOW_STATS] = show_stats,
	[STATEMENT_SHOW_QUERIES] = show_queries,
	[STATEMENT_SHOW_SHARDS] = show_shards,
	[STATEMENT_SHOW_SHARD_GROUPS] = show_shard_groups,
	[STATEMENT_SHOW_SUBSCRIPTIONS] = show_subscriptions,
	[STATEMENT_SHOW_USERS] = show_users,
	[STATEMENT_SHOW_GRANTS] = show_grants,
	[STATEMENT_SHOW_POLICIES] = show_policies,
	[STATEMENT_SHOW_MEASUREMENTS] = show_measurements,
	[STATEMENT_SHOW_SERIES] = show_series,
	[STATEMENT_SHOW_TAG_KEYS] = show_tag_keys,
	[STATEMENT_SHOW_TAG_VALUES] = show_tag_values,
	[STATEMENT_SHOW_FIELD_KEYS] = show_field_keys,
	[STATEMENT_SHOW_SERIES_CARDINALITY] = show_series_cardinality,
	[STATEMENT_SHOW_MEASUREMENT_CARDINALITY] = show_measurement_cardinality,
	[STATEMENT_SHOW_TAG_KEY_CARDINALITY] = show_tag_key_cardinality,
	[STATEMENT_SHOW_TAG_VALUES_CARDINALITY] = show_tag_values_cardinality,
	[STATEMENT_SHOW_FIELD_KEY_CARDINALITY] = show_field_key_cardinality,
	[STATEMENT_LIST_SERIES] = show_series_old,
};

bool show_is(enum statement_kind kind)
{
	return show_functions[kind] != NULL;
}

int show_run(struct task *task)
{
	return show_functions[task->statement->kind](task);
}
