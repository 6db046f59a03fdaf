/* The vectors of a column, and the bins that they share when it is cold. */
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/base/log.h"
#include "engine/codec/bins.h"
#include "engine/codec/codec.h"
#include "engine/limits.h"

/* Bins decode at a third of the speed of bits: less than this share is not worth it. */
#define SAVED_SHARE 32

#define VECTORS_MAX (CHUNK_ROWS_MAX / VECTOR_ROWS)

static size_t rows_of(size_t first, size_t count)
{
	return count - first < VECTOR_ROWS ? count - first : VECTOR_ROWS;
}

/* --- cold ------------------------------------------------------------------------------------- */

/* A column between its stages and its bytes. */
struct column {
	struct stages stages[VECTORS_MAX];
	size_t rows[VECTORS_MAX], vector_count;
	uint64_t words[CHUNK_ROWS_MAX]; /* of all, but the first of each vector */
	size_t word_count;
	struct bins bins;
	struct bins_encoder encoder;
	struct buf packed[VECTORS_MAX]; /* the smallest without bins */
};

/* What pack_encode chooses, or a packer that is seldom better: all are tried. */
static void pack_smallest(const uint64_t *words, size_t count, struct buf *out)
{
	struct buf other = { 0 };

	pack_encode(words, count, out);
	for (uint8_t i = 0; i < packer_count; i++) {
		buf_reset(&other);
		buf_append_byte(&other, (char)i);
		if (!packers[i].encode || !packers[i].encode(words, count, &other) ||
		    other.length >= out->length)
			continue;
		buf_reset(out);
		buf_append_slice(out, buf_slice(&other));
	}
	buf_release(&other);
}

static void column_stage(struct column *column, enum value_type type, const union value *values,
			 size_t count)
{
	for (size_t from = 0; from < count; from += VECTOR_ROWS) {
		size_t rows = rows_of(from, count), at = column->vector_count++;
		struct stages *stages = &column->stages[at];

		stages_choose(type, values + from, rows, true, stages);
		pack_smallest(stages->words, rows, &column->packed[at]);
		column->rows[at] = rows;
		memcpy(column->words + column->word_count, stages->words + 1,
		       (rows - 1) * sizeof(*stages->words));
		column->word_count += rows - 1;
	}
}

/* Each vector as it is smaller; true: some of them by bins. */
static bool column_write(const struct column *column, bool use_bins, const union value *values,
			 struct buf *out)
{
	struct buf vector = { 0 }, binned = { 0 };
	bool used = false;

	for (size_t i = 0; i < column->vector_count; i++) {
		struct slice packed = buf_slice(&column->packed[i]);

		buf_reset(&vector);
		buf_reset(&binned);
		stages_write(&column->stages[i], values + i * VECTOR_ROWS, &vector);
		buf_append_byte(&binned, PACK_BINS);
		if (use_bins &&
		    bins_encode(&column->encoder, column->stages[i].words, column->rows[i],
				&binned) &&
		    binned.length + packed.length / SAVED_SHARE < packed.length) {
			packed = buf_slice(&binned);
			used = true;
		}
		buf_append_slice(&vector, packed);
		buf_append_prefixed(out, buf_slice(&vector));
	}
	buf_release(&vector);
	buf_release(&binned);
	return used;
}

static bool column_write_bins(struct column *column, const union value *values, struct buf *out)
{
	size_t start = out->length, binned_start, plain_bytes;
	bool used;

	column_write(column, false, values, out);
	plain_bytes = out->length - start;
	if (!bins_train(&column->bins, column->words, column->word_count))
		return false;
	bins_encoder_init(&column->encoder, &column->bins);
	binned_start = out->length;
	bins_write(&column->bins, out);
	used = column_write(column, true, values, out);
	if (!used || out->length - binned_start + plain_bytes / SAVED_SHARE >= plain_bytes) {
		out->length = binned_start;
		return false;
	}
	memmove(out->data + start, out->data + binned_start, out->length - binned_start);
	out->length -= plain_bytes;
	return true;
}

static bool cold_encode(enum value_type type, const union value *values, size_t count,
			struct buf *out)
{
	struct column *column = calloc(1, sizeof(*column));
	bool has_bins;

	if (!column)
		log_out_of_memory(sizeof(*column));
	column_stage(column, type, values, count);
	has_bins = column_write_bins(column, values, out);
	for (size_t i = 0; i < column->vector_count; i++)
		buf_release(&column->packed[i]);
	free(column);
	return has_bins;
}

/* --- both ---------------------------------------------------------------------------------------
 */

bool vectors_encode(enum value_type type, const union value *values, size_t count, bool cold,
		    struct buf *out)
{
	struct buf vector = { 0 };

	if (cold && type != VALUE_STRING && type != VALUE_BOOLEAN)
		return cold_encode(type, values, count, out);
	for (size_t i = 0; i < count; i += VECTOR_ROWS) {
		buf_reset(&vector);
		vector_encode(type, values + i, rows_of(i, count), &vector);
		buf_append_prefixed(out, buf_slice(&vector));
	}
	buf_release(&vector);
	return false;
}

int vectors_decode(struct reader *reader, enum value_type type, bool has_bins, size_t count,
		   struct vector_range range, union value *out, struct arena *arena)
{
	struct bins_decoder decoder;

	if (has_bins) {
		TRY(bins_read(reader, &decoder.bins));
		bins_decoder_init(&decoder, &decoder.bins);
	}
	for (size_t i = 0; i * VECTOR_ROWS < count; i++) {
		struct reader vector = reader_of(reader_prefixed(reader));
		size_t rows = rows_of(i * VECTOR_ROWS, count);

		if (i < range.first || i >= range.end)
			continue;
		TRY(vector_read(&vector, type, has_bins ? &decoder : NULL, rows, out, arena));
		out += rows;
	}
	return reader->failed ? ERR_CORRUPT : OK;
}
