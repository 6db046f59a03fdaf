/*
 * The head of a column: what its vectors have in common. Why: it is written once, and what they are
 * like is known of all of them before one is decoded.
 */
#include "engine/codec/column.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/codec/few.h"

/* Bins decode at a third of the speed of bits: less than this share is not worth it. */
#define SAVED_SHARE 32

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

/* The words of a vector as they are smaller; true: by bins. */
static bool words_write(const struct column *column, size_t at, bool use_bins, struct buf *out)
{
	const struct buf *packed = &column->packed[at];

	buf_append_byte(out, PACK_BINS);
	if (use_bins &&
	    bins_encode(&column->encoder, column->stages[at].words, column->rows[at], out) &&
	    out->length + packed->length / SAVED_SHARE < packed->length)
		return true;
	buf_reset(out);
	buf_append_slice(out, buf_slice(packed));
	return false;
}

/* A vector on its way out: what others may have as well, and the rest. */
struct halves {
	struct buf head, body;
};

static bool halves_make(const struct column *column, size_t at, bool use_bins,
			const union value *values, struct halves *out)
{
	const struct stages *stages = &column->stages[at];
	struct buf words = { 0 };
	bool used = words_write(column, at, use_bins, &words);

	stages_write_head(stages, &out->head);
	buf_append_byte(&out->head, words.data[0]);
	stages_write_patches(stages, values + at * VECTOR_ROWS, &out->body);
	buf_append(&out->body, words.data + 1, words.length - 1);
	buf_release(&words);
	return used;
}

/* The head that most have. */
static struct slice heads_common(const struct halves *halves, size_t count)
{
	size_t most = 0, best = 0;

	for (size_t i = 0; i < count; i++) {
		size_t same = 0;

		for (size_t k = 0; k < count; k++)
			same += slice_equal(buf_slice(&halves[k].head), buf_slice(&halves[i].head));
		if (same > most) {
			most = same;
			best = i;
		}
	}
	return buf_slice(&halves[best].head);
}

static void halves_write(const struct halves *halves, size_t count, struct buf *out)
{
	struct slice common = heads_common(halves, count);

	uint64_t lengths[VECTORS_MAX];

	for (size_t i = 0; i < count; i++) {
		bool own = !slice_equal(buf_slice(&halves[i].head), common);

		lengths[i] = (halves[i].body.length + (own ? halves[i].head.length : 0)) << 1 | own;
	}
	/* What is left is the last one's length. */
	lengths[count - 1] =
		(count > 1 ? lengths[count - 2] & ~UINT64_C(1) : 0) | (lengths[count - 1] & 1);
	buf_append_slice(out, common);
	few_encode(out, lengths, count);
	for (size_t i = 0; i < count; i++) {
		if (lengths[i] & 1)
			buf_append_slice(out, buf_slice(&halves[i].head));
		buf_append_slice(out, buf_slice(&halves[i].body));
	}
}

/* True: some vectors are by bins. */
static bool column_write(const struct column *column, bool use_bins, const union value *values,
			 struct buf *out)
{
	struct halves halves[VECTORS_MAX] = { 0 };
	bool used = false;

	for (size_t i = 0; i < column->vector_count; i++)
		used |= halves_make(column, i, use_bins, values, &halves[i]);
	halves_write(halves, column->vector_count, out);
	for (size_t i = 0; i < column->vector_count; i++) {
		buf_release(&halves[i].head);
		buf_release(&halves[i].body);
	}
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

static uint8_t cold_encode(enum value_type type, const union value *values, size_t count,
			   struct buf *out)
{
	struct column *column = calloc(1, sizeof(*column));
	uint8_t form = VECTORS_SHARED;

	if (!column)
		log_out_of_memory(sizeof(*column));
	column_stage(column, type, values, count);
	form |= column_write_bins(column, values, out) ? VECTORS_BINS : 0;
	for (size_t i = 0; i < column->vector_count; i++)
		buf_release(&column->packed[i]);
	free(column);
	return form;
}

/* --- both ---------------------------------------------------------------------------------------
 */

uint8_t vectors_encode(enum value_type type, const union value *values, size_t count, bool cold,
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
	return 0;
}

int shared_head_read(struct reader *reader, size_t vector_count, struct vector_head *head,
		     uint64_t *lengths)
{
	TRY(vector_head_read(reader, head));
	return few_decode(reader, lengths, vector_count);
}

int vectors_open(struct reader *reader, enum value_type type, uint8_t form, size_t count,
		 struct vectors_walk *out)
{
	out->shared = (struct vectors_shared){ .type = type, .has_head = form & VECTORS_SHARED };
	out->vector_count = (count + VECTOR_ROWS - 1) / VECTOR_ROWS;
	out->next = 0;
	assert(count > 0 && out->vector_count <= VECTORS_MAX);
	if (form & VECTORS_BINS) {
		TRY(bins_read(reader, form & VECTORS_SHARED, &out->decoder.bins));
		bins_decoder_init(&out->decoder, &out->decoder.bins);
		out->shared.decoder = &out->decoder;
	}
	return out->shared.has_head ? shared_head_read(reader, out->vector_count, &out->shared.head,
						       out->lengths)
				    : OK;
}

struct reader vectors_next(struct vectors_walk *walk, struct reader *reader, bool *own)
{
	uint64_t length;
	size_t at = walk->next++;

	*own = walk->shared.has_head && walk->lengths[at] & 1;
	if (!walk->shared.has_head)
		length = reader_varint(reader);
	else
		length = walk->next == walk->vector_count ? reader_left(reader)
							  : walk->lengths[at] >> 1;
	return reader_of(reader_take(reader, length));
}

int vectors_decode(struct reader *reader, enum value_type type, uint8_t form, size_t count,
		   struct vector_range range, union value *out, struct arena *arena)
{
	struct vectors_walk walk;

	TRY(vectors_open(reader, type, form, count, &walk));
	for (size_t i = 0; i < walk.vector_count; i++) {
		bool own;
		struct reader vector = vectors_next(&walk, reader, &own);
		size_t rows = rows_of(i * VECTOR_ROWS, count);

		if (i < range.first || i >= range.end)
			continue;
		TRY(vector_read(&vector, &walk.shared, own, rows, out, arena));
		out += rows;
	}
	return reader->failed ? ERR_CORRUPT : OK;
}
