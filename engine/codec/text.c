/* Vectors of strings: each different one once, or all of them, through snappy. */
#include <snappy-c.h>
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/base/map.h"
#include "engine/codec/codec.h"

enum { TEXT_PLAIN = 0, TEXT_DICTIONARY = 1 };

#define TEXT_BYTES_MAX                                                                             \
	(UINT64_C(1) << 31) /* of one vector, decoded; bounds what a bad length can ask for */

/* No snappy stream grows more than this many times. */
#define SNAPPY_RATIO_MAX 64

static struct slice text_at(const void *owner, uint32_t row)
{
	return text_slice(((const union value *)owner)[row].s);
}

/* Number the different strings by first appearance; `rows` holds the row of each. */
static size_t number_texts(const union value *values, size_t count, uint64_t *codes, uint32_t *rows)
{
	uint64_t code_of_row[VECTOR_ROWS];
	struct map map;
	size_t distinct = 0;

	map_init(&map, text_at, values);
	for (uint32_t row = 0; row < count; row++) {
		struct slice text = text_at(values, row);
		uint64_t hash = hash_bytes(text);
		uint32_t known = map_find(&map, text, hash);

		if (known == MAP_NONE) {
			map_add(&map, hash, row);
			rows[distinct] = known = row;
			code_of_row[row] = distinct++;
		}
		codes[row] = code_of_row[known];
	}
	map_release(&map);
	return distinct;
}

static void append_packed(const uint64_t *words, size_t count, struct buf *out)
{
	struct buf packed = { 0 };

	pack_encode(words, count, &packed);
	buf_append_prefixed(out, buf_slice(&packed));
	buf_release(&packed);
}

static void append_snappy(struct slice bytes, struct buf *out)
{
	size_t length = snappy_max_compressed_length(bytes.length);
	struct buf compressed = { 0 };
	char *room = buf_reserve(&compressed, length + 1);

	snappy_compress(bytes.data ? bytes.data : "", bytes.length, room, &length);
	buf_append_prefixed(out, slice_of(room, length));
	buf_release(&compressed);
}

void text_vector_encode(const union value *values, size_t count, struct buf *out)
{
	uint64_t codes[VECTOR_ROWS], lengths[VECTOR_ROWS];
	uint32_t rows[VECTOR_ROWS];
	size_t distinct = number_texts(values, count, codes, rows);
	bool dictionary = distinct <= count / 2;
	size_t stored = dictionary ? distinct : count;
	struct buf bytes = { 0 };

	for (size_t i = 0; i < stored; i++) {
		struct slice text = text_at(values, dictionary ? rows[i] : (uint32_t)i);

		lengths[i] = text.length;
		buf_append_slice(&bytes, text);
	}
	buf_append_byte(out, dictionary ? TEXT_DICTIONARY : TEXT_PLAIN);
	if (dictionary)
		buf_append_varint(out, distinct);
	append_packed(lengths, stored, out);
	append_snappy(buf_slice(&bytes), out);
	if (dictionary)
		pack_encode(codes, count, out);
	buf_release(&bytes);
}

/* Lengths that add up to what there is. */
static int read_lengths(struct reader *reader, size_t stored, uint64_t *lengths, uint64_t *total)
{
	struct reader packed = reader_of(reader_prefixed(reader));

	TRY(pack_decode(&packed, stored, lengths));
	*total = 0;
	for (size_t i = 0; i < stored; i++) {
		if (lengths[i] > TEXT_BYTES_MAX)
			return ERR_CORRUPT;
		*total += lengths[i];
	}
	return *total > TEXT_BYTES_MAX || reader_left(&packed) ? ERR_CORRUPT : OK;
}

static int copy_texts(const char *bytes, const uint64_t *lengths, size_t stored,
		      const struct text **texts, struct arena *arena)
{
	for (size_t i = 0; i < stored; bytes += lengths[i++]) {
		texts[i] = text_copy(arena, slice_of(bytes, lengths[i]));
		if (!texts[i])
			return ERR_LIMIT;
	}
	return OK;
}

static int read_texts(struct reader *reader, size_t stored, const struct text **texts,
		      struct arena *arena)
{
	uint64_t lengths[VECTOR_ROWS], total;

	TRY(read_lengths(reader, stored, lengths, &total));
	struct slice compressed = reader_prefixed(reader);
	size_t length;
	if (reader->failed ||
	    snappy_uncompressed_length(compressed.data, compressed.length, &length) != SNAPPY_OK ||
	    length != total || length / SNAPPY_RATIO_MAX > compressed.length)
		return ERR_CORRUPT;
	char *bytes = malloc(length + 1);
	if (!bytes)
		return ERR_MEMORY;
	int err = snappy_uncompress(compressed.data, compressed.length, bytes, &length) == SNAPPY_OK
			  ? copy_texts(bytes, lengths, stored, texts, arena)
			  : ERR_CORRUPT;
	free(bytes);
	return err;
}

int text_vector_decode(struct reader *reader, size_t count, union value *out, struct arena *arena)
{
	const struct text *texts[VECTOR_ROWS];
	uint64_t codes[VECTOR_ROWS];
	uint8_t kind = reader_u8(reader);
	uint64_t stored = kind == TEXT_DICTIONARY ? reader_varint(reader) : count;

	if (reader->failed || kind > TEXT_DICTIONARY || stored == 0 || stored > count)
		return ERR_CORRUPT;
	TRY(read_texts(reader, stored, texts, arena));
	if (kind == TEXT_DICTIONARY)
		TRY(pack_decode(reader, count, codes));
	for (size_t i = 0; i < count; i++) {
		uint64_t code = kind == TEXT_DICTIONARY ? codes[i] : i;

		if (code >= stored)
			return ERR_CORRUPT;
		out[i].s = texts[code];
	}
	return OK;
}
