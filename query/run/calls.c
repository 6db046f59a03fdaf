/*
 * Why: functions that look back (a derivative of means) need windows before
 * the range, others must not see them; so calls that look back equally far
 * share a pass over the rows.
 */
#include "query/run/calls.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "query/run/fill.h"
#include "query/run/raw.h"
#include "query/run/share.h"

struct calls {
	struct plan *plan;
	const struct group *group;
	struct run *run;
	struct arena arena;	     /* of this group */
	struct points *leaves;	     /* one a leaf */
	struct points *results;	     /* one a call */
	struct window_spec *windows; /* one a leaf: what it was computed over */
};

/* --- looking back --------------------------------------------------------------------- */

static int64_t look_back_of_leaf(const struct plan *plan, const struct plan_call *leaf)
{
	for (size_t i = 0; i < plan->call_count; i++) {
		const struct plan_call *call = plan->calls[i];
		int64_t windows = 0;

		for (; call; call = call->inner) {
			if (call == leaf)
				return windows;
			windows += plan_looks_back(call->name, call->inner != NULL, call->count);
		}
	}
	return 0;
}

/* --- leaves ------------------------------------------------------------------------------ */

/* All leaves that look back `windows` windows, in one pass. */
static int run_pass(struct calls *calls, int64_t windows, struct plan_call **leaves)
{
	struct plan *plan = calls->plan;
	struct aggregate_spec spec = { .plan = plan,
				       .group = calls->group,
				       .window = plan_widened(plan, windows),
				       .leaves = leaves,
				       .run = calls->run,
				       .arena = &calls->arena };
	struct aggregate *aggregate = NULL;
	int err;

	for (size_t i = 0; i < plan->leaf_count; i++)
		if (plan->leaves[i]->function->shape != SHAPE_TRANSFORM &&
		    look_back_of_leaf(plan, plan->leaves[i]) == windows)
			leaves[spec.leaf_count++] = plan->leaves[i];
	if (spec.leaf_count == 0)
		return OK;
	err = share_run(&spec, &aggregate);
	for (size_t i = 0; err >= 0 && i < spec.leaf_count; i++) {
		calls->windows[leaves[i]->number_of_leaf] = spec.window;
		err = aggregate_points(aggregate, i, &calls->leaves[leaves[i]->number_of_leaf]);
	}
	aggregate_close(aggregate);
	return err;
}

/* The windows behind the last point of all are not there to be filled. */
static void end_with_points(struct calls *calls)
{
	const struct plan *plan = calls->plan;
	int64_t last_ns = TIME_MIN_NS;

	for (size_t i = 0; i < plan->leaf_count; i++)
		for (size_t k = 0; k < calls->leaves[i].count; k++)
			if (calls->leaves[i].items[k].time_ns > last_ns)
				last_ns = calls->leaves[i].items[k].time_ns;
	for (size_t i = 0; i < plan->leaf_count; i++)
		if (calls->windows[i].time_last_ns > last_ns)
			calls->windows[i].time_last_ns = last_ns;
}

static int run_leaves(struct calls *calls)
{
	const struct plan *plan = calls->plan;
	struct plan_call **leaves = calloc(plan->leaf_count + 1, sizeof(struct plan_call *));
	int64_t last = -1;
	int err = OK;

	if (!leaves)
		return ERR_MEMORY;
	for (;;) { /* the distances, ascending */
		int64_t next = INT64_MAX;

		for (size_t i = 0; i < plan->leaf_count; i++) {
			int64_t windows = look_back_of_leaf(plan, plan->leaves[i]);

			if (windows > last && windows < next)
				next = windows;
		}
		if (next == INT64_MAX || err < 0)
			break;
		err = run_pass(calls, next, leaves);
		last = next;
	}
	free(leaves);
	if (err >= 0 && plan->ends_with_points)
		end_with_points(calls);
	return err;
}

/* --- calls over them ------------------------------------------------------------------------ */

static void turn(struct point *points, size_t count)
{
	for (size_t i = 0, k = count; i + 1 < k; i++) {
		struct point point = points[i];

		points[i] = points[--k];
		points[k] = point;
	}
}

static int points_of_raw(struct calls *calls, const struct plan_call *call, struct points *out)
{
	return raw_points(calls->plan, calls->group, calls->run, call, &calls->arena, out);
}

static int points_of_leaf(struct calls *calls, const struct plan_call *call, bool is_descending,
			  size_t count_max, struct points *out)
{
	uint32_t leaf = call->number_of_leaf;

	*out = calls->leaves[leaf];
	calls->leaves[leaf] = (struct points){ 0 };
	if (is_descending)
		turn(out->items, out->count);
	return fill_points(calls->plan, &calls->windows[leaf], call, is_descending, count_max,
			   calls->run, out);
}

/* Points of windows before the range were only there to be looked back at. */
static void cut_to_range(const struct plan *plan, struct points *points)
{
	int64_t first = window_of(&plan->window, plan->window.time_first_ns).start_ns;
	size_t kept = 0;

	for (size_t i = 0; i < points->count; i++)
		if (!plan->has_first || points->items[i].time_ns >= first)
			points->items[kept++] = points->items[i];
	points->count = kept;
}

/*
 * Without windows an area of floats is dated 0, as the manual shows it, and one of integers by
 * where the range begins, as any aggregate. With windows those without an area are filled.
 */
static int finish_areas(struct calls *calls, const struct plan_call *call, struct points *points)
{
	const struct plan *plan = calls->plan;
	int64_t time_ns = call->type == DATA_FLOAT ? 0 : plan_range_time(plan);

	if (window_is_given(&plan->window))
		return fill_points(plan, &plan->window, call, false, SIZE_MAX, calls->run, points);
	for (size_t i = 0; i < points->count; i++)
		points->items[i].time_ns = time_ns;
	return OK;
}

static int transform_points(struct calls *calls, const struct plan_call *call, struct points *out)
{
	struct transform_context context = { .call = call,
					     .run = calls->run,
					     .window = &calls->plan->window,
					     .interval_ns =
						     window_length_ns(&calls->plan->window) };
	struct points in = { 0 };
	int err;

	if (!call->inner)
		err = points_of_raw(calls, call, &in);
	else if (call->inner->function->shape == SHAPE_TRANSFORM)
		err = transform_points(calls, call->inner, &in);
	else
		err = points_of_leaf(calls, call->inner, false, SIZE_MAX, &in);
	if (err >= 0)
		err = call->function->transform(&context, &in, out);
	if (err >= 0 && slice_equal(call->name, SLICE("integral")))
		err = finish_areas(calls, call, out);
	points_release(&in);
	return err;
}

/*
 * In the order of the answer. What goes from point to point goes from the earlier one to the
 * later, and is turned when it is there: the latest first is another order of the same numbers.
 */
static int points_of(struct calls *calls, const struct plan_call *call, size_t count_max,
		     struct points *out)
{
	bool is_descending = calls->plan->is_descending;

	if (call->function->shape != SHAPE_TRANSFORM)
		return points_of_leaf(calls, call, is_descending, count_max, out);
	TRY(transform_points(calls, call, out));
	if (call->inner && !slice_starts_with(call->name, SLICE("holt_winters")))
		cut_to_range(calls->plan, out);
	if (is_descending)
		turn(out->items, out->count);
	return OK;
}

/* Where LIMIT cuts: windows behind it need not be filled, and without a bound they are many. */
static size_t count_of_limit(const struct plan *plan)
{
	size_t count;

	if (plan->stmt->limit == 0 ||
	    __builtin_add_overflow((size_t)plan->stmt->limit, (size_t)plan->stmt->offset, &count))
		return SIZE_MAX;
	return count;
}

/* --- rows --------------------------------------------------------------------------------------
 */

/* The time of the next row: the earliest (or latest) of the heads. */
static bool next_time(const struct calls *calls, const size_t *heads, int64_t *time_ns)
{
	bool found = false;

	for (size_t i = 0; i < calls->plan->call_count; i++) {
		const struct points *points = &calls->results[i];

		if (heads[i] == points->count)
			continue;
		if (!found ||
		    (calls->plan->is_descending ? points->items[heads[i]].time_ns > *time_ns
						: points->items[heads[i]].time_ns < *time_ns))
			*time_ns = points->items[heads[i]].time_ns;
		found = true;
	}
	return found;
}

static void set_row(const struct plan *plan, struct cell *cells, const struct cell *row)
{
	for (size_t i = 0; i < plan->slot_count; i++)
		cells[i] = row ? row[i] : cell_null();
}

static int line_up(struct calls *calls, struct emitter *emitter)
{
	const struct plan *plan = calls->plan;
	size_t *heads = calloc(plan->call_count, sizeof(*heads));
	struct cell *cells = calloc(plan->slot_count + plan->call_count, sizeof(*cells));
	bool *absent = calloc(plan->call_count, sizeof(*absent));
	int64_t time_ns = 0;
	int err = OK;

	if (!heads || !cells || !absent)
		err = ERR_MEMORY;
	while (err == OK && next_time(calls, heads, &time_ns)) {
		set_row(plan, cells, NULL);
		for (size_t i = 0; i < plan->call_count; i++) {
			const struct points *points = &calls->results[i];
			struct cell *cell = &cells[plan->slot_count + i];

			*cell = cell_null();
			absent[i] = true;
			if (heads[i] == points->count || points->items[heads[i]].time_ns != time_ns)
				continue;
			absent[i] = false;
			*cell = points->items[heads[i]].value;
			if (points->items[heads[i]].row)
				set_row(plan, cells, points->items[heads[i]].row);
			heads[i]++;
		}
		err = emit_row(emitter, time_ns, cells, absent);
	}
	free(heads);
	free(absent);
	free(cells);
	return err;
}

static void release(struct calls *calls)
{
	for (size_t i = 0; calls->leaves && i < calls->plan->leaf_count; i++)
		points_release(&calls->leaves[i]);
	for (size_t i = 0; calls->results && i < calls->plan->call_count; i++)
		points_release(&calls->results[i]);
	free(calls->leaves);
	free(calls->results);
	free(calls->windows);
	arena_release(&calls->arena);
}

static int series_has_past(const struct plan *plan, const struct group_series *series,
			   struct run *run, bool *found)
{
	struct rows_spec spec = { .policy_id = series->source->policy_id,
				  .series_id = series->series_id,
				  .time_first_ns = TIME_MIN_NS,
				  .time_last_ns = plan->window.time_last_ns,
				  .descending = true,
				  .cancelled = run->env->cancelled,
				  .rows_max = 1 };
	struct rows_stream *rows;
	struct batch batch;
	int err;

	TRY(rows_open(snapshot_rows(series->source->snapshot), &spec, &rows));
	err = rows_next(rows, &batch);
	*found = err == OK && batch.row_count > 0;
	rows_close(rows);
	return err < 0 ? err : OK;
}

/*
 * Windows of a group that are empty for a continuous query are filled from its first point on: run
 * late, it would see points that were not there in its time.
 */
static int has_past(const struct calls *calls, bool *found)
{
	*found = !fills_empty_range(calls->plan);
	for (size_t i = 0; i < calls->plan->leaf_count; i++)
		*found |= calls->leaves[i].count > 0;
	for (size_t i = 0; !*found && i < calls->group->series_count; i++)
		if (!calls->group->series[i].inner)
			TRY(series_has_past(calls->plan, &calls->group->series[i], calls->run,
					    found));
	return OK;
}

int rows_of_calls(struct plan *plan, const struct group *group, struct run *run,
		  struct emitter *emitter)
{
	struct calls calls = { .plan = plan, .group = group, .run = run };
	bool has_rows = false;
	int err = OK;

	calls.leaves = calloc(plan->leaf_count + 1, sizeof(*calls.leaves));
	calls.results = calloc(plan->call_count + 1, sizeof(*calls.results));
	calls.windows = calloc(plan->leaf_count + 1, sizeof(*calls.windows));
	if (!calls.leaves || !calls.results || !calls.windows)
		err = ERR_MEMORY;
	if (err >= 0)
		err = run_leaves(&calls);
	if (err >= 0)
		err = has_past(&calls, &has_rows);
	for (size_t i = 0; err >= 0 && has_rows && i < plan->call_count; i++)
		err = points_of(&calls, plan->calls[i], count_of_limit(plan), &calls.results[i]);
	if (err >= 0 && has_rows)
		err = line_up(&calls, emitter);
	release(&calls);
	return err;
}
