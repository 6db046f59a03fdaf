/*
 * Values that outlive their block: selected rows, texts, and the samples of calls that collect.
 *
 * Why keys and tallies: percentile() over millions of rows needs a third of the memory when values
 * are kept without their times, and next to none when they are of few kinds.
 */
#include "query/run/aggregate_state.h"

#include <stdlib.h>

#include "engine/base/memory.h"

/* Fewer are kept as they are; so are those which would take about as much when counted. */
#define TALLY_KEYS_MIN 1024u
#define KEYS_A_KIND    8u

int aggregate_keep_value(struct aggregate *aggregate, enum data_type type, union value *value)
{
	if (type != DATA_STRING && type != DATA_TAG)
		return OK;
	TRY(run_take_bytes(aggregate->spec.run, value->s->length + 8));
	value->s = text_copy(aggregate->spec.arena, text_slice(value->s));
	return value->s ? OK : ERR_LIMIT;
}

/* A selected point's other columns. */
int aggregate_keep_row(struct aggregate *aggregate, const struct feed *feed,
		       const struct block *block, size_t row, const struct cell **out)
{
	size_t slots = aggregate->spec.plan->slot_count;
	struct cell *cells;

	*out = NULL;
	if (!aggregate->spec.plan->has_aux && !aggregate->spec.plan->top_name.length)
		return OK;
	TRY(run_take_bytes(aggregate->spec.run, slots * sizeof(*cells)));
	cells = arena_alloc(aggregate->spec.arena, (slots + 1) * sizeof(*cells));
	if (!cells)
		return ERR_LIMIT;
	for (size_t i = 0; i < slots; i++) {
		cells[i] = feed_cell(feed, block, i, row);
		if (cells[i].type == CELL_STRING && block->columns[i].type != VALUE_NONE) {
			cells[i].s = arena_copy(aggregate->spec.arena, cells[i].s);
			if (!cells[i].s.data)
				return ERR_LIMIT;
		}
	}
	*out = cells;
	return OK;
}

int aggregate_add_sample(struct aggregate *aggregate, struct samples *samples, struct sample sample)
{
	if (samples->count == samples->capacity) {
		size_t capacity = samples->capacity ? samples->capacity * 2 : 16;
		struct sample *items;

		TRY(run_take_bytes(aggregate->spec.run,
				   (capacity - samples->capacity) * sizeof(*items)));
		items = realloc(samples->items, capacity * sizeof(*items));
		if (!items)
			return ERR_MEMORY;
		samples->items = items;
		samples->capacity = capacity;
	}
	if (samples->count && samples->items[samples->count - 1].time_ns > sample.time_ns)
		samples->is_unsorted = true;
	samples->items[samples->count++] = sample;
	return OK;
}

/* Make room in `keys` by counting what is in it, if that is worth it. */
static int tally_keys(struct aggregate *aggregate, struct samples *samples)
{
	size_t count = samples->count - samples->tallied;
	size_t kinds_max = samples->tallied ? SIZE_MAX : count / KEYS_A_KIND;
	size_t before = tally_bytes(&samples->tally);

	if (!memory_is_there(before * 2))
		return ERR_MEMORY;
	if (aggregate->recording || count < TALLY_KEYS_MIN ||
	    !tally_add(&samples->tally, samples->keys, count, kinds_max))
		return OK;
	samples->tallied = samples->count;
	return run_take_bytes(aggregate->spec.run, tally_bytes(&samples->tally) - before);
}

int aggregate_reserve_keys(struct aggregate *aggregate, struct samples *samples, size_t more)
{
	size_t capacity = samples->capacity ? samples->capacity : 64;
	uint64_t *keys;

	if (samples->count - samples->tallied + more > samples->capacity)
		TRY(tally_keys(aggregate, samples));
	if (samples->count - samples->tallied + more <= samples->capacity)
		return OK;
	while (capacity < samples->count - samples->tallied + more)
		capacity *= 2;
	TRY(run_take_bytes(aggregate->spec.run, (capacity - samples->capacity) * sizeof(*keys)));
	keys = realloc(samples->keys, capacity * sizeof(*keys));
	if (!keys)
		return ERR_MEMORY;
	samples->keys = keys;
	samples->capacity = capacity;
	return OK;
}

int aggregate_take_keys(struct aggregate *aggregate, const struct plan_call *call,
			struct samples *samples, const struct rows *rows)
{
	const struct batch_column *column = &rows->block->columns[call->slot];
	const union value *values = column->values;
	const enum data_type type = call->type; /* once: a store into keys could be one into it */
	uint64_t *keys;

	TRY(aggregate_reserve_keys(aggregate, samples, rows->end - rows->first));
	keys = samples->keys + samples->count - samples->tallied;
	if (!column->valid) {
		for (size_t row = rows->first; row < rows->end; row++)
			*keys++ = key_of_value(type, values[row]);
	} else {
		for (size_t row = rows->first; row < rows->end; row++)
			if (column_has(column, row))
				*keys++ = key_of_value(type, values[row]);
	}
	samples->count = samples->tallied + (size_t)(keys - samples->keys);
	return OK;
}

int aggregate_take_samples(struct aggregate *aggregate, const struct plan_call *call,
			   struct samples *samples, const struct rows *rows)
{
	const struct batch_column *column = &rows->block->columns[call->slot];
	bool wants_row = call->function->is_selector;

	for (size_t row = rows->first; row < rows->end; row++) {
		struct sample sample = { .time_ns = rows->block->times_ns[row] };

		if (!column_has(column, row))
			continue;
		sample.value = column->values[row];
		TRY(aggregate_keep_value(aggregate, call->type, &sample.value));
		if (wants_row)
			TRY(aggregate_keep_row(aggregate, rows->feed, rows->block, row,
					       &sample.row));
		TRY(aggregate_add_sample(aggregate, samples, sample));
	}
	return OK;
}

static int compare_times(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

int aggregate_finish_samples(const struct aggregate *aggregate, const struct plan_call *call,
			     struct samples *samples, int64_t start_ns, struct points *out)
{
	if (samples->count == 0)
		return OK;
	/* Functions sort copies of them. */
	TRY(run_take_bytes(aggregate->spec.run, 0));
	if (!memory_is_there(samples->count * sizeof(struct sample)))
		return ERR_MEMORY;
	if (samples->tallied && !samples->tally.is_sorted) {
		tally_add(&samples->tally, samples->keys, samples->count - samples->tallied,
			  SIZE_MAX);
		tally_sort(&samples->tally);
	}
	/* glibc's qsort is stable: of equal times, the order of the series stays. */
	if (samples->is_unsorted)
		qsort(samples->items, samples->count, sizeof(*samples->items), compare_times);
	return call->function->reduce(call, samples, start_ns,
				      window_of(&aggregate->spec.window, start_ns).end_ns, out);
}

void aggregate_release_samples(struct aggregate *aggregate)
{
	for (size_t bucket = 0; bucket < aggregate->count; bucket++)
		for (size_t i = 0; i < aggregate->spec.leaf_count; i++)
			if (aggregate->spec.leaves[i]->function->shape == SHAPE_COLLECT) {
				struct samples *samples =
					&aggregate_state_of(aggregate, bucket, i)->samples;

				free(samples->items);
				free(samples->keys);
				tally_release(&samples->tally);
			}
}
