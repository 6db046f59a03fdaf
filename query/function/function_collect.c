/*
 * Why: some answers need every value of a window at once. The samples come in
 * time order (of equal times, in the order of the series).
 */
#include <math.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "query/function/function_rows.h"
#include "query/function/go_sort.h"

static void add_value(const struct plan_call *call, struct points *out, const struct sample *sample)
{
	points_add(out, (struct point){ .time_ns = sample->time_ns,
					.value = cell_of_typed(call->type, sample->value),
					.row = sample->row });
}

static void add_cell(struct points *out, int64_t time_ns, struct cell cell)
{
	points_add(out, (struct point){ .time_ns = time_ns, .value = cell });
}

/* --- ordered by value ---------------------------------------------------------- */

static void sort_by_value(const struct plan_call *call, struct samples *samples)
{
	go_sort_by_value(call->type, samples->items, samples->count);
}

/* A NaN is not even the same as itself. */
static bool is_same(const struct plan_call *call, const struct sample *a, const struct sample *b)
{
	if (call->type == DATA_FLOAT)
		return a->value.f == b->value.f;
	return value_compare(call->type, a->value, b->value) == 0;
}

/* --- by rank -------------------------------------------------------------------- */

static void swap_keys(uint64_t *a, uint64_t *b)
{
	uint64_t key = *a;

	*a = *b;
	*b = key;
}

/* The middle one of three, put at the start. */
static void choose_pivot(uint64_t *keys, size_t count)
{
	uint64_t *first = keys, *middle = keys + count / 2, *last = keys + count - 1;

	if (*middle < *first)
		swap_keys(middle, first);
	if (*last < *middle)
		swap_keys(last, middle);
	if (*middle < *first)
		swap_keys(middle, first);
	swap_keys(first, middle);
}

static int compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/*
 * Hoare's find (1961): a sort of 36,000 keys for one of them took 8 times as
 * long. Sorting ends it when pivots are bad too often.
 */
static uint64_t select_key(uint64_t *keys, size_t count, size_t rank)
{
	int patience = 64;

	while (count > 16 && patience-- > 0) {
		uint64_t *low = keys - 1, *high = keys + count, pivot;
		size_t left;

		choose_pivot(keys, count);
		pivot = keys[0];
		for (;;) {
			while (*++low < pivot)
				;
			while (*--high > pivot)
				;
			if (low >= high)
				break;
			swap_keys(low, high);
		}
		left = (size_t)(high - keys) + 1;
		if (rank < left) {
			count = left;
		} else {
			keys += left;
			count -= left;
			rank -= left;
		}
	}
	qsort(keys, count, sizeof(*keys), compare_keys);
	return keys[rank];
}

/* Half a distance that 64 bits hold, for the last digits; else half of both. */
static double middle_of(enum data_type type, union value low, union value high)
{
	if (type == DATA_FLOAT)
		return low.f + (high.f - low.f) / 2;
	if (type == DATA_INTEGER && high.i - (__int128)low.i > INT64_MAX)
		return (double)((__int128)low.i + high.i) / 2;
	if (type == DATA_INTEGER)
		return (double)low.i + (double)(high.i - low.i) / 2;
	return (double)low.u + (double)(high.u - low.u) / 2;
}

/* The samples as keys, whatever they are kept as; the caller frees what this gives in `made`. */
static uint64_t *keys_of(const struct plan_call *call, struct samples *samples, uint64_t **made)
{
	*made = NULL;
	if (samples->keys)
		return samples->keys;
	*made = malloc(samples->count * sizeof(**made));
	if (!*made)
		log_out_of_memory(samples->count * sizeof(**made));
	for (size_t i = 0; i < samples->count; i++)
		(*made)[i] = key_of_value(call->type, samples->items[i].value);
	return *made;
}

static uint64_t key_of_rank(const struct samples *samples, uint64_t *keys, size_t rank)
{
	return samples->tallied ? tally_key(&samples->tally, rank)
				: select_key(keys, samples->count, rank);
}

static bool has_nan(const struct plan_call *call, const struct samples *samples)
{
	for (size_t i = 0; i < samples->count && !samples->keys && call->type == DATA_FLOAT; i++)
		if (isnan(samples->items[i].value.f))
			return true;
	return false;
}

/* InfluxDB sorts, and between its steps a NaN stays where it came. */
static double median_with_nan(const struct plan_call *call, struct samples *samples)
{
	const struct sample *high = &samples->items[samples->count / 2];

	sort_by_value(call, samples);
	return samples->count % 2 ? high->value.f
				  : middle_of(call->type, high[-1].value, high->value);
}

int reduce_median(const struct plan_call *call, struct samples *samples, int64_t start_ns,
		  int64_t end_ns, struct points *out)
{
	size_t half = samples->count / 2;
	union value low, high;
	uint64_t *made, *keys;
	double median;

	if (samples->count == 0)
		return OK;
	if (has_nan(call, samples)) {
		add_cell(out, start_ns, cell_of_float(median_with_nan(call, samples)));
		return OK;
	}
	keys = keys_of(call, samples, &made);
	high = value_of_key(call->type, key_of_rank(samples, keys, half));
	median = float_of_value(call->type, high);
	if (samples->count % 2 == 0) {
		low = value_of_key(call->type, key_of_rank(samples, keys, half - 1));
		median = middle_of(call->type, low, high);
	}
	add_cell(out, start_ns, cell_of_float(median));
	free(made);
	return OK;
}

int reduce_percentile(const struct plan_call *call, struct samples *samples, int64_t start_ns,
		      int64_t end_ns, struct points *out)
{
	double place = floor((double)samples->count * call->number / 100.0 + 0.5) - 1;
	uint64_t key;

	/* The nearest rank of a low one is the least value. */
	if (place < 0 && call->number >= 0)
		place = 0;
	if (!(place >= 0 && place < (double)samples->count))
		return OK;
	if (samples->keys) {
		key = key_of_rank(samples, samples->keys, (size_t)place);
		add_cell(out, start_ns, cell_of_typed(call->type, value_of_key(call->type, key)));
		return OK;
	}
	sort_by_value(call, samples);
	add_value(call, out, &samples->items[(size_t)place]);
	return OK;
}

static int compare_samples(const void *a, const void *b, void *arg)
{
	const struct sample *x = a, *y = b;
	const struct plan_call *call = arg;
	int order = value_compare(call->type, x->value, y->value);

	if (order == 0 && call->type == DATA_FLOAT)
		order = !!isnan(x->value.f) - !!isnan(y->value.f);
	return order ? order : (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

/* The most frequent; of those that are as frequent the one that came first, as the manual has it.
 */
int reduce_mode(const struct plan_call *call, struct samples *samples, int64_t start_ns,
		int64_t end_ns, struct points *out)
{
	const struct sample *best = samples->items;
	size_t best_count = 0;

	if (samples->count == 0)
		return OK;
	qsort_r(samples->items, samples->count, sizeof(*samples->items), compare_samples,
		(void *)call);
	for (size_t first = 0, end; first < samples->count; first = end) {
		const struct sample *sample = &samples->items[first];

		for (end = first + 1;
		     end < samples->count && is_same(call, sample, &samples->items[end]);)
			end++;
		if (end - first > best_count ||
		    (end - first == best_count && sample->time_ns < best->time_ns)) {
			best = sample;
			best_count = end - first;
		}
	}
	add_cell(out, start_ns, cell_of_typed(call->type, best->value));
	return OK;
}

/* One sample a value: the first. */
static void keep_distinct(const struct plan_call *call, struct samples *samples)
{
	size_t kept = 0;

	qsort_r(samples->items, samples->count, sizeof(*samples->items), compare_samples,
		(void *)call);
	for (size_t i = 0; i < samples->count; i++) {
		bool is_new =
			i == 0 || !is_same(call, &samples->items[kept - 1], &samples->items[i]);

		kept += is_new;
		if (is_new)
			samples->items[kept - 1] = samples->items[i];
	}
	samples->count = kept;
}

static int compare_times(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

int reduce_distinct(const struct plan_call *call, struct samples *samples, int64_t start_ns,
		    int64_t end_ns, struct points *out)
{
	keep_distinct(call, samples);
	qsort(samples->items, samples->count, sizeof(*samples->items), compare_times);
	for (size_t i = 0; i < samples->count; i++)
		add_cell(out, start_ns, cell_of_typed(call->type, samples->items[i].value));
	return OK;
}

/* Zero and minus zero are one value. */
static size_t count_distinct_keys(enum data_type type, uint64_t *keys, size_t count)
{
	uint64_t minus_zero = key_of_value(DATA_FLOAT, (union value){ .f = -0.0 });
	size_t distinct = 0;

	for (size_t i = 0; i < count; i++)
		keys[i] += type == DATA_FLOAT && keys[i] == minus_zero;
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < count; i++)
		distinct += i == 0 || keys[i] != keys[i - 1];
	return distinct;
}

static size_t count_kinds(enum data_type type, const struct tally *tally)
{
	uint64_t *keys = malloc(tally->used * sizeof(*keys));
	size_t distinct;

	if (!keys)
		log_out_of_memory(tally->used * sizeof(*keys));
	for (size_t i = 0; i < tally->used; i++)
		keys[i] = tally->slots[i].key;
	distinct = count_distinct_keys(type, keys, tally->used);
	free(keys);
	return distinct;
}

int reduce_count_distinct(const struct plan_call *call, struct samples *samples, int64_t start_ns,
			  int64_t end_ns, struct points *out)
{
	if (samples->count == 0)
		return OK;
	if (samples->tallied)
		samples->count = count_kinds(call->type, &samples->tally);
	else if (samples->keys)
		samples->count = count_distinct_keys(call->type, samples->keys, samples->count);
	else
		keep_distinct(call, samples);
	add_cell(out, start_ns, cell_of_integer((int64_t)samples->count));
	return OK;
}

/* --- in time order --------------------------------------------------------------- */

static double value_at(const struct plan_call *call, const struct samples *samples, size_t i)
{
	return float_of_value(call->type, samples->items[i].value);
}

int reduce_stddev(const struct plan_call *call, struct samples *samples, int64_t start_ns,
		  int64_t end_ns, struct points *out)
{
	double mean = 0, sum = 0, count = 0;

	if (samples->count == 0)
		return OK;
	for (size_t i = 0; i < samples->count; i++) {
		double value = value_at(call, samples, i);

		if (isnan(value))
			continue;
		count++;
		mean += (value - mean) / count;
	}
	for (size_t i = 0; i < samples->count; i++) {
		double value = value_at(call, samples, i);

		if (!isnan(value))
			sum += (value - mean) * (value - mean);
	}
	/* Of one value it is no number; that is printed as null, but what is made of it is none
	 * either. */
	add_cell(out, start_ns, cell_of_float(count < 2 ? NAN : sqrt(sum / (count - 1))));
	return OK;
}

/* --- the N best -------------------------------------------------------------------- */

/* Below 0: `a` is the better one. */
static int rank(const struct plan_call *call, bool is_top, const struct sample *a,
		const struct sample *b)
{
	int order = value_compare(call->type, a->value, b->value);

	if (order)
		return is_top ? -order : order;
	return (a->time_ns > b->time_ns) - (a->time_ns < b->time_ns);
}

static bool has_same_tags(const struct plan_call *call, const struct sample *a,
			  const struct sample *b)
{
	for (size_t i = 0; i < call->tag_count; i++) {
		const struct cell *x = &a->row[call->tag_slots[i]];
		const struct cell *y = &b->row[call->tag_slots[i]];

		if (!slice_equal(x->type == CELL_STRING ? x->s : SLICE(""),
				 y->type == CELL_STRING ? y->s : SLICE("")))
			return false;
	}
	return true;
}

struct ranking {
	const struct plan_call *call;
	bool is_top;
};

static int compare_rank(const void *a, const void *b, void *arg)
{
	const struct ranking *ranking = arg;

	return rank(ranking->call, ranking->is_top, a, b);
}

/* Of each combination of tags only the best stays; `items` are in order of rank. */
static void keep_best_of_tags(const struct plan_call *call, struct samples *samples)
{
	size_t kept = 0;

	for (size_t i = 0; i < samples->count; i++) {
		bool is_new = true;

		for (size_t k = 0; is_new && k < kept; k++)
			is_new = !has_same_tags(call, &samples->items[k], &samples->items[i]);
		if (is_new)
			samples->items[kept++] = samples->items[i];
		if (kept == (size_t)call->count)
			break;
	}
	samples->count = kept;
}

static int reduce_best(const struct plan_call *call, struct samples *samples, bool is_top,
		       struct points *out)
{
	struct ranking ranking = { call, is_top };

	qsort_r(samples->items, samples->count, sizeof(*samples->items), compare_rank, &ranking);
	if (call->has_tags)
		keep_best_of_tags(call, samples);
	if (samples->count > (size_t)call->count)
		samples->count = (size_t)call->count;
	qsort(samples->items, samples->count, sizeof(*samples->items), compare_times);
	for (size_t i = 0; i < samples->count; i++)
		add_value(call, out, &samples->items[i]);
	return OK;
}

int reduce_top(const struct plan_call *call, struct samples *samples, int64_t start_ns,
	       int64_t end_ns, struct points *out)
{
	return reduce_best(call, samples, true, out);
}

int reduce_bottom(const struct plan_call *call, struct samples *samples, int64_t start_ns,
		  int64_t end_ns, struct points *out)
{
	return reduce_best(call, samples, false, out);
}

static int compare_points(const void *a, const void *b, void *arg)
{
	const struct plan_call *call = arg;
	const struct sample *x = a, *y = b;
	int order = compare_times(a, b);

	return order ? order : value_compare(call->type, x->value, y->value);
}

/* Reservoir sampling (Vitter's R), then by time, and of equal times by value. */
int reduce_sample(const struct plan_call *call, struct samples *samples, int64_t start_ns,
		  int64_t end_ns, struct points *out)
{
	size_t kept = samples->count < (size_t)call->count ? samples->count : (size_t)call->count;

	for (size_t i = kept; i < samples->count; i++) {
		size_t place = (size_t)((uint64_t)random() << 31 | (uint64_t)random()) % (i + 1);

		if (place < kept)
			samples->items[place] = samples->items[i];
	}
	samples->count = kept;
	qsort_r(samples->items, kept, sizeof(*samples->items), compare_points, (void *)call);
	for (size_t i = 0; i < kept; i++)
		add_value(call, out, &samples->items[i]);
	return OK;
}
