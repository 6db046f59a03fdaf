/*
 * Rows to the bytes of a chunk; chunk.h draws them.
 *
 * Why in this order: payloads are made first, since the head stands before them and tells their
 * lengths. Cells of a cold chunk come last: what they may cost is a part of the payloads.
 */
#include <assert.h>
#include <stdlib.h>

#include "engine/base/bits.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/chunk/chunk_inner.h"
#include "engine/chunk/row_times.h"
#include "engine/codec/access.h"

/*
 * Cells may cost this part of the columns, of which no value counts for more than so many bits:
 * where values take seven bytes, a twelfth would be cells of five minutes. They hold so many rows
 * on average.
 */
#define CELLS_SHARE	12
#define CELL_VALUE_BITS 12
#define CELL_ROWS_MIN	16

/* --- payloads out --------------------------------------------------------- */

static void validity_encode(struct buf *out, const uint64_t *valid, size_t row_count)
{
	union value flags[CHUNK_ROWS_MAX];

	for (size_t i = 0; i < row_count; i++)
		flags[i].bits = bit_is_set(valid, i);
	vectors_encode(VALUE_BOOLEAN, flags, row_count, false, out);
}

/* The values that are there, side by side. */
static size_t values_gather(const struct chunk_write_column *column, size_t row_count,
			    union value *out)
{
	size_t count = 0;

	for (size_t i = 0; i < row_count; i++)
		if (!column->valid || bit_is_set(column->valid, i))
			out[count++] = column->values[i];
	return count;
}

/* --- a chunk out ---------------------------------------------------------- */

struct encoding {
	const struct chunk_rows *rows;
	struct buf times, cells, payloads;
	struct part times_part, laying_part;
	struct buf parts; /* of struct column_part, one a column */
	size_t *columns;  /* which of rows->columns each is */
};

static struct part part_close(const struct buf *payloads, size_t from)
{
	struct slice bytes = slice_of(payloads->data + from, payloads->length - from);

	return (struct part){ bytes.length, checksum_of(bytes) };
}

static void column_encode(struct encoding *e, size_t index)
{
	const struct chunk_write_column *column = &e->rows->columns[index];
	union value values[CHUNK_ROWS_MAX];
	size_t row_count = e->rows->row_count, from = e->payloads.length;
	size_t count = values_gather(column, row_count, values);
	struct column_part part = { .field_id = column->field_id };
	uint8_t form;

	assert(column->type > VALUE_NONE && column->type < VALUE_TYPE_COUNT);
	if (count == 0)
		return;
	if (count < row_count)
		validity_encode(&e->payloads, column->valid, row_count);
	form = vectors_encode(column->type, values, count, e->rows->cold, &e->payloads);
	part.payload = part_close(&e->payloads, from);
	part.summary.count = (uint32_t)count;
	if (count >= SUMMARY_VALUES_MIN)
		part.summary = summary_of(column->type, values, count);
	part.kind = (uint8_t)(column->type | (count < row_count ? KIND_SPARSE : 0) |
			      form << KIND_FORM_SHIFT |
			      summary_kind(column->type, &part.summary) << KIND_SUMMARY_SHIFT);
	e->columns[e->parts.length / sizeof(part)] = index;
	buf_append(&e->parts, &part, sizeof(part));
}

/* --- cells out ------------------------------------------------------------ */

/* Cells of doubles may name rows of them. */
static bool column_cells_write(struct encoding *e, size_t at, struct slice payload,
			       const struct laying *laying)
{
	const struct column_part *part = &((const struct column_part *)e->parts.data)[at];
	const struct chunk_write_column *column = &e->rows->columns[e->columns[at]];
	struct access access;
	bool has_access =
		column->type == VALUE_FLOAT && access_open(payload, part->kind >> KIND_FORM_SHIFT,
							   e->rows->row_count, &access) == OK;

	return cells_encode(&e->cells, column->type, column->values, laying,
			    has_access ? &access : NULL);
}

static void cells_write(struct encoding *e, const struct laying *laying)
{
	struct column_part *parts = (struct column_part *)e->parts.data;
	size_t part_count = e->parts.length / sizeof(*parts);
	struct reader payloads = reader_of(buf_slice(&e->payloads));

	buf_reset(&e->cells);
	laying_encode(&e->cells, laying, times_are_even(e->rows->times_ns, e->rows->row_count));
	e->laying_part = part_close(&e->cells, 0);
	for (size_t i = 0; i < part_count; i++) {
		struct slice payload = reader_take(&payloads, parts[i].payload.bytes);
		size_t from = e->cells.length;

		parts[i].cells = (struct part){ 0 };
		if (!(parts[i].kind & KIND_SPARSE) && parts[i].summary.has_numbers &&
		    column_cells_write(e, i, payload, laying))
			parts[i].cells = part_close(&e->cells, from);
	}
}

/* Cells tell what a summary would. */
static void leave_summaries_out(struct encoding *e)
{
	struct column_part *parts = (struct column_part *)e->parts.data;

	for (size_t i = 0; i < e->parts.length / sizeof(*parts); i++)
		if (parts[i].cells.bytes)
			parts[i].kind &= (uint8_t) ~(3 << KIND_SUMMARY_SHIFT);
}

static size_t cell_bytes_max(const struct encoding *e)
{
	size_t columns = e->parts.length / sizeof(struct column_part);
	size_t most = columns * e->rows->row_count * CELL_VALUE_BITS / 8;

	return (e->payloads.length < most ? e->payloads.length : most) / CELLS_SHARE;
}

/* The finest that pay. */
static void cells_choose(struct encoding *e)
{
	const struct chunk_rows *rows = e->rows;
	struct arena arena = { 0 };

	for (size_t i = 0; i < CELL_WIDTHS && rows->row_count >= SUMMARY_VALUES_MIN; i++) {
		struct laying laying;

		arena_reset(&arena);
		if (laying_make(rows->times_ns, rows->row_count, cell_widths_s[i], &arena,
				&laying) < 0 ||
		    laying.count > rows->row_count / CELL_ROWS_MIN)
			continue;
		if (laying.count < 2)
			break;
		cells_write(e, &laying);
		if (e->cells.length <= cell_bytes_max(e)) {
			leave_summaries_out(e);
			arena_release(&arena);
			return;
		}
	}
	arena_release(&arena);
	buf_reset(&e->cells);
}

/* --- a chunk out ---------------------------------------------------------- */

static void part_encode(struct buf *out, const struct part *part, bool sums)
{
	buf_append_varint(out, part->bytes);
	if (sums)
		buf_append_u32(out, part->sum);
}

/* Without cells there is nothing that a sum would guard. */
static void cells_part_encode(struct buf *out, const struct part *part, bool sums)
{
	part_encode(out, part, sums && part->bytes);
}

static void head_encode(struct buf *out, const struct encoding *e, uint8_t flags)
{
	const struct column_part *parts = (const struct column_part *)e->parts.data;
	size_t part_count = e->parts.length / sizeof(*parts);
	bool sums = flags & FLAG_SUMS;

	buf_append_varint(out, e->rows->series_id);
	buf_append_varint(out, e->rows->row_count);
	part_encode(out, &e->times_part, sums);
	if (flags & FLAG_CELLS) {
		buf_append_varint(out, e->cells.length);
		part_encode(out, &e->laying_part, sums);
	}
	buf_append_varint(out, part_count);
	for (size_t i = 0; i < part_count; i++) {
		buf_append_varint(out, parts[i].field_id);
		buf_append_byte(out, (char)parts[i].kind);
		part_encode(out, &parts[i].payload, sums);
		if (flags & FLAG_CELLS)
			cells_part_encode(out, &parts[i].cells, sums);
		if (parts[i].kind & KIND_SPARSE)
			buf_append_varint(out, parts[i].summary.count);
		summary_encode(out, &parts[i].summary, parts[i].kind >> KIND_SUMMARY_SHIFT & 3);
	}
}

static void chunk_assemble(struct buf *out, const struct encoding *e)
{
	size_t start = out->length, covered = start + CHECKSUM_BYTES, covered_end;
	bool sums = e->times.length + e->cells.length + e->payloads.length + e->parts.length >
		    CHUNK_WHOLE_BYTES_MAX;
	uint8_t flags = (sums ? FLAG_SUMS : 0) | (e->rows->cold ? FLAG_COLD : 0) |
			(e->cells.length ? FLAG_CELLS : 0);
	struct buf head = { 0 };

	head_encode(&head, e, flags);
	buf_append_u32(out, 0);
	buf_append_byte(out, (char)flags);
	buf_append_prefixed(out, buf_slice(&head));
	covered_end = out->length;
	buf_append_slice(out, buf_slice(&e->times));
	buf_append_slice(out, buf_slice(&e->cells));
	buf_append_slice(out, buf_slice(&e->payloads));
	if (!sums)
		covered_end = out->length;
	store32(out->data + start,
		checksum_of(slice_of(out->data + covered, covered_end - covered)));
	buf_release(&head);
}

/* Without a way out of the loop, so that it is done in lanes. */
static bool times_increase(const struct chunk_rows *rows)
{
	bool increase = true;

	for (size_t i = 1; i < rows->row_count; i++)
		increase &= rows->times_ns[i - 1] < rows->times_ns[i];
	return increase;
}

void chunk_encode(struct buf *out, const struct chunk_rows *rows)
{
	struct encoding e = { .rows = rows,
			      .columns = calloc(rows->column_count + 1, sizeof(*e.columns)) };

	assert(rows->row_count > 0 && rows->row_count <= CHUNK_ROWS_MAX);
	assert(times_increase(rows)); /* I4: a reader looks rows up by halving */
	if (!e.columns)
		log_out_of_memory(rows->column_count * sizeof(*e.columns));
	row_times_encode(&e.times, rows->times_ns, rows->row_count);
	e.times_part = part_close(&e.times, 0);
	for (size_t i = 0; i < rows->column_count; i++)
		column_encode(&e, i);
	if (rows->cold)
		cells_choose(&e);
	chunk_assemble(out, &e);
	buf_release(&e.times);
	buf_release(&e.cells);
	buf_release(&e.payloads);
	buf_release(&e.parts);
	free(e.columns);
}
