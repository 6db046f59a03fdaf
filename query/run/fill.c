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
	bool is_descending;
	const struct point *passed; /* the last one that was not made here, unless it is null */
};

static struct cell number_of(const struct fill *fill)
{
	const struct plan *plan = fill->plan;
	bool counts = plan->fill == FILL_NULL;

	switch (fill->call->result) {
	case DATA_FLOAT: return cell_of_float(counts ? 0 : plan->fill_value);
	case DATA_INTEGER: return cell_of_integer(counts ? 0 : plan->fill_integer);
	case DATA_UNSIGNED: return cell_of_whole(counts ? 0 : plan->fill_integer, true);
	case DATA_STRING: return cell_of_string(SLICE(""));
	case DATA_BOOLEAN: return cell_of_boolean(false);
	default: return cell_null();
	}
}

/* Months are not alike, nor is a day of which the clock shows an hour twice. */
static bool has_even_windows(const struct window_spec *window)
{
	return !window->months && !window->zone;
}

/* Whole numbers to the last one: what lies on the line is not cut off below it. */
static bool whole_line(const struct point *before, const struct point *after, int64_t time_ns,
		       int64_t *out)
{
	__int128 rise = (__int128)after->value.i - before->value.i, product;
	__int128 run = (__int128)after->time_ns - before->time_ns;
	__int128 from = (__int128)time_ns - before->time_ns;

	if (__builtin_mul_overflow(rise, from, &product) ||
	    __builtin_add_overflow(product, before->value.i * run, &product))
		return false;
	*out = (int64_t)(product / run);
	return true;
}

/* Even windows are counted, as InfluxDB counts them, for the last digits; else time is. */
static struct cell line_at(const struct fill *fill, int64_t time_ns, const struct point *before,
			   const struct point *after)
{
	int64_t length = has_even_windows(&fill->plan->window) ? fill->plan->window.interval_ns : 1;
	double low, high, x, slope, value;
	int64_t whole;

	if (!before || !after || !cell_float(&before->value, &low) ||
	    !cell_float(&after->value, &high))
		return cell_null();
	slope = (high - low) / (double)(after->time_ns / length - before->time_ns / length);
	x = (double)(time_ns / length - before->time_ns / length);
	value = slope * x + low;
	if (before->value.type == CELL_INTEGER && after->value.type == CELL_INTEGER &&
	    whole_line(before, after, time_ns, &whole))
		return cell_of_integer(whole);
	return cell_cast(cell_of_float(value), fill->call->result);
}

/* `next` is the point that comes behind the window in the order of the answer. */
static struct cell fill_value(const struct fill *fill, int64_t time_ns, const struct point *next)
{
	const struct point *before = fill->is_descending ? next : fill->passed;
	const struct point *after = fill->is_descending ? fill->passed : next;

	switch (fill->option) {
	case FILL_NUMBER: return number_of(fill);
	case FILL_PREVIOUS:
		return before && !cell_is_nil(&before->value) ? before->value : cell_null();
	case FILL_LINEAR: return line_at(fill, time_ns, before, after);
	default: return cell_null();
	}
}

static int64_t window_start(const struct window_spec *window, int64_t time_ns)
{
	return window_of(window, time_ns).start_ns;
}

/* The first and the last window, in the order of the answer. */
static void bounds_of(bool is_descending, const struct window_spec *window,
		      const struct points *points, int64_t *first, int64_t *last)
{
	int64_t low = window->time_first_ns, high = window->time_last_ns;

	if (!is_descending) {
		*first = low == TIME_MIN_NS ? window_start(window, points->items[0].time_ns)
					    : window_start(window, low);
		*last = window_start(window, high);
		return;
	}
	*first = window_start(window, high);
	*last = low == TIME_MIN_NS ? points->items[points->count - 1].time_ns
				   : window_start(window, low);
}

static bool is_before(bool is_descending, int64_t a, int64_t b)
{
	return is_descending ? a > b : a < b;
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

bool fills_empty_range(const struct plan *plan)
{
	const struct select_scope *scope = plan->context->scope;

	return plan->fill == FILL_NUMBER && !plan->parent && scope && scope->has_range;
}

int fill_points(const struct plan *plan, const struct window_spec *window,
		const struct plan_call *call, bool is_descending, size_t count_max, struct run *run,
		struct points *points)
{
	struct fill fill = {
		.plan = plan, .call = call, .option = plan->fill, .is_descending = is_descending
	};
	struct points out = { 0 };
	int64_t start_ns, last;
	/* The rows of all calls are the same: those of the first are counted, also over groups. */
	bool counts = call == plan->calls[0];
	size_t next = 0;
	int err = OK;

	if (!window_is_given(window) || plan->fill == FILL_NONE || !call->function->is_filled ||
	    (points->count == 0 && !fills_empty_range(plan)))
		return OK;
	if (fill.option == FILL_NULL && call->function->is_counting)
		fill.option = FILL_NUMBER;
	bounds_of(is_descending, window, points, &start_ns, &last);
	while (err >= 0 && out.count < count_max &&
	       (next < points->count || !is_before(is_descending, last, start_ns))) {
		const struct point *point = next < points->count ? &points->items[next] : NULL;

		if (!point || is_before(is_descending, start_ns, point->time_ns)) {
			struct point made = { .time_ns = start_ns };

			made.value = fill_value(&fill, start_ns, point);
			err = counts ? run_count_bucket(run) : OK;
			if (err >= 0)
				err = add_point(run, &out, made);
		} else {
			fill.passed = cell_is_nil(&point->value) ? NULL : point;
			err = add_point(run, &out, *point);
			next++;
		}
		start_ns = is_descending ? window_before(window, start_ns)
					 : window_after(window, start_ns);
	}
	points_release(points);
	*points = out;
	return err;
}
