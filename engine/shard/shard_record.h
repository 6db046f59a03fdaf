/*
 * What a shard keeps in its store, as bytes: keys, and all records but packs.
 *
 *	key = generation: 8, big-endian | kind: 1 | ordinal: 4, big-endian
 *
 *	types    { field key: v | type: 1 } ...
 *	masks    { series: v | first: z | last: z | sequence: v } ...
 *	stamps   { series: v | mtime: z | ctime: z } ...
 *	chunks   { each number less that of the chunk before: z } ...	(struct chunk_entry)
 *	head     version: v | sequence_flushed: v | records of kinds a, b, c: v v v | packs: v |
 *               settled: v | zeros
 *
 * `v` is a varint, `z` one of a zigzag number. A head is at least as long as a
 * block of the store, which ends the block: damage in the packs behind it does not reach
 * what leads to them. Packs are never shorter for the same reason.
 */
#ifndef ENGINE_SHARD_SHARD_RECORD_H
#define ENGINE_SHARD_SHARD_RECORD_H

#include "engine/base/bytes.h"
#include "engine/shard/shard.h"

/* In the order of their keys within a generation. Stored on disk. */
enum record_kind {
	RECORD_TYPES = 'a',
	RECORD_MASKS = 'b',
	RECORD_STAMPS = 'c',
	RECORD_CHUNKS = 'd', /* of the pack with the same ordinal */
	RECORD_HEAD = 'e',
	RECORD_PACK = 'p',
};
#define RECORD_KEY_BYTES 13
/* At least the store's block. */
#define RECORD_BYTES_MIN 1024

struct record_key {
	uint64_t generation;
	uint32_t ordinal;
	enum record_kind kind;
};
struct slice record_key_encode(const struct record_key *key, char out[RECORD_KEY_BYTES]);
/* ERR_CORRUPT: not one of ours, or of a kind we do not know. */
int record_key_decode(struct slice bytes, struct record_key *key);

struct record_head {
	uint64_t sequence_flushed;
	uint32_t types, masks, stamps, packs; /* records */
	bool settled;			      /* the whole of what a rewrite left */
};
void record_head_encode(struct buf *out, const struct record_head *head);
int record_head_decode(struct slice bytes, struct record_head *head);

/* A chunk of a pack. Chunks lie one behind the other, so that bytes give the offsets. */
struct chunk_entry {
	uint64_t series_id, row_count, time_first, time_last, sequence_max, text_bytes, bytes;
	uint64_t mtime; /* of the series with this chunk */
};
/* `previous` is zeroed for the first of a record, and updated. */
void record_chunk_encode(struct buf *out, const struct chunk_entry *entry,
			 struct chunk_entry *previous);
/* Also what no chunk can be is ERR_CORRUPT. */
int record_chunk_decode(struct reader *in, struct chunk_entry *previous);

void record_mask_encode(struct buf *out, const struct shard_mask *mask);
int record_mask_decode(struct reader *in, struct shard_mask *mask);

struct series_stamp {
	int64_t mtime_ns, ctime_ns;
	uint32_t series_id;
};
void record_stamp_encode(struct buf *out, const struct series_stamp *stamp);
int record_stamp_decode(struct reader *in, struct series_stamp *stamp);

void record_type_encode(struct buf *out, uint64_t field_key, enum value_type type);
int record_type_decode(struct reader *in, uint64_t *field_key, enum value_type *type);

#endif
