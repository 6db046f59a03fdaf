/*
 * Chunks to bytes and back; chunk.h draws them.
 *
 * Encoding makes the payloads first, since the head tells their lengths.
 * Decoding believes nothing: checksums first, then every length and count.
 */
#include "engine/chunk.h"

#include <assert.h>
#include <xxhash.h>

#include "engine/base/bytes.h"
#include "engine/base/err.h"
#include "engine/codec/codec.h"
#include "engine/limits.h"

#define CHECKSUM_BYTES	4
#define TIME_DIGITS_MAX 9 /* a second */

enum { FLAG_SUMS = 1, FLAGS_KNOWN = FLAG_SUMS };
enum { TIMES_EVEN = 0, TIMES_VECTORS = 1 };
enum {
	KIND_TYPE = 7,
	KIND_SPARSE = 8,
	KIND_SUMMARY_SHIFT = 4,
	KIND_BINS = 0x40,
	KIND_KNOWN = 0x7f
};
enum summary_kind { SUMMARY_NONE = 0, SUMMARY_WHOLE = 1, SUMMARY_DOUBLE = 2 };

/* The seed keeps a run of zeros from being a chunk. */
static uint32_t checksum_of(struct slice bytes)
{
	return (uint32_t)XXH3_64bits_withSeed(bytes.data, bytes.length, 1);
}

/* --- summaries ------------------------------------------------------------ */

static void summarize_floats(struct chunk_summary *summary, const union value *values)
{
	union value min = values[0], max = values[0], sum = { .f = 0 };

	for (size_t i = 0; i < summary->count; i++) {
		if (values[i].f != values[i].f)
			return; /* NaN: nothing can be said */
		min = values[i].f < min.f ? values[i] : min;
		max = values[i].f > max.f ? values[i] : max;
		sum.f += values[i].f;
	}
	*summary = (struct chunk_summary){
		summary->count, true, min, max, sum, values[0], values[summary->count - 1]
	};
}

/* Flipping the top bit makes the order of integers that of unsigned ones. */
static void summarize_whole(struct chunk_summary *summary, const union value *values, uint64_t flip)
{
	union value min = values[0], max = values[0], sum = { .u = 0 };

	for (size_t i = 0; i < summary->count; i++) {
		min = (values[i].u ^ flip) < (min.u ^ flip) ? values[i] : min;
		max = (values[i].u ^ flip) > (max.u ^ flip) ? values[i] : max;
		sum.u += values[i].u;
	}
	*summary = (struct chunk_summary){
		summary->count, true, min, max, sum, values[0], values[summary->count - 1]
	};
}

static struct chunk_summary summarize(enum value_type type, const union value *values, size_t count)
{
	struct chunk_summary summary = { .count = (uint32_t)count };

	if (count < CHUNK_SUMMARY_VALUES_MIN)
		return summary;
	if (type == VALUE_FLOAT)
		summarize_floats(&summary, values);
	else if (type == VALUE_INTEGER || type == VALUE_UNSIGNED)
		summarize_whole(&summary, values, type == VALUE_INTEGER ? UINT64_C(1) << 63 : 0);
	return summary;
}

static enum summary_kind summary_kind(enum value_type type, const struct chunk_summary *summary)
{
	if (!summary->has_numbers)
		return SUMMARY_NONE;
	return type == VALUE_FLOAT ? SUMMARY_DOUBLE : SUMMARY_WHOLE;
}

/* Whole numbers are written as what they are above the smallest. */
static void summary_encode(struct buf *out, const struct chunk_summary *s, enum summary_kind kind)
{
	if (kind == SUMMARY_DOUBLE) {
		buf_append_u64(out, s->min.bits);
		buf_append_u64(out, s->max.bits);
		buf_append_u64(out, s->sum.bits);
		buf_append_u64(out, s->first.bits);
		buf_append_u64(out, s->last.bits);
	} else if (kind == SUMMARY_WHOLE) {
		buf_append_varint(out, zigzag(s->min.i));
		buf_append_varint(out, s->max.u - s->min.u);
		buf_append_varint(out, s->sum.u - s->count * s->min.u);
		buf_append_varint(out, s->first.u - s->min.u);
		buf_append_varint(out, s->last.u - s->min.u);
	}
}

static void summary_decode(struct reader *in, struct chunk_summary *s, enum summary_kind kind)
{
	s->has_numbers = kind != SUMMARY_NONE;
	if (kind == SUMMARY_DOUBLE) {
		s->min.bits = reader_u64(in);
		s->max.bits = reader_u64(in);
		s->sum.bits = reader_u64(in);
		s->first.bits = reader_u64(in);
		s->last.bits = reader_u64(in);
	} else if (kind == SUMMARY_WHOLE) {
		s->min.i = unzigzag(reader_varint(in));
		s->max.u = s->min.u + reader_varint(in);
		s->sum.u = s->count * s->min.u + reader_varint(in);
		s->first.u = s->min.u + reader_varint(in);
		s->last.u = s->min.u + reader_varint(in);
	}
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
		flags[i].bits = valid[i / 64] >> i % 64 & 1;
	vectors_encode(VALUE_BOOLEAN, flags, row_count, false, out);
}

/* The values that are there, side by side. */
static size_t values_gather(const struct chunk_write_column *column, size_t row_count,
			    union value *out)
{
	size_t count = 0;

	for (size_t i = 0; i < row_count; i++)
		if (!column->valid || column->valid[i / 64] >> i % 64 & 1)
			out[count++] = column->values[i];
	return count;
}

/* --- a chunk out ---------------------------------------------------------- */

/* What the head says of one payload. */
struct part {
	uint32_t field_id;
	uint8_t kind;
	uint64_t bytes;
	uint32_t sum;
	struct chunk_summary summary;
};

struct encoding {
	struct buf payloads;
	struct part times;
	struct buf parts; /* of struct part, one a column */
};

static struct part part_close(const struct encoding *e, size_t from)
{
	struct slice bytes = slice_of(e->payloads.data + from, e->payloads.length - from);

	return (struct part){ .bytes = bytes.length, .sum = checksum_of(bytes) };
}

static void column_encode(struct encoding *e, const struct chunk_write_column *column,
			  size_t row_count, bool cold)
{
	union value values[CHUNK_ROWS_MAX];
	size_t count = values_gather(column, row_count, values), from = e->payloads.length;
	struct part part;
	bool has_bins;

	assert(column->type > VALUE_NONE && column->type < VALUE_TYPE_COUNT);
	if (count == 0)
		return;
	if (count < row_count)
		validity_encode(&e->payloads, column->valid, row_count);
	has_bins = vectors_encode(column->type, values, count, cold, &e->payloads);
	part = part_close(e, from);
	part.field_id = column->field_id;
	part.summary = summarize(column->type, values, count);
	part.kind = (uint8_t)(column->type | (count < row_count ? KIND_SPARSE : 0) |
			      (has_bins ? KIND_BINS : 0) |
			      summary_kind(column->type, &part.summary) << KIND_SUMMARY_SHIFT);
	buf_append(&e->parts, &part, sizeof(part));
}

static void part_encode(struct buf *out, const struct part *part, bool sums)
{
	buf_append_varint(out, part->bytes);
	if (sums)
		buf_append_u32(out, part->sum);
}

static void head_encode(struct buf *out, const struct encoding *e, const struct chunk_rows *rows,
			bool sums)
{
	const struct part *parts = (const struct part *)e->parts.data;
	size_t part_count = e->parts.length / sizeof(*parts);

	buf_append_varint(out, rows->series_id);
	buf_append_varint(out, rows->row_count);
	part_encode(out, &e->times, sums);
	buf_append_varint(out, part_count);
	for (size_t i = 0; i < part_count; i++) {
		buf_append_varint(out, parts[i].field_id);
		buf_append_byte(out, (char)parts[i].kind);
		part_encode(out, &parts[i], sums);
		if (parts[i].kind & KIND_SPARSE)
			buf_append_varint(out, parts[i].summary.count);
		summary_encode(out, &parts[i].summary, parts[i].kind >> KIND_SUMMARY_SHIFT & 3);
	}
}

static void chunk_assemble(struct buf *out, const struct encoding *e, const struct chunk_rows *rows)
{
	size_t start = out->length, covered = start + CHECKSUM_BYTES;
	bool sums = e->payloads.length + e->parts.length > CHUNK_WHOLE_BYTES_MAX;
	struct buf head = { 0 };

	head_encode(&head, e, rows, sums);
	buf_append_u32(out, 0);
	buf_append_byte(out, sums ? FLAG_SUMS : 0);
	buf_append_prefixed(out, buf_slice(&head));
	if (sums)
		store32(out->data + start,
			checksum_of(slice_of(out->data + covered, out->length - covered)));
	buf_append_slice(out, buf_slice(&e->payloads));
	if (!sums)
		store32(out->data + start,
			checksum_of(slice_of(out->data + covered, out->length - covered)));
	buf_release(&head);
}

void chunk_encode(struct buf *out, const struct chunk_rows *rows)
{
	struct encoding e = { 0 };

	assert(rows->row_count > 0 && rows->row_count <= CHUNK_ROWS_MAX);
	times_encode(&e.payloads, rows->times_ns, rows->row_count);
	e.times = part_close(&e, 0);
	for (size_t i = 0; i < rows->column_count; i++)
		column_encode(&e, &rows->columns[i], rows->row_count, rows->cold);
	chunk_assemble(out, &e, rows);
	buf_release(&e.payloads);
	buf_release(&e.parts);
}

/* --- a chunk in ----------------------------------------------------------- */

struct decoding {
	bool sums;
	struct reader head;	/* stands at the first column */
	struct reader payloads; /* stands behind the times */
	struct slice times;
	size_t column_count;
};

static int payload_take(struct reader *payloads, const struct part *part, struct slice *payload)
{
	if (part->bytes > reader_left(payloads))
		return ERR_CORRUPT;
	*payload = reader_take(payloads, (size_t)part->bytes);
	return OK;
}

static int payload_check(struct slice payload, const struct part *part, bool sums)
{
	return sums && checksum_of(payload) != part->sum ? ERR_CORRUPT : OK;
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
	d->sums = flags & FLAG_SUMS;
	d->head = reader_of(head);
	d->payloads = in;
	return checksum_of(slice_of(covered, (size_t)((d->sums ? in.next : in.end) - covered))) ==
			       sum
		       ? OK
		       : ERR_CORRUPT;
}

static int chunk_open(struct slice chunk, struct decoding *d, struct chunk_data *out)
{
	struct part times = { 0 };
	uint64_t series_id, row_count, column_count;

	TRY(head_open(chunk, d));
	series_id = reader_varint(&d->head);
	row_count = reader_varint(&d->head);
	times.bytes = reader_varint(&d->head);
	times.sum = d->sums ? reader_u32(&d->head) : 0;
	column_count = reader_varint(&d->head);
	if (d->head.failed || series_id > UINT32_MAX || row_count == 0 ||
	    row_count > CHUNK_ROWS_MAX || column_count > reader_left(&d->head))
		return ERR_CORRUPT;
	out->series_id = (uint32_t)series_id;
	out->row_count = (size_t)row_count;
	d->column_count = (size_t)column_count;
	TRY(payload_take(&d->payloads, &times, &d->times));
	return payload_check(d->times, &times, d->sums);
}

/* The next column of the head and its bytes, not looked at yet. */
static int part_next(struct decoding *d, size_t row_count, struct part *part, struct slice *payload)
{
	uint64_t field_id = reader_varint(&d->head), count = row_count;
	enum summary_kind kind;

	*part = (struct part){ .kind = reader_u8(&d->head) };
	part->bytes = reader_varint(&d->head);
	part->sum = d->sums ? reader_u32(&d->head) : 0;
	if (part->kind & KIND_SPARSE)
		count = reader_varint(&d->head);
	kind = part->kind >> KIND_SUMMARY_SHIFT & 3;
	if (d->head.failed || field_id > UINT32_MAX || part->kind & ~KIND_KNOWN ||
	    kind > SUMMARY_DOUBLE || (part->kind & KIND_TYPE) == VALUE_NONE ||
	    (part->kind & KIND_TYPE) >= VALUE_TYPE_COUNT || count == 0 || count > row_count)
		return ERR_CORRUPT;
	part->field_id = (uint32_t)field_id;
	part->summary.count = (uint32_t)count;
	summary_decode(&d->head, &part->summary, kind);
	return d->head.failed ? ERR_CORRUPT : payload_take(&d->payloads, part, payload);
}

static int times_fill(struct reader *in, int64_t *times_ns, size_t count)
{
	uint64_t first = reader_u64(in), step = reader_varint(in);

	for (size_t i = 0; i < count; i++)
		times_ns[i] = (int64_t)(first + i * step);
	return in->failed ? ERR_CORRUPT : OK;
}

static int times_grow(struct reader *in, int64_t *times_ns, size_t count, struct arena *arena)
{
	union value *distances = (union value *)times_ns;
	uint64_t first = reader_u64(in), unit = 1;
	uint8_t digits = reader_u8(in);

	if (digits > TIME_DIGITS_MAX)
		return ERR_CORRUPT;
	TRY(vectors_decode(in, VALUE_INTEGER, false, count, distances, arena));
	for (; digits; digits--)
		unit *= 10;
	for (size_t i = 0; i < count; i++)
		distances[i].u = first + distances[i].u * unit;
	return OK;
}

static int times_decode(struct slice payload, struct chunk_data *out)
{
	struct reader in = reader_of(payload);
	uint8_t kind = reader_u8(&in);
	int64_t *times_ns = arena_alloc_raw(&out->arena, out->row_count * sizeof(*times_ns), 8);

	if (!times_ns)
		return ERR_MEMORY;
	if (in.failed || kind > TIMES_VECTORS)
		return ERR_CORRUPT;
	if (kind == TIMES_EVEN)
		TRY(times_fill(&in, times_ns, out->row_count));
	else
		TRY(times_grow(&in, times_ns, out->row_count, &out->arena));
	for (size_t i = 1; i < out->row_count; i++)
		if (times_ns[i] <= times_ns[i - 1])
			return ERR_CORRUPT;
	out->times_ns = times_ns;
	return reader_left(&in) ? ERR_CORRUPT : OK;
}

/* Bits that agree with the number of values the head told. */
static int validity_decode(struct reader *in, const struct part *part, struct chunk_data *out,
			   struct chunk_column *column)
{
	union value flags[CHUNK_ROWS_MAX];
	uint64_t *valid = arena_alloc(&out->arena, (out->row_count + 63) / 64 * sizeof(*valid));
	size_t count = 0;

	if (!valid)
		return ERR_MEMORY;
	TRY(vectors_decode(in, VALUE_BOOLEAN, false, out->row_count, flags, &out->arena));
	for (size_t i = 0; i < out->row_count; i++) {
		valid[i / 64] |= flags[i].bits << i % 64;
		count += flags[i].bits;
	}
	column->valid = valid;
	return count == part->summary.count ? OK : ERR_CORRUPT;
}

/* From side by side to their rows, in place: from the end, since no value moves down. */
static void values_scatter(union value *values, size_t count, size_t row_count,
			   const uint64_t *valid)
{
	for (size_t row = row_count; row-- > 0;) {
		if (valid[row / 64] >> row % 64 & 1)
			values[row] = values[--count];
		else
			values[row].bits = 0;
	}
}

static int column_decode(struct slice payload, const struct part *part, struct chunk_data *out,
			 struct chunk_column *column)
{
	enum value_type type = part->kind & KIND_TYPE;
	struct reader in = reader_of(payload);
	union value *values = arena_alloc_raw(&out->arena, out->row_count * sizeof(*values), 8);

	if (!values)
		return ERR_MEMORY;
	*column = (struct chunk_column){ part->field_id, type, values, NULL, part->summary };
	if (part->kind & KIND_SPARSE)
		TRY(validity_decode(&in, part, out, column));
	TRY(vectors_decode(&in, type, part->kind & KIND_BINS, part->summary.count, values,
			   &out->arena));
	if (column->valid)
		values_scatter(values, part->summary.count, out->row_count, column->valid);
	return reader_left(&in) ? ERR_CORRUPT : OK;
}

static int columns_decode_all(struct decoding *d, struct chunk_data *out)
{
	for (size_t i = 0; i < d->column_count; i++) {
		struct slice payload;
		struct part part;

		TRY(part_next(d, out->row_count, &part, &payload));
		TRY(payload_check(payload, &part, d->sums));
		TRY(column_decode(payload, &part, out, &out->columns[i]));
	}
	return OK;
}

/* One pass over the head; a field may be asked for twice. */
static int columns_decode_asked(struct decoding *d, const uint32_t *field_ids,
				struct chunk_data *out)
{
	for (size_t i = 0; i < d->column_count; i++) {
		struct slice payload;
		struct part part;

		TRY(part_next(d, out->row_count, &part, &payload));
		for (size_t asked = 0; asked < out->column_count; asked++) {
			if (field_ids[asked] != part.field_id)
				continue;
			TRY(payload_check(payload, &part, d->sums));
			TRY(column_decode(payload, &part, out, &out->columns[asked]));
		}
	}
	return OK;
}

int chunk_decode(struct slice chunk, const uint32_t *field_ids, size_t field_count,
		 struct chunk_data *out)
{
	struct decoding d;

	arena_reset(&out->arena);
	*out = (struct chunk_data){ .arena = out->arena };
	TRY(chunk_open(chunk, &d, out));
	TRY(times_decode(d.times, out));
	out->column_count = field_count == CHUNK_ALL_FIELDS ? d.column_count : field_count;
	out->columns = arena_alloc(&out->arena, out->column_count * sizeof(*out->columns) + 1);
	if (!out->columns)
		return ERR_MEMORY;
	for (size_t i = 0; field_count != CHUNK_ALL_FIELDS && i < field_count; i++)
		out->columns[i].field_id = field_ids[i];
	return field_count == CHUNK_ALL_FIELDS ? columns_decode_all(&d, out)
					       : columns_decode_asked(&d, field_ids, out);
}

int chunk_outline(struct slice chunk, const uint32_t *field_ids, size_t field_count,
		  struct chunk_column *columns, size_t *row_count, uint32_t *series_id)
{
	struct chunk_data head = { 0 };
	struct decoding d;

	TRY(chunk_open(chunk, &d, &head));
	for (size_t i = 0; i < field_count; i++)
		columns[i] = (struct chunk_column){ .field_id = field_ids[i] };
	for (size_t i = 0; i < d.column_count; i++) {
		struct slice payload;
		struct part part;

		TRY(part_next(&d, head.row_count, &part, &payload));
		for (size_t asked = 0; asked < field_count; asked++)
			if (field_ids[asked] == part.field_id) {
				columns[asked].type = part.kind & KIND_TYPE;
				columns[asked].summary = part.summary;
			}
	}
	*row_count = head.row_count;
	*series_id = head.series_id;
	return OK;
}

void chunk_data_release(struct chunk_data *data)
{
	arena_release(&data->arena);
	*data = (struct chunk_data){ 0 };
}
