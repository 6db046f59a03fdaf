/*
 * Samples sorted by value, ties as Go leaves them.
 *
 * Why: mode() and percentile() look at times of samples that a sort by value
 * left in some order, so the steps of that sort are part of their answer.
 *
 * It is pattern-defeating quicksort (O. Peters, 2021) as Go 1.19 has it: the
 * same bounds, the same pivots, the same swaps.
 */
#include "query/function/go_sort.h"

#define INSERTION_MAX	  12 /* samples that are sorted by insertion */
#define NINTHER_MIN	  50 /* samples of which the pivot is a median of medians */
#define PIVOT_SWAPS_MAX	  12
#define SHIFTS_MAX	  5  /* pairs out of place that are mended */
#define SHIFT_SAMPLES_MIN 50 /* samples below which none is */

struct order {
	enum data_type type;
	struct sample *items;
};

static bool less(const struct order *order, size_t a, size_t b)
{
	return value_compare(order->type, order->items[a].value, order->items[b].value) < 0;
}

static void swap(struct order *order, size_t a, size_t b)
{
	struct sample sample = order->items[a];

	order->items[a] = order->items[b];
	order->items[b] = sample;
}

static void sort_by_insertion(struct order *order, size_t first, size_t end)
{
	for (size_t i = first + 1; i < end; i++)
		for (size_t k = i; k > first && less(order, k, k - 1); k--)
			swap(order, k, k - 1);
}

/* --- when pivots are bad ---------------------------------------------------------- */

static void sift_down(struct order *order, size_t root, size_t end, size_t first)
{
	for (;;) {
		size_t child = 2 * root + 1;

		if (child >= end)
			return;
		if (child + 1 < end && less(order, first + child, first + child + 1))
			child++;
		if (!less(order, first + root, first + child))
			return;
		swap(order, first + root, first + child);
		root = child;
	}
}

static void sort_by_heap(struct order *order, size_t first, size_t end)
{
	size_t count = end - first;

	for (size_t i = (count - 1) / 2 + 1; i-- > 0;)
		sift_down(order, i, count, first);
	for (size_t i = count; i-- > 0;) {
		swap(order, first, first + i);
		sift_down(order, 0, i, first);
	}
}

static unsigned bit_length(uint64_t value)
{
	return value ? 64 - (unsigned)__builtin_clzll(value) : 0;
}

/* Three samples from anywhere into the middle, by Marsaglia's xorshift. */
static void break_patterns(struct order *order, size_t first, size_t end)
{
	size_t count = end - first, middle = first + count / 4 * 2 - 1;
	uint64_t random = count, mask = (UINT64_C(1) << bit_length(count)) - 1;

	if (count < 8)
		return;
	for (size_t i = 0; i < 3; i++) {
		size_t other;

		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		other = random & mask;
		if (other >= count)
			other -= count;
		swap(order, middle - 1 + i, first + other);
	}
}

/* --- pivots ------------------------------------------------------------------------- */

enum hint { HINT_NONE, HINT_ASCENDS, HINT_DESCENDS };

static void put_in_order(const struct order *order, size_t *a, size_t *b, unsigned *swaps)
{
	size_t place = *a;

	if (!less(order, *b, *a))
		return;
	(*swaps)++;
	*a = *b;
	*b = place;
}

static size_t median(const struct order *order, size_t a, size_t b, size_t c, unsigned *swaps)
{
	put_in_order(order, &a, &b, swaps);
	put_in_order(order, &b, &c, swaps);
	put_in_order(order, &a, &b, swaps);
	return b;
}

static size_t choose_pivot(const struct order *order, size_t first, size_t end, enum hint *hint)
{
	size_t quarter = (end - first) / 4;
	size_t a = first + quarter, b = first + quarter * 2, c = first + quarter * 3;
	unsigned swaps = 0;

	if (end - first >= NINTHER_MIN) {
		a = median(order, a - 1, a, a + 1, &swaps);
		b = median(order, b - 1, b, b + 1, &swaps);
		c = median(order, c - 1, c, c + 1, &swaps);
	}
	if (end - first >= 8)
		b = median(order, a, b, c, &swaps);
	*hint = swaps == 0 ? HINT_ASCENDS : swaps == PIVOT_SWAPS_MAX ? HINT_DESCENDS : HINT_NONE;
	return b;
}

static void turn(struct order *order, size_t first, size_t end)
{
	for (size_t a = first, b = end - 1; a < b; a++, b--)
		swap(order, a, b);
}

/* --- partitions ------------------------------------------------------------------------ */

/* Those below the pivot, the pivot, the others; gives the pivot's place. */
static size_t partition(struct order *order, size_t first, size_t end, size_t pivot, bool *was_done)
{
	size_t low = first + 1, high = end - 1;

	swap(order, first, pivot);
	for (*was_done = true;; *was_done = false, low++, high--) {
		while (low <= high && less(order, low, first))
			low++;
		while (low <= high && !less(order, high, first))
			high--;
		if (low > high)
			break;
		swap(order, low, high);
	}
	swap(order, high, first);
	return high;
}

/* Those that equal the pivot, and the greater ones; gives where these begin. */
static size_t partition_equal(struct order *order, size_t first, size_t end, size_t pivot)
{
	size_t low = first + 1, high = end - 1;

	swap(order, first, pivot);
	for (;; low++, high--) {
		while (low <= high && !less(order, first, low))
			low++;
		while (low <= high && less(order, first, high))
			high--;
		if (low > high)
			return low;
		swap(order, low, high);
	}
}

/* Mends a few pairs; true when all is in order then. */
static bool mend(struct order *order, size_t first, size_t end)
{
	size_t i = first + 1;

	for (unsigned shift = 0; shift < SHIFTS_MAX; shift++) {
		while (i < end && !less(order, i, i - 1))
			i++;
		if (i == end)
			return true;
		if (end - first < SHIFT_SAMPLES_MIN)
			return false;
		swap(order, i, i - 1);
		for (size_t k = i - 1; i - first >= 2 && k >= 1 && less(order, k, k - 1); k--)
			swap(order, k, k - 1);
		for (size_t k = i + 1; end - i >= 2 && k < end && less(order, k, k - 1); k++)
			swap(order, k, k - 1);
	}
	return false;
}

static void sort(struct order *order, size_t first, size_t end, unsigned limit)
{
	bool was_balanced = true, was_partitioned = true;

	for (;;) {
		size_t count = end - first, pivot, left;
		enum hint hint;

		if (count <= INSERTION_MAX) {
			sort_by_insertion(order, first, end);
			return;
		}
		if (limit == 0) {
			sort_by_heap(order, first, end);
			return;
		}
		if (!was_balanced) {
			break_patterns(order, first, end);
			limit--;
		}
		pivot = choose_pivot(order, first, end, &hint);
		if (hint == HINT_DESCENDS) {
			turn(order, first, end);
			pivot = end - 1 - (pivot - first);
			hint = HINT_ASCENDS;
		}
		if (was_balanced && was_partitioned && hint == HINT_ASCENDS &&
		    mend(order, first, end))
			return;
		if (first > 0 && !less(order, first - 1, pivot)) {
			first = partition_equal(order, first, end, pivot);
			continue;
		}
		pivot = partition(order, first, end, pivot, &was_partitioned);
		left = pivot - first;
		was_balanced = (left < end - pivot ? left : end - pivot) >= count / 8;
		if (left < end - pivot) {
			sort(order, first, pivot, limit);
			first = pivot + 1;
		} else {
			sort(order, pivot + 1, end, limit);
			end = pivot;
		}
	}
}

void go_sort_by_value(enum data_type type, struct sample *samples, size_t count)
{
	struct order order = { type, samples };

	sort(&order, 0, count, bit_length(count));
}
