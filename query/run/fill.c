/*
 * Why: a graph wants a row a window, whether something was measured or not.
 *
 * Windows run from the one of the lower bound (of the first point, when there
 * is none) to that of the upper; a group without any point stays empty.
 */
#include "query/run/fill.h"

struct fill {
	const struct plan *plan;
	const struct plan_call *call;
	enum fill_option option;
	const struct point *before; /* the last one that was not made here */
};

static struct cell number_of(const struct fill *fill)
{
	const struct plan *plan = fill->plan;
	bool counts = plan->fill == FILL_NULL;

	switch (fill->call->result) {
	case DATA_FLOAT: return cell_of_float(counts ? 0 : plan->fill_value);
	case DATA_INTEGER: return cell_of_integer(counts ? 0 : plan->fill_integer);
	case DATA_UNSIGNED:
		return (struct cell){ .type = CELL_UNSIGNED,
				      .u = counts ? 0 : (uint64_t)plan->fill_integer };
	case DATA_STRING: return cell_of_string(SLICE(""));
	case DATA_BOOLEAN: return cell_of_boolean(false);
	default: return cell_null();
	}
}

/* Times are counted in windows, as InfluxDB counts them; those of months are not alike. */
static struct cell line_at(const struct fill *fill, int64_t time_ns, const struct point *after)
{
	int64_t length = fill->plan->window.months ? 1 : fill->plan->window.interval_ns;
	double low, high, x, slope, value;

	if (!fill->before || !after || !cell_float(&fill->before->value, &low) ||
	    !cell_float(&after->value, &high))
		return cell_null();
	slope = (high - low) / (double)(after->time_ns / length - fill->before->time_ns / length);
	x = (double)(time_ns / length - fill->before->time_ns / length);
	value = slope * x + low;
	return cell_cast(cell_of_float(value), fill->call->result);
}

static struct cell fill_value(const struct fill *fill, int64_t time_ns, const struct point *after)
{
	switch (fill->option) {
	case FILL_NUMBER: return number_of(fill);
	case FILL_PREVIOUS: return fill->before ? fill->before->value : cell_null();
	case FILL_LINEAR: return line_at(fill, time_ns, after);
	default: return cell_null();
	}
}

static int64_t window_start(const struct window_spec *window, int64_t time_ns)
{
	return window_of(window, time_ns).start_ns;
}

/* The first and the last window, in the order of the answer. */
static void bounds_of(const struct plan *plan, const struct window_spec *window,
		      const struct points *points, int64_t *first, int64_t *last)
{
	int64_t low = window->time_first_ns, high = window->time_last_ns;

	if (!plan->is_descending) {
		*first = low == TIME_MIN_NS ? window_start(window, points->items[0].time_ns)
					    : window_start(window, low);
		*last = window_start(window, high);
		return;
	}
	*first = window_start(window, high);
	*last = low == TIME_MIN_NS ? points->items[points->count - 1].time_ns
				   : window_start(window, low);
}

static bool is_before(const struct plan *plan, int64_t a, int64_t b)
{
	return plan->is_descending ? a > b : a < b;
}

static int add_point(struct run *run, struct points *out, struct point point)
{
	uint64_t max = run->env->limits->buckets_max;

	if (max && out->count >= max)
		return diag_set(run->diag, ERR_LIMIT,
				"max-select-buckets limit exceeded: (%zu/%llu): give the query a "
				"lower bound of time",
				out->count + 1, (unsigned long long)max);
	TRY(run_take_bytes(run, sizeof(point)));
	points_add(out, point);
	return OK;
}

int fill_points(const struct plan *plan, const struct window_spec *window,
		const struct plan_call *call, size_t count_max, struct run *run,
		struct points *points)
{
	struct fill fill = { .plan = plan, .call = call, .option = plan->fill };
	struct points out = { 0 };
	struct window_walk walk;
	int64_t first, last;
	/* The rows of all calls are the same: those of the first are counted, also over groups. */
	bool counts = call == plan->calls[0];
	size_t next = 0;
	int err = OK;

	if (!window_is_given(window) || plan->fill == FILL_NONE || !call->function->is_filled ||
	    points->count == 0)
		return OK;
	if (fill.option == FILL_NULL && call->function->is_counting)
		fill.option = FILL_NUMBER;
	bounds_of(plan, window, points, &first, &last);
	window_walk_begin(&walk, window, plan->is_descending, first);
	while (err >= 0 && out.count < count_max &&
	       (next < points->count || !is_before(plan, last, walk.start_ns))) {
		const struct point *point = next < points->count ? &points->items[next] : NULL;

		if (!point || is_before(plan, walk.start_ns, point->time_ns)) {
			struct point made = { .time_ns = walk.start_ns };

			made.value = fill_value(&fill, walk.start_ns, point);
			err = counts ? run_count_bucket(run) : OK;
			if (err >= 0)
				err = add_point(run, &out, made);
		} else {
			fill.before = cell_is_nil(&point->value) ? NULL : point;
			err = add_point(run, &out, *point);
			next++;
		}
		window_walk_step(&walk);
	}
	points_release(points);
	*points = out;
	return err;
}
