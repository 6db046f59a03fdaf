/*
 * Why: all calls of a statement share one read of each series, and a window
 * costs a few words a call.
 */
#include "query/aggregate.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "query/crew.h"
#include "query/function_rows.h"

/* Fewer are kept as they are; so are those which would take about as much when counted. */
#define TALLY_KEYS_MIN 1024u
#define KEYS_A_KIND    8u

/* Fewer are read before anybody else is awake. */
#define SHARED_SERIES_MIN 8u

union state {
	struct accumulator acc;
	struct samples samples;
};

/*
 * What one series gave where several threads read: its parts in the order in which they were made,
 * so that they are joined as if one thread had read everything, to the last bit.
 */
struct recording {
	int64_t *starts;	   /* of the windows that the parts belong to */
	struct accumulator *parts; /* leaf_count for each, and behind them the one at hand */
	size_t count, capacity;
};

struct aggregate {
	struct aggregate_spec spec;
	struct recording *recording; /* NULL: parts are joined at once */
	bool has_shared, is_alone;   /* with other threads */
	int64_t *starts;	     /* of the windows, in the order they were met */
	union state *states;
	size_t count, capacity;
	struct idmap by_start;
	size_t *order; /* of the windows by time */
	/* the part: the series at hand, within one window and shard group */
	struct accumulator *parts; /* borrowed from the recording, where there is one */
	struct accumulator *own_parts;
	struct accumulator *next_parts; /* what a summary makes of them */
	size_t *sum_columns;		/* of sums that were offered: each leaf's */
	size_t bucket;			/* SIZE_MAX = none */
	struct window window;
	uint32_t group_id;
	bool has_samples;      /* a leaf collects values */
	bool wants_first_only; /* last() and first() without windows need one row a series */
	bool reads_backwards;
};

/* --- windows ---------------------------------------------------------------------- */

/* idmap keeps UINT64_MAX for itself; no window starts at INT64_MAX. */
static uint64_t map_key(int64_t start_ns)
{
	return (uint64_t)start_ns ^ UINT64_C(1) << 63;
}

static int count_window(struct aggregate *aggregate)
{
	struct run *run = aggregate->spec.run;

	if (window_is_given(&aggregate->spec.window))
		TRY(run_count_bucket(run));
	return run_take_bytes(run,
			      sizeof(int64_t) + aggregate->spec.leaf_count * sizeof(union state));
}

static int add_window(struct aggregate *aggregate, int64_t start_ns, size_t *bucket)
{
	size_t leaves = aggregate->spec.leaf_count;

	TRY(count_window(aggregate));
	if (aggregate->count == aggregate->capacity) {
		size_t capacity = aggregate->capacity ? aggregate->capacity * 2 : 16;

		int64_t *starts = realloc(aggregate->starts, capacity * sizeof(*starts));
		union state *states;

		if (!starts)
			return ERR_MEMORY;
		aggregate->starts = starts;
		states = realloc(aggregate->states, capacity * leaves * sizeof(*states));
		if (!states)
			return ERR_MEMORY;
		aggregate->states = states;
		aggregate->capacity = capacity;
	}
	*bucket = aggregate->count++;
	aggregate->starts[*bucket] = start_ns;
	memset(aggregate->states + *bucket * leaves, 0, leaves * sizeof(union state));
	idmap_set(&aggregate->by_start, map_key(start_ns), (uint32_t)*bucket);
	return OK;
}

static int find_window(struct aggregate *aggregate, int64_t start_ns, size_t *bucket)
{
	size_t next = aggregate->bucket == SIZE_MAX ? 0 : aggregate->bucket + 1;
	uint32_t found;

	if (next < aggregate->count && aggregate->starts[next] == start_ns) {
		*bucket = next;
		return OK;
	}
	found = idmap_find(&aggregate->by_start, map_key(start_ns));
	if (found == MAP_NONE)
		return add_window(aggregate, start_ns, bucket);
	*bucket = found;
	return OK;
}

static union state *state_of(struct aggregate *aggregate, size_t bucket, size_t leaf)
{
	return &aggregate->states[bucket * aggregate->spec.leaf_count + leaf];
}

/* As many as there will be, unless these are very many. */
static size_t first_capacity(const struct aggregate *aggregate)
{
	uint64_t windows = window_count(&aggregate->spec.window);

	return windows < 256 ? (size_t)windows + 1 : 256;
}

static int reserve_part(struct aggregate *aggregate)
{
	struct recording *recording = aggregate->recording;
	size_t leaves = aggregate->spec.leaf_count, before = recording->capacity;
	struct accumulator *parts;
	int64_t *starts;

	if (recording->count < recording->capacity)
		return OK;
	recording->capacity = before ? before * 2 : first_capacity(aggregate);
	starts = reallocarray(recording->starts, recording->capacity, sizeof(*starts));
	if (!starts)
		return ERR_MEMORY;
	recording->starts = starts;
	parts = reallocarray(recording->parts, recording->capacity * leaves, sizeof(*parts));
	if (!parts)
		return ERR_MEMORY;
	recording->parts = parts;
	return OK;
}

/* Parts are made where they are recorded: copying 400 bytes a window took a twelfth of a scan. */
static int record_part(struct aggregate *aggregate)
{
	struct recording *recording = aggregate->recording;

	recording->starts[recording->count++] = aggregate->window.start_ns;
	TRY(reserve_part(aggregate));
	aggregate->parts = recording->parts + recording->count * aggregate->spec.leaf_count;
	return OK;
}

static int begin_recording(struct aggregate *aggregate, struct recording *recording)
{
	aggregate->recording = recording;
	TRY(reserve_part(aggregate));
	aggregate->parts = recording->parts;
	memset(aggregate->parts, 0, aggregate->spec.leaf_count * sizeof(*aggregate->parts));
	return OK;
}

/* Parts of all leaves go into the window at hand. */
static void join_parts(struct aggregate *aggregate, const struct accumulator *parts)
{
	union state *states = state_of(aggregate, aggregate->bucket, 0);

	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		const struct plan_call *call = aggregate->spec.leaves[i];
		const struct accumulator *part = &parts[i];
		struct accumulator *acc = &states[i].acc;

		if (call->function->shape != SHAPE_FOLD || part->count == 0)
			continue;
		if (call->function->join)
			call->function->join(acc, call->type, part);
		else if (acc->count == 0 ||
			 call->function->beats(call->type, acc->time_ns, acc->value, part->time_ns,
					       part->value))
			*acc = *part;
	}
}

/* The part ends. */
static int join_part(struct aggregate *aggregate)
{
	if (aggregate->bucket == SIZE_MAX)
		return OK;
	if (aggregate->recording)
		TRY(record_part(aggregate));
	else
		join_parts(aggregate, aggregate->parts);
	memset(aggregate->parts, 0, aggregate->spec.leaf_count * sizeof(*aggregate->parts));
	return OK;
}

static int enter_window(struct aggregate *aggregate, int64_t time_ns)
{
	const struct window_spec *spec = &aggregate->spec.window;
	size_t bucket;

	TRY(join_part(aggregate));
	if (window_is_given(spec))
		aggregate->window = window_behind(spec, aggregate->window, time_ns);
	else
		aggregate->window = (struct window){ INT64_MIN, INT64_MAX };
	if (aggregate->recording && !aggregate->has_samples) {
		aggregate->bucket = 0; /* what is joined finds it */
		return OK;
	}
	TRY(find_window(aggregate, aggregate->window.start_ns, &bucket));
	aggregate->bucket = bucket;
	return OK;
}

/* --- values that are kept ------------------------------------------------------------ */

static int keep_value(struct aggregate *aggregate, enum data_type type, union value *value)
{
	if (type != DATA_STRING && type != DATA_TAG)
		return OK;
	TRY(run_take_bytes(aggregate->spec.run, value->s->length + 8));
	value->s = text_copy(aggregate->spec.arena, text_slice(value->s));
	return value->s ? OK : ERR_LIMIT;
}

/* A selected point's other columns. */
static int keep_row(struct aggregate *aggregate, const struct feed *feed, const struct block *block,
		    size_t row, const struct cell **out)
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

/* --- runs of rows ----------------------------------------------------------------------- */

struct rows {
	const struct feed *feed;
	const struct block *block;
	size_t first, end;
};

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
	TRY(keep_value(aggregate, call->type, &chosen.value));
	TRY(keep_row(aggregate, rows->feed, rows->block, row, &chosen.row));
	*part = chosen;
	return OK;
}

static int add_sample(struct aggregate *aggregate, struct samples *samples, struct sample sample)
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

static int reserve_keys(struct aggregate *aggregate, struct samples *samples, size_t more)
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

static int take_keys(struct aggregate *aggregate, const struct plan_call *call,
		     struct samples *samples, const struct rows *rows)
{
	const struct batch_column *column = &rows->block->columns[call->slot];
	uint64_t *keys;

	TRY(reserve_keys(aggregate, samples, rows->end - rows->first));
	keys = samples->keys + samples->count - samples->tallied;
	if (!column->valid) {
		for (size_t row = rows->first; row < rows->end; row++)
			*keys++ = key_of_value(call->type, column->values[row]);
	} else {
		for (size_t row = rows->first; row < rows->end; row++)
			if (column_has(column, row))
				*keys++ = key_of_value(call->type, column->values[row]);
	}
	samples->count = samples->tallied + (size_t)(keys - samples->keys);
	return OK;
}

static int take_samples(struct aggregate *aggregate, const struct plan_call *call,
			struct samples *samples, const struct rows *rows)
{
	const struct batch_column *column = &rows->block->columns[call->slot];
	bool wants_row = call->function->is_selector;

	for (size_t row = rows->first; row < rows->end; row++) {
		struct sample sample = { .time_ns = rows->block->times_ns[row] };

		if (!column_has(column, row))
			continue;
		sample.value = column->values[row];
		TRY(keep_value(aggregate, call->type, &sample.value));
		if (wants_row)
			TRY(keep_row(aggregate, rows->feed, rows->block, row, &sample.row));
		TRY(add_sample(aggregate, samples, sample));
	}
	return OK;
}

static int collect(struct aggregate *aggregate, size_t leaf, const struct rows *rows)
{
	const struct plan_call *call = aggregate->spec.leaves[leaf];
	struct samples *samples = &state_of(aggregate, aggregate->bucket, leaf)->samples;

	return call->wants_keys ? take_keys(aggregate, call, samples, rows)
				: take_samples(aggregate, call, samples, rows);
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
		TRY(join_part(aggregate));
	aggregate->group_id = block->group_id;
	for (size_t row = 0; row < block->row_count;) {
		int64_t time_ns = block->times_ns[row];
		struct rows rows = { feed, block, row, 0 };

		if (aggregate->bucket == SIZE_MAX || time_ns < aggregate->window.start_ns ||
		    time_ns >= aggregate->window.end_ns)
			TRY(enter_window(aggregate, time_ns));
		row = rows.end = window_end(aggregate, block, row);
		TRY(take_rows(aggregate, &rows));
	}
	return OK;
}

/* --- summaries ------------------------------------------------------------------------- */

struct absorption {
	struct aggregate *aggregate;
	struct feed *feed;
	struct window window; /* that rows were cut by last */
};

/* A selected point's own time and its other columns are in the rows alone. */
static bool may_absorb(const struct aggregate *aggregate)
{
	const struct plan *plan = aggregate->spec.plan;

	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		const struct function *function = aggregate->spec.leaves[i]->function;

		if (!function->absorb)
			return false;
		if (function->is_selector && (plan->has_aux || plan->top_name.length ||
					      !window_is_given(&aggregate->spec.window)))
			return false;
	}
	return !aggregate->wants_first_only;
}

/* Do rows of these times go on with the part at hand? */
static bool continues_part(const struct aggregate *aggregate, const struct rows_summary *rows)
{
	return aggregate->bucket != SIZE_MAX && aggregate->group_id == rows->group_id &&
	       rows->time_first_ns >= aggregate->window.start_ns &&
	       rows->time_last_ns < aggregate->window.end_ns;
}

static bool lies_in_window(const struct aggregate *aggregate, const struct rows_summary *rows)
{
	const struct window_spec *spec = &aggregate->spec.window;

	return !window_is_given(spec) ||
	       rows->time_last_ns < window_of(spec, rows->time_first_ns).end_ns;
}

/* Into copies first: all calls take it, or none. */
static bool absorb_all(struct aggregate *aggregate, const struct feed *feed,
		       const struct rows_summary *rows, bool continues)
{
	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		const struct plan_call *call = aggregate->spec.leaves[i];
		const struct column_summary *column = feed_summary(feed, (size_t)call->slot, rows);
		struct accumulator *next = &aggregate->next_parts[i];

		*next = continues ? aggregate->parts[i] : (struct accumulator){ 0 };
		if (!column)
			return false;
		if (column->type != VALUE_NONE &&
		    !call->function->absorb(next, call->type, rows, column))
			return false;
	}
	return true;
}

static int take_summary(void *arg, const struct rows_summary *rows)
{
	struct absorption *absorption = arg;
	struct aggregate *aggregate = absorption->aggregate;
	bool continues = continues_part(aggregate, rows);

	if (!lies_in_window(aggregate, rows) ||
	    !absorb_all(aggregate, absorption->feed, rows, continues))
		return 0;
	TRY(feed_count(absorption->feed, rows));
	if (!continues) {
		TRY(enter_window(aggregate, rows->time_first_ns));
		aggregate->group_id = rows->group_id;
	}
	memcpy(aggregate->parts, aggregate->next_parts,
	       aggregate->spec.leaf_count * sizeof(*aggregate->parts));
	return 1;
}

/* --- sums ------------------------------------------------------------------------------- */

static bool may_add(const struct aggregate *aggregate)
{
	for (size_t i = 0; i < aggregate->spec.leaf_count; i++)
		if (!aggregate->spec.leaves[i]->function->add)
			return false;
	return true;
}

static int64_t next_window_end(void *arg, int64_t time_ns)
{
	struct absorption *absorption = arg;
	const struct window_spec *spec = &absorption->aggregate->spec.window;
	struct window *window = &absorption->window;

	if (!window_is_given(spec))
		return INT64_MAX;
	*window = window_behind(spec, *window, time_ns);
	return window->end_ns;
}

/* Do the sums go on with the part at hand? */
static bool continues_sums(const struct aggregate *aggregate, const struct window_sums *sums)
{
	int64_t time_ns = sums->times_first_ns[0];

	return aggregate->bucket != SIZE_MAX && aggregate->group_id == sums->group_id &&
	       time_ns >= aggregate->window.start_ns && time_ns < aggregate->window.end_ns;
}

static int begin_sums(void *arg, const struct window_sums *sums, union value *before)
{
	struct absorption *absorption = arg;
	struct aggregate *aggregate = absorption->aggregate;
	bool continues = continues_sums(aggregate, sums);

	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		size_t *column = &aggregate->sum_columns[i];

		if (!feed_sums(absorption->feed, (size_t)aggregate->spec.leaves[i]->slot, sums,
			       column))
			return 0;
		/* All calls of a field have come to the same sum, but count(), which has none. */
		if (continues && *column != SIZE_MAX)
			before[*column].bits |= aggregate->parts[i].value.bits;
	}
	return 1;
}

static void add_window_sums(struct aggregate *aggregate, const struct window_sums *sums,
			    size_t window)
{
	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		size_t column = aggregate->sum_columns[i];

		if (column != SIZE_MAX)
			aggregate->spec.leaves[i]->function->add(
				&aggregate->parts[i], sums->row_counts[window],
				sums->columns[column].sums[window]);
	}
}

static int take_sums(void *arg, const struct window_sums *sums)
{
	struct absorption *absorption = arg;
	struct aggregate *aggregate = absorption->aggregate;
	bool continues = continues_sums(aggregate, sums);

	TRY(run_count_points(aggregate->spec.run, sums->row_count));
	for (size_t i = 0; i < sums->window_count; i++) {
		if (i || !continues) {
			TRY(enter_window(aggregate, sums->times_first_ns[i]));
			aggregate->group_id = sums->group_id;
		}
		add_window_sums(aggregate, sums, i);
	}
	return 1;
}

/* --- first() and last() of everything -------------------------------------------------- */

static bool has_inner_series(const struct group *group)
{
	for (size_t i = 0; i < group->series_count; i++)
		if (group->series[i].inner)
			return true;
	return false;
}

/* Are they all the one, or all the other? Then a series is left after its first rows. */
static void choose_direction(struct aggregate *aggregate)
{
	const struct aggregate_spec *spec = &aggregate->spec;
	size_t firsts = 0, lasts = 0;

	for (size_t i = 0; i < spec->leaf_count; i++) {
		firsts += slice_equal(spec->leaves[i]->name, SLICE("first"));
		lasts += slice_equal(spec->leaves[i]->name, SLICE("last"));
	}
	if (window_is_given(&spec->window) || spec->leaf_count == 0 ||
	    has_inner_series(spec->group))
		return;
	aggregate->wants_first_only = firsts == spec->leaf_count || lasts == spec->leaf_count;
	aggregate->reads_backwards = lasts == spec->leaf_count;
}

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
		TRY(enter_window(aggregate, block->times_ns[0]));
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
			TRY(keep_value(aggregate, call->type, &part->value));
			TRY(keep_row(aggregate, feed, block, row, &part->row));
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

static bool is_exact(const struct aggregate_spec *spec)
{
	const struct query_options *options = spec->plan->context->scope->options;

	return options && options->exact;
}

/* A month has at most 31 days. */
static int64_t rows_max_ns(const struct aggregate_spec *spec)
{
	int64_t length_ns = window_length_ns(&spec->window);

	return window_is_given(&spec->window) ? length_ns / 30 * 31 + 1 : INT64_MAX;
}

static bool wants_sums_only(const struct aggregate_spec *spec)
{
	for (size_t i = 0; i < spec->leaf_count; i++)
		if (spec->leaves[i]->function->absorb != absorb_sum &&
		    spec->leaves[i]->function->absorb != absorb_count)
			return false;
	return true;
}

static int take_series(struct aggregate *aggregate, const struct group_series *series)
{
	const struct aggregate_spec *spec = &aggregate->spec;
	struct feed feed;
	struct absorption absorption = { aggregate, &feed, { INT64_MIN, INT64_MIN } };
	struct sums_taker sums = { &absorption, next_window_end, begin_sums, take_sums };
	struct summary_taker taker = { take_summary,
				       &absorption,
				       is_exact(spec),
				       rows_max_ns(spec),
				       may_add(aggregate) ? &sums : NULL,
				       wants_sums_only(spec) };
	int err = feed_open(&feed, spec->plan, series, &spec->window, aggregate->reads_backwards, 0,
			    spec->run);

	if (err >= 0 && !aggregate->reads_backwards && may_absorb(aggregate))
		feed_offer(&feed, &taker);
	if (err >= 0)
		err = read_series(aggregate, &feed);
	if (err >= 0)
		err = join_part(aggregate);
	aggregate->bucket = SIZE_MAX;
	feed_close(&feed);
	return err < 0 ? err : OK;
}

static int compare_starts(const void *a, const void *b, void *arg)
{
	const int64_t *starts = arg;
	int64_t x = starts[*(const size_t *)a], y = starts[*(const size_t *)b];

	return (x > y) - (x < y);
}

static int sort_windows(struct aggregate *aggregate)
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

static void release_samples(struct aggregate *aggregate)
{
	for (size_t bucket = 0; bucket < aggregate->count; bucket++)
		for (size_t i = 0; i < aggregate->spec.leaf_count; i++)
			if (aggregate->spec.leaves[i]->function->shape == SHAPE_COLLECT) {
				struct samples *samples = &state_of(aggregate, bucket, i)->samples;

				free(samples->items);
				free(samples->keys);
				tally_release(&samples->tally);
			}
}

void aggregate_close(struct aggregate *aggregate)
{
	if (!aggregate)
		return;
	release_samples(aggregate);
	idmap_release(&aggregate->by_start);
	free(aggregate->starts);
	free(aggregate->states);
	free(aggregate->order);
	free(aggregate->own_parts);
	free(aggregate->next_parts);
	free(aggregate->sum_columns);
	free(aggregate);
}

/* --- several threads ---------------------------------------------------------------------- */

/* Series of one round: what they gave waits until those before them were read. */
#define ROUND_SERIES 128u

/* One series, read by whoever had time. */
struct share {
	struct aggregate *aggregate;
	struct recording recording;
	struct run run;
	struct diag diag;
	int err;
	bool is_read;
};

/*
 * Whoever has read a series joins it and those behind it whose turn it is: what it gave is in the
 * cache still. Waiting for a round of 128, with ten calls and 144 windows, took a tenth of the
 * speed.
 */
struct round {
	const struct group_series *series;
	struct aggregate_spec spec;
	struct run run; /* as it was before */
	struct share *shares;
	size_t count;
	pthread_mutex_t lock;
	/* protected by lock */
	struct aggregate *whole;
	size_t joined;
	int err;
};

static int aggregate_open(const struct aggregate_spec *spec, struct aggregate **out)
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

static void read_share(struct round *round, struct share *share, const struct group_series *series)
{
	struct aggregate_spec spec = round->spec;

	share->run = round->run;
	share->run.diag = &share->diag;
	share->run.points = share->run.buckets = share->run.summaries = 0;
	share->run.chunks = (struct chunk_counts){ 0 };
	share->run.read_ns = 0;
	spec.run = &share->run;
	share->err = aggregate_open(&spec, &share->aggregate);
	if (share->err < 0)
		return;
	/* Chosen once: it looks at all series. */
	share->aggregate->wants_first_only = round->whole->wants_first_only;
	share->aggregate->reads_backwards = round->whole->reads_backwards;
	share->err = begin_recording(share->aggregate, &share->recording);
	if (share->err == OK)
		share->err = take_series(share->aggregate, series);
}

static int join_recording(struct aggregate *aggregate, const struct recording *recording)
{
	size_t leaves = aggregate->spec.leaf_count;

	for (size_t i = 0; i < recording->count; i++) {
		TRY(find_window(aggregate, recording->starts[i], &aggregate->bucket));
		join_parts(aggregate, recording->parts + i * leaves);
	}
	return OK;
}

static int join_samples(struct aggregate *aggregate, const struct plan_call *call,
			struct samples *samples, const struct samples *more)
{
	if (call->wants_keys && more->count) {
		TRY(reserve_keys(aggregate, samples, more->count));
		memcpy(samples->keys + samples->count - samples->tallied, more->keys,
		       more->count * sizeof(*more->keys));
		samples->count += more->count;
	}
	for (size_t i = 0; !call->wants_keys && i < more->count; i++)
		TRY(add_sample(aggregate, samples, more->items[i]));
	return OK;
}

static int join_share(struct aggregate *aggregate, struct share *share)
{
	struct aggregate *part = share->aggregate;
	struct run *run = aggregate->spec.run;

	/* Its windows are counted where they are joined. */
	share->run.buckets = 0;
	TRY(run_join(run, &share->run, share->err));
	TRY(join_recording(aggregate, &share->recording));
	for (size_t window = 0; window < part->count; window++) {
		TRY(find_window(aggregate, part->starts[window], &aggregate->bucket));
		for (size_t i = 0; i < aggregate->spec.leaf_count; i++)
			if (aggregate->spec.leaves[i]->function->shape == SHAPE_COLLECT)
				TRY(join_samples(
					aggregate, aggregate->spec.leaves[i],
					&state_of(aggregate, aggregate->bucket, i)->samples,
					&state_of(part, window, i)->samples));
	}
	return OK;
}

static void share_release(struct share *share)
{
	aggregate_close(share->aggregate);
	free(share->recording.starts);
	free(share->recording.parts);
}

/* All that are read and whose turn it is, with the lock held. */
static void join_ready(struct round *round)
{
	while (round->err == OK && round->joined < round->count &&
	       round->shares[round->joined].is_read) {
		struct share *share = &round->shares[round->joined];

		round->err = join_share(round->whole, share);
		round->whole->bucket = SIZE_MAX;
		share_release(share);
		*share = (struct share){ 0 };
		round->joined++;
	}
}

static void take_share(void *arg, size_t item)
{
	struct round *round = arg;
	struct share *share = &round->shares[item];
	int err;

	pthread_mutex_lock(&round->lock);
	err = round->err;
	pthread_mutex_unlock(&round->lock);
	if (err != OK)
		return;
	read_share(round, share, &round->series[item]);
	pthread_mutex_lock(&round->lock);
	share->is_read = true;
	join_ready(round);
	pthread_mutex_unlock(&round->lock);
}

/* END: nobody has time. ERR_LIMIT: one thread needs less memory, and tells whether it is too much.
 */
static int take_round(struct aggregate *aggregate, const struct group_series *series, size_t count)
{
	struct round round = { .series = series,
			       .spec = aggregate->spec,
			       .run = *aggregate->spec.run,
			       .shares = calloc(count, sizeof(*round.shares)),
			       .count = count,
			       .lock = PTHREAD_MUTEX_INITIALIZER,
			       .whole = aggregate };

	if (!round.shares)
		return ERR_MEMORY;
	if (!crew_run(count, take_share, &round))
		round.err = END;
	for (size_t i = 0; i < count; i++)
		share_release(&round.shares[i]);
	pthread_mutex_destroy(&round.lock);
	free(round.shares);
	return round.err;
}

static bool find_regex(void *arg, struct expr *expr)
{
	bool *found = arg;

	*found |= expr->kind == EXPR_REGEX;
	return !*found;
}

bool aggregate_may_share(const struct plan *plan)
{
	bool found = false;

	for (size_t i = 0; i < plan->source_count; i++)
		if (plan->sources[i].subquery)
			return false;
	/* What is kept of a row lies in one arena. */
	for (size_t i = 0; i < plan->leaf_count; i++)
		if (plan->leaves[i]->type == DATA_STRING || plan->leaves[i]->type == DATA_TAG)
			return false;
	if (plan->has_aux || plan->top_name.length)
		return false;
	/* A compiled pattern has room for one match. */
	for (size_t i = 0; i < plan->conjunct_count; i++)
		expr_walk(plan->conjuncts[i], find_regex, &found);
	return !found;
}

static int take_all(struct aggregate *aggregate)
{
	const struct group *group = aggregate->spec.group;
	bool shares = group->series_count >= SHARED_SERIES_MIN && !aggregate->is_alone &&
		      aggregate_may_share(aggregate->spec.plan);
	size_t at = 0;

	while (at < group->series_count) {
		size_t count = group->series_count - at;
		int err = END;

		if (count > ROUND_SERIES)
			count = ROUND_SERIES;
		if (shares && count > 1)
			err = take_round(aggregate, &group->series[at], count);
		aggregate->has_shared |= err != END;
		for (size_t i = 0; err == END && i < count; i++)
			TRY(take_series(aggregate, &group->series[at + i]));
		TRY(err);
		at += count;
	}
	return OK;
}

int aggregate_run(const struct aggregate_spec *spec, struct aggregate **out)
{
	struct run before = *spec->run;
	int err;

	TRY(aggregate_open(spec, out));
	choose_direction(*out);
	err = take_all(*out);
	if (err == ERR_LIMIT && (*out)->has_shared) {
		/* What several threads hold until it is joined may have been too much. */
		aggregate_close(*out);
		memory_retry();
		*spec->run = before;
		if (before.diag)
			diag_reset(before.diag);
		TRY(aggregate_open(spec, out));
		choose_direction(*out);
		(*out)->is_alone = true;
		err = take_all(*out);
	}
	TRY(err);
	return sort_windows(*out);
}

/* --- the points ------------------------------------------------------------------------------ */

static int compare_times(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static int finish_samples(const struct aggregate *aggregate, const struct plan_call *call,
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
		union state *state = state_of(aggregate, bucket, leaf);
		int64_t start_ns = has_window ? aggregate->starts[bucket] : plan_range_time(plan);

		if (call->function->shape == SHAPE_COLLECT) {
			TRY(finish_samples(aggregate, call, &state->samples, start_ns, out));
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
