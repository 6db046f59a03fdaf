/* Why: what mkdir, rm and echo do to the tree, said in the language of the data. */
#include "query/statement/manage.h"

#include <stdlib.h>

#include "engine/base/limits.h"
#include "engine/base/when.h"
#include "query/language/stored.h"
#include "query/statement/running.h"

/* --- names ------------------------------------------------------------------ */

/* A name that can be a directory's: printable, no slash, no dot in front. */
static bool is_file_name(struct slice name)
{
	if (name.length == 0 || name.length > NAME_BYTES_MAX || name.data[0] == '.')
		return false;
	for (size_t i = 0; i < name.length; i++) {
		unsigned char byte = (unsigned char)name.data[i];

		if (byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\')
			return false;
	}
	return true;
}

static int check_name(struct task *task, struct slice name)
{
	return is_file_name(name) ? OK : diag_set(task->diag, ERR_INVALID, "invalid name");
}

/* What a database has besides policies has these names, some with options behind them. */
static bool is_reserved(struct slice name)
{
	static const struct {
		const char *word;
		bool takes_options;
	} reserved[] = { { "query", false },  { "exec", true },	       { "write", true },
			 { "errors", false }, { "continuous", false }, { "views", false } };

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		struct slice word = slice_of_text(reserved[i].word);

		if (slice_starts_with(name, word) &&
		    (name.length == word.length ||
		     (reserved[i].takes_options && strchr(".?", name.data[word.length]))))
			return true;
	}
	return false;
}

static int check_policy_name(struct task *task, struct slice name)
{
	if (is_reserved(name))
		return diag_set(task->diag, ERR_INVALID, "invalid name");
	return check_name(task, name);
}

/* --- policies ---------------------------------------------------------------- */

/* 0 means the default one; InfluxDB takes less than an hour for an hour. */
static int64_t settled_shard_duration(int64_t shard_duration_ns, int64_t duration_ns)
{
	if (shard_duration_ns == 0)
		return policy_default_shard_duration(duration_ns);
	return shard_duration_ns < NS_PER_HOUR ? NS_PER_HOUR : shard_duration_ns;
}

static int settings_of(struct task *task, struct policy_settings *out)
{
	const struct policy_stmt *policy = &task->statement->policy;

	*out = policy_defaults();
	out->duration_ns = policy->has_duration ? policy->duration_ns : 0;
	out->shard_duration_ns = settled_shard_duration(
		policy->has_shard_duration ? policy->shard_duration_ns : 0, out->duration_ns);
	if (policy->has_replication)
		out->replication = (uint32_t)policy->replication;
	out->is_default = policy->is_default;
	return policy_check(out, task->diag);
}

static bool settings_equal(const struct policy_settings *a, const struct policy_settings *b)
{
	return a->duration_ns == b->duration_ns && a->shard_duration_ns == b->shard_duration_ns &&
	       a->replication == b->replication;
}

/* `.policy` is there once something was set, so that a copy of the tree has it too. */
static int add_policy_file(struct task *task, uint32_t policy_id)
{
	struct object file = { .parent_id = policy_id,
			       .kind = OBJECT_POLICY_FILE,
			       .name = SLICE(".policy"),
			       .attrs = task->env->access.attrs };
	int err;

	file.attrs.mode &= 0666;
	err = catalog_add(task_catalog(task), &file);
	return err == ERR_EXISTS ? OK : err;
}

static int create_policy_of(struct task *task, uint32_t database_id, struct slice name,
			    const struct policy_settings *settings)
{
	uint32_t id;
	int err = engine_create_policy(task->env->engine, database_id, name, settings,
				       &task->env->access.attrs, &id);

	if (err == ERR_EXISTS)
		return diag_set(task->diag, err, "retention policy already exists");
	TRY(err);
	return add_policy_file(task, id);
}

static int create_policy(struct task *task)
{
	const struct policy_stmt *policy = &task->statement->policy;
	struct policy_settings settings;
	struct object database, existing;

	TRY(check_policy_name(task, policy->name));
	TRY(settings_of(task, &settings));
	TRY(task_database(task, policy->database, true, &database));
	if (catalog_find(task_catalog(task), database.id, policy->name, &existing) < 0)
		return create_policy_of(task, database.id, policy->name, &settings);
	if (existing.kind != OBJECT_POLICY || !settings_equal(&existing.policy, &settings))
		return diag_set(task->diag, ERR_EXISTS, "retention policy already exists");
	if (settings.is_default && !existing.policy.is_default)
		return diag_set(task->diag, ERR_EXISTS,
				"retention policy conflicts with an existing policy");
	return OK;
}

static int alter_policy(struct task *task)
{
	const struct policy_stmt *stmt = &task->statement->policy;
	struct policy_settings *s;
	struct object database, policy;

	TRY(task_database(task, stmt->database, true, &database));
	TRY(task_policy(task, database.id, stmt->name, &policy));
	TRY(task_policy_change(task, database.id, policy.id));
	s = &policy.policy;
	if (stmt->has_duration)
		s->duration_ns = stmt->duration_ns;
	if (stmt->has_shard_duration)
		s->shard_duration_ns =
			settled_shard_duration(stmt->shard_duration_ns, s->duration_ns);
	if (stmt->has_replication)
		s->replication = (uint32_t)stmt->replication;
	s->is_default |= stmt->is_default;
	TRY(policy_check(s, task->diag));
	TRY(engine_set_policy(task->env->engine, policy.id, s));
	return add_policy_file(task, policy.id);
}

static int drop_policy(struct task *task)
{
	const struct name_stmt *stmt = &task->statement->name;
	struct catalog *catalog = task_catalog(task);
	struct object database, policy;

	if (stmt->database.length &&
	    catalog_find(catalog, OBJECT_ROOT_ID, stmt->database, &database) < 0)
		return OK;
	TRY(task_database(task, stmt->database, true, &database));
	if (catalog_find(catalog, database.id, stmt->name, &policy) < 0 ||
	    policy.kind != OBJECT_POLICY)
		return OK;
	TRY(task_policy_change(task, database.id, policy.id));
	return engine_drop(task->env->engine, policy.id);
}

/* --- policies of a dump -------------------------------------------------------- */

/* What is written to a database whose policies nobody has told of comes here, as after mkdir. */
static int make_autogen(struct task *task)
{
	struct policy_settings settings = policy_defaults();
	uint32_t database_id = task->env->database_id;
	struct object existing;

	settings.is_default =
		catalog_default_policy(task_catalog(task), database_id, &existing) < 0;
	if (catalog_find(task_catalog(task), database_id, SLICE("autogen"), &existing) == OK)
		return OK;
	return engine_create_policy(task->env->engine, database_id, SLICE("autogen"), &settings,
				    &task->env->access.attrs, &existing.id);
}

/* A dump of half a database leaves the default policy as it was: its caller sets it at the end. */
static int make_dumped_policy(struct task *task, struct slice name, struct dump_statement *dump)
{
	struct policy_settings settings;
	struct object existing;

	TRY(check_policy_name(task, name));
	TRY(settings_of(task, &settings));
	if (catalog_find(task_catalog(task), task->env->database_id, name, &existing) == OK)
		return OK;
	if (settings.is_default) {
		buf_reset(&dump->default_policy);
		buf_append_slice(&dump->default_policy, name);
	}
	settings.is_default = false;
	return create_policy_of(task, task->env->database_id, name, &settings);
}

int manage_import(struct task *task, struct dump_statement *dump)
{
	const struct policy_stmt *stmt = &task->statement->policy;
	bool is_database = task->statement->kind == STATEMENT_CREATE_DATABASE;

	if (!is_database && task->statement->kind != STATEMENT_CREATE_POLICY)
		return diag_set(task->diag, ERR_INVALID,
				"an import may make its database and retention policies, and "
				"nothing else");
	buf_reset(&dump->named);
	buf_append_slice(&dump->named, stmt->database);
	if (dump->database.length == 0)
		return OK;
	dump->is_passed_over = !slice_equal(stmt->database, dump->database);
	if (dump->is_passed_over)
		return OK;
	TRY(task_access(task, task->env->database_id, true));
	if (!is_database || !stmt->is_with)
		TRY(make_autogen(task));
	if (is_database && !stmt->is_with)
		return OK;
	return make_dumped_policy(task, stmt->name.length ? stmt->name : SLICE("autogen"), dump);
}

/* --- databases ----------------------------------------------------------------- */

static struct slice first_policy_name(const struct policy_stmt *stmt)
{
	return stmt->name.length ? stmt->name : SLICE("autogen");
}

/* A database that is there already: fine unless WITH asks for another default policy. */
static int check_existing(struct task *task, const struct object *database,
			  const struct policy_settings *settings)
{
	const struct policy_stmt *stmt = &task->statement->policy;
	struct object policy;

	if (!stmt->is_with)
		return OK;
	if (catalog_default_policy(task_catalog(task), database->id, &policy) >= 0 &&
	    slice_equal(policy.name, first_policy_name(stmt)) &&
	    settings_equal(&policy.policy, settings))
		return OK;
	return diag_set(task->diag, ERR_EXISTS,
			"retention policy conflicts with an existing policy");
}

static int fill_database(struct task *task, uint32_t database_id,
			 const struct policy_settings *settings)
{
	const struct policy_stmt *stmt = &task->statement->policy;
	uint32_t policy_id;

	TRY(engine_create_policy(task->env->engine, database_id, first_policy_name(stmt), settings,
				 &task->env->access.attrs, &policy_id));
	return stmt->is_with ? add_policy_file(task, policy_id) : OK;
}

static int create_database(struct task *task)
{
	const struct policy_stmt *stmt = &task->statement->policy;
	struct policy_settings settings;
	struct object existing;
	uint32_t id;
	int err;

	TRY(check_name(task, stmt->database));
	TRY(check_policy_name(task, first_policy_name(stmt)));
	TRY(settings_of(task, &settings));
	settings.is_default = true;
	TRY(task_access(task, 0, true));
	if (catalog_find(task_catalog(task), OBJECT_ROOT_ID, stmt->database, &existing) >= 0)
		return check_existing(task, &existing, &settings);
	err = engine_create_database(task->env->engine, stmt->database, &task->env->access.attrs,
				     &id);
	if (err == ERR_EXISTS) /* somebody was faster */
		return OK;
	TRY(err);
	err = fill_database(task, id, &settings);
	if (err < 0)
		(void)engine_drop(task->env->engine, id);
	return err;
}

static int drop_database(struct task *task)
{
	struct object database;

	if (catalog_find(task_catalog(task), OBJECT_ROOT_ID, task->statement->name.name,
			 &database) < 0)
		return OK;
	TRY(task_access(task, 0, true));
	TRY(task_access(task, database.id, true));
	return engine_drop(task->env->engine, database.id);
}

/* --- continuous queries --------------------------------------------------------- */

/* The directory of a database's continuous queries; with `make` it comes into being. */
static int find_directory(struct task *task, uint32_t database_id, bool make, struct object *out)
{
	struct catalog *catalog = task_catalog(task);
	int err = catalog_find(catalog, database_id, SLICE("continuous"), out);

	if (err != ERR_NOT_FOUND || !make)
		return err;
	*out = (struct object){ .parent_id = database_id,
				.kind = OBJECT_CONTINUOUS,
				.name = SLICE("continuous"),
				.attrs = task->env->access.attrs };
	err = catalog_add(catalog, out);
	return err == ERR_EXISTS ? catalog_find(catalog, database_id, SLICE("continuous"), out)
				 : err;
}

static struct slice without_end(struct slice text)
{
	while (text.length && text.data[text.length - 1] == '\n')
		text.length--;
	return text;
}

static int add_continuous(struct task *task, uint32_t directory_id, struct slice text)
{
	struct object query = { .parent_id = directory_id,
				.kind = OBJECT_CONTINUOUS_QUERY,
				.name = task->statement->continuous.name,
				.payload = text,
				.attrs = task->env->access.attrs };
	struct object existing;
	int err;

	query.attrs.mode &= 0666;
	if (catalog_find(task_catalog(task), directory_id, query.name, &existing) >= 0)
		return slice_equal(without_end(existing.payload), without_end(text))
			       ? OK
			       : diag_set(task->diag, ERR_EXISTS,
					  "continuous query already exists");
	err = catalog_add(task_catalog(task), &query);
	return err == ERR_EXISTS ? diag_set(task->diag, err, "continuous query already exists")
				 : err;
}

static int create_continuous(struct task *task)
{
	const struct continuous_stmt *stmt = &task->statement->continuous;
	struct object database, directory;
	struct buf text = { 0 };
	int err;

	TRY(check_name(task, stmt->name));
	TRY(task_database(task, stmt->database, true, &database));
	stored_print(&text, task->statement);
	buf_append_byte(&text, '\n');
	err = find_directory(task, database.id, true, &directory);
	if (err >= 0)
		err = add_continuous(task, directory.id, buf_slice(&text));
	buf_release(&text);
	return err;
}

static int drop_continuous(struct task *task)
{
	const struct name_stmt *stmt = &task->statement->name;
	struct object database, directory, query;

	if (stmt->database.length &&
	    catalog_find(task_catalog(task), OBJECT_ROOT_ID, stmt->database, &database) < 0)
		return OK;
	TRY(task_database(task, stmt->database, true, &database));
	if (find_directory(task, database.id, false, &directory) < 0 ||
	    catalog_find(task_catalog(task), directory.id, stmt->name, &query) < 0)
		return OK;
	return catalog_remove(task_catalog(task), query.id);
}

/* --- the rest --------------------------------------------------------------------- */

static int kill_query(struct task *task)
{
	uint64_t id = task->statement->number.number;
	struct running_copy *copy;

	TRY(running_copy_all(task->arena, &copy));
	while (copy && copy->running.id != id)
		copy = copy->next;
	if (copy && running_is_shown(task, copy)) {
		if (!running_may_be_killed(task, copy))
			return diag_set(task->diag, ERR_ACCESS, "not authorized to kill query %llu",
					(unsigned long long)id);
		if (running_kill(id))
			return OK;
	}
	return diag_set(task->diag, ERR_NOT_FOUND, "no such query id: %llu",
			(unsigned long long)id);
}

static int refuse_users(struct task *task)
{
	return diag_set(task->diag, ERR_NOT_PERMITTED,
			"there are no users of its own here: chown and chmod the database's "
			"directory (r asks, w writes)");
}

static int refuse_subscriptions(struct task *task)
{
	return diag_set(task->diag, ERR_NOT_PERMITTED,
			"there are no subscriptions here: follow a series with tail -f, or make "
			"a continuous query");
}

typedef int manage_function(struct task *task);
static manage_function *const manage_functions[STATEMENT_KIND_COUNT] = {
	[STATEMENT_CREATE_DATABASE] = create_database,
	[STATEMENT_DROP_DATABASE] = drop_database,
	[STATEMENT_CREATE_POLICY] = create_policy,
	[STATEMENT_ALTER_POLICY] = alter_policy,
	[STATEMENT_DROP_POLICY] = drop_policy,
	[STATEMENT_CREATE_CONTINUOUS_QUERY] = create_continuous,
	[STATEMENT_DROP_CONTINUOUS_QUERY] = drop_continuous,
	[STATEMENT_DELETE] = manage_delete,
	[STATEMENT_DROP_SERIES] = manage_drop_series,
	[STATEMENT_DROP_MEASUREMENT] = manage_drop_measurement,
	[STATEMENT_DROP_SHARD] = manage_drop_shard,
	[STATEMENT_KILL_QUERY] = kill_query,
	[STATEMENT_CREATE_USER] = refuse_users,
	[STATEMENT_DROP_USER] = refuse_users,
	[STATEMENT_SET_PASSWORD] = refuse_users,
	[STATEMENT_GRANT] = refuse_users,
	[STATEMENT_GRANT_ADMIN] = refuse_users,
	[STATEMENT_REVOKE] = refuse_users,
	[STATEMENT_REVOKE_ADMIN] = refuse_users,
	[STATEMENT_CREATE_SUBSCRIPTION] = refuse_subscriptions,
	[STATEMENT_DROP_SUBSCRIPTION] = refuse_subscriptions,
};

int manage_run(struct task *task)
{
	int err = manage_functions[task->statement->kind](task);

	return engine_settle(task->env->engine, err);
}
