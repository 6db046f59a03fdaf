/* Comparisons of whole columns are those of their rows, and what stays is what passed. */
#include "query/base/compare.h"

#include <math.h>
#include <string.h>

#include "tests/lib/test.h"

static union value values[BATCH_ROWS_MAX];
static uint64_t valid[BATCH_ROWS_MAX / 64], kept[BATCH_ROWS_MAX];

/* Of a few different ones, so that all comparisons find equal ones. */
static union value any_value(enum value_type type, uint64_t *state)
{
	static const double floats[] = { 0.0, -0.0, NAN, INFINITY, -INFINITY, 1.5, -1.5, 1e300 };
	static const int64_t integers[] = { 0, 1, -1, INT64_MIN, INT64_MAX, 90, 91, -90 };

	return type == VALUE_FLOAT ? (union value){ .f = floats[test_random(state) % 8] }
				   : (union value){ .i = integers[test_random(state) % 8] };
}

static bool passes(const struct comparison *test, union value value)
{
	bool is_float = test->column->type == VALUE_FLOAT;
	int less = is_float ? value.f < test->number : value.i < test->integer;
	int equal = is_float ? value.f == test->number : value.i == test->integer;
	int more = is_float ? value.f > test->number : value.i > test->integer;

	switch (test->op) {
	case COMPARE_EQ: return equal;
	case COMPARE_NEQ: return !equal;
	case COMPARE_LT: return less;
	case COMPARE_LTE: return less || equal;
	case COMPARE_GT: return more;
	default: return more || equal;
	}
}

TEST(compare__rows_that_stay_are_those_that_pass)
{
	static const enum compare_op ops[] = { COMPARE_EQ,  COMPARE_NEQ, COMPARE_LT,
					       COMPARE_LTE, COMPARE_GT,	 COMPARE_GTE };
	uint64_t state = test_seed();

	for (unsigned round = 0; round < 600; round++) {
		size_t count = 1 + test_random(&state) % BATCH_ROWS_MAX, found = 0;
		struct batch_column column = { round % 2 ? VALUE_FLOAT : VALUE_INTEGER, values,
					       round % 3 ? NULL : valid };
		union value limit = any_value(column.type, &state);
		struct comparison test = { &column, ops[round / 2 % 6], limit.f, limit.i };
		uint64_t keep[BATCH_ROWS_MAX / 64] = { 0 };

		for (size_t i = 0; i < BATCH_ROWS_MAX; i++)
			values[i] = any_value(column.type, &state);
		for (size_t i = 0; i < BATCH_ROWS_MAX / 64; i++)
			valid[i] = test_random(&state);
		for (size_t i = 0; i < count; i++)
			keep[i / 64] |= (uint64_t)(i % 5 > 0) << i % 64;
		compare_rows(&test, count, keep);
		for (size_t i = 0; i < BATCH_ROWS_MAX; i++)
			REQUIRE((keep[i / 64] >> i % 64 & 1) ==
				(i < count && i % 5 > 0 && column_has(&column, i) &&
				 passes(&test, values[i])));
		size_t kept_count = compare_keep(&values->bits, count, keep, kept);
		for (size_t i = 0; i < count; i++)
			if (keep[i / 64] >> i % 64 & 1)
				REQUIRE(found < kept_count && kept[found++] == values[i].bits);
		REQUIRE(found == kept_count);
	}
}
