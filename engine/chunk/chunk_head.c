/*
 * The head of a chunk, read.
 *
 * Why it believes nothing: the bytes come off a disk. Checksums are compared first, then every
 * length and count is held against what is there, so that readers of payloads need not.
 */
#include "engine/base/limits.h"
#include "engine/chunk/chunk_inner.h"

/* Without sums in the head the checksum of the whole chunk covers the payload. */
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

/* ERR_CORRUPT: the head tells more bytes than follow it. */
static int part_take(struct reader *payloads, const struct part *part, struct slice *payload)
{
	if (part->bytes > reader_left(payloads))
		return ERR_CORRUPT;
	*payload = reader_take(payloads, (size_t)part->bytes);
	return OK;
}

/* The checksum comes first: nothing is believed of bytes that it does not cover. */
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

int chunk_head_open(struct slice chunk, struct decoding *d)
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

int chunk_column_next(struct decoding *d, struct column_place *out)
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
