/*
 * 0.8: histogram(column[, size[, start[, stop]]]), how many values lie in each bucket.
 *
 *	bucket = floor((value - start) / size)
 *
 * Values below a start that was given are left out; with a stop all buckets from 0 up to its own
 * are there, and none beyond. It has two columns, so the binder makes two calls of it, whose
 * points line up.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "query/function/function_rows.h"

struct bucket {
	double number;
	int64_t count;
};

struct buckets {
	struct bucket *items; /* ascending */
	size_t count;
};

static int compare_numbers(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double last_bucket(const struct histogram *histogram)
{
	return histogram->has_stop ? floor((histogram->stop - histogram->start) / histogram->size)
				   : INFINITY;
}

/* The numbers of the buckets that values lie in, ascending; gives how many. */
static size_t numbers_of(const struct plan_call *call, const struct samples *samples,
			 double *numbers)
{
	const struct histogram *histogram = &call->histogram;
	double last = last_bucket(histogram);
	size_t found = 0;

	for (size_t i = 0; i < samples->count; i++) {
		double value = float_of_value(call->type, samples->items[i].value);
		double number = floor((value - histogram->start) / histogram->size);

		if (isfinite(number) && (number >= 0 || !histogram->has_start) && number <= last)
			numbers[found++] = number;
	}
	qsort(numbers, found, sizeof(*numbers), compare_numbers);
	return found;
}

static void buckets_open(const struct plan_call *call, const struct samples *samples,
			 struct buckets *out)
{
	double last = last_bucket(&call->histogram);
	size_t empty = call->histogram.has_stop && last >= 0 ? (size_t)last + 1 : 0;
	double *numbers = malloc((samples->count + 1) * sizeof(*numbers));
	size_t count, at = 0;

	out->count = 0;
	out->items = malloc((samples->count + empty + 1) * sizeof(*out->items));
	if (!numbers || !out->items)
		log_out_of_memory((samples->count + empty) * sizeof(*out->items));
	count = numbers_of(call, samples, numbers);
	for (size_t number = 0; at < count || number < empty;) {
		struct bucket *bucket = &out->items[out->count++];

		*bucket = (struct bucket){ .number = at < count ? numbers[at] : INFINITY };
		if (number < empty && (double)number <= bucket->number)
			bucket->number = (double)number++;
		for (; at < count && numbers[at] == bucket->number; at++)
			bucket->count++;
	}
	free(numbers);
}

int reduce_histogram_starts(const struct plan_call *call, struct samples *samples, int64_t start_ns,
			    int64_t end_ns, struct points *out)
{
	const struct histogram *histogram = &call->histogram;
	struct buckets buckets;

	buckets_open(call, samples, &buckets);
	for (size_t i = 0; i < buckets.count; i++)
		points_add(out, (struct point){ .time_ns = start_ns,
						.value = cell_of_float(histogram->start +
								       buckets.items[i].number *
									       histogram->size) });
	free(buckets.items);
	return OK;
}

int reduce_histogram_counts(const struct plan_call *call, struct samples *samples, int64_t start_ns,
			    int64_t end_ns, struct points *out)
{
	struct buckets buckets;

	buckets_open(call, samples, &buckets);
	for (size_t i = 0; i < buckets.count; i++)
		points_add(out, (struct point){ .time_ns = start_ns,
						.value = cell_of_integer(buckets.items[i].count) });
	free(buckets.items);
	return OK;
}
