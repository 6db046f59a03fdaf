/*
 * EXPLAIN: a plan as lines of text; with ANALYZE it runs, and what that took is told.
 *
 * Why not the plan's own printer: it opens the sources, so it can say how many series are read.
 */
#include "query/run/explain.h"

#include <stdlib.h>

#include "query/run/rows.h"

struct explanation {
	const struct result *result;
	struct buf line;
	uint64_t rows, series;
	int64_t planned_ns;
};

static int give_line(struct explanation *explanation)
{
	struct cell cell = cell_of_string(buf_slice(&explanation->line));
	int err = explanation->result->ops->row(explanation->result->arg, &cell);

	buf_reset(&explanation->line);
	return err;
}

static void print_time(struct buf *out, int64_t time_ns, const char *open)
{
	char text[WHEN_BYTES_MAX];

	if (time_ns == TIME_MIN_NS || time_ns == TIME_MAX_NS)
		buf_append_text(out, open);
	else
		buf_append(out, text, when_print(text, time_ns));
}

static int explain_range(struct explanation *explanation, const struct plan *plan, int indent)
{
	char text[DURATION_BYTES_MAX];

	buf_printf(&explanation->line, "%*sTIME: ", indent, "");
	print_time(&explanation->line, plan->window.time_first_ns, "the beginning");
	buf_append_text(&explanation->line, " to ");
	print_time(&explanation->line, plan->window.time_last_ns, "the end");
	if (plan->window.months)
		buf_printf(&explanation->line, ", windows of %d months", plan->window.months);
	else if (plan->window.interval_ns)
		buf_printf(&explanation->line, ", windows of %.*s",
			   (int)duration_print(text, plan->window.interval_ns), text);
	return give_line(explanation);
}

static int explain_plan(struct explanation *explanation, struct plan *plan, int indent);

static int explain_source(struct explanation *explanation, struct plan *plan,
			  const struct plan_source *source, int indent)
{
	uint32_t *ids = NULL;
	size_t count = 0;

	if (source->subquery) {
		buf_printf(&explanation->line, "%*sSUBQUERY:", indent, "");
		TRY(give_line(explanation));
		return explain_plan(explanation, source->subquery, indent + 2);
	}
	TRY(snapshot_series(source->snapshot, source->policy_id, source->measurement_id,
			    plan->window.time_first_ns, plan->window.time_last_ns, &ids, &count));
	free(ids);
	buf_printf(&explanation->line, "%*sREAD: %.*s, %zu series in %zu shard groups, %zu fields",
		   indent, "", (int)source->name.length, source->name.data, count,
		   snapshot_group_count(source->snapshot, source->policy_id,
					plan->window.time_first_ns, plan->window.time_last_ns),
		   source->field_count);
	return give_line(explanation);
}

static int explain_calls(struct explanation *explanation, const struct plan *plan, int indent)
{
	static const char *const shapes[] = { "FOLD", "COLLECT", "TRANSFORM" };

	for (size_t i = 0; i < plan->call_count; i++)
		for (const struct plan_call *call = plan->calls[i]; call; call = call->inner) {
			struct slice column = call->slot >= 0 ? plan->slots[call->slot].name
							      : SLICE("its points");

			buf_printf(&explanation->line, "%*s%s: %s of %.*s (%s)", indent, "",
				   shapes[call->function->shape], call->function->name,
				   (int)column.length, column.data, data_type_name(call->type));
			TRY(give_line(explanation));
		}
	return OK;
}

static int explain_plan(struct explanation *explanation, struct plan *plan, int indent)
{
	buf_printf(&explanation->line, "%*s%s%s: %zu columns", indent, "",
		   plan_is_raw(plan) ? "ROWS" : "CALLS", plan->is_descending ? " DESCENDING" : "",
		   plan->column_count);
	TRY(give_line(explanation));
	TRY(explain_range(explanation, plan, indent));
	if (plan->dimensions->count) {
		buf_printf(&explanation->line, "%*sGROUP:", indent, "");
		for (size_t i = 0; i < plan->dimensions->count; i++)
			buf_printf(&explanation->line, " %.*s",
				   (int)plan->dimensions->names[i].length,
				   plan->dimensions->names[i].data);
		TRY(give_line(explanation));
	}
	if (plan->conjunct_count) {
		buf_printf(&explanation->line, "%*sFILTER: %zu conditions", indent, "",
			   plan->conjunct_count);
		TRY(give_line(explanation));
	}
	TRY(explain_calls(explanation, plan, indent));
	for (size_t i = 0; i < plan->source_count; i++)
		TRY(explain_source(explanation, plan, &plan->sources[i], indent));
	return OK;
}

static int count_series(void *arg, const struct series_key *key)
{
	((struct explanation *)arg)->series++;
	return OK;
}

static int count_row(void *arg, int64_t time_ns, const struct cell *columns)
{
	((struct explanation *)arg)->rows++;
	return OK;
}

static int count_nothing(void *arg)
{
	return OK;
}

static double milliseconds(int64_t ns)
{
	return (double)ns / 1e6;
}

static int analyze_plan(struct explanation *explanation, struct plan *plan)
{
	struct row_sink sink = { count_series, count_row, count_nothing, explanation };
	int64_t start_ns = env_monotonic_ns(), ran_ns;
	struct run run;

	run_begin(&run, plan->context->env, plan->context->diag);
	run.is_timed = true;
	TRY(rows_run(plan, &run, &sink));
	ran_ns = env_monotonic_ns() - start_ns;
	buf_printf(&explanation->line,
		   "RAN: %llu rows read, of them those of %llu chunks and cells by their "
		   "summaries; "
		   "%llu rows in %llu series given, %.3f ms",
		   (unsigned long long)run.points, (unsigned long long)run.summaries,
		   (unsigned long long)explanation->rows, (unsigned long long)explanation->series,
		   milliseconds(ran_ns));
	TRY(give_line(explanation));
	buf_printf(&explanation->line, "PLANNING: %.3f ms", milliseconds(explanation->planned_ns));
	TRY(give_line(explanation));
	buf_printf(&explanation->line,
		   "READING: %llu chunks decoded, %llu by their summaries, %llu skipped; %.3f ms",
		   (unsigned long long)run.chunks.decoded,
		   (unsigned long long)run.chunks.summarized,
		   (unsigned long long)run.chunks.skipped, milliseconds(run.read_ns));
	TRY(give_line(explanation));
	buf_printf(&explanation->line, "COMPUTING: %.3f ms", milliseconds(ran_ns - run.read_ns));
	return give_line(explanation);
}

static int give_explanation(struct plan *plan, bool analyze, int64_t planned_ns,
			    const struct result *result)
{
	struct slice column = SLICE("QUERY PLAN");
	struct result_series series = { .columns = &column,
					.column_count = 1,
					.chunks = CHUNKS_OF_STATEMENTS };
	struct explanation explanation = { .result = result, .planned_ns = planned_ns };
	int err;

	TRY(result->ops->series_begin(result->arg, &series));
	err = explain_plan(&explanation, plan, 0);
	if (err >= 0 && analyze)
		err = analyze_plan(&explanation, plan);
	buf_release(&explanation.line);
	TRY(err);
	return result->ops->series_end(result->arg);
}

int explain_run(const struct query_env *env, const struct select_scope *scope, struct arena *arena,
		struct select_stmt *stmt, bool analyze, const struct result *result,
		struct diag *diag)
{
	struct plan_context context = plan_context_of(env, scope, arena, diag);
	int64_t start_ns = env_monotonic_ns();
	struct plan *plan = NULL;
	int err = plan_check(&context, stmt, NULL, &plan);

	if (err >= 0)
		err = plan_bind(plan);
	if (err >= 0)
		err = give_explanation(plan, analyze, env_monotonic_ns() - start_ns, result);
	plan_close(&context, plan);
	return run_explain(err, diag);
}
