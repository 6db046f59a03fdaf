/*
 * Any bytes as a column in any form: an answer or ERR_CORRUPT, nothing else; and the same
 * of its sums, which add up to it.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/codec/codec.h"
#include "tests/lib/fuzz.h"

static bool is_number(enum value_type type)
{
	return type == VALUE_FLOAT || type == VALUE_INTEGER || type == VALUE_UNSIGNED;
}

/* Of every second vector. */
static void check_sums(struct slice bytes, enum value_type type, uint8_t form, size_t count,
		       const union value *values)
{
	struct sum_piece pieces[CHUNK_ROWS_MAX / VECTOR_ROWS];
	struct sum_plan plan = { .pieces = pieces };
	union value sum = { 0 }, expected = { 0 };
	struct reader reader = reader_of(bytes);
	uint32_t found = 0;

	for (size_t i = 0; i < CHUNK_ROWS_MAX / VECTOR_ROWS; i++) {
		size_t from = i * VECTOR_ROWS,
		       end = from + VECTOR_ROWS < count ? from + VECTOR_ROWS : count;

		plan.starts[i] = found;
		if (i % 2 == 0 && from < count)
			pieces[found++] = (struct sum_piece){ 0, (uint16_t)(end - from), 0 };
		for (size_t row = from; i % 2 == 0 && row < end; row++)
			if (type == VALUE_FLOAT)
				expected.f += values[row].f;
			else
				expected.u += values[row].u;
	}
	plan.starts[CHUNK_ROWS_MAX / VECTOR_ROWS] = found;
	if (vectors_sum(&reader, type, form, count, &plan, &sum) != OK ||
	    (sum.bits != expected.bits &&
	     !(type == VALUE_FLOAT && isnan(sum.f) && isnan(expected.f))))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena = { .bytes_max = 64u << 20 };
	struct reader reader;

	if (size < 3)
		return 0;
	size_t count = 1 + (data[1] | (size_t)data[2] << 8) % CHUNK_ROWS_MAX;
	enum value_type type = VALUE_FLOAT + data[0] / 2 % 5;
	uint8_t form = (data[0] & VECTORS_BINS) | (data[0] & 0x80 ? VECTORS_SHARED : 0);

	union value *values = malloc(count * sizeof(*values)); /* and no room behind */

	reader = reader_of(slice_of((const char *)data + 3, size - 3));
	int err = vectors_decode(&reader, type, form, count, VECTORS_ALL, values, &arena);

	if (err == OK && is_number(type))
		check_sums(slice_of((const char *)data + 3, size - 3), type, form, count, values);
	arena_reset(&arena);
	free(values);
	if (err != OK && err != ERR_CORRUPT && err != ERR_LIMIT)
		abort();
	return 0;
}
