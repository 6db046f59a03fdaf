/*
 * 0.8's join: the points of its parts pair up in turns.
 *
 *	a   1       2   3             a row is made when every part has a point that waits;
 *	b       4           5         its time is that of the first part's.
 *	rows  (1,4)       (3,5)       2 was overtaken by 3
 *
 * Equal times pair, but there is no condition on them: all parts are walked together in time order,
 * each remembers its last point, and all are forgotten once they made a row.
 */
#include "query/run/join.h"

#include "engine/base/bits.h"

/* A part: its rows, and the one that waits. */
struct lane {
	const struct inner_series *series; /* NULL: it has no rows */
	size_t batch, row;		   /* the next one; batches run out at the end */
	size_t column_first;		   /* of its cells in the row */
	bool waits;
	int64_t time_ns; /* of the one that waits */
};

struct join {
	const struct plan *plan;
	struct lane *lanes;
	size_t lane_count;
	struct cell *cells;
};

static size_t place_of(const struct join *join, size_t at, size_t count)
{
	return join->plan->is_descending ? count - 1 - at : at;
}

static const struct batch *batch_of(const struct join *join, const struct lane *lane)
{
	if (!lane->series || lane->batch == lane->series->batch_count)
		return NULL;
	return &lane->series->batches[place_of(join, lane->batch, lane->series->batch_count)];
}

/*
 * Of equal times, a lane that waits comes first: its point there overtakes the one that waits,
 * so that a sample which one part lacks does not leave all that follow paired out of step.
 */
static bool comes_first(const struct join *join, const struct lane *lane, int64_t time_ns,
			const struct lane *best, int64_t best_ns)
{
	if (time_ns == best_ns)
		return lane->waits && !best->waits;
	return join->plan->is_descending ? time_ns > best_ns : time_ns < best_ns;
}

/* The lane whose next point comes first; NULL when there is none. */
static struct lane *next_lane(const struct join *join)
{
	struct lane *best = NULL;
	int64_t best_ns = 0;

	for (size_t i = 0; i < join->lane_count; i++) {
		const struct batch *batch = batch_of(join, &join->lanes[i]);
		int64_t time_ns;

		if (!batch)
			continue;
		time_ns = batch->times_ns[place_of(join, join->lanes[i].row, batch->row_count)];
		if (best && !comes_first(join, &join->lanes[i], time_ns, best, best_ns))
			continue;
		best = &join->lanes[i];
		best_ns = time_ns;
	}
	return best;
}

/* Its next point waits, in place of the one before. */
static void take(struct join *join, struct lane *lane)
{
	const struct batch *batch = batch_of(join, lane);
	size_t row = place_of(join, lane->row, batch->row_count);

	for (size_t i = 0; i < batch->column_count; i++) {
		const struct batch_column *column = &batch->columns[i];
		bool has = column->type != VALUE_NONE &&
			   (!column->valid || bit_is_set(column->valid, row));

		join->cells[lane->column_first + i] =
			has ? cell_of_value(column->type, column->values[row]) : cell_null();
	}
	lane->time_ns = batch->times_ns[row];
	lane->waits = true;
	if (++lane->row == batch->row_count) {
		lane->row = 0;
		lane->batch++;
	}
}

static bool all_wait(const struct join *join)
{
	for (size_t i = 0; i < join->lane_count; i++)
		if (!join->lanes[i].waits)
			return false;
	return true;
}

static int pair_up(struct join *join, const struct series_key *key, struct run *run,
		   const struct row_sink *sink)
{
	struct lane *lane;
	size_t taken = 0;
	bool has_begun = false;

	while ((lane = next_lane(join))) {
		take(join, lane);
		if (++taken % BATCH_ROWS_MAX == 0)
			TRY(run_check(run));
		if (!all_wait(join))
			continue;
		if (!has_begun)
			TRY(sink->begin(sink->arg, key));
		has_begun = true;
		TRY(sink->row(sink->arg, join->lanes[0].time_ns, join->cells));
		for (size_t i = 0; i < join->lane_count; i++)
			join->lanes[i].waits = false;
	}
	return has_begun ? sink->end(sink->arg) : OK;
}

static void set_lanes(struct join *join, struct inner_result *const *parts)
{
	size_t columns = 0;

	for (size_t i = 0; i < join->lane_count; i++) {
		struct plan *part = join->plan->sources[i].subquery;
		struct lane *lane = &join->lanes[i];

		if (inner_series_count(parts[i]))
			lane->series = inner_series_at(parts[i], 0);
		lane->column_first = columns;
		columns += part->column_count;
	}
}

int join_run(struct plan *plan, struct inner_result *const *parts, struct run *run,
	     const struct row_sink *sink)
{
	struct join join = { .plan = plan, .lane_count = plan->source_count };
	struct slice *values =
		arena_alloc(plan->context->arena, (plan->dimensions->count + 1) * sizeof(*values));
	const struct series_key *key;

	join.lanes = arena_alloc(plan->context->arena, (join.lane_count + 1) * sizeof(*join.lanes));
	join.cells =
		arena_alloc(plan->context->arena, (plan->column_count + 1) * sizeof(*join.cells));
	if (!values || !join.lanes || !join.cells)
		return ERR_LIMIT;
	key = key_ring_get(&plan->ring, plan->join_name, plan->dimensions, values);
	if (!key)
		return ERR_LIMIT;
	set_lanes(&join, parts);
	return pair_up(&join, key, run, sink);
}
