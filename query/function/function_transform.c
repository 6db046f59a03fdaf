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

/* Integers are subtracted as integers before they are a float. */
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

static int differ(const struct points *in, bool keeps_all, struct points *out)
{
	const struct point *before = NULL;

	for (size_t i = 0; i < in->count; i++) {
		const struct point *point = &in->items[i];

		if (!is_used(point, before))
			continue;
		if (before && (keeps_all || !(float_difference(point, before) < 0)))
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

/* A sum that is carried along: of integers in 128 bits, so that none wraps. */
struct carried {
	bool has_float, is_unsigned; /* what no integer held comes as a float */
	double sum;
	__int128 whole;
};

static void carry(struct carried *carried, const struct cell *cell, int sign)
{
	carried->has_float |= cell->type == CELL_FLOAT;
	carried->is_unsigned |= cell->type == CELL_UNSIGNED;
	if (cell->type == CELL_FLOAT)
		carried->sum += sign * cell->f;
	else
		carried->whole +=
			sign * (cell->type == CELL_UNSIGNED ? (__int128)cell->u : cell->i);
}

static struct cell carried_cell(const struct carried *carried)
{
	return carried->has_float ? cell_of_float(carried->sum + (double)carried->whole)
				  : cell_of_whole(carried->whole, carried->is_unsigned);
}

int transform_moving_average(const struct transform_context *context, const struct points *in,
			     struct points *out)
{
	size_t count = (size_t)context->call->count, seen = 0, oldest = 0;
	struct carried carried = { 0 };

	for (size_t i = 0; i < in->count; i++) {
		const struct point *point = &in->items[i];
		struct cell sum;
		double value;

		if (cell_is_nil(&point->value))
			continue;
		if (seen == count) {
			while (cell_is_nil(&in->items[oldest].value))
				oldest++;
			carry(&carried, &in->items[oldest++].value, -1);
		} else {
			seen++;
		}
		carry(&carried, &point->value, 1);
		sum = carried_cell(&carried);
		if (seen == count && cell_float(&sum, &value))
			add(out, point->time_ns, cell_of_float(value / (double)count));
	}
	return OK;
}

int transform_cumulative_sum(const struct transform_context *context, const struct points *in,
			     struct points *out)
{
	struct carried carried = { 0 };

	for (size_t i = 0; i < in->count; i++) {
		const struct point *point = &in->items[i];

		if (cell_is_nil(&point->value))
			continue;
		carry(&carried, &point->value, 1);
		add(out, point->time_ns, carried_cell(&carried));
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
	struct point before; /* its value is a float */
	bool has_before, has_sum;
	int64_t start_ns; /* of the window that `sum` is of */
	double sum;
};

/* The line that goes through two points, at a time between them. */
static double height_at(const struct point *a, const struct point *b, int64_t time_ns)
{
	double share = (double)time_between(a->time_ns, time_ns) /
		       (double)time_between(a->time_ns, b->time_ns);

	return a->value.f + (b->value.f - a->value.f) * share;
}

static int end_window(struct area *area)
{
	struct run *run = area->context->run;

	if (!area->has_sum)
		return OK;
	TRY(run_take_bytes(run, sizeof(struct point)));
	add(area->out, area->start_ns, cell_of_float(area->sum));
	area->has_sum = false;
	area->sum = 0;
	return OK;
}

/* From `a` to `b`, as far as the window goes that `from_ns` lies in: gives where it ends. */
static int add_piece(struct area *area, const struct point *a, const struct point *b,
		     int64_t from_ns, int64_t *to_ns)
{
	struct window window = { a->time_ns, b->time_ns };
	double low = a->value.f, high = b->value.f;

	if (window_is_given(area->context->window))
		window = window_of(area->context->window, from_ns);
	else
		window.start_ns = area->has_sum ? area->start_ns : window.start_ns;
	if (area->has_sum && window.start_ns != area->start_ns)
		TRY(end_window(area));
	*to_ns = window.end_ns < b->time_ns ? window.end_ns : b->time_ns;
	if (from_ns != a->time_ns)
		low = height_at(a, b, from_ns);
	if (*to_ns != b->time_ns)
		high = height_at(a, b, *to_ns);
	area->sum += 0.5 * (low + high) *
		     ((double)time_between(from_ns, *to_ns) / (double)area->context->call->unit_ns);
	area->has_sum = true;
	area->start_ns = window.start_ns;
	return OK;
}

static int add_to_area(struct area *area, int64_t time_ns, double value)
{
	struct point point = { .time_ns = time_ns, .value = cell_of_float(value) };
	int64_t at_ns = area->before.time_ns;

	while (area->has_before && at_ns < time_ns)
		TRY(add_piece(area, &area->before, &point, at_ns, &at_ns));
	area->before = point;
	area->has_before = true;
	return OK;
}

/* The window of the last point, which may be the first that it has. */
static int enter_last(struct area *area)
{
	int64_t start_ns = area->start_ns;

	if (!area->has_before)
		return OK;
	if (window_is_given(area->context->window))
		start_ns = window_of(area->context->window, area->before.time_ns).start_ns;
	if (area->has_sum && start_ns != area->start_ns)
		TRY(end_window(area));
	area->has_sum = true;
	area->start_ns = start_ns;
	return OK;
}

/*
 * Trapezoids; each window has what lies in it, also where a line passes over it from one point to
 * the next. A point alone has an area of 0. An area without windows is dated by whoever asks.
 */
int transform_integral(const struct transform_context *context, const struct points *in,
		       struct points *out)
{
	struct area area = { .context = context, .out = out };
	double value;

	for (size_t i = 0; i < in->count; i++)
		if (cell_float(&in->items[i].value, &value))
			TRY(add_to_area(&area, in->items[i].time_ns, value));
	TRY(enter_last(&area));
	return end_window(&area);
}
