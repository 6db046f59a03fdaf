/*
 * A row on its way out: fill(), columns, OFFSET and LIMIT.
 *
 * Why one place: these are one matter, whether the row was read, computed by calls or paired.
 */
#include "query/run/emit.h"

#include <stdlib.h>

static struct cell number_as(const struct plan *plan, enum data_type type)
{
	struct cell number = plan->fill_is_integer ? cell_of_integer(plan->fill_integer)
						   : cell_of_float(plan->fill_value);

	return cell_cast(number, type);
}

/* What stands for a cell that has no value in this row. */
static struct cell absent_cell(const struct emitter *emitter, size_t place, enum data_type type)
{
	const struct plan *plan = emitter->plan;

	if (plan->fill == FILL_NUMBER)
		return number_as(plan, type);
	if (plan->fill == FILL_PREVIOUS)
		return emitter->last[place];
	return cell_null();
}

static void keep_last(struct emitter *emitter, size_t place, struct cell cell)
{
	struct buf *text = &emitter->last_texts[place];

	emitter->last[place] = cell;
	if (emitter->plan->fill != FILL_PREVIOUS || cell.type != CELL_STRING)
		return;
	buf_reset(text);
	buf_append_slice(text, cell.s);
	emitter->last[place].s = buf_slice(text);
}

/* Over a column that no source has, only a call whose type is its own is filled: a mean, no sum. */
static bool is_never_filled(const struct plan_call *call)
{
	return call->result == DATA_UNKNOWN;
}

/*
 * fill() also stands for what a row lacks beside others: the fields of a raw
 * row or of a selected one, and calls that have no point at this time.
 */
static void fill_cells(struct emitter *emitter, const struct cell *cells, const bool *absent)
{
	const struct plan *plan = emitter->plan;
	size_t count = plan->slot_count + plan->call_count;

	for (size_t i = 0; i < count; i++) {
		bool is_call = i >= plan->slot_count;
		bool is_absent =
			is_call ? absent && absent[i - plan->slot_count] : cell_is_nil(&cells[i]);
		enum data_type type =
			is_call ? plan->calls[i - plan->slot_count]->result : plan->slots[i].type;

		if (is_call && is_never_filled(plan->calls[i - plan->slot_count]))
			is_absent = false;
		emitter->cells[i] = is_absent ? absent_cell(emitter, i, type) : cells[i];
		keep_last(emitter, i, emitter->cells[i]);
	}
}

int emit_row(struct emitter *emitter, int64_t time_ns, const struct cell *cells, const bool *absent)
{
	const struct plan *plan = emitter->plan;
	struct eval eval = { .slots = cells };
	int64_t place = emitter->seen++ - plan->stmt->offset;
	int err;

	if (plan->fill == FILL_NUMBER || plan->fill == FILL_PREVIOUS) {
		fill_cells(emitter, cells, absent);
		eval.slots = emitter->cells;
	}
	if (place < 0)
		return OK;
	for (size_t i = 0; i < plan->column_count; i++)
		emitter->columns[i] = expr_eval(plan->columns[i].expr, &eval);
	if (!emitter->has_begun)
		TRY(emitter->sink->begin(emitter->sink->arg, emitter->key));
	emitter->has_begun = true;
	err = emitter->sink->row(emitter->sink->arg, time_ns, emitter->columns);
	if (err != OK)
		return err;
	return plan->stmt->limit && place + 1 >= plan->stmt->limit ? END : OK;
}

void emitter_release(struct emitter *emitter)
{
	size_t cells = emitter->plan->slot_count + emitter->plan->call_count + 1;

	for (size_t i = 0; emitter->last_texts && i < cells; i++)
		buf_release(&emitter->last_texts[i]);
	free(emitter->columns);
	free(emitter->cells);
	free(emitter->last);
	free(emitter->last_texts);
}

int emitter_init(struct emitter *emitter, struct plan *plan, const struct row_sink *sink)
{
	size_t cells = plan->slot_count + plan->call_count + 1;

	*emitter = (struct emitter){ .plan = plan, .sink = sink };
	emitter->columns = calloc(plan->column_count + 1, sizeof(*emitter->columns));
	emitter->cells = calloc(cells, sizeof(*emitter->cells));
	emitter->last = calloc(cells, sizeof(*emitter->last));
	emitter->last_texts = calloc(cells, sizeof(*emitter->last_texts));
	return emitter->columns && emitter->cells && emitter->last && emitter->last_texts
		       ? OK
		       : ERR_MEMORY;
}

void emitter_begin(struct emitter *emitter, const struct series_key *key)
{
	const struct plan *plan = emitter->plan;

	emitter->key = key;
	emitter->has_begun = false;
	emitter->seen = 0;
	for (size_t i = 0; i < plan->slot_count + plan->call_count; i++)
		emitter->last[i] = cell_null();
}
