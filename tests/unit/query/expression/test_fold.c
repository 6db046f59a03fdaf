/* The extreme of a column is its first one, whichever way it is looked for. */
#include <math.h>

#include "query/function/function_rows.h"
#include "tests/lib/test.h"

static union value values[BATCH_ROWS_MAX];
static uint64_t valid[BATCH_ROWS_MAX / 64];

static union value any_value(enum data_type type, unsigned kinds, uint64_t *state)
{
	static const double floats[] = { 0.0, -0.0, 1.5, -1.5, 1e300, NAN, INFINITY, -INFINITY };
	uint64_t random = test_random(state);

	if (type == DATA_FLOAT)
		return (union value){ .f = kinds < 8 ? floats[random % (kinds + 1)]
						     : (double)(int64_t)random };
	return (union value){ .u = kinds < 8 ? random % (kinds + 1) - kinds / 2 : random };
}

static bool beats(enum data_type type, union value a, union value b, bool is_max)
{
	if (type == DATA_FLOAT)
		return is_max ? a.f > b.f : a.f < b.f;
	if (type == DATA_INTEGER)
		return is_max ? a.i > b.i : a.i < b.i;
	return is_max ? a.u > b.u : a.u < b.u;
}

static size_t plain_pick(enum data_type type, const struct batch_column *column, size_t first,
			 size_t end, bool is_max)
{
	size_t best = SIZE_MAX;

	for (size_t row = first; row < end; row++)
		if (column_has(column, row) &&
		    (best == SIZE_MAX || beats(type, values[row], values[best], is_max)))
			best = row;
	return best;
}

TEST(fold__the_first_of_the_extremes_is_picked)
{
	static const enum data_type types[] = { DATA_FLOAT, DATA_INTEGER, DATA_UNSIGNED };
	uint64_t state = test_seed();

	for (unsigned round = 0; round < 5000; round++) {
		enum data_type type = types[round % 3];
		struct batch_column column = { VALUE_FLOAT + round % 3, values,
					       round % 4 ? NULL : valid };
		size_t first = test_random(&state) % BATCH_ROWS_MAX;
		size_t most = test_random(&state) % 2 ? 60 : BATCH_ROWS_MAX;
		size_t end = first + test_random(&state) % most;
		unsigned kinds = (unsigned)(test_random(&state) % 10);

		end = end < BATCH_ROWS_MAX ? end : BATCH_ROWS_MAX;
		for (size_t row = first; row < end; row++)
			values[row] = any_value(type, kinds, &state);
		for (size_t word = 0; word < BATCH_ROWS_MAX / 64; word++)
			valid[word] = test_random(&state);
		REQUIRE(pick_max(type, &column, first, end) ==
			plain_pick(type, &column, first, end, true));
		REQUIRE(pick_min(type, &column, first, end) ==
			plain_pick(type, &column, first, end, false));
	}
}
