/*
 * Chooses the stages of a vector, and runs them backwards. Why a trial of each: what is smallest
 * depends on the data, and a flush has the time that a query has not.
 */
#include "engine/codec/codec.h"

#include <assert.h>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/codec/bins.h"

enum { TRANSFORM_RAW = 0, TRANSFORM_DECIMAL = 1, TRANSFORM_DYADIC = 2, TRANSFORM_FRONT = 3 };
enum { TRANSFORM_PATCHED = 0x80 };
enum { PREDICTOR_NONE = 0, PREDICTOR_DELTA = 1 };

/* Predictors are judged by a part from the middle: all of them on all words costs three times it.
 */
#define SAMPLE_ROWS 256

/* With more places than this a multiple of a power of two may be the shorter form. */
#define DECIMAL_PLACES_SURE 6

/* What a double takes by its front, when there are but a few of them. */
#define FRONT_BITS 54

static void sample_of(const uint64_t **words, size_t *count)
{
	if (*count < 2 * SAMPLE_ROWS)
		return;
	*words += (*count - SAMPLE_ROWS) / 2;
	*count = SAMPLE_ROWS;
}

/* The predictor after which the words pack smallest, and their size then; of a sample, unless cold.
 */
static uint8_t choose_predictor(const uint64_t *words, size_t count, bool cold, size_t *bytes)
{
	uint64_t predicted[VECTOR_ROWS];
	size_t all = count;
	uint8_t best = 0;

	*bytes = SIZE_MAX;
	if (!cold)
		sample_of(&words, &count);
	for (uint8_t i = 0; i < predictor_count; i++) {
		memcpy(predicted, words, count * sizeof(*predicted));
		predictors[i].encode(predicted, count);
		size_t packed = pack_measure(predicted, count);
		if (packed >= *bytes)
			continue;
		*bytes = packed;
		best = i;
	}
	*bytes = *bytes * all / count;
	return best;
}

static bool transform_to(struct stages *stages, uint8_t transform, const union value *values,
			 size_t count)
{
	stages->transform = transform;
	stages->argument = 0;
	stages->patches.count = 0;
	return transforms[transform].encode(values, count, stages);
}

/* Take `transform` instead when it is smaller. */
static void try_transform(struct stages *stages, uint8_t transform, const union value *values,
			  size_t count, bool cold)
{
	struct stages other;
	size_t bytes, other_bytes;

	if (!transform_to(&other, transform, values, count))
		return;
	choose_predictor(stages->words, count, cold, &bytes);
	choose_predictor(other.words, count, cold, &other_bytes);
	bytes += 10 * stages->patches.count;
	other_bytes += 10 * other.patches.count + other.argument * transforms[transform].extra_unit;
	if (other_bytes < bytes)
		*stages = other;
}

/* Bits between the least and the largest. */
static unsigned words_span(const uint64_t *words, size_t count)
{
	int64_t least = INT64_MAX, most = INT64_MIN;

	for (size_t i = 0; i < count; i++) {
		least = (int64_t)words[i] < least ? (int64_t)words[i] : least;
		most = (int64_t)words[i] > most ? (int64_t)words[i] : most;
	}
	return least == most ? 0 : 64 - (unsigned)__builtin_clzll((uint64_t)most - (uint64_t)least);
}

static void transform_floats(struct stages *stages, const union value *values, size_t count,
			     bool cold)
{
	if (transform_to(stages, TRANSFORM_DECIMAL, values, count)) {
		if (stages->argument > DECIMAL_PLACES_SURE)
			try_transform(stages, TRANSFORM_DYADIC, values, count, cold);
		return;
	}
	if (transform_to(stages, TRANSFORM_DYADIC, values, count)) {
		/* What needs no more bits than a fraction and a front is as well off. */
		if (words_span(stages->words, count) > FRONT_BITS)
			try_transform(stages, TRANSFORM_FRONT, values, count, cold);
		return;
	}
	transform_to(stages, TRANSFORM_RAW, values, count);
	try_transform(stages, TRANSFORM_FRONT, values, count, cold);
}

void stages_choose(enum value_type type, const union value *values, size_t count, bool cold,
		   struct stages *out)
{
	size_t bytes;

	assert(count > 0 && count <= VECTOR_ROWS);
	if (type == VALUE_FLOAT)
		transform_floats(out, values, count, cold);
	else
		transform_to(out, TRANSFORM_RAW, values, count);
	out->predictor = choose_predictor(out->words, count, cold, &bytes);
	predictors[out->predictor].encode(out->words, count);
}

void stages_write_patches(const struct stages *stages, const union value *values, struct buf *out)
{
	const struct patches *patches = &stages->patches;
	size_t next = 0;

	if (patches->count == 0)
		return;
	buf_append_varint(out, patches->count);
	for (size_t i = 0; i < patches->count; i++) {
		buf_append_varint(out, patches->rows[i] - next);
		buf_append_u64(out, values[patches->rows[i]].bits);
		next = patches->rows[i] + 1u;
	}
}

void stages_write_head(const struct stages *stages, struct buf *out)
{
	buf_append_byte(
		out, (char)(stages->transform | (stages->patches.count ? TRANSFORM_PATCHED : 0)));
	buf_append_byte(out, (char)stages->argument);
	buf_append(out, stages->extra,
		   (size_t)stages->argument * transforms[stages->transform].extra_unit);
	buf_append_byte(out, (char)stages->predictor);
}

void vector_encode(enum value_type type, const union value *values, size_t count, struct buf *out)
{
	struct stages stages;

	if (type == VALUE_STRING) {
		text_vector_encode(values, count, out);
		return;
	}
	stages_choose(type, values, count, false, &stages);
	stages_write_head(&stages, out);
	stages_write_patches(&stages, values, out);
	pack_encode(stages.words, count, out);
}

/* Judged here, and the values taken once the words are there. */
int patches_read(struct reader *reader, size_t count, struct reader *patches)
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

static int stages_read(struct reader *reader, struct vector_head *head)
{
	uint8_t transform = reader_u8(reader), unit;

	head->is_patched = transform & TRANSFORM_PATCHED;
	head->transform = transform & (uint8_t)~TRANSFORM_PATCHED;
	head->argument = reader_u8(reader);
	if (head->transform >= transform_count)
		return ERR_CORRUPT;
	unit = transforms[head->transform].extra_unit;
	if (unit && head->argument > STAGES_EXTRA_MAX / 2)
		return ERR_CORRUPT;
	head->extra = reader_take(reader, (size_t)head->argument * unit);
	head->predictor = reader_u8(reader);
	return reader->failed || head->predictor >= predictor_count ? ERR_CORRUPT : OK;
}

int vector_head_read(struct reader *reader, struct vector_head *out)
{
	TRY(stages_read(reader, out));
	out->pack = reader_u8(reader);
	return reader->failed ? ERR_CORRUPT : OK;
}

static int words_decode(struct reader *reader, uint8_t pack, const struct bins_decoder *decoder,
			size_t count, uint64_t *words)
{
	if (pack != PACK_BINS)
		return pack_decode_as(pack, reader, count, words);
	return decoder ? bins_decode(decoder, reader, count, words) : ERR_CORRUPT;
}

/* The packer of a plain vector is named behind its patches. */
static int numbers_decode(struct reader *reader, const struct vectors_shared *shared, bool own,
			  size_t count, union value *out)
{
	struct vector_head head = shared->head;
	struct reader patches = { 0 };

	if (!shared->has_head)
		TRY(stages_read(reader, &head));
	else if (own)
		TRY(vector_head_read(reader, &head));
	if (head.is_patched)
		TRY(patches_read(reader, count, &patches));
	if (!shared->has_head)
		head.pack = reader_u8(reader);
	if (reader->failed)
		return ERR_CORRUPT;
	TRY(words_decode(reader, head.pack, shared->decoder, count, &out->bits));
	predictors[head.predictor].decode(&out->bits, count);
	TRY(transforms[head.transform].decode(out, count, head.argument, head.extra.data));
	get_patches(&patches, out);
	return OK;
}

int vector_read_narrow(struct reader *reader, const struct vectors_shared *shared, bool own,
		       size_t count, struct narrow *out, bool *is_delta)
{
	struct vector_head head = shared->head;
	struct reader ahead = *reader;

	if ((!shared->has_head || own) && vector_head_read(&ahead, &head) < 0)
		return 0;
	if (head.transform != TRANSFORM_RAW || head.argument || head.is_patched ||
	    head.predictor > PREDICTOR_DELTA)
		return 0;
	int is_narrow = pack_decode_narrow(head.pack, &ahead, count, out);
	if (is_narrow != 1)
		return is_narrow;
	*is_delta = head.predictor == PREDICTOR_DELTA;
	*reader = ahead;
	return reader_left(reader) ? ERR_CORRUPT : 1;
}

int vector_read(struct reader *reader, const struct vectors_shared *shared, bool own, size_t count,
		union value *out, struct arena *arena)
{
	if (count == 0 || count > VECTOR_ROWS)
		return ERR_CORRUPT;
	if (shared->type == VALUE_STRING)
		TRY(text_vector_decode(reader, count, out, arena));
	else
		TRY(numbers_decode(reader, shared, own, count, out));
	if (reader->failed || reader_left(reader) != 0)
		return ERR_CORRUPT;
	for (size_t i = 0; shared->type == VALUE_BOOLEAN && i < count; i++)
		if (out[i].bits > 1)
			return ERR_CORRUPT;
	return OK;
}

int vector_decode(enum value_type type, struct slice bytes, size_t count, union value *out,
		  struct arena *arena)
{
	struct vectors_shared shared = { .type = type };
	struct reader reader = reader_of(bytes);

	return vector_read(&reader, &shared, true, count, out, arena);
}
