/*
 * Windows of a pass, and the parts that are joined into them.
 *
 * Why parts: a series is folded alone, within one shard group, and joined when it ends, so that the
 * result does not depend on how many threads read.
 */
#include "query/run/aggregate_state.h"

#include <stdlib.h>

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

int aggregate_find_window(struct aggregate *aggregate, int64_t start_ns, size_t *bucket)
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

int aggregate_record(struct aggregate *aggregate, struct recording *recording)
{
	aggregate->recording = recording;
	TRY(reserve_part(aggregate));
	aggregate->parts = recording->parts;
	memset(aggregate->parts, 0, aggregate->spec.leaf_count * sizeof(*aggregate->parts));
	return OK;
}

/* Parts of all leaves go into the window at hand. */
void aggregate_join_parts(struct aggregate *aggregate, const struct accumulator *parts)
{
	union state *states = aggregate_state_of(aggregate, aggregate->bucket, 0);

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
int aggregate_join_part(struct aggregate *aggregate)
{
	if (aggregate->bucket == SIZE_MAX)
		return OK;
	if (aggregate->recording)
		TRY(record_part(aggregate));
	else
		aggregate_join_parts(aggregate, aggregate->parts);
	memset(aggregate->parts, 0, aggregate->spec.leaf_count * sizeof(*aggregate->parts));
	return OK;
}

int aggregate_enter_window(struct aggregate *aggregate, int64_t time_ns)
{
	const struct window_spec *spec = &aggregate->spec.window;
	size_t bucket;

	TRY(aggregate_join_part(aggregate));
	if (window_is_given(spec))
		aggregate->window = window_behind(spec, aggregate->window, time_ns);
	else
		aggregate->window = (struct window){ INT64_MIN, INT64_MAX };
	if (aggregate->recording && !aggregate->has_samples) {
		aggregate->bucket = 0; /* what is joined finds it */
		return OK;
	}
	TRY(aggregate_find_window(aggregate, aggregate->window.start_ns, &bucket));
	aggregate->bucket = bucket;
	return OK;
}
