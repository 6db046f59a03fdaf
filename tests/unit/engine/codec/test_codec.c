/* Every column comes back bit for bit, and bad bytes are an error and nothing worse. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/codec/bins.h"
#include "engine/codec/codec.h"
#include "engine/codec/few.h"
#include "tests/lib/test.h"

static union value values[VECTOR_ROWS], back[VECTOR_ROWS];
static struct arena arena;

static bool are_same(enum value_type type, const union value *a, const union value *b, size_t count)
{
	bool same = true;

	for (size_t i = 0; same && i < count; i++)
		same = type == VALUE_STRING ? slice_equal(text_slice(a[i].s), text_slice(b[i].s))
					    : a[i].bits == b[i].bits;
	return same;
}

static bool is_sum(enum value_type type, union value a, union value b)
{
	return a.bits == b.bits || (type == VALUE_FLOAT && isnan(a.f) && isnan(b.f));
}

/* Spans of some rows that leave some rows out at both ends, in one pass over the rows. */
static size_t spans_make(size_t count, uint64_t *state, struct sum_plan *plan, uint32_t *ends)
{
	size_t row = test_random(state) % 3 ? 0 : test_random(state) % count, span = 0, piece = 0;
	size_t end = test_random(state) % 3 ? count : row + test_random(state) % (count - row);
	size_t longest = test_random(state) % 2 ? 100 : 3000;

	for (size_t vector = 0; vector <= CHUNK_ROWS_MAX / VECTOR_ROWS; vector++)
		plan->starts[vector] = 0;
	for (; row < end; span++) {
		size_t to = row + 1 + test_random(state) % longest;

		ends[span] = (uint32_t)(to = to < end ? to : end);
		while (row < to) {
			size_t from = row / VECTOR_ROWS * VECTOR_ROWS;
			size_t stop = to < from + VECTOR_ROWS ? to : from + VECTOR_ROWS;

			plan->pieces[piece++] =
				(struct sum_piece){ (uint16_t)(row - from), (uint16_t)(stop - from),
						    (uint32_t)span };
			plan->starts[from / VECTOR_ROWS + 1]++;
			row = stop;
		}
	}
	for (size_t vector = 1; vector <= CHUNK_ROWS_MAX / VECTOR_ROWS; vector++)
		plan->starts[vector] += plan->starts[vector - 1];
	return span;
}

/* Are sums those of the rows, one after the other? */
static bool sums_agree(enum value_type type, const union value *column, size_t count, uint8_t form,
		       struct slice bytes)
{
	static struct sum_piece pieces[2 * CHUNK_ROWS_MAX];
	static uint32_t ends[CHUNK_ROWS_MAX];
	static union value sums[CHUNK_ROWS_MAX];
	static uint64_t state;
	struct sum_plan plan = { .pieces = pieces };
	size_t spans = spans_make(count, &state, &plan, ends);
	size_t row = spans ? plan.pieces[0].first : 0;
	struct reader reader = reader_of(bytes);
	bool agree;

	for (size_t vector = 0; spans && plan.starts[vector + 1] == 0; vector++)
		row += VECTOR_ROWS;
	for (size_t i = 0; i < spans; i++)
		sums[i].bits = type == VALUE_FLOAT ? 0 : i * 3;
	agree = vectors_sum(&reader, type, form, count, &plan, sums) == OK &&
		reader_left(&reader) == 0;
	for (size_t i = 0; agree && i < spans; i++) {
		union value sum = { .bits = type == VALUE_FLOAT ? 0 : i * 3 };

		for (; row < ends[i]; row++)
			if (type == VALUE_FLOAT)
				sum.f += column[row].f;
			else
				sum.u += column[row].u;
		agree = is_sum(type, sum, sums[i]);
	}
	return agree;
}

/* Encoded bytes of a column, or 0 when a value did not come back. */
static size_t column_round_trip(enum value_type type, const union value *column, size_t count,
				bool cold)
{
	union value *decoded = malloc(count * sizeof(*decoded));
	struct buf buf = { 0 };
	uint8_t form = vectors_encode(type, column, count, cold, &buf);
	struct reader reader = reader_of(buf_slice(&buf));
	size_t bytes = buf.length;

	arena_reset(&arena);
	if (vectors_decode(&reader, type, form, count, VECTORS_ALL, decoded, &arena) != OK ||
	    reader_left(&reader) || !are_same(type, column, decoded, count))
		bytes = 0;
	if (type == VALUE_FLOAT || type == VALUE_INTEGER || type == VALUE_UNSIGNED)
		bytes = sums_agree(type, column, count, form, buf_slice(&buf)) ? bytes : 0;
	buf_release(&buf);
	free(decoded);
	return bytes;
}

/* Encoded bytes of a vector, or 0 when a value did not come back, cold or not. */
static size_t round_trip(enum value_type type, size_t count)
{
	struct buf buf = { 0 };
	bool same;

	vector_encode(type, values, count, &buf);
	size_t bytes = buf.length;
	arena_reset(&arena);
	same = vector_decode(type, buf_slice(&buf), count, back, &arena) == OK &&
	       are_same(type, values, back, count);
	buf_release(&buf);
	return same && column_round_trip(type, values, count, true) ? bytes : 0;
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

TEST(codec__runs_cost_their_count)
{
	for (size_t i = 0; i < 1024; i++)
		values[i].i = i / 100 % 3 * 1000;
	size_t bytes = round_trip(VALUE_INTEGER, 1024);
	CHECK(bytes > 0 && bytes < 60);
	for (size_t i = 0; i < 1024; i++)
		values[i].f = i < 400 ? 1.5 : -1e300;
	bytes = round_trip(VALUE_FLOAT, 1024);
	CHECK(bytes > 0 && bytes < 40);
}

TEST(codec__doubles_around_zero_keep_their_fractions_alone)
{
	uint64_t state = 1;

	for (size_t i = 0; i < 1024; i++) {
		double sum = -6;

		for (int k = 0; k < 12; k++)
			sum += (double)(test_random(&state) >> 11) * 0x1p-53;
		values[i].f = sum * 1.1;
	}
	size_t bytes = round_trip(VALUE_FLOAT, 1024);
	CHECK(bytes > 1024 * 52 / 8 && bytes < 1024 * 59 / 8);
	values[7].bits = UINT64_C(0xfff8000000000001);
	values[9].f = INFINITY;
	CHECK(round_trip(VALUE_FLOAT, 1024) > 0);
}

static union value column[CHUNK_ROWS_MAX];

/* Bits a value, of a column whose steps are `step(state)` hundredths. */
static double column_bits(int (*step)(uint64_t *state), bool cold)
{
	uint64_t state = 1;
	int64_t walk = 5000;

	for (size_t i = 0; i < CHUNK_ROWS_MAX; i++) {
		walk += step(&state);
		column[i].f = (double)walk / 100;
	}
	return 8.0 * (double)column_round_trip(VALUE_FLOAT, column, CHUNK_ROWS_MAX, cold) /
	       CHUNK_ROWS_MAX;
}

static int step_even(uint64_t *state)
{
	return (int)(test_random(state) % 201) - 100;
}

static int step_seldom(uint64_t *state)
{
	return test_random(state) % 5 ? 0 : (int)(test_random(state) % 11) - 5;
}

/* log2(201) = 7.65; 0.8 and 0.2 of two, and log2(11) with the latter: 1.37 (of eleven one is none).
 */
TEST(codec__cold_columns_come_near_their_entropy)
{
	CHECK(column_bits(step_even, false) > 8);
	CHECK(column_bits(step_even, true) > 7.64 && column_bits(step_even, true) < 7.85);
	CHECK(column_bits(step_seldom, true) > 1.3 && column_bits(step_seldom, true) < 1.55);
}

/* Ten vectors whose words take 53 bits: 14 bytes at each of them would be the head. */
TEST(codec__vectors_of_a_column_share_their_head)
{
	uint64_t state = 1;

	for (size_t i = 0; i < CHUNK_ROWS_MAX; i++)
		column[i].f = (double)(test_random(&state) >> 11) * 0x1p-53;
	size_t bytes = column_round_trip(VALUE_FLOAT, column, CHUNK_ROWS_MAX, true);
	CHECK(bytes > 0 && bytes <= CHUNK_ROWS_MAX * 53 / 8 + 5 * CHUNK_ROWS_MAX / VECTOR_ROWS);
	for (size_t i = 0; i < VECTOR_ROWS; i++) /* one that is another kind, the last one, too */
		column[2 * VECTOR_ROWS + i].f = column[9 * VECTOR_ROWS + i].f = (double)i;
	CHECK(column_round_trip(VALUE_FLOAT, column, CHUNK_ROWS_MAX, true) > 0);
}

/* Steps of up to so many bits, many of them 0 or not, and seldom one that is longer. */
TEST(codec__sums_of_walks_are_those_of_their_rows)
{
	uint64_t state = test_seed();

	for (unsigned round = 0; round < 400; round++) {
		size_t count = 1 + test_random(&state) % (round % 3 ? CHUNK_ROWS_MAX : 300);
		unsigned bits = round % 17, rests = test_random(&state) % 4;
		uint64_t rare = test_random(&state) % 2 ? 0 : 20 + test_random(&state) % 3000;
		uint64_t lift = test_random(&state) >> (44 + test_random(&state) % 20);
		uint64_t walk = test_random(&state) >> test_random(&state) % 64;
		bool is_walk = test_random(&state) % 4;

		for (size_t i = 0; i < count; i++) {
			uint64_t step = test_random(&state) & ((UINT64_C(1) << bits) - 1);

			if (round % 2)
				step -= (UINT64_C(1) << bits) / 2;
			if (round % 3 == 0)
				step += lift;
			if (rests && test_random(&state) % (rests + 1) == 0)
				step = 0;
			if (rare && test_random(&state) % rare == 0)
				step = test_random(&state);
			walk += step;
			column[i].u = is_walk ? walk : step + lift;
		}
		REQUIRE(column_round_trip(VALUE_INTEGER + round % 2, column, count, false) > 0);
		REQUIRE(column_round_trip(VALUE_INTEGER + round % 2, column, count, true) > 0);
	}
}

/* Of each shape some rows, of some lengths; what is odd lies anywhere. */
static uint64_t word_of_shape(unsigned shape, size_t i, uint64_t *state)
{
	static const uint64_t edges[] = { 0,
					  1,
					  UINT64_MAX,
					  UINT64_C(1) << 63,
					  (UINT64_C(1) << 63) - 1,
					  UINT64_C(0x7ff0000000000000),
					  UINT64_C(0x7ff8dead0000beef),
					  UINT64_C(0x8000000000000000),
					  UINT64_C(0x000fffffffffffff) };
	uint64_t random = test_random(state);
	union value value;

	switch (shape % 14) {
	case 0: return 42;
	case 1: return i % 2;
	case 2: return i * 1000003;
	case 3: return random;
	case 4: return edges[random % 9];
	case 5: return random % 100 ? i : random;
	case 6: return random % 7 ? 0 : random % 50;
	case 7: return i / 777;
	case 8: return random % 201 - 100;
	case 9: return random >> (random % 64);
	case 10: value.f = (double)(random % 100000) / 1000; return value.bits;
	case 11: value.f = (double)(random >> 11) * 0x1p-53 - 0.5; return value.bits;
	case 12: value.f = (double)i * 0.1; return value.bits;
	default: value.f = random % 5 ? (double)(i % 50) : -0.0; return value.bits;
	}
}

TEST(codec__columns_of_any_shape_come_back_hot_and_cold)
{
	uint64_t state = test_seed();

	for (unsigned round = 0; round < 14 * 12; round++) {
		size_t count = 1 + test_random(&state) % (round % 3 ? CHUNK_ROWS_MAX : 1500);
		enum value_type type = VALUE_FLOAT + round % 3;

		for (size_t i = 0; i < count; i++)
			column[i].bits = word_of_shape(
				round + (round % 11 == 10 ? (unsigned)(i / 600) : 0), i, &state);
		REQUIRE(column_round_trip(type, column, count, false) > 0);
		REQUIRE(column_round_trip(type, column, count, true) > 0);
	}
}

/* Each packer that is asked for itself. */
TEST(codec__every_packer_gives_its_words_back)
{
	uint64_t state = test_seed(), words[VECTOR_ROWS], decoded[VECTOR_ROWS];
	struct buf buf = { 0 };
	unsigned tried = 0;

	for (unsigned round = 0; round < 14 * 8; round++) {
		size_t count = 1 + test_random(&state) % VECTOR_ROWS;

		for (size_t i = 0; i < count; i++)
			words[i] = word_of_shape(round, i, &state);
		for (uint8_t i = 0; i < packer_count; i++) {
			struct reader reader;

			buf_reset(&buf);
			if (!packers[i].encode || !packers[i].encode(words, count, &buf))
				continue;
			reader = reader_of(buf_slice(&buf));
			REQUIRE(packers[i].decode(&reader, count, decoded) == OK);
			REQUIRE(!reader_left(&reader));
			REQUIRE(memcmp(words, decoded, count * sizeof(*words)) == 0);
			tried++;
		}
	}
	CHECK(tried > 14 * 8);
	buf_release(&buf);
}

/* As the first version wrote them: what is on disk stays readable. */
TEST(codec__bytes_of_earlier_versions_are_read)
{
	static const struct {
		enum value_type type;
		size_t count;
		const char *bytes;
		size_t length;
		uint64_t words[4];
	} kept[] = {
		{ VALUE_INTEGER,
		  12,
		  "\x00\x00\x00\x00\x0e",
		  5,
		  {
			  UINT64_C(0x7),
			  UINT64_C(0x7),
			  UINT64_C(0x7),
			  UINT64_C(0x7),
		  } },
		{ VALUE_FLOAT,
		  12,
		  "\x01\x02\x00\x01\x0a\xa0\x1f\x00\x00\x64\x40\x06\x00\x64\xe8\x03\xc0\x2b\x90\x01"
		  "\xa0\x8f\x89",
		  23,
		  {
			  UINT64_C(0x4034000000000000),
			  UINT64_C(0x4034400000000000),
			  UINT64_C(0x4035000000000000),
			  UINT64_C(0x4034000000000000),
		  } },
		{ VALUE_INTEGER,
		  20,
		  "\x00\x00\x00\x01\x02\xc6\x01\x00\x95\x55\x45\x55\x59",
		  13,
		  {
			  UINT64_C(0x64),
			  UINT64_C(0x64),
			  UINT64_C(0x64),
			  UINT64_C(0x65),
		  } },
		{ VALUE_FLOAT,
		  18,
		  "\x81\x0c\x02\x01\x11\x00\x00\x00\x00\x00\x00\x00\x80\x02\x03\x00\x02\x20\x87\xa5"
		  "\xa9\xa3\x07\x00\x94\x73\xc2\x48\x87\x52\x6a\x74\x00\x00\x00\x00",
		  36,
		  {
			  UINT64_C(0x3f30000000000000),
			  UINT64_C(0x3f54000000000000),
			  UINT64_C(0x3f62000000000000),
			  UINT64_C(0x3f6a000000000000),
		  } },
		{ VALUE_FLOAT,
		  6,
		  "\x00\x00\x01\x00\xde\xfb\x85\x80\xa0\xab\xef\xf8\xff\x01",
		  14,
		  {
			  UINT64_C(0x7ff8dead0000beef),
			  UINT64_C(0xfff1bd5a00017dde),
			  UINT64_C(0x7fea9c0700023ccd),
			  UINT64_C(0xffe37ab40002fbbc),
		  } },
		{ VALUE_UNSIGNED,
		  9,
		  "\x00\x00\x02\x01\x0a\xd0\x0f\x01\x00\xf6\xbd\xfa\xa3\x05\x18\x00\x80\x3e\xfa\xe8"
		  "\xa3\x8f\x3e\xfa\xe8\x03",
		  26,
		  {
			  UINT64_C(0x151fa7bdc00),
			  UINT64_C(0x151fa7bdfe8),
			  UINT64_C(0x151fa7beba0),
			  UINT64_C(0x151fa7bff28),
		  } },
		{ VALUE_BOOLEAN,
		  9,
		  "\x00\x00\x00\x01\x01\x00\x00\xaa\x00",
		  9,
		  {
			  UINT64_C(0x0),
			  UINT64_C(0x1),
			  UINT64_C(0x0),
			  UINT64_C(0x1),
		  } },
	};

	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		CHECK_INT(vector_decode(kept[i].type, slice_of(kept[i].bytes, kept[i].length),
					kept[i].count, back, &arena),
			  OK);
		for (size_t k = 0; k < kept[i].count && k < 4; k++)
			CHECK(back[k].bits == kept[i].words[k]);
	}
}

/* --- few words ----------------------------------------------------------------- */

/* Encoded bytes, or 0 when a word did not come back. */
static size_t few_round_trip(const uint64_t *words, size_t count)
{
	uint64_t decoded[FEW_MAX];
	struct buf buf = { 0 };

	few_encode(&buf, words, count);
	char *exact = malloc(buf.length); /* and no room behind */
	memcpy(exact, buf.data, buf.length);
	struct reader reader = reader_of(slice_of(exact, buf.length));
	bool same = few_decode(&reader, decoded, count) == OK && reader_left(&reader) == 0 &&
		    memcmp(decoded, words, count * sizeof(*words)) == 0;
	size_t bytes = same ? buf.length : 0;
	free(exact);
	buf_release(&buf);
	return bytes;
}

TEST(codec__few_words_come_back)
{
	uint64_t state = test_seed(), words[FEW_MAX];

	for (unsigned round = 0; round < 64 * 40; round++) {
		size_t count = 1 + test_random(&state) % (round % 8 ? 30 : FEW_MAX);
		uint64_t walk = test_random(&state);

		for (size_t i = 0; i < count; i++) {
			uint64_t word = test_random(&state) >> round % 64;

			walk += word;
			words[i] = round / 64 % 4 == 0	 ? word
				   : round / 64 % 4 == 1 ? (uint64_t)unzigzag(word)
				   : round / 64 % 4 == 2 ? walk
				   : i % 9		 ? word & 15
							 : word;
		}
		REQUIRE(few_round_trip(words, count) > 0);
	}
}

TEST(codec__few_words_are_short)
{
	uint64_t even[24], below[24], walk[24], one_long[24];

	for (size_t i = 0; i < 24; i++) {
		even[i] = i * 7 % 16;
		below[i] = (uint64_t)(i % 2 ? -1 : 0);
		walk[i] = 1000000 + 3 * i;
		one_long[i] = i == 7 ? 40 : i % 2;
	}
	CHECK_INT(few_round_trip(even, 24), 1 + 24 * 4 / 8);
	CHECK_INT(few_round_trip(below, 24), 1 + 24 / 8);
	CHECK_INT(few_round_trip(walk, 24), 1 + 3 + (23 * 3 + 7) / 8);
	CHECK_INT(few_round_trip(one_long, 24), 1 + (23 * 2 + 22 + 7) / 8);
	CHECK_INT(few_round_trip(even, 1), 1);
}

TEST(codec__bad_few_words_are_judged)
{
	uint64_t state = test_seed(), words[FEW_MAX];

	for (unsigned round = 0; round < 20000; round++) {
		size_t length = 1 + test_random(&state) % 40;
		char *bytes = malloc(length);

		for (size_t i = 0; i < length; i++)
			bytes[i] = (char)(test_random(&state) >> 30 & (round % 3 ? 255 : 1));
		bytes[0] = (char)test_random(&state);
		struct reader reader = reader_of(slice_of(bytes, length));
		int err = few_decode(&reader, words, 1 + test_random(&state) % 60);
		REQUIRE(err == OK || err == ERR_CORRUPT);
		free(bytes);
	}
	struct reader reader = reader_of(SLICE("\xff\0\0\0\0\0\0\0"));
	CHECK_INT(few_decode(&reader, words, 4), ERR_CORRUPT);
	reader = reader_of(SLICE("\xc4\0\0\0\0\0\0\0\x80\xff")); /* 63 zeros */
	CHECK_INT(few_decode(&reader, words, 1), ERR_CORRUPT);
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

TEST(codec__bad_columns_are_judged)
{
	uint64_t state = test_seed();
	struct buf buf = { 0 };
	union value *decoded = malloc(CHUNK_ROWS_MAX * sizeof(*decoded));

	for (unsigned round = 0; round < 600; round++) {
		size_t count = 1 + test_random(&state) % 3000;
		uint8_t form;

		buf_reset(&buf);
		for (size_t i = 0; i < count; i++)
			column[i].bits = word_of_shape(round % 2 ? 6 : round, i, &state);
		form = vectors_encode(VALUE_INTEGER, column, count, true, &buf);
		for (int k = 0; k < 4; k++) {
			char *copy = malloc(buf.length);
			size_t length = k % 2 ? buf.length : test_random(&state) % buf.length;
			struct reader reader = reader_of(slice_of(copy, length));
			int err;

			memcpy(copy, buf.data, buf.length);
			copy[test_random(&state) % (k < 2 ? buf.length : 40 % buf.length + 1)] ^=
				(char)(1u << test_random(&state) % 8);
			err = vectors_decode(&reader, VALUE_INTEGER,
					     form ^ (k == 3 ? VECTORS_BINS : 0), count, VECTORS_ALL,
					     decoded, NULL);
			REQUIRE(err == OK || err == ERR_CORRUPT);
			free(copy);
		}
	}
	free(decoded);
	buf_release(&buf);
}
