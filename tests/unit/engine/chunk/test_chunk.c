/* Chunks come back bit for bit, by any choice of fields, and damage is never believed. */
#include "engine/chunk/chunk.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/base/limits.h"
#include "tests/lib/test.h"

#define FIELDS 6

/* Rows of every type with holes, from one number. */
struct sample {
	struct arena arena;
	int64_t times_ns[CHUNK_ROWS_MAX];
	union value values[FIELDS][CHUNK_ROWS_MAX];
	uint64_t valid[FIELDS][CHUNK_ROWS_MAX / 64];
	struct chunk_write_column columns[FIELDS];
	struct chunk_rows rows;
};

static union value random_value(struct sample *sample, enum value_type type, uint64_t *state)
{
	static const uint64_t edges[] = { 0,
					  UINT64_MAX,
					  UINT64_C(1) << 63,
					  INT64_MAX,
					  UINT64_C(0x7ff8000000001234), /* NaN with a payload */
					  UINT64_C(0x7ff0000000000000), /* Inf */
					  UINT64_C(0xfff0000000000000),
					  1 /* a denormal */ };
	uint64_t roll = test_random(state);
	char bytes[40];

	if (type == VALUE_BOOLEAN)
		return (union value){ .bits = roll & 1 };
	if (type == VALUE_STRING) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(roll >> i % 8);
		return (union value){ .s = text_copy(&sample->arena,
						     slice_of(bytes, roll >> 8 & 31)) };
	}
	if (roll % 17 == 0)
		return (union value){ .bits = edges[roll / 17 % 8] };
	if (type == VALUE_FLOAT && roll % 3)
		return (union value){ .f = (double)(int64_t)(roll >> 50) / 100 };
	return (union value){ .bits = roll >> (roll & 63) };
}

static struct sample *sample_new(size_t row_count, bool even, uint64_t *state)
{
	struct sample *sample = calloc(1, sizeof(*sample));
	int64_t time = (int64_t)(test_random(state) >> 2);

	for (size_t i = 0; i < row_count; i++) {
		sample->times_ns[i] = time;
		time += even ? 1000000000 : 1 + (int64_t)(test_random(state) % 2000000000);
	}
	for (uint32_t f = 0; f < FIELDS; f++) {
		enum value_type type = VALUE_FLOAT + (enum value_type)(f % 5);

		for (size_t i = 0; i < row_count; i++) {
			sample->values[f][i] = random_value(sample, type, state);
			if (f != 2 && test_random(state) % (f + 2))
				sample->valid[f][i / 64] |= UINT64_C(1) << i % 64;
		}
		sample->columns[f] =
			(struct chunk_write_column){ f * 7, type, sample->values[f],
						     f == 1 ? NULL : sample->valid[f] };
	}
	sample->rows = (struct chunk_rows){ 77,	    row_count, sample->times_ns, sample->columns,
					    FIELDS, false };
	return sample;
}

static void sample_free(struct sample *sample)
{
	arena_release(&sample->arena);
	free(sample);
}

/* All rows of some fields. */
static int decode(struct slice chunk, const uint32_t *field_ids, size_t field_count,
		  struct chunk_data *out)
{
	return chunk_decode(
		chunk,
		&(struct chunk_wish){ field_ids, field_count, INT64_MIN, INT64_MAX, 0, false },
		out);
}

static bool wants(const struct chunk_write_column *column, size_t row)
{
	return !column->valid || column->valid[row / 64] >> row % 64 & 1;
}

static bool column_same(const struct chunk_write_column *wrote, const struct chunk_column *read,
			size_t row_count)
{
	size_t count = 0;

	for (size_t i = 0; i < row_count; i++) {
		bool has = read->type != VALUE_NONE &&
			   (!read->valid || read->valid[i / 64] >> i % 64 & 1);

		if (has != wants(wrote, i))
			return false;
		if (!has)
			continue;
		count++;
		if (wrote->type == VALUE_STRING ? !slice_equal(text_slice(wrote->values[i].s),
							       text_slice(read->values[i].s))
						: wrote->values[i].bits != read->values[i].bits)
			return false;
	}
	return read->field_id == wrote->field_id && read->summary.count == count &&
	       (count == 0 || read->type == wrote->type);
}

static bool times_same(const struct chunk_rows *rows, const struct chunk_data *data)
{
	return data->series_id == rows->series_id && data->row_count == rows->row_count &&
	       memcmp(data->times_ns, rows->times_ns, rows->row_count * sizeof(int64_t)) == 0;
}

TEST(chunk__random_rows_come_back_by_any_field)
{
	uint64_t state = test_seed();
	struct chunk_data data = { 0 };
	struct buf buf = { 0 };

	for (int round = 0; round < 60; round++) {
		size_t row_count =
			round < 5 ? (size_t)round + 1 : 1 + test_random(&state) % CHUNK_ROWS_MAX;
		struct sample *sample = sample_new(row_count, round % 2, &state);

		buf_reset(&buf);
		chunk_encode(&buf, &sample->rows);
		for (uint32_t f = 0; f < FIELDS; f++) {
			uint32_t ids[2] = { 999, f * 7 };

			REQUIRE(decode(buf_slice(&buf), ids, 2, &data) == OK);
			CHECK(times_same(&sample->rows, &data));
			CHECK_INT(data.columns[0].type, VALUE_NONE);
			CHECK(column_same(&sample->columns[f], &data.columns[1], row_count));
		}
		sample_free(sample);
	}
	chunk_data_release(&data);
	buf_release(&buf);
}

TEST(chunk__all_fields_leave_out_what_has_no_value)
{
	uint64_t state = 7;
	struct sample *sample = sample_new(3000, true, &state);
	struct chunk_data data = { 0 };
	struct buf buf = { 0 };

	chunk_encode(&buf, &sample->rows);
	REQUIRE(decode(buf_slice(&buf), NULL, CHUNK_ALL_FIELDS, &data) == OK);
	CHECK_INT(data.column_count, FIELDS - 1); /* column 2 is empty */
	CHECK_INT(data.columns[2].field_id, 21);
	REQUIRE(decode(buf_slice(&buf), NULL, 0, &data) == OK);
	CHECK_INT(data.column_count, 0);
	CHECK(times_same(&sample->rows, &data));
	chunk_data_release(&data);
	buf_release(&buf);
	sample_free(sample);
}

TEST(chunk__summaries_tell_what_the_values_are)
{
	static int64_t times_ns[1000];
	static union value whole[1000], unsigned_[1000], floats[1000];
	struct chunk_write_column columns[] = { { 1, VALUE_INTEGER, whole, NULL },
						{ 2, VALUE_UNSIGNED, unsigned_, NULL },
						{ 3, VALUE_FLOAT, floats, NULL } };
	struct chunk_rows rows = { 1, 1000, times_ns, columns, 3, false };
	struct chunk_data data = { 0 };
	struct buf buf = { 0 };

	for (int i = 0; i < 1000; i++) {
		times_ns[i] = i;
		whole[i].i = i - 500;
		unsigned_[i].u = UINT64_MAX - (uint64_t)i;
		floats[i].f = i / 4.0;
	}
	chunk_encode(&buf, &rows);
	REQUIRE(decode(buf_slice(&buf), NULL, CHUNK_ALL_FIELDS, &data) == OK);
	CHECK(data.columns[0].summary.has_numbers);
	CHECK_INT(data.columns[0].summary.min.i, -500);
	CHECK_INT(data.columns[0].summary.max.i, 499);
	CHECK_INT(data.columns[0].summary.sum.i, -500);
	CHECK_INT(data.columns[0].summary.first.i, -500);
	CHECK_INT(data.columns[0].summary.last.i, 499);
	CHECK(data.columns[1].summary.max.u == UINT64_MAX);
	CHECK(data.columns[1].summary.min.u == UINT64_MAX - 999);
	CHECK(data.columns[2].summary.sum.f == 999 * 1000 / 2 / 4.0);
	floats[3].f = NAN;
	buf_reset(&buf);
	chunk_encode(&buf, &rows);
	REQUIRE(decode(buf_slice(&buf), NULL, CHUNK_ALL_FIELDS, &data) == OK);
	CHECK(!data.columns[2].summary.has_numbers);
	CHECK_INT(data.columns[2].summary.count, 1000);
	chunk_data_release(&data);
	buf_release(&buf);
}

/* In a small chunk every bit is covered; in a large one, every bit that is used. */
TEST(chunk__a_flipped_bit_is_found)
{
	uint64_t state = test_seed();
	struct chunk_data data = { 0 };

	for (int round = 0; round < 400; round++) {
		struct sample *sample = sample_new(round % 2 ? 20 : 2000, true, &state);
		struct buf buf = { 0 };
		size_t at;

		chunk_encode(&buf, &sample->rows);
		CHECK((buf.length > CHUNK_WHOLE_BYTES_MAX) == (round % 2 == 0));
		at = test_random(&state) % buf.length;
		buf.data[at] ^= (char)(1 << test_random(&state) % 8);
		CHECK_INT(decode(buf_slice(&buf), NULL, CHUNK_ALL_FIELDS, &data), ERR_CORRUPT);
		buf_release(&buf);
		sample_free(sample);
	}
	chunk_data_release(&data);
}

TEST(chunk__damage_in_one_field_leaves_the_others)
{
	uint64_t state = 3;
	struct sample *sample = sample_new(4000, true, &state);
	struct chunk_data data = { 0 };
	struct buf buf = { 0 };
	uint32_t first = 0, last = 35;

	chunk_encode(&buf, &sample->rows);
	buf.data[buf.length - 5] ^= 1;
	CHECK_INT(decode(buf_slice(&buf), &first, 1, &data), OK);
	CHECK(column_same(&sample->columns[0], &data.columns[0], 4000));
	CHECK_INT(decode(buf_slice(&buf), &last, 1, &data), ERR_CORRUPT);
	chunk_data_release(&data);
	buf_release(&buf);
	sample_free(sample);
}

TEST(chunk__what_is_cut_short_or_empty_is_damaged)
{
	uint64_t state = 5;
	struct sample *sample = sample_new(30, false, &state);
	struct chunk_data data = { 0 };
	struct buf buf = { 0 };
	static const char zeros[64];

	chunk_encode(&buf, &sample->rows);
	for (size_t length = 0; length < buf.length; length++) {
		char *copy = malloc(length + 1);

		memcpy(copy, buf.data, length);
		CHECK_INT(decode(slice_of(copy, length), NULL, CHUNK_ALL_FIELDS, &data),
			  ERR_CORRUPT);
		free(copy);
	}
	CHECK_INT(decode(slice_of(zeros, sizeof(zeros)), NULL, CHUNK_ALL_FIELDS, &data),
		  ERR_CORRUPT);
	chunk_data_release(&data);
	buf_release(&buf);
	sample_free(sample);
}

/* I4: rather an end than a chunk in which rows are not found again. */
TEST(chunk__times_that_do_not_increase_are_not_written)
{
	uint64_t state = test_seed();

	for (int later = 0; later < 2; later++) {
		struct sample *sample = sample_new(100, true, &state);
		int status = 0;

		sample->times_ns[60] = sample->times_ns[59] - later;
		pid_t child = fork();
		if (child == 0) {
			struct buf out = { 0 };

			setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
			close(STDERR_FILENO);
			chunk_encode(&out, &sample->rows);
			_exit(0);
		}
		waitpid(child, &status, 0);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		sample_free(sample);
	}
}
