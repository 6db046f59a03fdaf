/*
 * Keys and records as bytes; shard_record.h draws them. Why keys are big-endian: LevelDB compares
 * bytes, and a scan is to meet generations in order.
 */
#include "engine/shard/shard_record.h"

#include "engine/base/err.h"
#include "engine/base/limits.h"

#define FORMAT_VERSION 1

struct slice record_key_encode(const struct record_key *key, char out[RECORD_KEY_BYTES])
{
	store64_be(out, key->generation);
	out[8] = (char)key->kind;
	store32_be(out + 9, key->ordinal);
	return slice_of(out, RECORD_KEY_BYTES);
}

int record_key_decode(struct slice bytes, struct record_key *key)
{
	if (bytes.length != RECORD_KEY_BYTES)
		return ERR_CORRUPT;
	key->generation = load64_be(bytes.data);
	key->kind = (enum record_kind)bytes.data[8];
	key->ordinal = load32_be(bytes.data + 9);
	switch (key->kind) {
	case RECORD_TYPES:
	case RECORD_MASKS:
	case RECORD_STAMPS:
	case RECORD_CHUNKS:
	case RECORD_HEAD:
	case RECORD_PACK: return OK;
	}
	return ERR_CORRUPT;
}

void record_head_encode(struct buf *out, const struct record_head *head)
{
	size_t from = out->length, length;

	buf_append_varint(out, FORMAT_VERSION);
	buf_append_varint(out, head->sequence_flushed);
	buf_append_varint(out, head->types);
	buf_append_varint(out, head->masks);
	buf_append_varint(out, head->stamps);
	buf_append_varint(out, head->packs);
	buf_append_varint(out, head->settled);
	length = out->length - from;
	memset(buf_reserve(out, RECORD_BYTES_MIN - length), 0, RECORD_BYTES_MIN - length);
	out->length += RECORD_BYTES_MIN - length;
}

int record_head_decode(struct slice bytes, struct record_head *head)
{
	struct reader in = reader_of(bytes);
	uint64_t version = reader_varint(&in);

	*head = (struct record_head){ .sequence_flushed = reader_varint(&in) };
	head->types = (uint32_t)reader_varint(&in);
	head->masks = (uint32_t)reader_varint(&in);
	head->stamps = (uint32_t)reader_varint(&in);
	head->packs = (uint32_t)reader_varint(&in);
	head->settled = reader_varint(&in) == 1;
	return in.failed || version != FORMAT_VERSION ? ERR_CORRUPT : OK;
}

/* Modulo 2^64: what wraps here unwraps there. */
static void append_change(struct buf *out, uint64_t now, uint64_t before)
{
	buf_append_varint(out, zigzag((int64_t)(now - before)));
}

static void read_change(struct reader *in, uint64_t *number)
{
	*number += (uint64_t)unzigzag(reader_varint(in));
}

/* Times as a span: that is the same for most. */
void record_chunk_encode(struct buf *out, const struct chunk_entry *e, struct chunk_entry *previous)
{
	append_change(out, e->series_id, previous->series_id);
	append_change(out, e->row_count, previous->row_count);
	append_change(out, e->time_first, previous->time_first);
	append_change(out, e->time_last - e->time_first,
		      previous->time_last - previous->time_first);
	append_change(out, e->sequence_max, previous->sequence_max);
	append_change(out, e->text_bytes, previous->text_bytes);
	append_change(out, e->bytes, previous->bytes);
	append_change(out, e->mtime, previous->mtime);
	*previous = *e;
}

int record_chunk_decode(struct reader *in, struct chunk_entry *e)
{
	uint64_t span = e->time_last - e->time_first, series_before = e->series_id;

	read_change(in, &e->series_id);
	read_change(in, &e->row_count);
	read_change(in, &e->time_first);
	read_change(in, &span);
	read_change(in, &e->sequence_max);
	read_change(in, &e->text_bytes);
	read_change(in, &e->bytes);
	read_change(in, &e->mtime);
	e->time_last = e->time_first + span;
	if (in->failed || e->series_id > UINT32_MAX || e->series_id < series_before ||
	    e->row_count == 0 || e->row_count > CHUNK_ROWS_MAX || e->text_bytes > UINT32_MAX ||
	    e->bytes == 0 || e->bytes > UINT32_MAX ||
	    (int64_t)e->time_last < (int64_t)e->time_first)
		return ERR_CORRUPT;
	return OK;
}

void record_mask_encode(struct buf *out, const struct shard_mask *mask)
{
	buf_append_varint(out, mask->series_id);
	buf_append_varint(out, zigzag(mask->time_first_ns));
	buf_append_varint(out, zigzag(mask->time_last_ns));
	buf_append_varint(out, mask->sequence);
}

int record_mask_decode(struct reader *in, struct shard_mask *mask)
{
	uint64_t series_id = reader_varint(in);

	*mask = (struct shard_mask){ .series_id = (uint32_t)series_id };
	mask->time_first_ns = unzigzag(reader_varint(in));
	mask->time_last_ns = unzigzag(reader_varint(in));
	mask->sequence = reader_varint(in);
	return in->failed || series_id > UINT32_MAX ? ERR_CORRUPT : OK;
}

void record_stamp_encode(struct buf *out, const struct series_stamp *stamp)
{
	buf_append_varint(out, stamp->series_id);
	buf_append_varint(out, zigzag(stamp->mtime_ns));
	buf_append_varint(out, zigzag(stamp->ctime_ns));
}

int record_stamp_decode(struct reader *in, struct series_stamp *stamp)
{
	uint64_t series_id = reader_varint(in);

	*stamp = (struct series_stamp){ .series_id = (uint32_t)series_id };
	stamp->mtime_ns = unzigzag(reader_varint(in));
	stamp->ctime_ns = unzigzag(reader_varint(in));
	return in->failed || series_id > UINT32_MAX ? ERR_CORRUPT : OK;
}

void record_type_encode(struct buf *out, uint64_t field_key, enum value_type type)
{
	buf_append_varint(out, field_key);
	buf_append_byte(out, (char)type);
}

int record_type_decode(struct reader *in, uint64_t *field_key, enum value_type *type)
{
	*field_key = reader_varint(in);
	*type = (enum value_type)reader_u8(in);
	return in->failed || *type == VALUE_NONE || *type >= VALUE_TYPE_COUNT ? ERR_CORRUPT : OK;
}
