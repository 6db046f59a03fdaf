/*
 * Why: a request is its statements in order, each with its own answer or error;
 * who executes a statement is a matter of its kind.
 */
#include "query/query.h"

#include "engine/base/when.h"
#include "query/base/metering.h"
#include "query/format/format.h"
#include "query/language/parser.h"
#include "query/language/print.h"
#include "query/lasting.h"
#include "query/run/explain.h"
#include "query/run/select.h"
#include "query/statement/dotted.h"
#include "query/statement/into.h"
#include "query/statement/manage.h"
#include "query/statement/running.h"
#include "query/statement/show.h"

const struct query_limits query_limits_default = {
	.memory_bytes_max = UINT64_C(64) << 20,
	.buckets_max = 10000000,
	.series_max = 10000000,
	.text_bytes_max = 1 << 20,
};

/* --- one statement ---------------------------------------------------------------------- */

static int run_select(struct task *task)
{
	struct select_stmt *select = task->statement->select;
	struct select_scope scope = { .options = task->options };
	struct into_spec spec = { 0 };
	struct result result;
	struct into *into;
	int err;

	if (!select->target)
		return select_run(task->env, &scope, task->arena, select, task->result, task->diag);
	err = into_open(task, select, &spec, &into, &result);
	if (err >= 0)
		err = select_run(task->env, &scope, task->arena, select, &result, task->diag);
	if (err >= 0)
		err = into_finish(into);
	into_close(into);
	return err;
}

static int run_explain(struct task *task)
{
	struct select_scope scope = { .options = task->options };
	const struct explain_stmt *explain = &task->statement->explain;

	return explain_run(task->env, &scope, task->arena, explain->select, explain->analyze,
			   task->result, task->diag);
}

static int run_statement(struct task *task)
{
	enum statement_kind kind = task->statement->kind;

	if (task->env->read_only && statement_changes(task->statement))
		return diag_set(task->diag, ERR_NOT_PERMITTED,
				"%s changes data, which is not done here: write it to exec",
				statement_kinds[kind].words);
	if (kind == STATEMENT_SELECT)
		return run_select(task);
	if (kind == STATEMENT_EXPLAIN)
		return run_explain(task);
	if (show_is(kind))
		return show_run(task);
	return manage_run(task);
}

static struct slice database_name(const struct query_env *env)
{
	struct object database;

	if (env->database_id == 0 ||
	    catalog_get(engine_catalog(env->engine), env->database_id, &database) < 0)
		return SLICE("");
	return database.name;
}

/* Errors without words of their own get the table's. */
static int run_listed(struct task *task)
{
	struct buf text = { 0 };
	struct running running = { .database = database_name(task->env),
				   .uid = task->env->access.attrs.uid,
				   .start_ns = env_monotonic_ns(),
				   .cancelled = task->env->cancelled };
	int err;

	err = statement_databases(task->statement, task->arena, &running.named,
				  &running.named_count);
	if (err < 0)
		return diag_set(task->diag, err, "%s", err_text(err));
	statement_print(&text, task->statement);
	running.text = buf_slice(&text);
	running_begin(&running);
	err = run_statement(task);
	running_end(&running);
	buf_release(&text);
	/* Not EINTR: who waits for it would only ask again. */
	if (err == ERR_CANCELLED && running.is_killed) {
		*task->diag = (struct diag){ 0 };
		return diag_set(task->diag, ERR_INVALID, "query interrupted");
	}
	if (err < 0)
		diag_set(task->diag, err, "%s", err_text(err));
	return err;
}

/* --- the request --------------------------------------------------------------------------- */

struct run_request {
	const struct query_env *env;
	const struct query_options *options;
	struct arena arena;
	struct request request;
	struct result result;
	struct diag *diag; /* of the first error */
};

/* The rest of a request whose statement failed is not run. */
static int skip_statement(struct run_request *run, unsigned id)
{
	TRY(run->result.ops->statement_begin(run->result.arg, id));
	return run->result.ops->statement_end(run->result.arg, "not executed");
}

static int answer_statement(struct run_request *run, unsigned id, int *failed)
{
	struct diag diag = { 0 };
	struct task task = { .env = run->env,
			     .options = run->options,
			     .arena = &run->arena,
			     .statement = &run->request.statements[id],
			     .result = &run->result,
			     .diag = &diag,
			     .now_ns = run->env->now_ns ? run->env->now_ns : env_now_ns() };

	TRY(run->result.ops->statement_begin(run->result.arg, id));
	*failed = run_listed(&task);
	if (*failed == ERR_CANCELLED)
		return *failed;
	if (*failed < 0)
		diag_set(run->diag, *failed, "%s", diag.text);
	return run->result.ops->statement_end(run->result.arg, *failed < 0 ? diag.text : NULL);
}

static int answer_all(struct run_request *run, struct format *format)
{
	int failed = OK;

	TRY(format_request_begin(format));
	for (unsigned id = 0; id < run->request.count; id++)
		TRY(failed < 0 ? skip_statement(run, id) : answer_statement(run, id, &failed));
	TRY(format_request_end(format));
	return failed;
}

static int parse(struct run_request *run, struct slice text)
{
	struct params params = { 0 };

	if (text.length > run->env->limits->text_bytes_max)
		return diag_set(run->diag, ERR_TOO_LONG, "a query of more than %llu bytes",
				(unsigned long long)run->env->limits->text_bytes_max);
	if (run->options->params[0])
		TRY(params_parse(slice_of_text(run->options->params), &run->arena, &params,
				 run->diag));
	TRY(parse_request(text, &params, &run->arena, &run->request, NULL, run->diag));
	return dotted_check(run->env, &run->request, run->diag);
}

/* "error parsing query: …", in front of what the parser said. */
static void name_parse_error(struct diag *diag)
{
	struct diag whole = { 0 };

	if (diag->stands_alone)
		return;
	diag_set_at(&whole, ERR_INVALID, diag->line, diag->column, "error parsing query: %.900s",
		    diag->text);
	*diag = whole;
}

int query_run(const struct query_env *env, struct slice request,
	      const struct query_options *options, const struct query_sink *sink, bool *lasts,
	      struct diag *diag)
{
	struct run_request run = { .env = env, .options = options, .diag = diag };
	struct metering metering;
	struct format format;
	int err;

	TRY(metering_begin(&metering, env, diag));
	run.arena.bytes_max = env->limits->memory_bytes_max;
	format_open(&format, options, sink);
	run.result = format_result(&format);
	err = parse(&run, request);
	if (lasts)
		*lasts = err >= 0 && !options->fresh && request_lasts(&run.request, &run.arena);
	if (err < 0) {
		name_parse_error(diag);
		format_request_error(&format, diag->text);
	} else {
		err = answer_all(&run, &format);
	}
	if (err < 0 && format.problem)
		diag_set(diag, err, "%s", format.problem);
	counter_add(COUNTER_QUERIES, 1);
	counter_add(COUNTER_QUERY_ERRORS, err < 0);
	format_close(&format);
	arena_release(&run.arena);
	err = metering_end(&metering, err, diag);
	return err == ERR_NOT_FOUND || err == ERR_EXISTS ? ERR_INVALID : err;
}

/* --- in front of points ---------------------------------------------------------------------- */

int query_import(const struct query_env *env, struct slice text, struct dump_statement *dump,
		 struct diag *diag)
{
	struct query_options options = { 0 };
	struct run_request run = { .env = env, .options = &options, .diag = diag };
	struct metering metering;
	int err;

	TRY(metering_begin(&metering, env, diag));
	run.arena.bytes_max = env->limits->memory_bytes_max;
	err = parse(&run, text);
	for (size_t i = 0; err == OK && i < run.request.count; i++) {
		struct task task = { .env = env,
				     .options = &options,
				     .arena = &run.arena,
				     .statement = &run.request.statements[i],
				     .diag = diag };

		err = manage_import(&task, dump);
	}
	arena_release(&run.arena);
	return metering_end(&metering, err, diag);
}

/* --- continuous queries --------------------------------------------------------------------- */

int query_check_continuous(const struct query_env *env, struct slice text, struct diag *diag)
{
	struct arena arena = { 0 };
	struct continuous_stmt stored;
	int err = parse_continuous_text(text, &arena, &stored, diag);

	arena_release(&arena);
	return err;
}
