/*
 * Codecs: a vector of up to VECTOR_ROWS values as few bytes, and back bit for bit.
 *
 * Numbers go through three small stages, each chosen per vector and named by a
 * byte on disk:
 *
 *	transform   what a value is as a 64-bit integer: itself, a decimal, a multiple of 2^-n, or
 *	            its fraction with a number for sign and exponent
 *	predict     what is left when the neighbours are known: nothing, delta, delta of delta,
 *	            or the way off a line
 *	pack        how the rest is laid out: one constant, bits with exceptions (PFOR), a map of
 *	            what is not zero and bits for these, or runs; InfluxDB's ways (tsm.c); in cold
 *	            columns bins (bins.h)
 *
 *	vector  = transform, patched << 7: 1 | argument: 1 | extra | predict: 1 | [patches]
 *	        | pack: 1 | packed
 *	patches = count: varint { gap: varint, value: 8 }
 *	const   = value: zigzag varint
 *	bits    = width, folded << 7: 1 | [base: zigzag varint]
 *	        | exceptions: varint { gap: varint, high bits: varint } | count × width bits
 *	sparse  = map: a bit a word | bits (of the words that are not zero)
 *	runs    = count: varint | pack: 1, packed (words) | pack: 1, packed (lengths)
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
 *
 * The vectors of a column:
 *
 *	plain  = [bins] { length: varint | vector } ...
 *	shared = [bins, short] head | lengths { [head] [patches] packed } ...
 *	lengths = few words (few.h), each length × 2 + 1 where the vector has a head of its own;
 *		  the last vector is what is left, whatever its length says
 *	head   = transform, patched << 7: 1 | argument: 1 | extra | predict: 1 | pack: 1
 *
 * Most vectors of a column have one head, which is written once; those of another bring their own.
 */
#ifndef ENGINE_CODEC_CODEC_H
#define ENGINE_CODEC_CODEC_H

#include "engine/base/buf.h"
#include "engine/base/bytes.h"
#include "engine/base/err.h"
#include "engine/base/limits.h"
#include "engine/point/value.h"

/* Append `count` (1 to VECTOR_ROWS) values of one type to `out`. */
void vector_encode(enum value_type type, const union value *values, size_t count, struct buf *out);
/*
 * Exactly `count` values out of exactly `bytes`. Strings are copied into
 * `arena` (may be NULL for other types). ERR_CORRUPT: not what vector_encode
 * makes; ERR_LIMIT: the arena is used up.
 */
int vector_decode(enum value_type type, struct slice bytes, size_t count, union value *out,
		  struct arena *arena);

/* How the vectors of a column are written. On disk. */
enum { VECTORS_BINS = 1, VECTORS_SHARED = 2, VECTORS_FORMS = 3 };
/*
 * The vectors of a column, each with its length in front. `cold`: written once and read often, so
 * that every stage is tried, numbers share their head, and bins (bins.h) are put in front of them
 * where they save a thirty-second. Gives the form, which the reader must know.
 */
uint8_t vectors_encode(enum value_type type, const union value *values, size_t count, bool cold,
		       struct buf *out);
/* Which of the vectors of a column, numbered from 0; `end` may lie behind the last. */
struct vector_range {
	size_t first, end;
};
#define VECTORS_ALL ((struct vector_range){ 0, SIZE_MAX })
/* As vector_decode: the values of a range out of `count` in all. The reader ends behind all. */
int vectors_decode(struct reader *reader, enum value_type type, uint8_t form, size_t count,
		   struct vector_range range, union value *out, struct arena *arena);

/*
 * Rows of a column to be summed, by vectors: pieces [starts[i], starts[i + 1]) are those of vector
 * i, in the order of rows; a span of rows has at most one in each. Of a piece that does not begin
 * with the vector or where another ends, the rows before are left out.
 */
struct sum_piece {
	uint16_t first, end; /* rows of the vector */
	uint32_t span;
};
struct sum_plan {
	struct sum_piece *pieces;
	uint32_t starts[CHUNK_ROWS_MAX / VECTOR_ROWS + 1];
};
/*
 * As vectors_decode, of numbers, but each is added to what stands in the `sums` of its span:
 * doubles in the order of rows. Nothing is decoded for vectors without pieces.
 */
int vectors_sum(struct reader *reader, enum value_type type, uint8_t form, size_t count,
		const struct sum_plan *plan, union value *sums);

/* --- the stages, for each other ------------------------------------------- */

/* Rows that a transform could not hold; their words say nothing. */
#define PATCHES_MAX (1024 / 16)
struct patches {
	size_t count;
	uint16_t rows[PATCHES_MAX];
};

/* A vector on its way through them; all but the words goes into its header. */
#define STAGES_EXTRA_MAX 32
struct stages {
	uint8_t transform, argument, predictor;
	char extra[STAGES_EXTRA_MAX];
	struct patches patches;
	uint64_t words[1024];
};

/*
 * Integers of a vector. `encode` fills words, argument, extra and patches; false: it cannot hold
 * these values. Decoding is in place; `extra` are argument * extra_unit bytes.
 */
struct transform {
	const char *name;
	uint8_t extra_unit;
	bool (*encode)(const union value *values, size_t count, struct stages *out);
	int (*decode)(union value *values, size_t count, uint8_t argument, const char *extra);
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

/* `encode` is NULL where pack_encode chooses; false: it cannot hold these words. */
struct packer {
	const char *name;
	bool (*encode)(const uint64_t *words, size_t count, struct buf *out);
	int (*decode)(struct reader *reader, size_t count, uint64_t *words);
};
extern const struct packer packers[];
extern const uint8_t packer_count;
/* On disk in the place of a packer: words by the bins of the column. */
#define PACK_BINS 0x7f
/* The row of the table that others know. */
#define PACK_BITS 1

/* Bytes that pack_encode would append, without appending them. */
size_t pack_measure(const uint64_t *words, size_t count);
void pack_encode(const uint64_t *words, size_t count, struct buf *out);
/* Reads one packed run of `count` words. ERR_CORRUPT. */
int pack_decode(struct reader *reader, size_t count, uint64_t *words);
/* The same behind the byte that names the packer. */
int pack_decode_as(uint8_t pack, struct reader *reader, size_t count, uint64_t *words);

/* What PACK_BITS leaves of words, to take them one by one. */
struct packed_bits {
	struct slice bits;
	struct reader exceptions; /* { gap: varint, high bits: varint } */
	uint64_t base;
	unsigned width;
	bool is_folded;
};
/* Behind the byte that names the packer. ERR_CORRUPT. */
int packed_bits_read(struct reader *reader, size_t count, struct packed_bits *out);
uint64_t packed_bits_get(const struct packed_bits *packed, size_t row);

/*
 * Words of which nearly all are small, for sums: word i = base + words[i], and what is fixed is
 * added to it. Rows of fixes ascend; behind the words are zeros for whole blocks.
 */
#define NARROW_BLOCK	 32
#define NARROW_FIXES_MAX 32
struct narrow {
	uint64_t base;
	size_t fix_count;
	uint16_t fix_rows[NARROW_FIXES_MAX];
	uint64_t fixes[NARROW_FIXES_MAX];
	int16_t words[1024 + NARROW_BLOCK];
};
/* As pack_decode_as: 1, or 0 and nothing read where the words are not that small. */
int pack_decode_narrow(uint8_t pack, struct reader *reader, size_t count, struct narrow *out);

bool simple8b_encode(const uint64_t *words, size_t count, struct buf *out);
int simple8b_decode(struct reader *reader, size_t count, uint64_t *words);
bool gorilla_encode(const uint64_t *words, size_t count, struct buf *out);
int gorilla_decode(struct reader *reader, size_t count, uint64_t *words);

/* Transform and predict; `cold` tries all of them on all of the words. Not for strings. */
void stages_choose(enum value_type type, const union value *values, size_t count, bool cold,
		   struct stages *out);
/* All but the packed words: the header, and the patches if there are any. */
void stages_write_head(const struct stages *stages, struct buf *out);
void stages_write_patches(const struct stages *stages, const union value *values, struct buf *out);

/* A header as it was read. */
struct vector_head {
	uint8_t transform, argument, predictor, pack;
	bool is_patched;
	struct slice extra;
};
/* With the packer behind it. ERR_CORRUPT. */
int vector_head_read(struct reader *reader, struct vector_head *out);
/* Steps over patches, judges them, and gives where they lie: { gap: varint, value: 8 }. */
int patches_read(struct reader *reader, size_t count, struct reader *patches);
/* A shared head, and the lengths of the vectors behind it. */
int shared_head_read(struct reader *reader, size_t vector_count, struct vector_head *head,
		     uint64_t *lengths);
/* What all vectors of a column have. */
struct bins_decoder;
struct vectors_shared {
	enum value_type type;
	bool has_head;
	struct vector_head head;	    /* where it has one */
	const struct bins_decoder *decoder; /* NULL: it has no bins */
};
/* All of the reader as a vector; `own`: with a head of its own. */
int vector_read(struct reader *reader, const struct vectors_shared *shared, bool own, size_t count,
		union value *out, struct arena *arena);

/*
 * As vector_read, of integers: 1, or 0 and nothing read where the words are not narrow or stand for
 * something else than themselves or their differences.
 */
int vector_read_narrow(struct reader *reader, const struct vectors_shared *shared, bool own,
		       size_t count, struct narrow *out, bool *is_delta);

void text_vector_encode(const union value *values, size_t count, struct buf *out);
int text_vector_decode(struct reader *reader, size_t count, union value *out, struct arena *arena);

#endif
