/*
 * The rows of a chunk, decoded: all of them, or those vectors of some columns that a wish is about.
 *
 * Why by vectors: a column of a chunk is many vectors, each of which can be unpacked alone. A query
 * of a minute must not pay for a chunk of a day.
 */
#include "engine/chunk/chunk.h"

#include "engine/base/bits.h"
#include "engine/base/limits.h"
#include "engine/chunk/chunk_inner.h"
#include "engine/chunk/row_times.h"
#include "engine/codec/codec.h"

/* The vectors that hold the rows of the wish; at least one. */
static struct vector_range vectors_wanted(const struct chunk_wish *wish,
					  const struct row_times *times)
{
	struct vector_range range;
	size_t first, end;

	row_times_between(times, wish->time_first_ns, wish->time_last_ns, &first, &end);
	if (first >= end)
		return (struct vector_range){ 0, 1 };
	range = (struct vector_range){ first / VECTOR_ROWS, (end - 1) / VECTOR_ROWS + 1 };
	if (wish->vectors_max && range.end - range.first > wish->vectors_max) {
		if (wish->from_end)
			range.first = range.end - wish->vectors_max;
		else
			range.end = range.first + wish->vectors_max;
	}
	return range;
}

/* --- columns in -------------------------------------------------------------- */

/* Bits that agree with the number of values the head told. */
static int validity_decode(struct reader *in, uint32_t value_count, struct chunk_data *out,
			   uint64_t **valid)
{
	union value flags[CHUNK_ROWS_MAX];
	size_t count = 0;

	*valid = arena_alloc(&out->arena, (out->chunk_rows + 63) / 64 * sizeof(**valid));
	if (!*valid)
		return ERR_MEMORY;
	TRY(vectors_decode(in, VALUE_BOOLEAN, 0, out->chunk_rows, VECTORS_ALL, flags, &out->arena));
	for (size_t i = 0; i < out->chunk_rows; i++) {
		(*valid)[i / 64] |= flags[i].bits << i % 64;
		count += flags[i].bits;
	}
	return count == value_count ? OK : ERR_CORRUPT;
}

/* From side by side to their rows, in place: from the end, since no value moves down. */
static void values_scatter(union value *values, size_t count, size_t row_count,
			   const uint64_t *valid)
{
	for (size_t row = row_count; row-- > 0;) {
		if (bit_is_set(valid, row))
			values[row] = values[--count];
		else
			values[row].bits = 0;
	}
}

static size_t valid_between(const uint64_t *valid, size_t first, size_t end)
{
	size_t count = 0;

	for (size_t word = first / 64; word < (end + 63) / 64; word++)
		count += (size_t)__builtin_popcountll(valid[word]);
	return count;
}

/* As values_scatter, to another place and of the rows of `out` alone. */
static void values_spread(const union value *values, size_t row_count, const uint64_t *valid,
			  union value *out)
{
	for (size_t row = 0; row < row_count; row++) {
		bool is_there = bit_is_set(valid, row);

		out[row].bits = is_there ? values->bits : 0;
		values += is_there;
	}
}

/*
 * Some rows of a column with holes: which vectors hold their values is told by the whole map. The
 * ends of these vectors belong to other rows, so they are decoded beside the rows.
 */
static int values_of_some_rows(struct reader *in, const struct column_part *part,
			       struct vector_range rows, const uint64_t *valid, union value *values,
			       struct chunk_data *out)
{
	union value decoded[CHUNK_ROWS_MAX + 1];
	size_t first_row = rows.first * VECTOR_ROWS, end_row = first_row + out->row_count;
	size_t first = valid_between(valid, 0, first_row);
	size_t end = first + valid_between(valid, first_row, end_row);
	struct vector_range range = { first / VECTOR_ROWS, (end + VECTOR_ROWS - 1) / VECTOR_ROWS };

	TRY(vectors_decode(in, part->kind & KIND_TYPE, part->kind >> KIND_FORM_SHIFT,
			   part->summary.count, range, decoded, &out->arena));
	decoded[CHUNK_ROWS_MAX].bits = 0;
	values_spread(decoded + first % VECTOR_ROWS, out->row_count, valid + first_row / 64,
		      values);
	return OK;
}

/* Of a column with holes the map is decoded whole. */
static int column_decode(const struct column_place *place, struct vector_range range,
			 struct chunk_data *out, struct chunk_column *column)
{
	const struct column_part *part = &place->part;
	enum value_type type = part->kind & KIND_TYPE;
	bool is_sparse = part->kind & KIND_SPARSE;
	struct reader in = reader_of(place->payload);
	union value *values = arena_alloc_raw(&out->arena, out->row_count * sizeof(*values), 8);
	uint64_t *valid = NULL;

	if (!values)
		return ERR_MEMORY;
	if (is_sparse)
		TRY(validity_decode(&in, part->summary.count, out, &valid));
	if (is_sparse && out->row_count < out->chunk_rows) {
		TRY(values_of_some_rows(&in, part, range, valid, values, out));
		valid += range.first * VECTOR_ROWS / 64;
	} else {
		TRY(vectors_decode(&in, type, part->kind >> KIND_FORM_SHIFT, part->summary.count,
				   range, values, &out->arena));
		if (valid)
			values_scatter(values, part->summary.count, out->chunk_rows, valid);
	}
	*column = (struct chunk_column){ part->field_id, type, values, valid, part->summary };
	return reader_left(&in) ? ERR_CORRUPT : OK;
}

static int columns_decode_all(struct decoding *d, struct vector_range range, struct chunk_data *out)
{
	for (size_t i = 0; i < d->column_count; i++) {
		struct column_place place;

		TRY(chunk_column_next(d, &place));
		TRY(part_check(place.payload, &place.part.payload, d));
		TRY(column_decode(&place, range, out, &out->columns[i]));
	}
	return OK;
}

/* One pass over the head; a field may be asked for twice. */
static int columns_decode_asked(struct decoding *d, const uint32_t *field_ids,
				struct vector_range range, struct chunk_data *out)
{
	for (size_t i = 0; i < d->column_count; i++) {
		struct column_place place;

		TRY(chunk_column_next(d, &place));
		for (size_t asked = 0; asked < out->column_count; asked++) {
			if (field_ids[asked] != place.part.field_id)
				continue;
			TRY(part_check(place.payload, &place.part.payload, d));
			TRY(column_decode(&place, range, out, &out->columns[asked]));
		}
	}
	return OK;
}

#define PIECE_BLOCK_BYTES ((size_t)16 << 10)

int chunk_decode(struct slice chunk, const struct chunk_wish *wish, struct chunk_data *out)
{
	bool all = wish->field_count == CHUNK_ALL_FIELDS;
	struct vector_range range;
	struct row_times times;
	struct decoding d;

	arena_reset(&out->arena);
	*out = (struct chunk_data){ .arena = out->arena };
	/* One of many that are held at once: blocks that double would take twice the room. */
	if (wish->vectors_max)
		out->arena.block_bytes_max = PIECE_BLOCK_BYTES;
	TRY(chunk_head_open(chunk, &d));
	out->series_id = d.series_id;
	TRY(row_times_open(d.times, d.row_count, &out->arena, &times));
	range = vectors_wanted(wish, &times);
	TRY(row_times_decode(&times, range, out));
	out->column_count = all ? d.column_count : wish->field_count;
	out->columns = arena_alloc(&out->arena, out->column_count * sizeof(*out->columns) + 1);
	if (!out->columns)
		return ERR_MEMORY;
	for (size_t i = 0; !all && i < out->column_count; i++)
		out->columns[i].field_id = wish->field_ids[i];
	return all ? columns_decode_all(&d, range, out)
		   : columns_decode_asked(&d, wish->field_ids, range, out);
}

void chunk_data_release(struct chunk_data *data)
{
	arena_release(&data->arena);
	*data = (struct chunk_data){ 0 };
}
