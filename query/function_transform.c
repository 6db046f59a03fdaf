/*
 * Why: these look from one point to the next, so they take a series of points,
 * raw ones or those of an aggregate, and give another. Nulls are passed over;
 * of points with the same time only the first counts.
 */
#include <math.h>

#include "query/function_rows.h"

static bool is_used(const struct point *point, const struct point *before)
{
	return !cell_is_nil(&point->value) && (!before || point->time_ns != before->time_ns);
}

static void add(struct points *out, int64_t time_ns, struct cell cell)
{
	points_add(out, (struct point){ .time_ns = time_ns, .value = cell });
}

static double as_float(const struct point *point)
{
	double value = 0;

	cell_float(&point->value, &value);
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
			elapsed = (double)(point->time_ns - before->time_ns);
			if (context->is_descending)
				elapsed = -elapsed;
			value = (as_float(point) - as_float(before)) /
				(elapsed / (double)context->call->unit_ns);
			if (keeps_all || value >= 0)
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

static struct cell subtract(struct cell a, struct cell b)
{
	return cell_binary(TOKEN_SUB, a, b, true);
}

static bool is_negative(const struct point *a, const struct point *b)
{
	switch (a->value.type) {
	case CELL_FLOAT: return a->value.f < b->value.f;
	case CELL_INTEGER: return a->value.i < b->value.i;
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

/* The sum is carried along, as InfluxDB carries it. */
int transform_moving_average(const struct transform_context *context, const struct points *in,
			     struct points *out)
{
	size_t count = (size_t)context->call->count, seen = 0, oldest = 0;
	double sum = 0;

	for (size_t i = 0; i < in->count; i++) {
		const struct point *point = &in->items[i];

		if (cell_is_nil(&point->value))
			continue;
		if (seen == count) {
			while (cell_is_nil(&in->items[oldest].value))
				oldest++;
			sum -= as_float(&in->items[oldest++]);
		} else {
			seen++;
		}
		sum += as_float(point);
		if (seen == count)
			add(out, point->time_ns, cell_of_float(sum / (double)count));
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
			    cell_of_integer((point->time_ns - before->time_ns) /
					    context->call->unit_ns));
		before = point;
	}
	return OK;
}
