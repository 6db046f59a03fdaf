/*
 * Codecs: a vector of up to VECTOR_ROWS values as few bytes, and back bit for bit.
 *
 * Numbers go through three small stages, each chosen per vector and named by a
 * byte on disk:
 *
 *	transform   what a value is as a 64-bit integer: itself, a decimal, a multiple of 2^-n
 *	predict     what is left when the neighbours are known: nothing, delta, delta of delta,
 *	            or the way off a line
 *	pack        how the rest is laid out: one constant, bits with exceptions (PFOR), or a map
 *	            of what is not zero and bits for these
 *
 *	vector = transform, patched << 7: 1 | argument: 1 | predict: 1 | [patches] | pack: 1 |
 *packed patches = count: varint { gap: varint, value: 8 } const  = value: zigzag varint bits   =
 *base: zigzag varint | width: 1 | exceptions: varint { gap: varint, high bits: varint } | count ×
 *width bits, little-endian sparse = map: a bit a word | bits (of the words that are not zero)
 *
 * The decimal transform stores llround(v × 10^p) where dividing back gives the same
 * bits: 10^p is exact up to 22 and the division rounds once, so every literal of up
 * to 15 digits passes (ALP, Afroozeh et al. 2023, without its search). What fails the
 * test (-0, NaN, infinities, the odd one of 17 digits) is patched in afterwards, up to
 * a sixteenth of a vector; with more of them another transform is taken.
 * Arithmetic is modulo 2^64 throughout.
 *
 * Strings: a dictionary when at most half of them differ, else their lengths;
 * lengths and codes are packed as above, bytes go through snappy.
 *
 *	text = kind: 1 | distinct: varint (dictionary) | lengths vector, prefixed
 *	       | snappy bytes, prefixed | codes vector (dictionary)
 */
#ifndef ENGINE_CODEC_CODEC_H
#define ENGINE_CODEC_CODEC_H

#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/value.h"

/* Append `count` (1 to VECTOR_ROWS) values of one type to `out`. */
void vector_encode(enum value_type type, const union value *values, size_t count, struct buf *out);
/*
 * Exactly `count` values out of exactly `bytes`. Strings are copied into
 * `arena` (may be NULL for other types). ERR_CORRUPT: not what vector_encode
 * makes; ERR_LIMIT: the arena is used up.
 */
int vector_decode(enum value_type type, struct slice bytes, size_t count, union value *out,
		  struct arena *arena);

/* --- the stages, for each other ------------------------------------------- */

/* Rows that a transform could not hold; their words say nothing. */
#define PATCHES_MAX (1024 / 16)
struct patches {
	size_t count;
	uint16_t rows[PATCHES_MAX];
};

/*
 * Integers of a vector; `transform` and `argument` go into the header. Borrow
 * nothing. False: it cannot hold these values. Decoding is in place.
 */
struct transform {
	const char *name;
	bool (*encode)(const union value *values, size_t count, uint64_t *out, uint8_t *argument,
		       struct patches *patches);
	int (*decode)(union value *values, size_t count, uint8_t argument);
};
extern const struct transform transforms[];
extern const uint8_t transform_count;

struct predictor {
	const char *name;
	void (*encode)(uint64_t *words, size_t count);
	void (*decode)(uint64_t *words, size_t count);
};
extern const struct predictor predictors[];
extern const uint8_t predictor_count;

/* Bytes that pack_encode would append, without appending them. */
size_t pack_measure(const uint64_t *words, size_t count);
void pack_encode(const uint64_t *words, size_t count, struct buf *out);
/* Reads one packed run of `count` words. ERR_CORRUPT. */
struct reader;
int pack_decode(struct reader *reader, size_t count, uint64_t *words);

void text_vector_encode(const union value *values, size_t count, struct buf *out);
int text_vector_decode(struct reader *reader, size_t count, union value *out, struct arena *arena);

#endif
