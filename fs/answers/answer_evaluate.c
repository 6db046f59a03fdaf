/*
 * An answer, evaluated: the query of its text run into its bytes.
 *
 * Why it notes databases and rights on the way: when the text is asked again, these notes tell
 * whether the answer still holds, and for whom.
 */
#include "fs/answers/answer_inner.h"

/* Takes the next piece of the answer. Over the budget the evaluation ends, and each open file
 * streams its own (stream.h). */
static int sink_write(void *arg, struct slice bytes)
{
	struct answer *answer = arg;

	if (answer->bytes.length + bytes.length > answer->mount->options.query_memory_mb << 20) {
		answer->too_large = true;
		return ERR_LIMIT;
	}
	if (!buf_try_reserve(&answer->bytes, bytes.length))
		return ERR_MEMORY;
	buf_append_slice(&answer->bytes, bytes);
	return OK;
}

/* Notes a database that the query reads, with its version before the first read: a write that comes
 * later makes the answer old. */
static void add_database(struct answer *answer, uint32_t id)
{
	for (size_t i = 0; i < answer->database_count; i++)
		if (answer->databases[i].id == id)
			return;
	if (answer->database_count == ANSWER_DATABASES_MAX) {
		answer->databases_overflow = true;
		return;
	}
	answer->databases[answer->database_count++] =
		(struct used_database){ id, id ? engine_database_version(answer->mount->engine, id)
					       : 0 };
}

struct evaluation {
	struct answer *answer;
	struct catalog *catalog; /* the snapshot's, or the mount's */
	struct caller caller;	 /* the answer's, with what is known of its groups */
};

/* A mode depends on groups: they are read now, while the caller whose LOOKUP began this waits. */
static void need_groups(struct evaluation *evaluation, uint32_t id, bool write)
{
	struct answer_table *table = evaluation->answer->mount->answers;
	struct object object;

	if (catalog_get(evaluation->catalog, id ? id : OBJECT_ROOT_ID, &object) < 0 ||
	    !caller_needs_groups(&evaluation->caller, &object.attrs, write))
		return;
	pthread_mutex_lock(&table->lock);
	answer_learn_groups(evaluation->answer);
	evaluation->caller = evaluation->answer->caller;
	pthread_mutex_unlock(&table->lock);
}

static int check_access(void *arg, uint32_t database_id, uint32_t policy_id, bool write)
{
	struct evaluation *evaluation = arg;
	struct answer *answer = evaluation->answer;

	if (!evaluation->caller.has_groups && evaluation->caller.uid != 0)
		need_groups(evaluation, policy_id ? policy_id : database_id, write);
	TRY(notes_check(&answer->notes, answer->mount, evaluation->catalog, &evaluation->caller,
			database_id, policy_id, write));
	if (!policy_id && database_id != QUERY_ALL_DATABASES)
		add_database(answer, database_id);
	return OK;
}

int answer_evaluate(struct answer *answer, struct engine *engine, struct diag *diag)
{
	struct mount *mount = answer->mount;
	struct query_sink sink = { sink_write, answer };
	struct query_options options = { 0 };
	struct buf buffer = { 0 };
	struct slice statement;
	struct evaluation evaluation = { .answer = answer, .catalog = engine_catalog(engine) };
	struct query_env env = {
		.engine = engine,
		.database_id = answer->place.database_id,
		.access = { .check = check_access,
			    .arg = &evaluation,
			    .attrs = caller_attrs(&answer->caller, 0) },
		.limits = &mount->query_limits,
		.cancelled = &answer->cancelled,
		.read_only = true,
	};
	int err =
		query_options_parse(buf_slice(&answer->text), &options, &buffer, &statement, diag);

	pthread_mutex_lock(&mount->answers->lock);
	evaluation.caller = answer->caller;
	pthread_mutex_unlock(&mount->answers->lock);

	if (err == OK) {
		answer->catalog_version = catalog_version(mount->catalog);
		add_database(answer, answer->place.database_id);
		err = query_run(&env, statement, &options, &sink, &answer->keeps, diag);
	}
	buf_release(&buffer);
	return err;
}
