/*
 * Chunks to bytes and back; chunk.h draws them.
 *
 * Encoding makes the payloads first, since the head tells their lengths.
 * Decoding believes nothing: checksums first, then every length and count.
 */
#include "engine/chunk/chunk.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

#include "engine/base/bits.h"
#include "engine/base/bytes.h"
#include "engine/base/clones.h"
#include "engine/base/err.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/codec/access.h"
#include "engine/codec/codec.h"

#define CHECKSUM_BYTES	4
#define TIME_DIGITS_MAX 9 /* a second */
/*
 * Cells may cost this part of the columns, of which no value counts for more than so many bits:
 * where values take seven bytes, a twelfth would be cells of five minutes. They hold so many rows
 * on average.
 */
#define CELLS_SHARE	12
#define CELL_VALUE_BITS 12
#define CELL_ROWS_MIN	16

enum { FLAG_SUMS = 1, FLAG_COLD = 2, FLAG_CELLS = 4, FLAGS_KNOWN = 7 };
enum { TIMES_EVEN = 0, TIMES_VECTORS = 1 };
enum {
	KIND_TYPE = 7,
	KIND_SPARSE = 8,
	KIND_SUMMARY_SHIFT = 4,
	KIND_FORM_SHIFT = 6 /* VECTORS_BINS, VECTORS_SHARED */
};
/* The seed keeps a run of zeros from being a chunk. */
static uint32_t checksum_of(struct slice bytes)
{
	return (uint32_t)XXH3_64bits_withSeed(bytes.data, bytes.length, 1);
}

/* --- payloads out --------------------------------------------------------- */

static bool times_are_even(const int64_t *times_ns, size_t count)
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

static void times_encode(struct buf *out, const int64_t *times_ns, size_t count)
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

/* What the head says of one payload. */
struct part {
	uint64_t bytes;
	uint32_t sum;
};

struct column_part {
	uint32_t field_id;
	uint8_t kind;
	struct part payload, cells;
	struct summary summary;
};

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
	times_encode(&e.times, rows->times_ns, rows->row_count);
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

/* --- a chunk in ----------------------------------------------------------- */

struct decoding {
	uint8_t flags;
	uint32_t series_id;
	size_t row_count, column_count;
	struct reader head;	/* stands at the first column */
	struct reader cells;	/* at those of the first column */
	struct reader payloads; /* at the first column */
	struct part laying_part;
	struct slice times, laying;
};

static struct part part_decode(struct reader *head, bool sums)
{
	uint64_t bytes = reader_varint(head);

	return (struct part){ bytes, sums ? reader_u32(head) : 0 };
}

static struct part cells_part_decode(struct reader *head, bool sums)
{
	uint64_t bytes = reader_varint(head);

	return (struct part){ bytes, sums && bytes ? reader_u32(head) : 0 };
}

static int part_take(struct reader *payloads, const struct part *part, struct slice *payload)
{
	if (part->bytes > reader_left(payloads))
		return ERR_CORRUPT;
	*payload = reader_take(payloads, (size_t)part->bytes);
	return OK;
}

static int part_check(struct slice payload, const struct part *part, const struct decoding *d)
{
	return d->flags & FLAG_SUMS && checksum_of(payload) != part->sum ? ERR_CORRUPT : OK;
}

static int head_open(struct slice chunk, struct decoding *d)
{
	struct reader in = reader_of(chunk);
	uint32_t sum = reader_u32(&in);
	uint8_t flags = reader_u8(&in);
	struct slice head = reader_prefixed(&in);
	const char *covered = chunk.data + CHECKSUM_BYTES;

	if (in.failed || flags & ~FLAGS_KNOWN)
		return ERR_CORRUPT;
	d->flags = flags;
	d->head = reader_of(head);
	d->payloads = in;
	return checksum_of(slice_of(
		       covered, (size_t)((flags & FLAG_SUMS ? in.next : in.end) - covered))) == sum
		       ? OK
		       : ERR_CORRUPT;
}

static int chunk_open(struct slice chunk, struct decoding *d)
{
	struct part times, cells = { 0 };
	uint64_t series_id, row_count, column_count;
	struct slice all_cells;

	*d = (struct decoding){ 0 };
	TRY(head_open(chunk, d));
	series_id = reader_varint(&d->head);
	row_count = reader_varint(&d->head);
	times = part_decode(&d->head, d->flags & FLAG_SUMS);
	if (d->flags & FLAG_CELLS) {
		cells.bytes = reader_varint(&d->head);
		d->laying_part = part_decode(&d->head, d->flags & FLAG_SUMS);
	}
	column_count = reader_varint(&d->head);
	if (d->head.failed || series_id > UINT32_MAX || row_count == 0 ||
	    row_count > CHUNK_ROWS_MAX || column_count > reader_left(&d->head))
		return ERR_CORRUPT;
	d->series_id = (uint32_t)series_id;
	d->row_count = (size_t)row_count;
	d->column_count = (size_t)column_count;
	TRY(part_take(&d->payloads, &times, &d->times));
	TRY(part_take(&d->payloads, &cells, &all_cells));
	d->cells = reader_of(all_cells);
	TRY(part_take(&d->cells, &d->laying_part, &d->laying));
	return part_check(d->times, &times, d);
}

/* The next column of the head with its bytes, not looked at yet. */
struct column_place {
	struct column_part part;
	struct slice payload, cells;
};

static int column_next(struct decoding *d, struct column_place *out)
{
	bool sums = d->flags & FLAG_SUMS;
	uint64_t field_id = reader_varint(&d->head), count = d->row_count;
	struct column_part part = { .kind = reader_u8(&d->head) };
	enum summary_kind kind = part.kind >> KIND_SUMMARY_SHIFT & 3;

	part.payload = part_decode(&d->head, sums);
	if (d->flags & FLAG_CELLS)
		part.cells = cells_part_decode(&d->head, sums);
	if (part.kind & KIND_SPARSE)
		count = reader_varint(&d->head);
	if (d->head.failed || field_id > UINT32_MAX || kind > SUMMARY_DOUBLE ||
	    (part.kind & KIND_TYPE) == VALUE_NONE || (part.kind & KIND_TYPE) >= VALUE_TYPE_COUNT ||
	    count == 0 || count > d->row_count)
		return ERR_CORRUPT;
	part.field_id = (uint32_t)field_id;
	part.summary.count = (uint32_t)count;
	summary_decode(&d->head, &part.summary, kind);
	out->part = part;
	if (d->head.failed)
		return ERR_CORRUPT;
	TRY(part_take(&d->cells, &part.cells, &out->cells));
	return part_take(&d->payloads, &part.payload, &out->payload);
}

/* --- times in --------------------------------------------------------------- */

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

static int time_step_read(struct reader *in, struct time_step *step)
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

/* Of even ones none is written down. */
struct row_times {
	struct time_step step;
	int64_t *times_ns; /* NULL: even */
	size_t count;
};

static int64_t time_of(const struct row_times *times, size_t row)
{
	return times->times_ns
		       ? times->times_ns[row]
		       : (int64_t)((uint64_t)times->step.first_ns + row * times->step.step_ns);
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

static int row_times_open(struct slice payload, size_t row_count, struct arena *arena,
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

static size_t first_row_at(const struct row_times *times, int64_t time_ns)
{
	return times->times_ns ? row_at(times->times_ns, times->count, time_ns)
			       : even_row_at(times, time_ns);
}

/* Rows of a closed range of times: [*first, *end). */
static void rows_between(const struct row_times *times, int64_t first_ns, int64_t last_ns,
			 size_t *first, size_t *end)
{
	*first = first_row_at(times, first_ns);
	*end = last_ns == INT64_MAX ? times->count : first_row_at(times, last_ns + 1);
}

/* The vectors that hold the rows of the wish; at least one. */
static struct vector_range vectors_wanted(const struct chunk_wish *wish,
					  const struct row_times *times)
{
	struct vector_range range;
	size_t first, end;

	rows_between(times, wish->time_first_ns, wish->time_last_ns, &first, &end);
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

CLONES static void times_fill(int64_t first_ns, uint64_t step_ns, int64_t *times_ns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		times_ns[i] = (int64_t)((uint64_t)first_ns + i * step_ns);
}

/* Those of a range of vectors alone: writing even ones down took a seventh of a query of one field.
 */
static int times_decode(struct row_times *times, struct vector_range range, struct chunk_data *out)
{
	size_t first = range.first * VECTOR_ROWS, end = range.end * VECTOR_ROWS;

	out->chunk_rows = times->count;
	out->row_count = (end < times->count ? end : times->count) - first;
	out->time_first_ns = time_of(times, 0);
	out->time_last_ns = time_of(times, times->count - 1);
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

		TRY(column_next(d, &place));
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

		TRY(column_next(d, &place));
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
	TRY(chunk_open(chunk, &d));
	out->series_id = d.series_id;
	TRY(row_times_open(d.times, d.row_count, &out->arena, &times));
	range = vectors_wanted(wish, &times);
	TRY(times_decode(&times, range, out));
	out->column_count = all ? d.column_count : wish->field_count;
	out->columns = arena_alloc(&out->arena, out->column_count * sizeof(*out->columns) + 1);
	if (!out->columns)
		return ERR_MEMORY;
	for (size_t i = 0; !all && i < out->column_count; i++)
		out->columns[i].field_id = wish->field_ids[i];
	return all ? columns_decode_all(&d, range, out)
		   : columns_decode_asked(&d, wish->field_ids, range, out);
}

/* --- the head alone -------------------------------------------------------------- */

/* Wider cells than those wished for are as good as none. */
static int laying_open(struct decoding *d, int64_t width_max_ns, struct arena *arena,
		       struct laying *out)
{
	struct reader in = reader_of(d->times);
	struct time_step step;

	*out = (struct laying){ 0 };
	if (!(d->flags & FLAG_CELLS))
		return OK;
	TRY(part_check(d->laying, &d->laying_part, d));
	TRY(time_step_read(&in, &step));
	TRY(laying_decode(d->laying, &step, d->row_count, arena, out));
	if ((int64_t)out->width_s * 1000000000 > width_max_ns)
		out->count = 0;
	return OK;
}

/* False: the cells need none, or nobody needs what they name. ERR_CORRUPT. */
static int cells_access(struct decoding *d, const struct column_place *place, bool sums_only,
			struct access *access)
{
	uint8_t kind = place->part.kind;

	if (sums_only || !cells_name_rows(place->cells, kind & KIND_TYPE))
		return false;
	TRY(access_open(place->payload, kind >> KIND_FORM_SHIFT, d->row_count, access));
	return true;
}

static int column_outline(struct decoding *d, const struct column_place *place, bool sums_only,
			  struct arena *arena, const struct chunk_outline *outline,
			  struct outline_column *out)
{
	struct summary *cells = NULL;
	struct access access;

	*out = (struct outline_column){ .type = place->part.kind & KIND_TYPE,
					.summary = place->part.summary };
	if (!place->cells.length || outline->laying.count == 0)
		return OK;
	TRY(part_check(place->cells, &place->part.cells, d));
	int needs = cells_access(d, place, sums_only, &access);
	TRY(needs);
	TRY(cells_decode(place->cells, out->type, &outline->laying, needs ? &access : NULL, arena,
			 &cells));
	out->cells = cells;
	out->summary = cells_join(cells, outline->laying.count, out->type);
	return OK;
}

int chunk_outline(struct slice chunk, const struct outline_wish *wish, struct arena *arena,
		  struct chunk_outline *out)
{
	struct decoding d;

	TRY(chunk_open(chunk, &d));
	*out = (struct chunk_outline){
		.series_id = d.series_id,
		.row_count = d.row_count,
		.is_cold = d.flags & FLAG_COLD,
		.columns = arena_alloc(arena, wish->field_count * sizeof(*out->columns) + 1)
	};
	if (!out->columns)
		return ERR_MEMORY;
	TRY(laying_open(&d, wish->width_max_ns, arena, &out->laying));
	for (size_t i = 0; i < d.column_count; i++) {
		struct column_place place;

		TRY(column_next(&d, &place));
		for (size_t asked = 0; asked < wish->field_count; asked++)
			if (wish->field_ids[asked] == place.part.field_id)
				TRY(column_outline(&d, &place, wish->sums_only, arena, out,
						   &out->columns[asked]));
	}
	return OK;
}

void chunk_data_release(struct chunk_data *data)
{
	arena_release(&data->arena);
	*data = (struct chunk_data){ 0 };
}

/* --- sums ------------------------------------------------------------------------------ */

/* Windows of fewer rows on average are as well off with rows. */
#define SPAN_ROWS_MIN 8

/* Rows cut by the windows, and what that makes of vectors. */
struct spans {
	size_t first, end; /* rows that are wanted */
	size_t count, capacity;
	uint32_t *row_counts;
	int64_t *times_first_ns;
	struct sum_plan plan;
	size_t piece_count;
};

static int spans_reserve(struct spans *spans, struct arena *arena)
{
	spans->capacity = (spans->end - spans->first) / SPAN_ROWS_MIN + 1;
	spans->row_counts = arena_alloc_raw(arena, spans->capacity * sizeof(*spans->row_counts), 8);
	spans->times_first_ns =
		arena_alloc_raw(arena, spans->capacity * sizeof(*spans->times_first_ns), 8);
	spans->plan.pieces = arena_alloc_raw(
		arena,
		(spans->capacity + CHUNK_ROWS_MAX / VECTOR_ROWS) * sizeof(*spans->plan.pieces), 8);
	return spans->row_counts && spans->times_first_ns && spans->plan.pieces ? OK : ERR_MEMORY;
}

/* `vector` is that of the piece added last. */
static void pieces_add(struct spans *spans, size_t first, size_t end, size_t *vector)
{
	while (first < end) {
		size_t of = first / VECTOR_ROWS, from = of * VECTOR_ROWS;
		size_t to = end < from + VECTOR_ROWS ? end : from + VECTOR_ROWS;

		while (*vector < of)
			spans->plan.starts[++*vector] = (uint32_t)spans->piece_count;
		spans->plan.pieces[spans->piece_count++] =
			(struct sum_piece){ (uint16_t)(first - from), (uint16_t)(to - from),
					    (uint32_t)spans->count };
		first = to;
	}
}

/* Windows are mostly of as many rows as the one before: then nothing is searched. */
static size_t span_end(const struct row_times *times, size_t first, size_t length, int64_t end_ns)
{
	size_t guess = first + length;

	if (length && guess < times->count && time_of(times, guess) >= end_ns &&
	    time_of(times, guess - 1) < end_ns)
		return guess;
	return first_row_at(times, end_ns);
}

/* 1, or 0: too many of them. */
static int spans_lay(const struct row_times *times, const struct sums_wish *wish,
		     struct arena *arena, struct spans *spans)
{
	size_t vector = 0, length = 0;

	TRY(spans_reserve(spans, arena));
	spans->plan.starts[0] = 0;
	for (size_t row = spans->first; row < spans->end; row += length) {
		int64_t time_ns = time_of(times, row);
		size_t end = span_end(times, row, length,
				      wish->taker->window_end(wish->taker->arg, time_ns));

		if (spans->count == spans->capacity)
			return 0;
		if (end > spans->end)
			end = spans->end;
		length = end - row;
		spans->times_first_ns[spans->count] = time_ns;
		spans->row_counts[spans->count] = (uint32_t)length;
		pieces_add(spans, row, end, &vector);
		spans->count++;
	}
	while (vector < CHUNK_ROWS_MAX / VECTOR_ROWS)
		spans->plan.starts[++vector] = (uint32_t)spans->piece_count;
	return 1;
}

static bool can_be_summed(const struct column_part *part)
{
	enum value_type type = part->kind & KIND_TYPE;

	return !(part->kind & KIND_SPARSE) &&
	       (type == VALUE_FLOAT || type == VALUE_INTEGER || type == VALUE_UNSIGNED);
}

/* The least and the greatest of a column: its cells have them where there are cells. */
static int column_extremes(struct decoding *d, const struct column_place *place,
			   struct arena *arena, struct summary *out)
{
	struct chunk_outline outline = { .row_count = d->row_count };
	struct outline_column column;

	*out = place->part.summary;
	if (out->has_numbers || !place->cells.length)
		return OK;
	TRY(laying_open(d, INT64_MAX, arena, &outline.laying));
	TRY(column_outline(d, place, true, arena, &outline, &column));
	*out = column.summary;
	return OK;
}

static __int128 distance_from_zero(enum value_type type, union value value)
{
	if (type == VALUE_UNSIGNED)
		return (__int128)value.u;
	return value.i < 0 ? -(__int128)value.i : (__int128)value.i;
}

/*
 * Sums of integers are made in 64 bits: false where those of some rows may need more, or where
 * nothing is known of the extremes.
 */
static int holds_sums(struct decoding *d, const struct column_place *place, struct arena *arena)
{
	enum value_type type = place->part.kind & KIND_TYPE;
	struct summary summary;
	__int128 low, high;

	if (type == VALUE_FLOAT)
		return true;
	TRY(column_extremes(d, place, arena, &summary));
	low = distance_from_zero(type, summary.min);
	high = distance_from_zero(type, summary.max);
	return summary.has_numbers && (low > high ? low : high) * d->row_count <= INT64_MAX;
}

/* 1, or 0: not all of the columns can be summed, or none is there. */
static int sum_types(struct decoding d, const struct sums_wish *wish, struct arena *arena,
		     struct sum_column *columns)
{
	struct decoding whole = d;
	bool any = false;
	int holds;

	for (size_t i = 0; i < d.column_count; i++) {
		struct column_place place;

		TRY(column_next(&d, &place));
		for (size_t asked = 0; asked < wish->field_count; asked++) {
			if (wish->field_ids[asked] != place.part.field_id)
				continue;
			if (!can_be_summed(&place.part))
				return 0;
			holds = holds_sums(&whole, &place, arena);
			if (holds != 1)
				return holds;
			columns[asked].type = place.part.kind & KIND_TYPE;
			any = true;
		}
	}
	return any;
}

static int column_sum(const struct column_place *place, const struct spans *spans,
		      struct arena *arena, union value before, struct sum_column *column)
{
	struct reader in = reader_of(place->payload);
	union value *sums = arena_alloc(arena, spans->count * sizeof(*sums));

	if (!sums)
		return ERR_MEMORY;
	sums[0] = before;
	column->sums = sums;
	TRY(vectors_sum(&in, column->type, place->part.kind >> KIND_FORM_SHIFT,
			place->part.summary.count, &spans->plan, sums));
	return reader_left(&in) ? ERR_CORRUPT : OK;
}

static int columns_sum(struct decoding *d, const struct sums_wish *wish, const struct spans *spans,
		       struct arena *arena, const union value *before, struct sum_column *columns)
{
	for (size_t i = 0; i < d->column_count; i++) {
		struct column_place place;

		TRY(column_next(d, &place));
		for (size_t asked = 0; asked < wish->field_count; asked++) {
			if (wish->field_ids[asked] != place.part.field_id)
				continue;
			TRY(part_check(place.payload, &place.part.payload, d));
			TRY(column_sum(&place, spans, arena, before[asked], &columns[asked]));
		}
	}
	return 1;
}

int chunk_sums(struct slice chunk, const struct sums_wish *wish, struct arena *arena,
	       struct chunk_sums *out)
{
	struct decoding d;
	struct row_times times;
	struct spans spans = { 0 };
	struct sum_column *columns;
	union value *before;
	int taken;

	TRY(chunk_open(chunk, &d));
	TRY(row_times_open(d.times, d.row_count, arena, &times));
	rows_between(&times, wish->time_first_ns, wish->time_last_ns, &spans.first, &spans.end);
	*out = (struct chunk_sums){ d.series_id,
				    d.row_count,
				    time_of(&times, 0),
				    time_of(&times, d.row_count - 1),
				    { 0 } };
	if (spans.first >= spans.end)
		return 0;
	columns = arena_alloc(arena, wish->field_count * sizeof(*columns) + 1);
	before = arena_alloc(arena, wish->field_count * sizeof(*before) + 1);
	if (!columns || !before)
		return ERR_MEMORY;
	taken = sum_types(d, wish, arena, columns);
	if (taken == 1)
		taken = spans_lay(&times, wish, arena, &spans);
	if (taken != 1)
		return taken;
	out->sums =
		(struct window_sums){ spans.count, spans.row_counts,	    spans.times_first_ns,
				      columns,	   spans.end - spans.first, wish->group_id };
	taken = wish->taker->begin(wish->taker->arg, &out->sums, before);
	return taken == 1 ? columns_sum(&d, wish, &spans, arena, before, columns) : taken;
}
