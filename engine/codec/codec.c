/* Choosing the stages of a vector, and running them backwards. */
#include "engine/codec/codec.h"

#include <assert.h>

#include "engine/base/bytes.h"
#include "engine/limits.h"

enum { TRANSFORM_RAW = 0, TRANSFORM_DECIMAL = 1 };

/* The predictor after which the words pack smallest; `words` is left predicted. */
static uint8_t choose_predictor(const uint64_t *plain, size_t count, uint64_t *words)
{
	uint64_t best_words[VECTOR_ROWS];
	size_t best_bytes = SIZE_MAX;
	uint8_t best = 0;

	for (uint8_t i = 0; i < predictor_count; i++) {
		memcpy(words, plain, count * sizeof(*words));
		predictors[i].encode(words, count);
		size_t bytes = pack_measure(words, count);
		if (bytes >= best_bytes)
			continue;
		best_bytes = bytes;
		best = i;
		memcpy(best_words, words, count * sizeof(*words));
	}
	memcpy(words, best_words, count * sizeof(*words));
	return best;
}

void vector_encode(enum value_type type, const union value *values, size_t count, struct buf *out)
{
	uint64_t plain[VECTOR_ROWS], words[VECTOR_ROWS];
	uint8_t transform = TRANSFORM_RAW, argument;

	assert(count > 0 && count <= VECTOR_ROWS);
	if (type == VALUE_STRING) {
		text_vector_encode(values, count, out);
		return;
	}
	if (type == VALUE_FLOAT &&
	    transforms[TRANSFORM_DECIMAL].encode(values, count, plain, &argument))
		transform = TRANSFORM_DECIMAL;
	else
		transforms[TRANSFORM_RAW].encode(values, count, plain, &argument);
	uint8_t predictor = choose_predictor(plain, count, words);
	buf_append_byte(out, (char)transform);
	buf_append_byte(out, (char)argument);
	buf_append_byte(out, (char)predictor);
	pack_encode(words, count, out);
}

static int numbers_decode(struct reader *reader, size_t count, union value *out)
{
	uint64_t words[VECTOR_ROWS];
	uint8_t transform = reader_u8(reader), argument = reader_u8(reader);
	uint8_t predictor = reader_u8(reader);

	if (reader->failed || transform >= transform_count || predictor >= predictor_count)
		return ERR_CORRUPT;
	TRY(pack_decode(reader, count, words));
	predictors[predictor].decode(words, count);
	return transforms[transform].decode(words, count, argument, out);
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
