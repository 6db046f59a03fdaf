/* Choosing the stages of a vector, and running them backwards. */
#include "engine/codec/codec.h"

#include <assert.h>

#include "engine/base/bytes.h"
#include "engine/limits.h"

enum { TRANSFORM_RAW = 0, TRANSFORM_DECIMAL = 1, TRANSFORM_DYADIC = 2 };
enum { TRANSFORM_PATCHED = 0x80 };

/* Predictors are judged by a part from the middle: all of them on all words costs three times it.
 */
#define SAMPLE_ROWS 256

/* With more places than this a multiple of a power of two may be the shorter form. */
#define DECIMAL_PLACES_SURE 6

/* Of a vector, as far as the first stage makes it. */
struct plain {
	uint8_t transform, argument;
	struct patches patches;
	uint64_t words[VECTOR_ROWS];
};

static void sample_of(const uint64_t **words, size_t *count)
{
	if (*count < 2 * SAMPLE_ROWS)
		return;
	*words += (*count - SAMPLE_ROWS) / 2;
	*count = SAMPLE_ROWS;
}

/* The predictor after which the words pack smallest, and the size of the sample then. */
static uint8_t choose_predictor(const uint64_t *words, size_t count, size_t *bytes)
{
	uint64_t sample[2 * SAMPLE_ROWS];
	uint8_t best = 0;

	*bytes = SIZE_MAX;
	sample_of(&words, &count);
	for (uint8_t i = 0; i < predictor_count; i++) {
		memcpy(sample, words, count * sizeof(*sample));
		predictors[i].encode(sample, count);
		size_t packed = pack_measure(sample, count);
		if (packed >= *bytes)
			continue;
		*bytes = packed;
		best = i;
	}
	return best;
}

static bool plain_make(struct plain *plain, uint8_t transform, const union value *values,
		       size_t count)
{
	plain->transform = transform;
	return transforms[transform].encode(values, count, plain->words, &plain->argument,
					    &plain->patches);
}

static void floats_make(struct plain *plain, const union value *values, size_t count)
{
	struct plain dyadic;
	size_t bytes, dyadic_bytes;

	if (!plain_make(plain, TRANSFORM_DECIMAL, values, count)) {
		if (!plain_make(plain, TRANSFORM_DYADIC, values, count))
			plain_make(plain, TRANSFORM_RAW, values, count);
		return;
	}
	if (plain->argument <= DECIMAL_PLACES_SURE ||
	    !plain_make(&dyadic, TRANSFORM_DYADIC, values, count))
		return;
	choose_predictor(plain->words, count, &bytes);
	choose_predictor(dyadic.words, count, &dyadic_bytes);
	if (dyadic_bytes < bytes)
		*plain = dyadic;
}

static void put_patches(const struct patches *patches, const union value *values, struct buf *out)
{
	size_t next = 0;

	buf_append_varint(out, patches->count);
	for (size_t i = 0; i < patches->count; i++) {
		buf_append_varint(out, patches->rows[i] - next);
		buf_append_u64(out, values[patches->rows[i]].bits);
		next = patches->rows[i] + 1u;
	}
}

void vector_encode(enum value_type type, const union value *values, size_t count, struct buf *out)
{
	struct plain plain;
	size_t bytes;

	assert(count > 0 && count <= VECTOR_ROWS);
	if (type == VALUE_STRING) {
		text_vector_encode(values, count, out);
		return;
	}
	if (type == VALUE_FLOAT)
		floats_make(&plain, values, count);
	else
		plain_make(&plain, TRANSFORM_RAW, values, count);
	uint8_t predictor = choose_predictor(plain.words, count, &bytes);
	predictors[predictor].encode(plain.words, count);
	buf_append_byte(out,
			(char)(plain.transform | (plain.patches.count ? TRANSFORM_PATCHED : 0)));
	buf_append_byte(out, (char)plain.argument);
	buf_append_byte(out, (char)predictor);
	if (plain.patches.count)
		put_patches(&plain.patches, values, out);
	pack_encode(plain.words, count, out);
}

/* Judged here, and the values taken once the words are there. */
static int skip_patches(struct reader *reader, size_t count, struct reader *patches)
{
	uint64_t left = reader_varint(reader), next = 0;

	if (left > count)
		return ERR_CORRUPT;
	*patches = *reader;
	for (; left; left--) {
		uint64_t gap = reader_varint(reader);

		if (next >= count || gap >= count - next)
			return ERR_CORRUPT;
		next += gap + 1;
		reader_u64(reader);
	}
	patches->end = reader->next;
	return reader->failed ? ERR_CORRUPT : OK;
}

static void get_patches(struct reader *patches, union value *out)
{
	while (reader_left(patches)) {
		out += reader_varint(patches);
		out++->bits = reader_u64(patches);
	}
}

static int numbers_decode(struct reader *reader, size_t count, union value *out)
{
	uint8_t transform = reader_u8(reader), argument = reader_u8(reader);
	uint8_t predictor = reader_u8(reader);
	struct reader patches = { 0 };

	if (transform & TRANSFORM_PATCHED)
		TRY(skip_patches(reader, count, &patches));
	transform &= ~TRANSFORM_PATCHED;
	if (reader->failed || transform >= transform_count || predictor >= predictor_count)
		return ERR_CORRUPT;
	TRY(pack_decode(reader, count, &out->bits));
	predictors[predictor].decode(&out->bits, count);
	TRY(transforms[transform].decode(out, count, argument));
	get_patches(&patches, out);
	return OK;
}

int vector_decode(enum value_type type, struct slice bytes, size_t count, union value *out,
		  struct arena *arena)
{
	struct reader reader = reader_of(bytes);

	if (count == 0 || count > VECTOR_ROWS)
		return ERR_CORRUPT;
	if (type == VALUE_STRING)
		TRY(text_vector_decode(&reader, count, out, arena));
	else
		TRY(numbers_decode(&reader, count, out));
	if (reader.failed || reader_left(&reader) != 0)
		return ERR_CORRUPT;
	for (size_t i = 0; type == VALUE_BOOLEAN && i < count; i++)
		if (out[i].bits > 1)
			return ERR_CORRUPT;
	return OK;
}
