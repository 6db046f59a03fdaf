/*
 * One pass over the rows of a group: all calls of a statement share one read of each series.
 *
 * Why windows cost so little: a call keeps a few words a window, and rows of one window are folded
 * by one call of the function.
 */
#include "query/run/aggregate_state.h"

#include <stdlib.h>

#include "query/function/function_rows.h"

/* --- runs of rows ----------------------------------------------------------------------- */

/* The best of the rows, or SIZE_MAX. Those of a subquery may have equal times. */
static size_t pick_row(const struct plan_call *call, const struct rows *rows)
{
	const struct batch_column *column = &rows->block->columns[call->slot];
	const int64_t *times_ns = rows->block->times_ns;
	size_t best = SIZE_MAX;

	if (!rows->feed->series->inner)
		return call->function->pick(call->type, column, rows->first, rows->end);
	for (size_t row = rows->first; row < rows->end; row++)
		if (column_has(column, row) &&
		    (best == SIZE_MAX ||
		     call->function->beats(call->type, times_ns[best], column->values[best],
					   times_ns[row], column->values[row])))
			best = row;
	return best;
}

static int take_selected(struct aggregate *aggregate, size_t leaf, const struct rows *rows)
{
	const struct plan_call *call = aggregate->spec.leaves[leaf];
	const struct batch_column *column = &rows->block->columns[call->slot];
	struct accumulator *part = &aggregate->parts[leaf];
	struct accumulator chosen = { .count = 1 };
	size_t row = pick_row(call, rows);

	if (row == SIZE_MAX)
		return OK;
	chosen.value = column->values[row];
	chosen.time_ns = rows->block->times_ns[row];
	if (part->count && !call->function->beats(call->type, part->time_ns, part->value,
						  chosen.time_ns, chosen.value))
		return OK;
	TRY(aggregate_keep_value(aggregate, call->type, &chosen.value));
	TRY(aggregate_keep_row(aggregate, rows->feed, rows->block, row, &chosen.row));
	*part = chosen;
	return OK;
}

static int collect(struct aggregate *aggregate, size_t leaf, const struct rows *rows)
{
	const struct plan_call *call = aggregate->spec.leaves[leaf];
	struct samples *samples = &aggregate_state_of(aggregate, aggregate->bucket, leaf)->samples;

	return call->wants_keys ? aggregate_take_keys(aggregate, call, samples, rows)
				: aggregate_take_samples(aggregate, call, samples, rows);
}

static int take_rows(struct aggregate *aggregate, const struct rows *rows)
{
	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		const struct plan_call *call = aggregate->spec.leaves[i];
		const struct batch_column *column = &rows->block->columns[call->slot];

		if (column->type == VALUE_NONE)
			continue;
		if (call->function->shape == SHAPE_COLLECT)
			TRY(collect(aggregate, i, rows));
		else if (call->function->pick)
			TRY(take_selected(aggregate, i, rows));
		else
			call->function->fold(&aggregate->parts[i], call->type, column, rows->first,
					     rows->end);
	}
	return OK;
}

/* The first row behind `first` that is not in the window any more. */
static size_t window_end(const struct aggregate *aggregate, const struct block *block, size_t first)
{
	int64_t end_ns = aggregate->window.end_ns;
	size_t low = first + 1, high = block->row_count;

	if (block->times_ns[high - 1] < end_ns)
		return high;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (block->times_ns[middle] < end_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int take_block(struct aggregate *aggregate, const struct feed *feed,
		      const struct block *block)
{
	if (block->group_id != aggregate->group_id)
		TRY(aggregate_join_part(aggregate));
	aggregate->group_id = block->group_id;
	for (size_t row = 0; row < block->row_count;) {
		int64_t time_ns = block->times_ns[row];
		struct rows rows = { feed, block, row, 0 };

		if (aggregate->bucket == SIZE_MAX || time_ns < aggregate->window.start_ns ||
		    time_ns >= aggregate->window.end_ns)
			TRY(aggregate_enter_window(aggregate, time_ns));
		row = rows.end = window_end(aggregate, block, row);
		TRY(take_rows(aggregate, &rows));
	}
	return OK;
}

/* --- first() and last() of everything -------------------------------------------------- */

static bool has_all_parts(const struct aggregate *aggregate, const struct feed *feed)
{
	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		int32_t slot = aggregate->spec.leaves[i]->slot;

		if (aggregate->parts[i].count == 0 &&
		    feed->series->source->bounds[slot].kind == BOUND_FIELD)
			return false;
	}
	return true;
}

/* Of rows in descending time the first with a value is the last(). */
static int take_backwards(struct aggregate *aggregate, const struct feed *feed,
			  const struct block *block)
{
	if (aggregate->bucket == SIZE_MAX)
		TRY(aggregate_enter_window(aggregate, block->times_ns[0]));
	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		const struct plan_call *call = aggregate->spec.leaves[i];
		const struct batch_column *column = &block->columns[call->slot];
		struct accumulator *part = &aggregate->parts[i];

		if (part->count || column->type == VALUE_NONE)
			continue;
		for (size_t row = 0; row < block->row_count; row++) {
			if (!column_has(column, row))
				continue;
			*part = (struct accumulator){ .count = 1,
						      .value = column->values[row],
						      .time_ns = block->times_ns[row] };
			TRY(aggregate_keep_value(aggregate, call->type, &part->value));
			TRY(aggregate_keep_row(aggregate, feed, block, row, &part->row));
			break;
		}
	}
	return OK;
}

/* --- the pass ----------------------------------------------------------------------------- */

static int read_series(struct aggregate *aggregate, struct feed *feed)
{
	for (;;) {
		struct block block;
		int err = feed_next(feed, &block);

		if (err != OK)
			return err;
		TRY(aggregate->reads_backwards ? take_backwards(aggregate, feed, &block)
					       : take_block(aggregate, feed, &block));
		if (aggregate->wants_first_only && has_all_parts(aggregate, feed))
			return END;
	}
}

int aggregate_take_series(struct aggregate *aggregate, const struct group_series *series)
{
	const struct aggregate_spec *spec = &aggregate->spec;
	struct feed feed;
	struct absorption absorption;
	int err = feed_open(&feed, spec->plan, series, &spec->window, aggregate->reads_backwards, 0,
			    spec->run);

	if (err >= 0)
		aggregate_offer(&absorption, aggregate, &feed);
	if (err >= 0)
		err = read_series(aggregate, &feed);
	if (err >= 0)
		err = aggregate_join_part(aggregate);
	aggregate->bucket = SIZE_MAX;
	feed_close(&feed);
	return err < 0 ? err : OK;
}

/* --- begin and end -------------------------------------------------------------------- */

int aggregate_open(const struct aggregate_spec *spec, struct aggregate **out)
{
	struct aggregate *aggregate = calloc(1, sizeof(*aggregate));

	*out = aggregate;
	if (!aggregate)
		return ERR_MEMORY;
	aggregate->spec = *spec;
	aggregate->bucket = SIZE_MAX;
	for (size_t i = 0; i < spec->leaf_count; i++)
		aggregate->has_samples |= spec->leaves[i]->function->shape == SHAPE_COLLECT;
	aggregate->parts = aggregate->own_parts =
		calloc(spec->leaf_count + 1, sizeof(*aggregate->parts));
	aggregate->next_parts = calloc(spec->leaf_count + 1, sizeof(*aggregate->parts));
	aggregate->sum_columns = calloc(spec->leaf_count + 1, sizeof(*aggregate->sum_columns));
	if (!aggregate->parts || !aggregate->next_parts || !aggregate->sum_columns)
		return ERR_MEMORY;
	return OK;
}

static int compare_starts(const void *a, const void *b, void *arg)
{
	const int64_t *starts = arg;
	int64_t x = starts[*(const size_t *)a], y = starts[*(const size_t *)b];

	return (x > y) - (x < y);
}

int aggregate_sort_windows(struct aggregate *aggregate)
{
	bool is_sorted = true;

	aggregate->order = malloc((aggregate->count + 1) * sizeof(*aggregate->order));
	if (!aggregate->order)
		return ERR_MEMORY;
	for (size_t i = 0; i < aggregate->count; i++) {
		aggregate->order[i] = i;
		is_sorted &= i == 0 || aggregate->starts[i - 1] < aggregate->starts[i];
	}
	if (!is_sorted)
		qsort_r(aggregate->order, aggregate->count, sizeof(*aggregate->order),
			compare_starts, aggregate->starts);
	return OK;
}

void aggregate_close(struct aggregate *aggregate)
{
	if (!aggregate)
		return;
	aggregate_release_samples(aggregate);
	idmap_release(&aggregate->by_start);
	free(aggregate->starts);
	free(aggregate->states);
	free(aggregate->order);
	free(aggregate->own_parts);
	free(aggregate->next_parts);
	free(aggregate->sum_columns);
	free(aggregate);
}

/* --- the points ------------------------------------------------------------------------------ */

int aggregate_points(struct aggregate *aggregate, size_t leaf, struct points *out)
{
	const struct plan_call *call = aggregate->spec.leaves[leaf];
	const struct plan *plan = aggregate->spec.plan;
	bool has_window = window_is_given(&plan->window);
	bool keeps_time =
		call->function->keeps_times || (call->function->is_selector && !has_window &&
						plan->call_count == 1 && plan->calls[0] == call);

	for (size_t i = 0; i < aggregate->count; i++) {
		size_t bucket = aggregate->order[i], before = out->count;
		union state *state = aggregate_state_of(aggregate, bucket, leaf);
		int64_t start_ns = has_window ? aggregate->starts[bucket] : plan_range_time(plan);

		if (call->function->shape == SHAPE_COLLECT) {
			TRY(aggregate_finish_samples(aggregate, call, &state->samples, start_ns,
						     out));
		} else {
			struct point point = { .time_ns = state->acc.time_ns,
					       .row = state->acc.row };

			if (call->function->finish(&state->acc, call->type, &point.value))
				points_add(out, point);
		}
		for (size_t k = before; !keeps_time && k < out->count; k++)
			out->items[k].time_ns = start_ns;
	}
	return OK;
}
