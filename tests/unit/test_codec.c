/* Every column comes back bit for bit, and bad bytes are an error and nothing worse. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/codec/codec.h"
#include "engine/limits.h"
#include "tests/lib/test.h"

static union value values[VECTOR_ROWS], back[VECTOR_ROWS];
static struct arena arena;

/* Encoded bytes, or 0 when a value did not come back. */
static size_t round_trip(enum value_type type, size_t count)
{
	struct buf buf = { 0 };
	bool same;

	vector_encode(type, values, count, &buf);
	size_t bytes = buf.length;
	arena_reset(&arena);
	same = vector_decode(type, buf_slice(&buf), count, back, &arena) == OK;
	for (size_t i = 0; same && i < count; i++)
		same = type == VALUE_STRING
			       ? slice_equal(text_slice(values[i].s), text_slice(back[i].s))
			       : values[i].bits == back[i].bits;
	buf_release(&buf);
	return same ? bytes : 0;
}

TEST(codec__constants_and_steps_cost_next_to_nothing)
{
	for (size_t i = 0; i < 1024; i++)
		values[i].i = 42;
	CHECK(round_trip(VALUE_INTEGER, 1024) <= 8);
	for (size_t i = 0; i < 1024; i++)
		values[i].i = 1451606400000000000 + (int64_t)i * 10000000000;
	size_t bytes = round_trip(VALUE_INTEGER, 1024);
	CHECK(bytes > 0 && bytes <= 32);
}

TEST(codec__edges_come_back_bit_for_bit)
{
	static const uint64_t bits[] = { 0,
					 1,
					 UINT64_MAX,
					 UINT64_C(1) << 63,
					 (UINT64_C(1) << 63) - 1,
					 UINT64_C(0x7ff8dead0000beef), /* NaN with a payload */
					 UINT64_C(0xfff0000000000000), /* -Inf */
					 UINT64_C(0x8000000000000000), /* -0 */
					 3 };

	for (enum value_type type = VALUE_FLOAT; type <= VALUE_UNSIGNED; type++)
		for (size_t count = 1; count <= 9; count++) {
			for (size_t i = 0; i < count; i++)
				values[i].bits = bits[(i * 5 + count) % 9];
			CHECK(round_trip(type, count) > 0);
		}
}

TEST(codec__decimals_are_stored_as_integers)
{
	uint64_t state = 1;
	double walk = 50;

	for (size_t i = 0; i < 1024; i++) {
		char text[32];

		walk += (double)(test_random(&state) % 201) / 100 - 1;
		snprintf(text, sizeof(text), "%.2f", walk);
		values[i].f = strtod(text, NULL);
	}
	size_t bytes = round_trip(VALUE_FLOAT, 1024);
	/* Two-decimal steps of ±1.00 hold 7.65 bits: 979 bytes. */
	CHECK(bytes > 979 && bytes < 1100);
	/* The odd one is patched in: a place, eight bytes, and nothing for the others. */
	values[500].f = -0.0;
	values[501].f = 0.1 + 0.2;
	values[700].bits = UINT64_C(0x7ff8dead0000beef);
	size_t patched = round_trip(VALUE_FLOAT, 1024);
	CHECK(patched > bytes && patched < bytes + 40);
	for (size_t i = 0; i < 1024; i += 8)
		values[i].f = -0.0;
	CHECK(round_trip(VALUE_FLOAT, 1024) > 2000); /* too many */
}

TEST(codec__multiples_of_a_power_of_two_are_stored_as_integers)
{
	uint64_t state = 1;

	for (size_t i = 0; i < 1024; i++)
		values[i].f = (double)(test_random(&state) >> 11) * 0x1p-53;
	size_t bytes = round_trip(VALUE_FLOAT, 1024);
	CHECK(bytes > 0 && bytes < 1024 * 54 / 8);
	for (size_t i = 0; i < 1024; i++)
		values[i].f = (double)(test_random(&state) % 1024) / 1024; /* ten decimal places */
	bytes = round_trip(VALUE_FLOAT, 1024);
	CHECK(bytes > 0 && bytes < 1300);
	for (size_t i = 0; i < 1024; i++)
		values[i].f =
			ldexp((double)(test_random(&state) % 4096), (int)(i % 2 ? 1000 : 990));
	CHECK(round_trip(VALUE_FLOAT, 1024) > 0);
	for (size_t i = 0; i < 1024; i++)
		values[i].bits = i * 3; /* denormals */
	CHECK(round_trip(VALUE_FLOAT, 1024) > 0);
}

TEST(codec__what_mostly_stays_the_same_costs_a_bit)
{
	uint64_t state = 1;
	int64_t walk = 50;

	for (size_t i = 0; i < 1024; i++) {
		walk += test_random(&state) % 4 ? 0 : (int64_t)(test_random(&state) % 2) * 2 - 1;
		values[i].i = walk;
	}
	size_t bytes = round_trip(VALUE_INTEGER, 1024);
	CHECK(bytes > 0 && bytes < 128 + 32 + 24); /* the map, a bit for each step, the start */
}

TEST(codec__counters_that_start_again_cost_it_once)
{
	uint64_t state = 1;
	int64_t counter = 0;

	for (size_t i = 0; i < 1024; i++) {
		counter = i % 300 == 299 ? 0
					 : counter + (int64_t)(test_random(&state) % 64) + 1000000;
		values[i].i = counter;
	}
	size_t bytes = round_trip(VALUE_INTEGER, 1024);
	CHECK(bytes > 0 &&
	      bytes < 1024 * 8 / 8 + 120); /* six bits, two for what is not taken off */
}

TEST(codec__times_with_jitter_cost_the_jitter)
{
	uint64_t state = 1;

	for (size_t i = 0; i < 1024; i++)
		values[i].i = 1451606400000000 + (int64_t)i * 10000000 +
			      (int64_t)(test_random(&state) % 256);
	size_t bytes = round_trip(VALUE_INTEGER, 1024);
	CHECK(bytes > 0 && bytes < 1024 + 128 + 40); /* eight bits, one for the line's own slope */
}

TEST(codec__booleans_take_a_bit)
{
	for (size_t i = 0; i < 1024; i++)
		values[i].bits = i % 3 == 0;
	size_t bytes = round_trip(VALUE_BOOLEAN, 1024);
	CHECK(bytes >= 128 && bytes <= 140);
}

TEST(codec__random_columns_of_any_shape_come_back)
{
	uint64_t state = test_seed();

	for (int round = 0; round < 3000; round++) {
		size_t count = 1 + test_random(&state) % (round % 10 ? 40 : VECTOR_ROWS);
		unsigned shift = test_random(&state) % 64, outlier = test_random(&state) % 50 + 2;
		enum value_type type = VALUE_FLOAT + test_random(&state) % 3;

		for (size_t i = 0; i < count; i++) {
			uint64_t word = test_random(&state) >> shift;

			if (test_random(&state) % outlier == 0)
				word = test_random(&state);
			values[i].bits = word;
			if (type == VALUE_FLOAT && round % 2)
				values[i].f = (double)(int64_t)word / 1000;
		}
		REQUIRE(round_trip(type, count) > 0);
	}
}

TEST(codec__strings_come_back_with_or_without_a_dictionary)
{
	static struct arena texts;
	uint64_t state = test_seed();

	for (int round = 0; round < 200; round++) {
		size_t count = 1 + test_random(&state) % 300, kinds = 1 + test_random(&state) % 400;

		arena_reset(&texts);
		for (size_t i = 0; i < count; i++) {
			char bytes[64];
			size_t kind = test_random(&state) % kinds;
			size_t length = kind % 40;

			memset(bytes, (int)kind, sizeof(bytes));
			values[i].s = text_copy(&texts, slice_of(bytes, length));
		}
		REQUIRE(round_trip(VALUE_STRING, count) > 0);
	}
	arena_release(&texts);
}

/* Truncated, flipped and random bytes: an answer or an error, never a step outside (ASan judges).
 */
TEST(codec__bad_bytes_are_judged)
{
	uint64_t state = test_seed();
	struct buf buf = { 0 };

	for (int round = 0; round < 4000; round++) {
		enum value_type type = VALUE_FLOAT + test_random(&state) % 5;
		size_t count = 1 + test_random(&state) % 200;

		buf_reset(&buf);
		arena_reset(&arena);
		for (size_t i = 0; i < count; i++) {
			values[i].bits = test_random(&state) >> (round % 64);
			if (type == VALUE_BOOLEAN)
				values[i].bits &= 1;
			if (type == VALUE_STRING)
				values[i].s = text_copy(&arena, slice_of(&state, round % 9));
		}
		vector_encode(type, values, count, &buf);
		char *copy = malloc(buf.length);
		memcpy(copy, buf.data, buf.length);
		copy[test_random(&state) % buf.length] ^= (char)(1u << test_random(&state) % 8);
		size_t length = round % 2 ? buf.length : test_random(&state) % buf.length;
		int err = vector_decode(type, slice_of(copy, length), count, back, &arena);
		REQUIRE(err == OK || err == ERR_CORRUPT || err == ERR_LIMIT);
		free(copy);
	}
	buf_release(&buf);
	arena_release(&arena);
}
