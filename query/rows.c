/* Why: OFFSET, LIMIT and columns are one matter, whatever the rows come from. */
#include "query/rows.h"

#include <stdlib.h>

#include "engine/base/log.h"

/* fill() of raw rows: null columns get the number, or what they had last. */
static void fill_columns(struct emitter *emitter)
{
	const struct plan *plan = emitter->plan;

	for (size_t i = 0; i < plan->column_count; i++) {
		struct cell *cell = &emitter->columns[i];

		if (plan->fill == FILL_NUMBER && cell_is_nil(cell)) {
			*cell = plan->fill_is_integer ? cell_of_integer(plan->fill_integer)
						      : cell_of_float(plan->fill_value);
		} else if (plan->fill == FILL_PREVIOUS && cell_is_nil(cell)) {
			*cell = emitter->last[i];
		} else if (plan->fill == FILL_PREVIOUS) {
			emitter->last[i] = *cell;
			if (cell->type != CELL_STRING)
				continue;
			buf_reset(&emitter->last_texts[i]);
			buf_append_slice(&emitter->last_texts[i], cell->s);
			emitter->last[i].s = buf_slice(&emitter->last_texts[i]);
		}
	}
}

int emit_row(struct emitter *emitter, int64_t time_ns, const struct cell *cells)
{
	const struct plan *plan = emitter->plan;
	struct eval eval = { .slots = cells, .divides_to_float = true };
	int64_t place = emitter->seen++ - plan->stmt->offset;

	if (place < 0 && !(plan_is_raw(plan) && plan->fill == FILL_PREVIOUS))
		return OK;
	for (size_t i = 0; i < plan->column_count; i++)
		emitter->columns[i] = expr_eval(plan->columns[i].expr, &eval);
	if (plan_is_raw(plan) && plan->stmt->has_fill)
		fill_columns(emitter);
	if (place < 0)
		return OK;
	if (!emitter->has_begun)
		TRY(emitter->sink->begin(emitter->sink->arg, emitter->key));
	emitter->has_begun = true;
	TRY(emitter->sink->row(emitter->sink->arg, time_ns, emitter->columns));
	return plan->stmt->limit && place + 1 >= plan->stmt->limit ? END : OK;
}

static int run_group(struct plan *plan, const struct group *group, struct run *run,
		     struct emitter *emitter)
{
	int err;

	emitter->key = group->key;
	emitter->has_begun = false;
	emitter->seen = 0;
	for (size_t i = 0; i < plan->column_count; i++)
		emitter->last[i] = cell_null();
	TRY(run_check(run));
	err = plan_is_raw(plan) ? rows_of_fields(plan, group, run, emitter)
				: rows_of_calls(plan, group, run, emitter);
	if (err >= 0 && emitter->has_begun)
		err = emitter->sink->end(emitter->sink->arg);
	return err;
}

static int run_groups(struct plan *plan, struct run *run, struct emitter *emitter)
{
	struct groups groups;
	int err = groups_open(plan, run, &groups);

	for (size_t i = 0; err >= 0 && i < groups.count; i++)
		err = run_group(plan, &groups.items[plan->is_descending ? groups.count - 1 - i : i],
				run, emitter);
	groups_close(&groups);
	return err;
}

int rows_run(struct plan *plan, struct run *run, const struct row_sink *sink)
{
	struct emitter emitter = { .plan = plan, .sink = sink };
	int err = ERR_MEMORY;

	if (plan->is_empty)
		return OK;
	emitter.columns = calloc(plan->column_count + 1, sizeof(*emitter.columns));
	emitter.last = calloc(plan->column_count + 1, sizeof(*emitter.last));
	emitter.last_texts = calloc(plan->column_count + 1, sizeof(*emitter.last_texts));
	if (emitter.columns && emitter.last && emitter.last_texts)
		err = run_groups(plan, run, &emitter);
	for (size_t i = 0; emitter.last_texts && i < plan->column_count; i++)
		buf_release(&emitter.last_texts[i]);
	free(emitter.columns);
	free(emitter.last);
	free(emitter.last_texts);
	return err < 0 ? err : OK;
}
