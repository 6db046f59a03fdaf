/*
 * A SELECT from tree to rows: its plan is made, run and closed.
 *
 * Why here: callers give a tree and take rows; plans and what they use up begin and end in this
 * file.
 */
#include "query/run/select.h"

#include <stdlib.h>

#include "query/run/rows.h"

struct answer {
	const struct plan *plan;
	const struct result *result;
	struct slice *names; /* `time`, then the columns' */
	struct cell *cells;
};

static int32_t zone_offset(const void *zone, int64_t time_ns)
{
	return zone_offset_s(zone, floor_div(time_ns, NS_PER_SECOND));
}

static int begin_series(void *arg, const struct series_key *key)
{
	struct answer *answer = arg;
	const struct plan *plan = answer->plan;
	struct result_series series = { .name = key->name,
					.tags = key->tags,
					.tag_count = key->dimensions->count,
					.columns = answer->names,
					.column_count = plan->column_count + 1,
					.zone = plan->window.zone };

	if (plan->window.zone)
		series.utc_offset = zone_offset;
	return answer->result->ops->series_begin(answer->result->arg, &series);
}

static int give_row(void *arg, int64_t time_ns, const struct cell *columns)
{
	struct answer *answer = arg;

	answer->cells[0] = (struct cell){ .type = CELL_TIME, .i = time_ns };
	memcpy(answer->cells + 1, columns, answer->plan->column_count * sizeof(*columns));
	return answer->result->ops->row(answer->result->arg, answer->cells);
}

static int end_series(void *arg)
{
	struct answer *answer = arg;

	return answer->result->ops->series_end(answer->result->arg);
}

static int give_rows(struct plan *plan, struct run *run, const struct result *result)
{
	struct answer answer = { .plan = plan, .result = result };
	struct row_sink sink = { begin_series, give_row, end_series, &answer };
	struct arena *arena = plan->context->arena;

	answer.names = arena_alloc(arena, (plan->column_count + 1) * sizeof(*answer.names));
	answer.cells = arena_alloc(arena, (plan->column_count + 1) * sizeof(*answer.cells));
	if (!answer.names || !answer.cells)
		return ERR_LIMIT;
	answer.names[0] = plan->time_name;
	for (size_t i = 0; i < plan->column_count; i++)
		answer.names[i + 1] = plan->columns[i].name;
	return rows_run(plan, run, &sink);
}

int select_run(const struct query_env *env, const struct select_scope *scope, struct arena *arena,
	       struct select_stmt *stmt, const struct result *result, struct diag *diag)
{
	struct plan_context context = plan_context_of(env, scope, arena, diag);
	struct plan *plan = NULL;
	struct run run;
	int err = plan_check(&context, stmt, NULL, &plan);

	run_begin(&run, env, diag);
	if (err >= 0)
		err = plan_bind(plan);
	if (err >= 0)
		err = give_rows(plan, &run, result);
	plan_close(&context, plan);
	return run_explain(err, diag);
}
