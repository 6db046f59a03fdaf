/* Summaries and cells come back bit for bit, wherever rows lie, and bad bytes are an error. */
#include "engine/chunk/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/err.h"
#include "engine/base/limits.h"
#include "engine/chunk/chunk.h"
#include "engine/codec/access.h"
#include "tests/lib/test.h"

#define NS INT64_C(1000000000)

static int64_t times_ns[CHUNK_ROWS_MAX];
static union value values[CHUNK_ROWS_MAX];

static void make_times(int64_t first_ns, int64_t step_ns, int64_t jitter_ns, size_t count,
		       uint64_t *state)
{
	for (size_t i = 0; i < count; i++) {
		times_ns[i] = first_ns + (int64_t)i * step_ns;
		if (jitter_ns)
			times_ns[i] += (int64_t)(test_random(state) % (uint64_t)jitter_ns);
	}
}

/* Shapes: walks, decimals, halves, edges, anything. */
static union value value_of_shape(enum value_type type, unsigned shape, size_t i, uint64_t *state)
{
	static const double odd[] = { 0.0, -0.0, INFINITY, -INFINITY, 5e-324, 1e300, -1e300, 0.1 };
	uint64_t roll = test_random(state);

	if (type != VALUE_FLOAT) {
		if (shape == 0)
			return (union value){ .u = i + roll % 3 };
		if (shape == 1)
			return (union value){ .i = (int64_t)(roll % 100) - 50 };
		return (union value){ .u = shape == 2 ? roll : roll % 2 ? UINT64_MAX >> 1 : 1 };
	}
	if (shape == 0)
		return (union value){ .f = (double)(int64_t)(roll % 10000) / 100 - 40 };
	if (shape == 1)
		return (union value){ .f = (double)(int64_t)(roll % 1000) / 4 };
	if (shape == 2)
		return (union value){ .f = (double)(roll >> 11) / 9007199254740992.0 };
	return (union value){ .f = odd[roll % 8] };
}

static bool is_same(const struct summary *a, const struct summary *b)
{
	return a->count == b->count && a->has_numbers && b->has_numbers &&
	       a->min.bits == b->min.bits && a->max.bits == b->max.bits &&
	       (a->sum.bits == b->sum.bits || (isnan(a->sum.f) && isnan(b->sum.f))) &&
	       a->first.bits == b->first.bits && a->last.bits == b->last.bits;
}

/* By the definition, row by row. */
static struct summary plain_summary(enum value_type type, size_t first, size_t count)
{
	struct summary s = { (uint32_t)count,
			     true,
			     values[first],
			     values[first],
			     { .u = 0 },
			     values[first],
			     values[first + count - 1] };

	for (size_t i = first; i < first + count; i++) {
		union value v = values[i];

		if (type == VALUE_FLOAT) {
			s.sum.f += v.f;
			s.min = v.f < s.min.f ? v : s.min;
			s.max = v.f > s.max.f ? v : s.max;
		} else if (type == VALUE_INTEGER) {
			s.sum.u += v.u;
			s.min = v.i < s.min.i ? v : s.min;
			s.max = v.i > s.max.i ? v : s.max;
		} else {
			s.sum.u += v.u;
			s.min = v.u < s.min.u ? v : s.min;
			s.max = v.u > s.max.u ? v : s.max;
		}
	}
	return s;
}

static int64_t slot_of(int64_t time_ns, uint32_t width_s)
{
	int64_t width_ns = (int64_t)width_s * NS;

	return time_ns / width_ns - (time_ns % width_ns < 0);
}

static void check_laying(const struct laying *laying, size_t row_count)
{
	size_t row = 0;

	for (size_t i = 0; i < laying->count; i++) {
		const struct cell_rows *cell = &laying->cells[i];

		REQUIRE(cell->first_row == row && cell->row_count > 0);
		REQUIRE(cell->time_first_ns == times_ns[row]);
		row += cell->row_count;
		REQUIRE(row <= row_count && cell->time_last_ns == times_ns[row - 1]);
		REQUIRE(slot_of(cell->time_first_ns, laying->width_s) ==
			slot_of(cell->time_last_ns, laying->width_s));
		REQUIRE(row == row_count || slot_of(times_ns[row], laying->width_s) !=
						    slot_of(cell->time_last_ns, laying->width_s));
	}
	CHECK_INT(row, row_count);
}

TEST(summary__cells_come_back)
{
	static const enum value_type types[] = { VALUE_FLOAT, VALUE_INTEGER, VALUE_UNSIGNED };
	uint64_t state = test_seed();
	struct arena arena = { 0 };
	struct buf buf = { 0 };

	for (unsigned round = 0; round < 400; round++) {
		size_t count = 1 + test_random(&state) % CHUNK_ROWS_MAX;
		uint32_t width_s = cell_widths_s[3 + test_random(&state) % (CELL_WIDTHS - 3)];
		enum value_type type = types[round % 3];
		bool is_even = round & 1;
		int64_t first_ns =
			(int64_t)(test_random(&state) % (UINT64_C(1) << 61)) - (INT64_C(1) << 60);
		struct time_step step = { is_even, first_ns, (uint64_t)(1 + round % 60) * NS };
		struct laying made, laying;
		struct summary *cells;

		arena_reset(&arena);
		buf_reset(&buf);
		make_times(first_ns, (int64_t)step.step_ns, is_even ? 0 : (int64_t)step.step_ns,
			   count, &state);
		step.first_ns = times_ns[0];
		if (laying_make(times_ns, count, width_s, &arena, &made) == ERR_LIMIT)
			continue;
		check_laying(&made, count);
		laying_encode(&buf, &made, is_even);
		REQUIRE(laying_decode(buf_slice(&buf), &step, count, &arena, &laying) == OK);
		CHECK_INT(laying.count, made.count);
		check_laying(&laying, count);
		for (size_t i = 0; i < count; i++)
			values[i] = value_of_shape(type, round / 3 % 4, i, &state);
		buf_reset(&buf);
		REQUIRE(cells_encode(&buf, type, values, &laying, NULL));
		REQUIRE(cells_decode(buf_slice(&buf), type, &laying, NULL, &arena, &cells) == OK);
		for (size_t i = 0; i < laying.count; i++) {
			struct summary plain = plain_summary(type, laying.cells[i].first_row,
							     laying.cells[i].row_count);

			CHECK(is_same(&cells[i], &plain));
		}
	}
	buf_release(&buf);
	arena_release(&arena);
}

/* Doubles of 53 bits, in [0, 1) or around 0: their cells name rows, in a third of the bytes. */
TEST(summary__cells_name_rows_of_doubles_without_a_pattern)
{
	uint64_t state = test_seed();
	struct arena arena = { 0 };
	struct buf column = { 0 }, buf = { 0 }, plain = { 0 };

	for (unsigned round = 0; round < 40; round++) {
		/* No short rest: a few words may be predicted by luck. */
		size_t count = VECTOR_ROWS * (1 + test_random(&state) % 9) + 300 +
			       test_random(&state) % 700;
		struct laying laying;
		struct summary *cells, *sums;
		struct access access;

		arena_reset(&arena);
		buf_reset(&column);
		buf_reset(&buf);
		buf_reset(&plain);
		make_times(0, 10 * NS, 0, count, &state);
		REQUIRE(laying_make(times_ns, count, 3600, &arena, &laying) == OK);
		for (size_t i = 0; i < count; i++)
			values[i].f = (double)(test_random(&state) >> 11) / 9007199254740992.0 -
				      (round % 2 ? 0.5 : 0);
		for (size_t i = 0; round % 4 == 1 && i < count; i += 200) /* to be patched in */
			values[i].f = -1e300 * (double)(i + 1);
		uint8_t form = vectors_encode(VALUE_FLOAT, values, count, true, &column);
		REQUIRE(access_open(buf_slice(&column), form, count, &access) == OK);
		for (size_t i = 0; i < count; i++) {
			union value value;

			REQUIRE(access_get(&access, i, &value) == OK &&
				value.bits == values[i].bits);
		}
		REQUIRE(cells_encode(&buf, VALUE_FLOAT, values, &laying, &access));
		REQUIRE(cells_encode(&plain, VALUE_FLOAT, values, &laying, NULL));
		CHECK(cells_name_rows(buf_slice(&buf), VALUE_FLOAT));
		CHECK(!cells_name_rows(buf_slice(&plain), VALUE_FLOAT));
		CHECK(buf.length * 3 < plain.length);
		REQUIRE(cells_decode(buf_slice(&buf), VALUE_FLOAT, &laying, &access, &arena,
				     &cells) == OK);
		REQUIRE(cells_decode(buf_slice(&buf), VALUE_FLOAT, &laying, NULL, &arena, &sums) ==
			OK);
		for (size_t i = 0; i < laying.count; i++) {
			struct summary model = plain_summary(VALUE_FLOAT, laying.cells[i].first_row,
							     laying.cells[i].row_count);

			CHECK(is_same(&cells[i], &model));
			CHECK(sums[i].count == model.count && sums[i].sum.bits == model.sum.bits);
		}
		/* What is read in place has no other checksum. */
		column.data[column.length / 2] ^= 1;
		int err =
			cells_decode(buf_slice(&buf), VALUE_FLOAT, &laying, &access, &arena, &sums);
		REQUIRE(err == ERR_CORRUPT ||
			memcmp(sums, cells, laying.count * sizeof(*cells)) == 0);
	}
	buf_release(&column);
	buf_release(&buf);
	buf_release(&plain);
	arena_release(&arena);
}

/* Columns of which single values cannot be had. */
TEST(summary__what_is_predicted_or_coded_is_not_read_one_by_one)
{
	uint64_t state = 1;
	struct buf column = { 0 };
	struct access access;

	for (unsigned kind = 0; kind < 3; kind++) {
		buf_reset(&column);
		for (size_t i = 0; i < 3000; i++)
			values[i].f = kind == 0	  ? (double)i
				      : kind == 1 ? (double)(test_random(&state) % 5
								     ? 0
								     : test_random(&state) % 90)
				      : i < 1024  ? 1.0 / (double)(test_random(&state) | 1)
						  : (double)(i / 3);
		uint8_t form = vectors_encode(VALUE_FLOAT, values, 3000, true, &column);
		CHECK_INT(access_open(buf_slice(&column), form, 3000, &access), ERR_CORRUPT);
		buf_reset(&column);
		vectors_encode(VALUE_FLOAT, values, 3000, false, &column);
		CHECK_INT(access_open(buf_slice(&column), 0, 3000, &access), ERR_CORRUPT);
	}
	buf_release(&column);
}

TEST(summary__a_nan_has_no_cells)
{
	uint64_t state = 1;
	struct arena arena = { 0 };
	struct buf buf = { 0 };
	struct laying laying;

	make_times(0, NS, 0, 1000, &state);
	for (size_t i = 0; i < 1000; i++)
		values[i].f = (double)i;
	REQUIRE(laying_make(times_ns, 1000, 300, &arena, &laying) == OK);
	CHECK_INT(laying.count, 4);
	CHECK(cells_encode(&buf, VALUE_FLOAT, values, &laying, NULL));
	buf_reset(&buf);
	values[999].f = NAN;
	CHECK(!cells_encode(&buf, VALUE_FLOAT, values, &laying, NULL));
	CHECK_INT(buf.length, 0);
	buf_release(&buf);
	arena_release(&arena);
}

TEST(summary__bad_bytes_are_an_error_or_cells)
{
	uint64_t state = test_seed();
	struct arena arena = { 0 };
	struct buf rows = { 0 }, cells = { 0 };
	struct time_step step = { false, 0, 0 };
	struct laying laying, bad;
	struct summary *out;

	make_times(0, NS, NS, 3000, &state);
	step.first_ns = times_ns[0];
	for (size_t i = 0; i < 3000; i++)
		values[i].f = (double)(int64_t)(test_random(&state) % 1000) / 10;
	REQUIRE(laying_make(times_ns, 3000, 60, &arena, &laying) == OK);
	laying_encode(&rows, &laying, false);
	REQUIRE(cells_encode(&cells, VALUE_FLOAT, values, &laying, NULL));
	for (int round = 0; round < 20000; round++) {
		struct buf *from = round % 2 ? &rows : &cells;
		size_t length = round % 4 < 2 ? from->length : test_random(&state) % from->length;
		char *copy = malloc(length + 1);
		int err;

		memcpy(copy, from->data, length);
		for (int k = 0; length && k < 1 + round % 3; k++)
			copy[test_random(&state) % length] ^= (char)(1 << test_random(&state) % 8);
		if (round % 2)
			err = laying_decode(slice_of(copy, length), &step, 3000, &arena, &bad);
		else
			err = cells_decode(slice_of(copy, length), VALUE_FLOAT, &laying, NULL,
					   &arena, &out);
		REQUIRE(err == OK || err == ERR_CORRUPT);
		free(copy);
		if (round % 64 == 0) {
			arena_reset(&arena);
			REQUIRE(laying_make(times_ns, 3000, 60, &arena, &laying) == OK);
		}
	}
	buf_release(&rows);
	buf_release(&cells);
	arena_release(&arena);
}

/* A cold chunk with columns that have cells, holes and strings. */
static struct chunk_write_column columns[5];
static union value column_values[5][CHUNK_ROWS_MAX];
static uint64_t valid[CHUNK_ROWS_MAX / 64];

static struct chunk_rows make_rows(size_t count, struct arena *arena, uint64_t *state)
{
	const struct text *text = text_copy(arena, slice_of_text("up"));

	memset(valid, 0, sizeof(valid));
	for (size_t i = 0; i < count; i++) {
		column_values[0][i].i = (int64_t)(test_random(state) % 100000);
		column_values[1][i].f = (double)(int64_t)(test_random(state) % 1000) / 8;
		column_values[2][i].s = text;
		column_values[3][i].i = (int64_t)i;
		column_values[4][i].f = (double)(test_random(state) >> 11) / 9007199254740992.0;
		if (i % 3)
			valid[i / 64] |= UINT64_C(1) << i % 64;
	}
	columns[0] = (struct chunk_write_column){ 4, VALUE_INTEGER, column_values[0], NULL };
	columns[1] = (struct chunk_write_column){ 5, VALUE_FLOAT, column_values[1], NULL };
	columns[2] = (struct chunk_write_column){ 6, VALUE_STRING, column_values[2], NULL };
	columns[3] = (struct chunk_write_column){ 7, VALUE_INTEGER, column_values[3], valid };
	columns[4] = (struct chunk_write_column){ 8, VALUE_FLOAT, column_values[4], NULL };
	return (struct chunk_rows){ 9, count, times_ns, columns, 5, true };
}

TEST(summary__a_cold_chunk_has_cells_and_gives_any_of_its_vectors)
{
	uint64_t state = test_seed();
	struct arena arena = { 0 };
	struct chunk_data data = { 0 };
	struct buf buf = { 0 };
	uint32_t ids[] = { 5, 7, 4, 6, 99, 8 };

	make_times(1700000000 * NS, 10 * NS, 0, 8000, &state);
	struct chunk_rows rows = make_rows(8000, &arena, &state);
	struct chunk_outline outline;

	chunk_encode(&buf, &rows);
	REQUIRE(chunk_outline(buf_slice(&buf), &(struct outline_wish){ ids, 6, INT64_MAX, false },
			      &arena, &outline) == OK);
	CHECK(outline.is_cold);
	CHECK(outline.laying.count > 20);
	CHECK(outline.columns[0].cells && outline.columns[2].cells);
	CHECK(!outline.columns[1].cells && !outline.columns[3].cells);
	CHECK_INT(outline.columns[1].summary.count, 8000 - 2667);
	CHECK_INT(outline.columns[4].type, VALUE_NONE);
	CHECK(outline.columns[0].summary.has_numbers);
	REQUIRE(outline.columns[5].cells);
	for (size_t i = 0; i < outline.laying.count; i++) {
		const struct cell_rows *cell = &outline.laying.cells[i];

		memcpy(values, column_values[4], sizeof(values));
		struct summary plain = plain_summary(VALUE_FLOAT, cell->first_row, cell->row_count);
		CHECK(is_same(&outline.columns[5].cells[i], &plain));
	}
	for (int round = 0; round < 200; round++) {
		size_t a = test_random(&state) % 8000, b = a + test_random(&state) % (8000 - a);
		size_t max = test_random(&state) % 4, last = a / VECTOR_ROWS + max;
		struct chunk_wish wish = { ids, 6, times_ns[a], times_ns[b], max, round % 2 };
		size_t first;

		/* A piece: the rows in so many vectors from one end. */
		if (max && wish.from_end && b / VECTOR_ROWS >= max &&
		    (b / VECTOR_ROWS + 1 - max) * VECTOR_ROWS > a)
			a = (b / VECTOR_ROWS + 1 - max) * VECTOR_ROWS;
		if (max && !wish.from_end && last * VECTOR_ROWS <= b)
			b = last * VECTOR_ROWS - 1;

		REQUIRE(chunk_decode(buf_slice(&buf), &wish, &data) == OK);
		CHECK_INT(data.chunk_rows, 8000);
		first = (size_t)((data.times_ns[0] - times_ns[0]) / (10 * NS));
		CHECK(first <= a && a - first < VECTOR_ROWS);
		CHECK(first + data.row_count > b && first + data.row_count - b <= VECTOR_ROWS);
		for (size_t i = 0; i < data.row_count; i++) {
			bool has = valid[(first + i) / 64] >> (first + i) % 64 & 1;

			REQUIRE(data.times_ns[i] == times_ns[first + i]);
			REQUIRE(data.columns[0].values[i].bits == column_values[1][first + i].bits);
			REQUIRE(data.columns[2].values[i].bits == column_values[0][first + i].bits);
			REQUIRE(data.columns[3].values[i].s->length == 2);
			REQUIRE((data.columns[1].valid[i / 64] >> i % 64 & 1) == has);
			REQUIRE(!has || data.columns[1].values[i].u == first + i);
		}
	}
	chunk_data_release(&data);
	buf_release(&buf);
	arena_release(&arena);
}

TEST(summary__a_flipped_bit_of_a_cold_chunk_is_found)
{
	uint64_t state = test_seed();
	struct arena arena = { 0 };
	struct chunk_data data = { 0 };
	struct chunk_wish wish = chunk_wish_all();
	struct buf buf = { 0 };
	uint32_t ids[] = { 4, 5, 6, 7, 8 };

	make_times(1700000000 * NS, 10 * NS, 9 * NS, 4000, &state);
	struct chunk_rows rows = make_rows(4000, &arena, &state);

	chunk_encode(&buf, &rows);
	for (int round = 0; round < 2000; round++) {
		struct arena scratch = { 0 };
		struct chunk_outline outline;
		size_t at = test_random(&state) % buf.length;
		char bit = (char)(1 << test_random(&state) % 8);

		buf.data[at] ^= bit;
		CHECK(chunk_decode(buf_slice(&buf), &wish, &data) == ERR_CORRUPT ||
		      chunk_outline(buf_slice(&buf),
				    &(struct outline_wish){ ids, 5, INT64_MAX, false }, &scratch,
				    &outline) == ERR_CORRUPT);
		buf.data[at] ^= bit;
		arena_release(&scratch);
	}
	chunk_data_release(&data);
	buf_release(&buf);
	arena_release(&arena);
}
