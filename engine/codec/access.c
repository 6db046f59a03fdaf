/*
 * Gives single values of an encoded vector. Why: cells of columns of doubles name the rows of their
 * least and greatest value (chunk/summary.h), and a query wants those alone.
 */
#include "engine/codec/access.h"

#include <assert.h>

#include "engine/base/err.h"

/* `out` has the head that the vectors share. */
static int vector_open(struct reader vector, bool own, size_t rows, struct access_vector *out)
{
	if (own)
		TRY(vector_head_read(&vector, &out->head));
	if (out->head.predictor != 0 || out->head.pack != PACK_BITS)
		return ERR_CORRUPT;
	out->patches = (struct reader){ 0 };
	if (out->head.is_patched)
		TRY(patches_read(&vector, rows, &out->patches));
	TRY(packed_bits_read(&vector, rows, &out->bits));
	return vector.failed || reader_left(&vector) ? ERR_CORRUPT : OK;
}

int access_open(struct slice column, uint8_t form, size_t row_count, struct access *out)
{
	struct reader reader = reader_of(column);
	size_t count = (row_count + VECTOR_ROWS - 1) / VECTOR_ROWS;
	uint64_t lengths[CHUNK_ROWS_MAX / VECTOR_ROWS];
	struct vector_head head;

	assert(row_count > 0 && row_count <= CHUNK_ROWS_MAX);
	if (form != VECTORS_SHARED)
		return ERR_CORRUPT;
	TRY(shared_head_read(&reader, count, &head, lengths));
	out->row_count = row_count;
	for (size_t i = 0; i < count; i++) {
		bool is_last = i + 1 == count;
		size_t length = is_last ? reader_left(&reader) : lengths[i] >> 1;

		out->vectors[i].head = head;
		TRY(vector_open(reader_of(reader_take(&reader, length)), lengths[i] & 1,
				is_last ? row_count - i * VECTOR_ROWS : VECTOR_ROWS,
				&out->vectors[i]));
	}
	return OK;
}

static bool is_patched(struct reader patches, size_t row, union value *out)
{
	for (size_t at = 0; reader_left(&patches); at++) {
		at += reader_varint(&patches);
		out->bits = reader_u64(&patches);
		if (at == row)
			return true;
	}
	return false;
}

int access_get(const struct access *access, size_t row, union value *out)
{
	const struct access_vector *vector = &access->vectors[row / VECTOR_ROWS];
	const struct vector_head *head = &vector->head;

	assert(row < access->row_count);
	if (is_patched(vector->patches, row % VECTOR_ROWS, out))
		return OK;
	out->bits = packed_bits_get(&vector->bits, row % VECTOR_ROWS);
	return transforms[head->transform].decode(out, 1, head->argument, head->extra.data);
}
