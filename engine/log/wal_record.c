/*
 * Records of the log as bytes; wal.h draws them. Why varints: the log takes most of what is written
 * before a flush, and numbers of series and fields are small.
 */
#include "engine/base/bytes.h"
#include "engine/log/wal.h"

/* --- encoding --------------------------------------------------------------- */

static void put_signed(struct buf *out, int64_t value)
{
	buf_append_varint(out, zigzag(value));
}

static void put_masks(struct buf *out, const struct wal_record *record)
{
	buf_append_varint(out, record->mask_count);
	for (size_t i = 0; i < record->mask_count; i++) {
		buf_append_varint(out, record->masks[i].series_id);
		put_signed(out, record->masks[i].time_first_ns);
		put_signed(out, record->masks[i].time_last_ns);
		buf_append_varint(out, record->masks[i].sequence);
	}
}

static void put_mtimes(struct buf *out, const struct wal_record *record)
{
	buf_append_varint(out, record->mtime_count);
	for (size_t i = 0; i < record->mtime_count; i++) {
		buf_append_varint(out, record->mtimes[i].series_id);
		put_signed(out, record->mtimes[i].mtime_ns);
		put_signed(out, record->mtimes[i].ctime_ns);
	}
}

static void put_layouts(struct buf *out, const struct wal_record *record)
{
	buf_append_varint(out, record->layout_count);
	for (size_t i = 0; i < record->layout_count; i++) {
		const struct layout *layout = record->layouts[i];

		buf_append_varint(out, layout->field_count);
		for (uint32_t k = 0; k < layout->field_count; k++) {
			buf_append_varint(out, layout->fields[k].field_id);
			buf_append_byte(out, (char)layout->fields[k].type);
		}
	}
}

static char *put_value(char *p, enum value_type type, union value value)
{
	switch (type) {
	case VALUE_INTEGER: return varint_put(p, zigzag(value.i));
	case VALUE_UNSIGNED: return varint_put(p, value.u);
	case VALUE_BOOLEAN: *p = (char)value.b; return p + 1;
	default: store64(p, value.bits); return p + 8;
	}
}

static void put_row(struct buf *out, const struct memtable_row *row, const struct layout *layout,
		    int64_t time_before_ns)
{
	char *p = buf_reserve(out, (3 + layout->field_count) * VARINT_BYTES_MAX);

	p = varint_put(p, row->series_id);
	p = varint_put(p, row->layout);
	p = varint_put(p, zigzag((int64_t)((uint64_t)row->time_ns - (uint64_t)time_before_ns)));
	for (uint32_t i = 0; i < layout->field_count; i++) {
		if (layout->fields[i].type != VALUE_STRING) {
			p = put_value(p, layout->fields[i].type, row->values[i]);
			continue;
		}
		out->length = (size_t)(p - out->data);
		buf_append_prefixed(out, text_slice(row->values[i].s));
		p = buf_reserve(out, (layout->field_count - i) * VARINT_BYTES_MAX);
	}
	out->length = (size_t)(p - out->data);
}

void wal_record_encode(const struct wal_record *record, struct buf *out)
{
	int64_t time_before_ns = 0;

	buf_append_varint(out, record->database_id);
	buf_append_varint(out, record->policy_id);
	buf_append_varint(out, record->group_id);
	buf_append_u64(out, (uint64_t)record->arrival_ns);
	put_masks(out, record);
	put_mtimes(out, record);
	put_layouts(out, record);
	buf_append_varint(out, record->row_count);
	for (size_t i = 0; i < record->row_count; i++) {
		const struct memtable_row *row = &record->rows[i];

		put_row(out, row, record->layouts[row->layout], time_before_ns);
		time_before_ns = row->time_ns;
	}
}

/* No database has the number 0. */
void wal_names_encode(uint32_t database_id, struct slice additions, struct buf *out)
{
	buf_append_varint(out, 0);
	buf_append_varint(out, database_id);
	buf_append_slice(out, additions);
}

bool wal_names_decode(struct slice payload, uint32_t *database_id, struct slice *additions)
{
	struct reader reader = reader_of(payload);

	if (reader_varint(&reader) != 0 || reader.failed)
		return false;
	*database_id = (uint32_t)reader_varint(&reader);
	*additions = slice_from(payload, payload.length - reader_left(&reader));
	return !reader.failed;
}

/* --- decoding ----------------------------------------------------------------- */

static int64_t get_signed(struct reader *reader)
{
	return unzigzag(reader_varint(reader));
}

/* A count of things that take at least a byte each. */
static size_t get_count(struct reader *reader)
{
	uint64_t count = reader_varint(reader);

	if (count > reader_left(reader)) {
		reader->failed = true;
		return 0;
	}
	return (size_t)count;
}

static int get_masks(struct reader *reader, uint64_t sequence, struct arena *arena,
		     struct wal_record *out)
{
	out->mask_count = get_count(reader);
	struct mask *masks = arena_alloc(arena, (out->mask_count + 1) * sizeof(*masks));
	if (!masks)
		return ERR_LIMIT;
	for (size_t i = 0; i < out->mask_count; i++) {
		masks[i].series_id = (uint32_t)reader_varint(reader);
		masks[i].time_first_ns = get_signed(reader);
		masks[i].time_last_ns = get_signed(reader);
		masks[i].sequence = reader_varint(reader);
		masks[i].since = sequence;
		if (masks[i].sequence == 0)
			masks[i].sequence = sequence;
	}
	out->masks = masks;
	return OK;
}

static int get_mtimes(struct reader *reader, struct arena *arena, struct wal_record *out)
{
	out->mtime_count = get_count(reader);
	struct wal_mtime *mtimes = arena_alloc(arena, (out->mtime_count + 1) * sizeof(*mtimes));
	if (!mtimes)
		return ERR_LIMIT;
	for (size_t i = 0; i < out->mtime_count; i++) {
		mtimes[i].series_id = (uint32_t)reader_varint(reader);
		mtimes[i].mtime_ns = get_signed(reader);
		mtimes[i].ctime_ns = get_signed(reader);
	}
	out->mtimes = mtimes;
	return OK;
}

static int get_layout(struct reader *reader, struct arena *arena, const struct layout **out)
{
	size_t count = get_count(reader);
	struct layout *layout =
		arena_alloc(arena, sizeof(*layout) + count * sizeof(*layout->fields));

	if (!layout)
		return ERR_LIMIT;
	layout->field_count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		layout->fields[i].field_id = (uint32_t)reader_varint(reader);
		layout->fields[i].type = reader_u8(reader);
		if (layout->fields[i].type == VALUE_NONE ||
		    layout->fields[i].type >= VALUE_TYPE_COUNT)
			return ERR_CORRUPT;
	}
	*out = layout;
	return reader->failed || count == 0 ? ERR_CORRUPT : OK;
}

static int get_layouts(struct reader *reader, struct arena *arena, struct wal_record *out)
{
	out->layout_count = get_count(reader);
	const struct layout **layouts =
		arena_alloc(arena, (out->layout_count + 1) * sizeof(*layouts));
	if (!layouts)
		return ERR_LIMIT;
	for (size_t i = 0; i < out->layout_count; i++)
		TRY(get_layout(reader, arena, &layouts[i]));
	out->layouts = layouts;
	return OK;
}

static int get_value(struct reader *reader, enum value_type type, struct arena *arena,
		     union value *out)
{
	out->bits = 0;
	switch (type) {
	case VALUE_INTEGER: out->i = get_signed(reader); break;
	case VALUE_UNSIGNED: out->u = reader_varint(reader); break;
	case VALUE_BOOLEAN: out->b = reader_u8(reader) == 1; break;
	case VALUE_STRING:
		out->s = text_copy(arena, reader_prefixed(reader));
		return out->s ? OK : ERR_LIMIT;
	default: out->bits = reader_u64(reader); break;
	}
	return OK;
}

static int get_row(struct reader *reader, struct arena *arena, const struct wal_record *record,
		   int64_t time_before_ns, struct memtable_row *out)
{
	out->series_id = (uint32_t)reader_varint(reader);
	out->layout = (uint32_t)reader_varint(reader);
	out->time_ns = (int64_t)((uint64_t)time_before_ns + (uint64_t)get_signed(reader));
	if (reader->failed || out->layout >= record->layout_count)
		return ERR_CORRUPT;
	const struct layout *layout = record->layouts[out->layout];
	union value *values = arena_alloc(arena, layout->field_count * sizeof(*values));
	if (!values)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < layout->field_count; i++)
		TRY(get_value(reader, layout->fields[i].type, arena, &values[i]));
	out->values = values;
	return reader->failed ? ERR_CORRUPT : OK;
}

static int get_rows(struct reader *reader, struct arena *arena, struct wal_record *out)
{
	int64_t time_before_ns = 0;

	out->row_count = get_count(reader);
	struct memtable_row *rows = arena_alloc(arena, (out->row_count + 1) * sizeof(*rows));
	if (!rows)
		return ERR_LIMIT;
	for (size_t i = 0; i < out->row_count; i++) {
		TRY(get_row(reader, arena, out, time_before_ns, &rows[i]));
		time_before_ns = rows[i].time_ns;
	}
	out->rows = rows;
	return OK;
}

int wal_record_decode(struct slice payload, uint64_t sequence, struct arena *arena,
		      struct wal_record *out)
{
	struct reader reader = reader_of(payload);

	*out = (struct wal_record){ 0 };
	out->database_id = (uint32_t)reader_varint(&reader);
	out->policy_id = (uint32_t)reader_varint(&reader);
	out->group_id = (uint32_t)reader_varint(&reader);
	out->arrival_ns = (int64_t)reader_u64(&reader);
	TRY(get_masks(&reader, sequence, arena, out));
	TRY(get_mtimes(&reader, arena, out));
	TRY(get_layouts(&reader, arena, out));
	TRY(get_rows(&reader, arena, out));
	return reader.failed || reader_left(&reader) ? ERR_CORRUPT : OK;
}
