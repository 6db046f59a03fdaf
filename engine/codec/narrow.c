/*
 * The third stage, read as sixteen bits a word: a quarter of what goes through the registers. Of a
 * scan of 8.64 M values that walk a whole query takes 4.3 ms of CPU in place of 7.7.
 */
#include "engine/codec/packed.h"

#define NARROW_WIDTH_MAX 14

#ifdef HAS_AVX512
/*
 * As unpack_wide, 32 words at a time: four of them begin in each of its eight bytes, and one
 * instruction brings all four to their places.
 */
__attribute__((target("avx512bw,avx512dq,avx512vbmi"))) static void
unpack_narrow_wide(struct slice bytes, size_t count, unsigned width, int16_t *words)
{
	__m512i starts = _mm512_mullo_epi32(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7),
					    _mm512_set1_epi64(width));
	__m512i from = each_byte(_mm512_srli_epi64(starts, 1), UINT64_C(0x0706050403020100));
	__m512i mask = _mm512_set1_epi16((int16_t)mask_of(width)), shifts;
	const char *next = bytes.data, *end = bytes.data + bytes.length;
	char last[2 * sizeof(__m512i)] = { 0 };
	uint64_t within = 0;

	for (unsigned k = 0; k < 4; k++)
		within |= (uint64_t)(k * width | (k * width + 8) << 8) << 16 * k;
	shifts = each_byte(_mm512_slli_epi64(_mm512_and_si512(starts, _mm512_set1_epi64(1)), 2),
			   within);
	for (size_t i = 0; i < count; i += NARROW_BLOCK, next += NARROW_BLOCK / 8 * width) {
		__m512i found;

		keep_inside(&next, &end, last);
		found = _mm512_permutexvar_epi8(from, _mm512_loadu_si512(next));
		found = _mm512_and_si512(_mm512_multishift_epi64_epi8(shifts, found), mask);
		_mm512_storeu_si512(words + i, found);
	}
}
#endif

/* Multiplied, each word lies at the upper end of sixteen bits, which shifts alike for all. */
static inline __attribute__((always_inline)) size_t
get_twos_narrow(struct slice bytes, size_t count, unsigned width, int16_t *words)
{
	size_t per = 16 / width, at = 0;

	for (const char *p = bytes.data; at + per <= count; p += 2, at += per) {
		uint16_t two;

		memcpy(&two, p, sizeof(two));
		for (size_t k = 0; k < per; k++) {
			uint16_t high = (uint16_t)(two * (1u << (16 - width - k * width)));

			words[at + k] = (int16_t)(high >> (16 - width));
		}
	}
	return at;
}

CLONES static size_t get_even_bits_narrow(struct slice bytes, size_t count, unsigned width,
					  int16_t *words)
{
	switch (width) {
	case 1: return get_twos_narrow(bytes, count, 1, words);
	case 2: return get_twos_narrow(bytes, count, 2, words);
	case 4: return get_twos_narrow(bytes, count, 4, words);
	case 8: return get_twos_narrow(bytes, count, 8, words);
	}
	return 0;
}

static void unpack_narrow_plain(struct slice bytes, size_t count, unsigned width, int16_t *words)
{
	size_t whole = bytes.length >= 9 ? (bytes.length - 9) * 8 / width + 1 : 0;
	uint64_t mask = mask_of(width), last[VECTOR_ROWS];
	size_t i = get_even_bits_narrow(bytes, count, width, words), bit = i * width;

	for (; i < count && i < whole; i++, bit += width)
		words[i] = (int16_t)(load64(bytes.data + bit / 8) >> bit % 8 & mask);
	if (i < count)
		packed_last_bits(bytes.data, bytes.length, i, count, width, 0, last);
	for (; i < count; i++)
		words[i] = (int16_t)last[i];
}

/* As get_bits, of up to NARROW_WIDTH_MAX bits; writes whole blocks of words. */
static void get_bits_narrow(struct slice bytes, size_t count, unsigned width, int16_t *words)
{
	if (width == 0) {
		memset(words, 0, count * sizeof(*words));
		return;
	}
#ifdef HAS_AVX512
	if (__builtin_cpu_supports("avx512vbmi")) {
		unpack_narrow_wide(bytes, count, width, words);
		return;
	}
#endif
	unpack_narrow_plain(bytes, count, width, words);
}

/* What precedes the bits. */
struct packed_head {
	unsigned width;
	bool folded;
	uint64_t base;
	struct exception exceptions[NARROW_FIXES_MAX];
	size_t exception_count;
};

/* 1, or 0: not narrow. */
static int get_narrow_head(struct reader *reader, size_t count, struct packed_head *head)
{
	unsigned first = reader_u8(reader);
	struct reader ahead;

	head->width = first & ~WIDTH_FOLDED;
	head->folded = first & WIDTH_FOLDED;
	head->base = head->folded ? 0 : (uint64_t)unzigzag(reader_varint(reader));
	ahead = *reader;
	if (head->width > NARROW_WIDTH_MAX || reader_varint(&ahead) > NARROW_FIXES_MAX)
		return 0;
	TRY(packed_exceptions_read(reader, count, head->width, head->exceptions,
				   &head->exception_count));
	for (size_t i = 1; i < head->exception_count; i++)
		if (head->exceptions[i].row == head->exceptions[i - 1].row)
			return 0;
	return 1;
}

CLONES static void unfold_narrow(int16_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		words[i] = (int16_t)((words[i] >> 1) ^ -(words[i] & 1));
}

static uint64_t fix_of(const struct packed_head *head, size_t i, int16_t bits)
{
	uint64_t high = head->exceptions[i].high << head->width;

	return head->folded ? (uint64_t)unzigzag(high | (uint64_t)bits) : high;
}

/* What is folded has its fixed words here alone. */
static void fix_narrow(const struct packed_head *head, struct narrow *out)
{
	out->base = head->base;
	out->fix_count = head->exception_count;
	for (size_t i = 0; i < head->exception_count; i++) {
		size_t row = head->exceptions[i].row;

		out->fix_rows[i] = (uint16_t)row;
		out->fixes[i] = fix_of(head, i, out->words[row]);
		if (head->folded)
			out->words[row] = 0;
	}
}

static int get_packed_narrow(struct reader *reader, size_t count, struct narrow *out)
{
	struct packed_head head;
	int is_narrow = get_narrow_head(reader, count, &head);

	if (is_narrow != 1)
		return is_narrow;
	struct slice bits = reader_take(reader, (count * head.width + 7) / 8);
	if (reader->failed)
		return ERR_CORRUPT;
	get_bits_narrow(bits, count, head.width, out->words);
	fix_narrow(&head, out);
	if (head.folded)
		unfold_narrow(out->words, count);
	return 1;
}

static int get_const_narrow(struct reader *reader, size_t count, struct narrow *out)
{
	out->base = (uint64_t)unzigzag(reader_varint(reader));
	out->fix_count = 0;
	memset(out->words, 0, count * sizeof(*out->words));
	return reader->failed ? ERR_CORRUPT : 1;
}

CLONES static void put_zero_back_narrow(int16_t *rest, size_t count, int16_t base)
{
	for (size_t i = 0; i < count; i++) {
		int16_t word = (int16_t)(rest[i] + base);

		rest[i] = (int16_t)(word + (word >= 0));
	}
}

#ifdef HAS_AVX512
__attribute__((target("avx512bw,avx512vbmi2"))) static void
spread_narrow_wide(const char *map, size_t count, const int16_t *rest, int16_t *words)
{
	for (size_t i = 0; i < count; i += NARROW_BLOCK) {
		uint32_t bits = load32(map + i / 8);

		_mm512_storeu_si512(words + i,
				    _mm512_maskz_expand_epi16(bits, _mm512_loadu_si512(rest)));
		rest += __builtin_popcount(bits);
	}
}

/* Where the two bytes of each of eight words come from, for the bits of a byte; 0x80: they are 0.
 */
#define BELOW(bits, k)                                                                             \
	(((k) > 0 && (bits)&1) + ((k) > 1 && (bits)&2) + ((k) > 2 && (bits)&4) +                   \
	 ((k) > 3 && (bits)&8) + ((k) > 4 && (bits)&16) + ((k) > 5 && (bits)&32) +                 \
	 ((k) > 6 && (bits)&64))
#define PLACE(bits, k)                                                                             \
	(bits) >> (k)&1 ? 2 * BELOW(bits, k) : 0x80, (bits) >> (k)&1 ? 2 * BELOW(bits, k) + 1 : 0x80
#define PLACES(bits)                                                                               \
	{                                                                                          \
		PLACE(bits, 0), PLACE(bits, 1), PLACE(bits, 2), PLACE(bits, 3), PLACE(bits, 4),    \
			PLACE(bits, 5), PLACE(bits, 6), PLACE(bits, 7)                             \
	}
#define PLACES4(bits)  PLACES(bits), PLACES((bits) + 1), PLACES((bits) + 2), PLACES((bits) + 3)
#define PLACES16(bits) PLACES4(bits), PLACES4((bits) + 4), PLACES4((bits) + 8), PLACES4((bits) + 12)
#define PLACES64(bits)                                                                             \
	PLACES16(bits), PLACES16((bits) + 16), PLACES16((bits) + 32), PLACES16((bits) + 48)

/*
 * Eight words at a time: on a processor without the instruction above a query takes 6.1 ms of CPU
 * in place of 9.3.
 */
__attribute__((target("ssse3,popcnt"))) static void
spread_narrow_eights(const char *map, size_t count, const int16_t *rest, int16_t *words)
{
	static const uint8_t places[256][16] = { PLACES64(0), PLACES64(64), PLACES64(128),
						 PLACES64(192) };

	for (size_t i = 0; i < count; i += 8) {
		uint8_t bits = (uint8_t)map[i / 8];
		__m128i place = _mm_loadu_si128((const __m128i *)places[bits]);

		_mm_storeu_si128((__m128i *)(words + i),
				 _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)rest), place));
		rest += __builtin_popcount(bits);
	}
}
#endif

CLONES static void spread_narrow_plain(const char *map, size_t count, const int16_t *rest,
				       int16_t *words)
{
	memset(words, 0, count * sizeof(*words));
	for (size_t i = 0; i < count; i += NARROW_BLOCK)
		for (uint32_t bits = load32(map + i / 8); bits; bits &= bits - 1)
			words[i + (unsigned)__builtin_ctz(bits)] = *rest++;
}

/* The map is of whole blocks; behind `rest` there is room for one more. */
static void spread_narrow(const char *map, size_t count, const int16_t *rest, int16_t *words)
{
#ifdef HAS_AVX512
	if (__builtin_cpu_supports("avx512vbmi2")) {
		spread_narrow_wide(map, count, rest, words);
		return;
	}
	if (__builtin_cpu_supports("ssse3")) {
		spread_narrow_eights(map, count, rest, words);
		return;
	}
#endif
	spread_narrow_plain(map, count, rest, words);
}

/* The first word, which a predictor leaves as it was, may be any; others make it not narrow. */
static bool fix_first(const struct packed_head *head, bool has_first, const int16_t *rest,
		      struct narrow *out)
{
	uint64_t word;

	out->base = 0;
	out->fix_count = head->exception_count;
	if (head->exception_count == 0)
		return true;
	if (head->exception_count > 1 || head->exceptions[0].row || !has_first)
		return false;
	word = fix_of(head, 0, rest[0]);
	if (!head->folded)
		word += head->base + (uint64_t)rest[0];
	out->fix_rows[0] = 0;
	out->fixes[0] = word + ((int64_t)word >= 0);
	return true;
}

static bool is_small(uint64_t base)
{
	return base + (1 << NARROW_WIDTH_MAX) <= 2 << NARROW_WIDTH_MAX;
}

/* 1, or 0: not narrow. The words that are not zero. */
static int get_rest_narrow(struct reader *reader, size_t count, bool has_first, int16_t *rest,
			   struct narrow *out)
{
	struct packed_head head;
	int is_narrow = get_narrow_head(reader, count, &head);

	if (is_narrow != 1 || !is_small(head.base))
		return is_narrow < 0 ? is_narrow : 0;
	struct slice bits = reader_take(reader, (count * head.width + 7) / 8);
	if (reader->failed)
		return ERR_CORRUPT;
	get_bits_narrow(bits, count, head.width, rest);
	if (!fix_first(&head, has_first, rest, out))
		return 0;
	if (head.folded)
		unfold_narrow(rest, count);
	put_zero_back_narrow(rest, count, (int16_t)head.base);
	if (head.exception_count)
		rest[0] = 0;
	return 1;
}

static int get_sparse_narrow(struct reader *reader, size_t count, struct narrow *out)
{
	struct slice map = reader_take(reader, map_bytes(count));
	char blocks[VECTOR_ROWS / 8] = { 0 };
	int16_t rest[VECTOR_ROWS + NARROW_BLOCK];
	int is_narrow;

	if (!packed_map_fits(reader, map, count))
		return ERR_CORRUPT;
	is_narrow = get_rest_narrow(reader, packed_map_count(map), map.data[0] & 1, rest, out);
	if (is_narrow != 1)
		return is_narrow;
	memcpy(blocks, map.data, map.length);
	spread_narrow(blocks, count, rest, out->words);
	return 1;
}

int pack_decode_narrow(uint8_t pack, struct reader *reader, size_t count, struct narrow *out)
{
	struct reader ahead = *reader;
	int is_narrow = 0;

	switch (pack) {
	case PACK_CONST: is_narrow = get_const_narrow(&ahead, count, out); break;
	case PACK_BITS: is_narrow = get_packed_narrow(&ahead, count, out); break;
	case PACK_SPARSE: is_narrow = get_sparse_narrow(&ahead, count, out); break;
	}
	if (is_narrow != 1)
		return is_narrow;
	memset(out->words + count, 0, NARROW_BLOCK * sizeof(*out->words));
	*reader = ahead;
	return 1;
}
