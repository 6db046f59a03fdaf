/*
 * Times of rows to bytes and back; chunk.h draws the payload.
 *
 * Why even times are not written down: most series are sampled at a fixed rate. A first time and a
 * step then tell of any row when it was, and a reader finds a row by a division, without a search.
 */
#include "engine/chunk/row_times.h"

#include "engine/base/bytes.h"
#include "engine/base/clones.h"
#include "engine/base/err.h"
#include "engine/base/limits.h"

#define TIME_DIGITS_MAX 9 /* a second */

enum { TIMES_EVEN = 0, TIMES_VECTORS = 1 }; /* the first byte of a payload; on disk */

/* --- out --- */

bool times_are_even(const int64_t *times_ns, size_t count)
{
	uint64_t step = count > 1 ? (uint64_t)times_ns[1] - (uint64_t)times_ns[0] : 0;

	for (size_t i = 2; i < count; i++)
		if ((uint64_t)times_ns[i] - (uint64_t)times_ns[i - 1] != step)
			return false;
	return true;
}

/* Zeros that all distances end in: times of whole seconds need no nanoseconds. */
static uint8_t times_digits(const int64_t *times_ns, size_t count, uint64_t *unit)
{
	uint8_t digits = TIME_DIGITS_MAX;

	*unit = 1000000000;
	for (size_t i = 1; i < count && digits; i++)
		while (((uint64_t)times_ns[i] - (uint64_t)times_ns[0]) % *unit) {
			*unit /= 10;
			digits--;
		}
	return digits;
}

void row_times_encode(struct buf *out, const int64_t *times_ns, size_t count)
{
	union value distances[CHUNK_ROWS_MAX];
	uint64_t unit;

	if (times_are_even(times_ns, count)) {
		buf_append_byte(out, TIMES_EVEN);
		buf_append_u64(out, (uint64_t)times_ns[0]);
		buf_append_varint(out,
				  count > 1 ? (uint64_t)times_ns[1] - (uint64_t)times_ns[0] : 0);
		return;
	}
	buf_append_byte(out, TIMES_VECTORS);
	buf_append_u64(out, (uint64_t)times_ns[0]);
	buf_append_byte(out, (char)times_digits(times_ns, count, &unit));
	for (size_t i = 0; i < count; i++)
		distances[i].u = ((uint64_t)times_ns[i] - (uint64_t)times_ns[0]) / unit;
	vectors_encode(VALUE_INTEGER, distances, count, false, out);
}

/* --- in --- */

/* The first row that is not before `time_ns`. */
static size_t row_at(const int64_t *times_ns, size_t row_count, int64_t time_ns)
{
	size_t low = 0, high = row_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (times_ns[middle] < time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int time_step_read(struct reader *in, struct time_step *step)
{
	uint8_t kind = reader_u8(in);

	if (in->failed || kind > TIMES_VECTORS)
		return ERR_CORRUPT;
	*step = (struct time_step){ .is_even = kind == TIMES_EVEN,
				    .first_ns = (int64_t)reader_u64(in) };
	if (step->is_even)
		step->step_ns = reader_varint(in);
	return in->failed ? ERR_CORRUPT : OK;
}

static int times_grow(struct reader *in, int64_t first_ns, int64_t *times_ns, size_t count,
		      struct arena *arena)
{
	union value *distances = (union value *)times_ns;
	uint64_t unit = 1;
	uint8_t digits = reader_u8(in);

	if (digits > TIME_DIGITS_MAX)
		return ERR_CORRUPT;
	TRY(vectors_decode(in, VALUE_INTEGER, 0, count, VECTORS_ALL, distances, arena));
	for (; digits; digits--)
		unit *= 10;
	for (size_t i = 0; i < count; i++)
		distances[i].u = (uint64_t)first_ns + distances[i].u * unit;
	return OK;
}

/* The last time is none beyond the largest: then all of them ascend. */
static bool step_fits(const struct time_step *step, size_t row_count)
{
	uint64_t room = (uint64_t)INT64_MAX - (uint64_t)step->first_ns;

	return row_count == 1 || (step->step_ns > 0 && step->step_ns <= room / (row_count - 1));
}

CLONES static bool do_ascend(const int64_t *times_ns, size_t count)
{
	bool found = false;

	for (size_t i = 1; i < count; i++)
		found |= times_ns[i] <= times_ns[i - 1];
	return !found;
}

int row_times_open(struct slice payload, size_t row_count, struct arena *arena,
		   struct row_times *out)
{
	struct reader in = reader_of(payload);

	*out = (struct row_times){ .count = row_count };
	TRY(time_step_read(&in, &out->step));
	if (out->step.is_even)
		return step_fits(&out->step, row_count) && !reader_left(&in) ? OK : ERR_CORRUPT;
	out->times_ns = arena_alloc_raw(arena, row_count * sizeof(*out->times_ns), 8);
	if (!out->times_ns)
		return ERR_MEMORY;
	TRY(times_grow(&in, out->step.first_ns, out->times_ns, row_count, arena));
	return do_ascend(out->times_ns, row_count) && !reader_left(&in) ? OK : ERR_CORRUPT;
}

/* As row_at. */
static size_t even_row_at(const struct row_times *times, int64_t time_ns)
{
	uint64_t gap = (uint64_t)time_ns - (uint64_t)times->step.first_ns, row;

	if (time_ns <= times->step.first_ns)
		return 0;
	if (times->count == 1)
		return 1;
	row = (gap - 1) / times->step.step_ns + 1;
	return row < times->count ? (size_t)row : times->count;
}

size_t row_times_find(const struct row_times *times, int64_t time_ns)
{
	return times->times_ns ? row_at(times->times_ns, times->count, time_ns)
			       : even_row_at(times, time_ns);
}

void row_times_between(const struct row_times *times, int64_t first_ns, int64_t last_ns,
		       size_t *first, size_t *end)
{
	*first = row_times_find(times, first_ns);
	*end = last_ns == INT64_MAX ? times->count : row_times_find(times, last_ns + 1);
}

CLONES static void times_fill(int64_t first_ns, uint64_t step_ns, int64_t *times_ns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		times_ns[i] = (int64_t)((uint64_t)first_ns + i * step_ns);
}

/* Those of a range of vectors alone: writing even ones down took a seventh of a query of one field.
 */
int row_times_decode(struct row_times *times, struct vector_range range, struct chunk_data *out)
{
	size_t first = range.first * VECTOR_ROWS, end = range.end * VECTOR_ROWS;

	out->chunk_rows = times->count;
	out->row_count = (end < times->count ? end : times->count) - first;
	out->time_first_ns = row_time(times, 0);
	out->time_last_ns = row_time(times, times->count - 1);
	if (times->times_ns) {
		out->times_ns = times->times_ns + first;
		return OK;
	}
	times->times_ns = arena_alloc_raw(&out->arena, out->row_count * sizeof(int64_t), 8);
	if (!times->times_ns)
		return ERR_MEMORY;
	times_fill((int64_t)((uint64_t)times->step.first_ns + first * times->step.step_ns),
		   times->step.step_ns, times->times_ns, out->row_count);
	out->times_ns = times->times_ns;
	return OK;
}
