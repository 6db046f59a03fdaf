/* Why: OFFSET, LIMIT and columns are one matter, whatever the rows come from. */
#include "query/rows.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "query/crew.h"

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
	struct eval eval = { .slots = cells, .divides_to_float = true };
	bool is_raw = plan_is_raw(plan); /* the points of calls are counted already */
	int64_t place = emitter->seen++ - (is_raw ? plan->stmt->offset : 0);

	if (place < 0)
		return OK;
	if (plan->fill == FILL_NUMBER || plan->fill == FILL_PREVIOUS) {
		fill_cells(emitter, cells, absent);
		eval.slots = emitter->cells;
	}
	for (size_t i = 0; i < plan->column_count; i++)
		emitter->columns[i] = expr_eval(plan->columns[i].expr, &eval);
	if (!emitter->has_begun)
		TRY(emitter->sink->begin(emitter->sink->arg, emitter->key));
	emitter->has_begun = true;
	TRY(emitter->sink->row(emitter->sink->arg, time_ns, emitter->columns));
	return is_raw && plan->stmt->limit && place + 1 >= plan->stmt->limit ? END : OK;
}

static int run_group(struct plan *plan, const struct group *group, struct run *run,
		     struct emitter *emitter)
{
	int err;

	emitter->key = group->key;
	emitter->has_begun = false;
	emitter->seen = 0;
	for (size_t i = 0; i < plan->slot_count + plan->call_count; i++)
		emitter->last[i] = cell_null();
	TRY(run_check(run));
	err = plan_is_raw(plan) ? rows_of_fields(plan, group, run, emitter)
				: rows_of_calls(plan, group, run, emitter);
	if (err >= 0 && emitter->has_begun)
		err = emitter->sink->end(emitter->sink->arg);
	return err;
}

/* --- emitters ---------------------------------------------------------------------------- */

static void emitter_release(struct emitter *emitter)
{
	size_t cells = emitter->plan->slot_count + emitter->plan->call_count + 1;

	for (size_t i = 0; emitter->last_texts && i < cells; i++)
		buf_release(&emitter->last_texts[i]);
	free(emitter->columns);
	free(emitter->cells);
	free(emitter->last);
	free(emitter->last_texts);
}

/* emitter_release() is needed after errors too. */
static int emitter_init(struct emitter *emitter, struct plan *plan, const struct row_sink *sink)
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

/* --- several threads ---------------------------------------------------------------------- */

/* Groups of one round: their rows wait until all of them are there. */
#define ROUND_GROUPS	  128u
#define SHARED_GROUPS_MIN 8u

/* A group computed by whoever had time, and its rows. */
struct share {
	struct run run;
	struct diag diag;
	int err;
	struct arena arena; /* texts of cells */
	int64_t *times_ns;
	struct cell *cells;
	size_t row_count, capacity, column_count;
};

struct round {
	struct plan *plan;
	struct run *run;
	const struct group *groups;
	struct share *shares;
};

static int nothing(void *arg)
{
	return OK;
}

static int begin_nothing(void *arg, const struct series_key *key)
{
	return OK;
}

static int keep_row(void *arg, int64_t time_ns, const struct cell *columns)
{
	struct share *share = arg;
	struct cell *cells;

	if (share->row_count == share->capacity) {
		share->capacity = share->capacity ? share->capacity * 2 : 32;
		share->times_ns =
			reallocarray(share->times_ns, share->capacity, sizeof(*share->times_ns));
		share->cells = reallocarray(share->cells, share->capacity * share->column_count + 1,
					    sizeof(*share->cells));
		if (!share->times_ns || !share->cells)
			return ERR_MEMORY;
	}
	TRY(run_take_bytes(&share->run, sizeof(time_ns) + share->column_count * sizeof(*cells)));
	cells = share->cells + share->row_count * share->column_count;
	share->times_ns[share->row_count++] = time_ns;
	for (size_t i = 0; i < share->column_count; i++) {
		cells[i] = columns[i];
		if (cells[i].type == CELL_STRING)
			cells[i].s = arena_copy(&share->arena, columns[i].s);
	}
	return OK;
}

static void run_share(void *arg, size_t item)
{
	struct round *round = arg;
	struct share *share = &round->shares[item];
	struct row_sink sink = { begin_nothing, keep_row, nothing, share };
	struct emitter emitter;

	share->run = *round->run;
	share->run.diag = &share->diag;
	share->run.points = share->run.summaries = 0;
	share->run.chunks = (struct chunk_counts){ 0 };
	share->run.read_ns = 0;
	share->column_count = round->plan->column_count;
	share->err = emitter_init(&emitter, round->plan, &sink);
	if (share->err >= 0)
		share->err = run_group(round->plan, &round->groups[item], &share->run, &emitter);
	emitter_release(&emitter);
}

static int give_share(struct share *share, struct run *run, const struct run *before,
		      const struct group *group, const struct row_sink *sink)
{
	share->run.buckets -= before->buckets;
	TRY(run_join(run, &share->run, share->err));
	for (size_t i = 0; i < share->row_count; i++) {
		if (i == 0)
			TRY(sink->begin(sink->arg, group->key));
		TRY(sink->row(sink->arg, share->times_ns[i],
			      share->cells + i * share->column_count));
	}
	return share->row_count ? sink->end(sink->arg) : OK;
}

static void share_release(struct share *share)
{
	arena_release(&share->arena);
	free(share->times_ns);
	free(share->cells);
}

/* END: nobody has time, or all at once is too much. */
static int run_round(struct plan *plan, struct run *run, const struct group *groups, size_t count,
		     const struct row_sink *sink)
{
	struct round round = { plan, run, groups, calloc(count, sizeof(*round.shares)) };
	struct run before = *run;
	bool was_too_much = false;
	int err = OK;

	if (!round.shares)
		return ERR_MEMORY;
	if (!crew_run(count, run_share, &round))
		err = END;
	/* One thread needs less memory: it tells whether it is too much. */
	for (size_t i = 0; i < count; i++)
		was_too_much |= round.shares[i].err == ERR_LIMIT;
	err = was_too_much ? END : err;
	for (size_t i = 0; err == OK && i < count; i++)
		err = give_share(&round.shares[i], run, &before, &groups[i], sink);
	for (size_t i = 0; i < count; i++)
		share_release(&round.shares[i]);
	free(round.shares);
	if (was_too_much)
		memory_retry();
	return err;
}

/* --- all groups --------------------------------------------------------------------------- */

static void turn(struct groups *groups)
{
	for (size_t a = 0, b = groups->count; a + 1 < b; a++) {
		struct group group = groups->items[a];

		groups->items[a] = groups->items[--b];
		groups->items[b] = group;
	}
}

static int run_all(struct plan *plan, struct run *run, struct groups *groups,
		   struct emitter *emitter)
{
	bool shares = groups->count >= SHARED_GROUPS_MIN && !plan_is_raw(plan) &&
		      aggregate_may_share(plan);

	for (size_t at = 0, count; at < groups->count; at += count) {
		int err = END;

		count = groups->count - at < ROUND_GROUPS ? groups->count - at : ROUND_GROUPS;
		if (shares && count > 1)
			err = run_round(plan, run, &groups->items[at], count, emitter->sink);
		for (size_t i = 0; err == END && i < count; i++)
			TRY(run_group(plan, &groups->items[at + i], run, emitter));
		TRY(err);
	}
	return OK;
}

static int run_groups(struct plan *plan, struct run *run, struct emitter *emitter)
{
	struct groups groups;
	int err = groups_open(plan, run, &groups);

	if (plan->is_descending)
		turn(&groups);
	if (err >= 0)
		err = run_all(plan, run, &groups, emitter);
	groups_close(&groups);
	return err;
}

int rows_run(struct plan *plan, struct run *run, const struct row_sink *sink)
{
	struct emitter emitter;
	int err;

	if (plan->is_empty)
		return OK;
	err = emitter_init(&emitter, plan, sink);
	if (err >= 0)
		err = run_groups(plan, run, &emitter);
	emitter_release(&emitter);
	return err < 0 ? err : OK;
}
