/*
 * Why: these look from one point to the next, so they take a series of points,
 * raw ones or those of an aggregate, and give another. Nulls are passed over;
 * of points with the same time only the first counts.
 */
#include <math.h>

#include "query/function/function_rows.h"

/* From the first to the last of all times it wraps, as Go's does. */
static int64_t time_between(int64_t before_ns, int64_t after_ns)
{
	return (int64_t)((uint64_t)after_ns - (uint64_t)before_ns);
}

static bool is_used(const struct point *point, const struct point *before)
{
	return !cell_is_nil(&point->value) && (!before || point->time_ns != before->time_ns);
}

static void add(struct points *out, int64_t time_ns, struct cell cell)
{
	points_add(out, (struct point){ .time_ns = time_ns, .value = cell });
}

static struct cell subtract(struct cell a, struct cell b)
{
	return cell_binary(TOKEN_SUB, a, b, true);
}

/* Integers are subtracted as integers, and wrap, before they are a float. */
static double float_difference(const struct point *a, const struct point *b)
{
	struct cell difference = subtract(a->value, b->value);
	double value = 0;

	cell_float(&difference, &value);
	return value;
}

static int derive(const struct transform_context *context, const struct points *in, bool keeps_all,
		  struct points *out)
{
	const struct point *before = NULL;

	for (size_t i = 0; i < in->count; i++) {
		const struct point *point = &in->items[i];
		double elapsed, value;

		if (!is_used(point, before))
			continue;
		if (before) {
			elapsed = (double)time_between(before->time_ns, point->time_ns);
			if (context->is_descending)
				elapsed = -elapsed;
			value = float_difference(point, before) /
				(elapsed / (double)context->call->unit_ns);
			if (keeps_all || !(value < 0))
				add(out, point->time_ns, cell_of_float(value));
		}
		before = point;
	}
	return OK;
}

int transform_derivative(const struct transform_context *context, const struct points *in,
			 struct points *out)
{
	return derive(context, in, true, out);
}

int transform_non_negative_derivative(const struct transform_context *context,
				      const struct points *in, struct points *out)
{
	return derive(context, in, false, out);
}

/* Of integers the difference is looked at, which may have wrapped. */
static bool is_negative(const struct point *a, const struct point *b)
{
	switch (a->value.type) {
	case CELL_FLOAT: return a->value.f < b->value.f;
	case CELL_INTEGER: return subtract(a->value, b->value).i < 0;
	default: return a->value.u < b->value.u;
	}
}

static int differ(const struct points *in, bool keeps_all, struct points *out)
{
	const struct point *before = NULL;

	for (size_t i = 0; i < in->count; i++) {
		const struct point *point = &in->items[i];

		if (!is_used(point, before))
			continue;
		if (before && (keeps_all || !is_negative(point, before)))
			add(out, point->time_ns, subtract(point->value, before->value));
		before = point;
	}
	return OK;
}

int transform_difference(const struct transform_context *context, const struct points *in,
			 struct points *out)
{
	return differ(in, true, out);
}

int transform_non_negative_difference(const struct transform_context *context,
				      const struct points *in, struct points *out)
{
	return differ(in, false, out);
}

/* The sum is carried along, as InfluxDB carries it: that of integers wraps. */
int transform_moving_average(const struct transform_context *context, const struct points *in,
			     struct points *out)
{
	size_t count = (size_t)context->call->count, seen = 0, oldest = 0;
	struct cell sum = cell_null();
	double value;

	for (size_t i = 0; i < in->count; i++) {
		const struct point *point = &in->items[i];

		if (cell_is_nil(&point->value))
			continue;
		if (seen == count) {
			while (cell_is_nil(&in->items[oldest].value))
				oldest++;
			sum = subtract(sum, in->items[oldest++].value);
		} else {
			seen++;
		}
		sum = cell_is_nil(&sum) ? point->value
					: cell_binary(TOKEN_ADD, sum, point->value, true);
		if (seen == count && cell_float(&sum, &value))
			add(out, point->time_ns, cell_of_float(value / (double)count));
	}
	return OK;
}

int transform_cumulative_sum(const struct transform_context *context, const struct points *in,
			     struct points *out)
{
	struct cell sum = cell_null();

	for (size_t i = 0; i < in->count; i++) {
		const struct point *point = &in->items[i];

		if (cell_is_nil(&point->value))
			continue;
		sum = cell_is_nil(&sum) ? point->value
					: cell_binary(TOKEN_ADD, sum, point->value, true);
		add(out, point->time_ns, sum);
	}
	return OK;
}

int transform_elapsed(const struct transform_context *context, const struct points *in,
		      struct points *out)
{
	const struct point *before = NULL;

	for (size_t i = 0; i < in->count; i++) {
		const struct point *point = &in->items[i];

		if (cell_is_nil(&point->value))
			continue;
		if (before)
			add(out, point->time_ns,
			    cell_of_integer(time_between(before->time_ns, point->time_ns) /
					    context->call->unit_ns));
		before = point;
	}
	return OK;
}

/* --- the area under a line ---------------------------------------------------------- */

struct area {
	const struct transform_context *context;
	struct points *out;
	struct point before;
	bool has_before, is_integer;
	int64_t start_ns, end_ns; /* of the window; `end` is where it is left */
	double sum;
};

static void enter(struct area *area, int64_t time_ns)
{
	struct window window;

	if (!window_is_given(area->context->window))
		return;
	window = window_of(area->context->window, time_ns);
	area->start_ns = area->context->is_descending ? window.end_ns : window.start_ns;
	area->end_ns = area->context->is_descending ? window.start_ns : window.end_ns;
}

static void add_trapezoid(struct area *area, int64_t time_ns, double value)
{
	double elapsed = (double)time_between(area->before.time_ns, time_ns) /
			 (double)area->context->call->unit_ns;

	area->sum += 0.5 * (value + area->before.value.f) * elapsed;
	area->before.time_ns = time_ns;
	area->before.value.f = value;
}

static bool leaves_window(const struct area *area, int64_t time_ns)
{
	if (!window_is_given(area->context->window))
		return false;
	return area->context->is_descending ? time_ns <= area->end_ns : time_ns >= area->end_ns;
}

/*
 * What lies behind the window's end belongs to the window of the next point. Of
 * integers InfluxDB takes it as if the line went on from the value before, to
 * the one at the window's end.
 */
static void end_window(struct area *area, int64_t time_ns, double *value)
{
	double before = area->before.value.f, slope, at_end;

	if (area->before.time_ns != area->end_ns) {
		slope = (*value - before) / (double)time_between(area->before.time_ns, time_ns);
		at_end = slope * (double)time_between(area->before.time_ns, area->end_ns) + before;
		add_trapezoid(area, area->end_ns, at_end);
		if (area->is_integer) {
			area->before.value.f = before;
			*value = at_end;
		}
	}
	add(area->out, area->start_ns, cell_of_float(area->sum));
	area->sum = 0;
	enter(area, time_ns);
}

static void add_to_area(struct area *area, int64_t time_ns, double value)
{
	if (!area->has_before) {
		enter(area, time_ns);
		area->has_before = true;
	} else if (area->before.time_ns != time_ns) {
		double end_value = value;

		if (leaves_window(area, time_ns))
			end_window(area, time_ns, &end_value);
		add_trapezoid(area, time_ns, end_value);
	}
	area->before = (struct point){ .time_ns = time_ns, .value = cell_of_float(value) };
}

/* Trapezoids. An area without windows is dated by whoever asks. */
int transform_integral(const struct transform_context *context, const struct points *in,
		       struct points *out)
{
	struct area area = { .context = context,
			     .out = out,
			     .is_integer = context->call->type == DATA_INTEGER };
	double value;

	for (size_t i = 0; i < in->count; i++)
		if (cell_float(&in->items[i].value, &value))
			add_to_area(&area, in->items[i].time_ns, value);
	if (area.has_before && area.before.time_ns != area.start_ns)
		add(out, area.start_ns, cell_of_float(area.sum));
	return OK;
}
