/*
 * The third stage: words into bits, all of them, those that are not zero, or the runs of equal
 * ones.
 *
 * All words are taken relative to a base (the smallest, as signed numbers) and
 * cut to `width` bits; what does not fit keeps its high bits in a list of
 * exceptions. The width is the one that makes the whole smallest, from one
 * histogram of bit lengths. A predicted vector's first word is nearly always an
 * exception; it costs a few bytes once.
 *
 * Where a few words lie far below the others (a counter that starts again), such a
 * base would make all the others long: they are folded instead (0, -1, 1, -2, ..).
 *
 * Where many words are zero, a map tells which are not, and only these are
 * laid out, the zero taken out of their range (1, 2, .. become 0, 1, ..): a walk of
 * steps -1, 0, 1 costs a bit a word and one more where it moved, which is its entropy.
 */
#include "engine/base/bytes.h"
#include "engine/base/clones.h"
#include "engine/codec/codec.h"
#include "engine/limits.h"
#ifdef HAS_AVX512
#include <immintrin.h>
#endif

enum { PACK_CONST = 0, PACK_SPARSE = 2, PACK_RUNS = 3 };

/* With more runs than this they do not pay. */
#define RUN_LENGTH_MIN 8

struct layout {
	int64_t base;	/* 0 where another makes no word shorter */
	unsigned width; /* 0 to 64 */
	size_t exceptions;
	size_t bytes; /* estimate of the whole */
	bool constant;
	bool folded; /* zigzag in place of a base */
};

enum { WIDTH_FOLDED = 0x80 };

static unsigned bit_length(uint64_t word)
{
	return word ? 64 - (unsigned)__builtin_clzll(word) : 0;
}

static uint64_t word_of(const struct layout *layout, uint64_t word)
{
	return layout->folded ? zigzag((int64_t)word) : word - (uint64_t)layout->base;
}

static unsigned longest_of(const uint64_t *words, size_t count, const struct layout *layout)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < count; i++)
		bits |= word_of(layout, words[i]);
	return bit_length(bits);
}

#ifdef HAS_AVX512
#define WIDE __attribute__((target("avx512f,avx512cd,avx512bw")))

/* Lengths of up to eight words, a byte each; 0xff for those that are not there. */
WIDE static inline __m128i lengths_of_8(const uint64_t *words, size_t count,
					const struct layout *layout)
{
	__mmask8 there = count < 8 ? (__mmask8)((1u << count) - 1) : 0xff;
	__m512i word = _mm512_maskz_loadu_epi64(there, words);

	word = layout->folded
		       ? _mm512_xor_epi64(_mm512_slli_epi64(word, 1), _mm512_srai_epi64(word, 63))
		       : _mm512_sub_epi64(word, _mm512_set1_epi64(layout->base));
	word = _mm512_sub_epi64(_mm512_set1_epi64(64), _mm512_lzcnt_epi64(word));
	return _mm512_mask_cvtepi64_epi8(_mm_set1_epi8(-1), there, word);
}

WIDE static inline __m128i lengths_of_16(const uint64_t *words, size_t count,
					 const struct layout *layout)
{
	return _mm_unpacklo_epi64(lengths_of_8(words, count, layout),
				  count > 8 ? lengths_of_8(words + 8, count - 8, layout)
					    : _mm_set1_epi8(-1));
}

/* Of up to 64, in the registers all the while: to store eight bytes and load 64 waits for the
 * stores. */
WIDE static inline __m512i lengths_of_64(const uint64_t *words, size_t count,
					 const struct layout *layout)
{
	__m512i lengths = _mm512_set1_epi8(-1);

	lengths = _mm512_inserti32x4(lengths, lengths_of_16(words, count, layout), 0);
	if (count > 16)
		lengths = _mm512_inserti32x4(lengths, lengths_of_16(words + 16, count - 16, layout),
					     1);
	if (count > 32)
		lengths = _mm512_inserti32x4(lengths, lengths_of_16(words + 32, count - 32, layout),
					     2);
	if (count > 48)
		lengths = _mm512_inserti32x4(lengths, lengths_of_16(words + 48, count - 48, layout),
					     3);
	return lengths;
}

/* Adds those longer than `length`, one by one; gives the longest. */
WIDE static unsigned count_longer(const __m512i *lengths, size_t blocks, unsigned length,
				  size_t histogram[65])
{
	const __m512i limit = _mm512_set1_epi8((char)length), absent = _mm512_set1_epi8(-1);
	unsigned longest = length;

	for (size_t i = 0; i < blocks; i++) {
		__mmask64 longer = _mm512_cmpgt_epu8_mask(lengths[i], limit) &
				   _mm512_cmpneq_epi8_mask(lengths[i], absent);

		for (; longer; longer &= longer - 1) {
			unsigned found = ((const uint8_t *)&lengths[i])[__builtin_ctzll(longer)];

			for (; longest < found; longest++)
				histogram[longest + 1] = 0;
			histogram[found]++;
		}
	}
	return longest;
}

/*
 * Sixty-four lengths are compared at once, a length after another, until but a few words are
 * left: most are short, and a delta's first one is long. An eighth of the CPU that a flush of
 * walking integers took went to counting them one by one.
 */
#define LENGTHS_FEW 8
WIDE static unsigned histogram_wide(const uint64_t *words, size_t count,
				    const struct layout *layout, size_t histogram[65])
{
	__m512i lengths[VECTOR_ROWS / 64];
	size_t left = count, blocks = 0;

	for (size_t i = 0; i < count; i += 64)
		lengths[blocks++] =
			lengths_of_64(words + i, count - i < 64 ? count - i : 64, layout);
	for (unsigned length = 0;; length++) {
		const __m512i wanted = _mm512_set1_epi8((char)length);
		size_t found = 0;

		for (size_t i = 0; i < blocks; i++)
			found += (size_t)__builtin_popcountll(
				_mm512_cmpeq_epi8_mask(lengths[i], wanted));
		histogram[length] = found;
		left -= found;
		if (left <= LENGTHS_FEW)
			return count_longer(lengths, blocks, length, histogram);
	}
}
#endif

/*
 * Gives the longest length, and counts none beyond it: vectors of a few values, of which high
 * cardinality has many, cost half of what 65 counts did. Two in turn: adding to one and the same
 * count waits for the addition before.
 */
static unsigned histogram_of(const uint64_t *words, size_t count, const struct layout *layout,
			     size_t histogram[65])
{
#ifdef HAS_AVX512
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd"))
		return histogram_wide(words, count, layout, histogram);
#endif
	unsigned longest = longest_of(words, count, layout);
	uint32_t even[65], odd[65];
	size_t i = 0;

	memset(even, 0, (longest + 1) * sizeof(*even));
	memset(odd, 0, (longest + 1) * sizeof(*odd));
	for (; i + 2 <= count; i += 2) {
		even[bit_length(word_of(layout, words[i]))]++;
		odd[bit_length(word_of(layout, words[i + 1]))]++;
	}
	if (i < count)
		even[bit_length(word_of(layout, words[i]))]++;
	for (i = 0; i <= longest; i++)
		histogram[i] = even[i] + odd[i];
	return longest;
}

/* An exception costs its gap (about a byte and a half) and its high bits as a varint. */
static void choose_width(const uint64_t *words, size_t count, struct layout *layout)
{
	size_t histogram[65];
	size_t above = 0, above_bits = 0; /* words longer than width, and by how many bits in all */

	layout->bytes = SIZE_MAX;
	for (unsigned width = histogram_of(words, count, layout, histogram) + 1; width-- > 0;) {
		size_t bytes = (count * width + 7) / 8 + 2 * above + (above_bits + 3 * above) / 7;

		if (bytes < layout->bytes) {
			layout->bytes = bytes;
			layout->width = width;
			layout->exceptions = above;
		}
		above += histogram[width];
		above_bits += above;
		if (2 * above >= layout->bytes)
			return; /* narrower ones cost more */
	}
}

static struct layout folded_layout(const uint64_t *words, size_t count)
{
	struct layout layout = { .folded = true };

	choose_width(words, count, &layout);
	return layout;
}

static struct layout layout_of(const uint64_t *words, size_t count)
{
	struct layout layout = { .base = (int64_t)words[count - 1], .constant = true }, folded;
	uint64_t joined = words[0];

	/* The first word stands apart: a delta's is the value itself. It may lie below the base. */
	for (size_t i = 1; i < count; i++) {
		layout.constant &= words[i] == words[0];
		joined |= words[i];
		if ((int64_t)words[i] < layout.base)
			layout.base = (int64_t)words[i];
	}
	if (layout.constant) {
		layout.bytes = 0; /* nothing is smaller */
		return layout;
	}
	choose_width(words, count, &layout);
	if (layout.exceptions == 0 && bit_length(joined) <= layout.width)
		layout.base = 0;
	if (layout.base >= 0)
		return layout;
	folded = folded_layout(words, count);
	return folded.bytes < layout.bytes ? folded : layout;
}

static size_t map_bytes(size_t count)
{
	return (count + 7) / 8;
}

/* Below this share of zeros the map cannot pay. */
static bool may_be_sparse(const uint64_t *words, size_t count)
{
	size_t zeros = 0;

	for (size_t i = 0; i < count; i++)
		zeros += words[i] == 0;
	return zeros > count / 8 + 2;
}

/* The words that are not zero; `rest` has room for one more than there are. */
static size_t take_rest(const uint64_t *words, size_t count, uint64_t *rest)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		rest[found] = words[i] - ((int64_t)words[i] > 0);
		found += words[i] != 0;
	}
	return found;
}

/* The layout of the rest with the map's bytes added; rest_count 0: all in `layout` is better. */
static struct layout sparse_layout(const uint64_t *words, size_t count, const struct layout *layout,
				   uint64_t *rest, size_t *rest_count)
{
	struct layout sparse = { .bytes = SIZE_MAX };

	*rest_count = 0;
	if (layout->constant || !may_be_sparse(words, count))
		return sparse;
	*rest_count = take_rest(words, count, rest);
	sparse = layout_of(rest, *rest_count);
	sparse.bytes += map_bytes(count);
	if (sparse.bytes >= layout->bytes)
		*rest_count = 0;
	return sparse;
}

/* --- runs ------------------------------------------------------------------------------------- */

struct runs {
	size_t count; /* 0: too many of them */
	uint64_t words[VECTOR_ROWS / RUN_LENGTH_MIN], lengths[VECTOR_ROWS / RUN_LENGTH_MIN];
	size_t bytes; /* estimate */
};

static void runs_find(const uint64_t *words, size_t count, struct runs *runs)
{
	size_t changes = 0, start = 0;

	for (size_t i = 1; i < count; i++)
		changes += words[i] != words[i - 1];
	runs->count = 0;
	if ((changes + 1) * RUN_LENGTH_MIN > count)
		return;
	for (size_t i = 1; i <= count; i++)
		if (i == count || words[i] != words[start]) {
			runs->words[runs->count] = words[start];
			runs->lengths[runs->count++] = i - start;
			start = i;
		}
	runs->bytes = layout_of(runs->words, runs->count).bytes +
		      layout_of(runs->lengths, runs->count).bytes + 8;
}

/* --- choosing ----------------------------------------------------------------------------------
 */

struct choice {
	uint8_t pack;
	size_t bytes;
	struct layout layout;		/* of all, or of the rest */
	uint64_t rest[VECTOR_ROWS + 1]; /* PACK_SPARSE */
	size_t rest_count;
	struct runs runs; /* PACK_RUNS */
};

static void choose(const uint64_t *words, size_t count, struct choice *choice)
{
	struct layout sparse;

	choice->layout = layout_of(words, count);
	choice->pack = choice->layout.constant ? PACK_CONST : PACK_BITS;
	choice->bytes = choice->layout.bytes;
	if (choice->layout.constant)
		return;
	sparse = sparse_layout(words, count, &choice->layout, choice->rest, &choice->rest_count);
	if (choice->rest_count) {
		choice->pack = PACK_SPARSE;
		choice->bytes = sparse.bytes;
		choice->layout = sparse;
	}
	runs_find(words, count, &choice->runs);
	if (choice->runs.count && choice->runs.bytes < choice->bytes) {
		choice->pack = PACK_RUNS;
		choice->bytes = choice->runs.bytes;
	}
}

size_t pack_measure(const uint64_t *words, size_t count)
{
	struct choice choice;

	choose(words, count, &choice);
	return choice.bytes;
}

static uint64_t mask_of(unsigned width)
{
	return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

static void put_bits(const uint64_t *words, size_t count, unsigned width, struct buf *out)
{
	size_t bytes = (count * width + 7) / 8;
	char *p = buf_reserve(out, bytes + 8);
	uint64_t filled = 0, mask = mask_of(width);
	unsigned used = 0;

	for (size_t i = 0; width && i < count; i++) {
		uint64_t word = words[i] & mask;

		filled |= word << used;
		used += width;
		if (used < 64)
			continue;
		store64(p, filled);
		p += 8;
		used -= 64;
		filled = used ? word >> (width - used) : 0;
	}
	if (used)
		store64(p, filled);
	out->length += bytes;
}

static void put_exceptions(const uint64_t *words, size_t count, const struct layout *layout,
			   struct buf *out)
{
	size_t last = 0;

	buf_append_varint(out, layout->exceptions);
	for (size_t i = 0; layout->exceptions && i < count; i++) {
		uint64_t high = words[i] >> layout->width;

		if (high == 0)
			continue;
		buf_append_varint(out, i - last);
		buf_append_varint(out, high);
		last = i;
	}
}

static void put_packed(const uint64_t *words, size_t count, const struct layout *layout,
		       struct buf *out)
{
	uint64_t shifted[VECTOR_ROWS];

	for (size_t i = 0; i < count; i++)
		shifted[i] = word_of(layout, words[i]);
	buf_append_byte(out, (char)(layout->width | (layout->folded ? WIDTH_FOLDED : 0)));
	if (!layout->folded)
		buf_append_varint(out, zigzag(layout->base));
	put_exceptions(shifted, count, layout, out);
	put_bits(shifted, count, layout->width, out);
}

static void put_map(const uint64_t *words, size_t count, struct buf *out)
{
	char *map = buf_reserve(out, map_bytes(count));

	memset(map, 0, map_bytes(count));
	for (size_t i = 0; i < count; i++)
		map[i / 8] |= (char)((unsigned)(words[i] != 0) << i % 8);
	out->length += map_bytes(count);
}

static void put_flat(const uint64_t *words, size_t count, struct buf *out)
{
	struct layout layout = layout_of(words, count);

	buf_append_byte(out, layout.constant ? PACK_CONST : PACK_BITS);
	if (layout.constant)
		buf_append_varint(out, zigzag((int64_t)words[0]));
	else
		put_packed(words, count, &layout, out);
}

void pack_encode(const uint64_t *words, size_t count, struct buf *out)
{
	struct choice choice;

	choose(words, count, &choice);
	buf_append_byte(out, (char)choice.pack);
	switch (choice.pack) {
	case PACK_CONST: buf_append_varint(out, zigzag((int64_t)words[0])); break;
	case PACK_BITS: put_packed(words, count, &choice.layout, out); break;
	case PACK_SPARSE:
		put_map(words, count, out);
		put_packed(choice.rest, choice.rest_count, &choice.layout, out);
		break;
	default:
		buf_append_varint(out, choice.runs.count);
		put_flat(choice.runs.words, choice.runs.count, out);
		put_flat(choice.runs.lengths, choice.runs.count, out);
	}
}

/* One word may lie over nine bytes. */
static uint64_t get_word(const char *p, unsigned shift, unsigned width)
{
	uint64_t word = load64(p) >> shift;

	if (shift + width > 64)
		word |= (uint64_t)(unsigned char)p[8] << (64 - shift);
	return word & mask_of(width);
}

/* Words that cannot be loaded whole any more, from a copy with zeros behind it. */
static void get_last_bits(const char *bytes, size_t length, size_t i, size_t count, unsigned width,
			  uint64_t base, uint64_t *words)
{
	size_t from = i * width / 8;
	char copy[96] = { 0 };

	memcpy(copy, bytes + from, length - from);
	for (; i < count; i++) {
		size_t bit = i * width - from * 8;

		words[i] = get_word(copy + bit / 8, bit % 8, width) + base;
	}
}

/* Widths that fill eight bytes evenly: `width` is constant wherever this is put in. */
static inline __attribute__((always_inline)) size_t get_eights(const char *bytes, size_t length,
							       size_t count, unsigned width,
							       uint64_t base, uint64_t *words)
{
	size_t per = 64 / width, at = 0;

	for (const char *end = bytes + length; at + per <= count && bytes + 8 <= end; bytes += 8) {
		uint64_t eight = load64(bytes), mask = mask_of(width);

		for (size_t k = 0; k < per; k++)
			words[at + k] = (eight >> (k * width) & mask) + base;
		at += per;
	}
	return at;
}

/* The words that were read: none where the width is another. */
CLONES static size_t get_even_bits(const char *bytes, size_t length, size_t count, unsigned width,
				   uint64_t base, uint64_t *words)
{
	switch (width) {
	case 1: return get_eights(bytes, length, count, 1, base, words);
	case 2: return get_eights(bytes, length, count, 2, base, words);
	case 4: return get_eights(bytes, length, count, 4, base, words);
	case 8: return get_eights(bytes, length, count, 8, base, words);
	}
	return 0;
}

#ifdef HAS_AVX512
/* A number in each eight bytes, to all of these; `more` is added to each byte. */
__attribute__((target("avx512bw,avx512dq,avx512vbmi"))) static inline __m512i
each_byte(__m512i numbers, uint64_t more)
{
	const __m512i first = _mm512_set_epi64(0x0808080808080808, 0, 0x0808080808080808, 0,
					       0x0808080808080808, 0, 0x0808080808080808, 0);

	return _mm512_add_epi8(_mm512_shuffle_epi8(numbers, first),
			       _mm512_set1_epi64((int64_t)more));
}

/* What cannot be loaded whole any more is loaded from a copy with zeros behind it. */
static inline void keep_inside(const char **next, const char **end, char last[128])
{
	if (*end - *next >= 64)
		return;
	memcpy(last, *next, (size_t)(*end - *next));
	*next = last;
	*end = last + 128;
}

/*
 * Eight words of up to 56 bits at a time: the bytes that each begins in are brought to its place,
 * and shifted. A scan of 8.64 M decimals, which take 14 bits, needs 10.3 ms of CPU in place
 * of 11.8.
 */
__attribute__((target("avx512bw,avx512dq,avx512vbmi"))) static void
unpack_wide(struct slice bytes, size_t count, unsigned width, uint64_t base, uint64_t *words)
{
	__m512i starts = _mm512_mullo_epi32(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7),
					    _mm512_set1_epi64(width));
	__m512i from = each_byte(_mm512_srli_epi64(starts, 3), UINT64_C(0x0706050403020100));
	__m512i shifts = _mm512_and_si512(starts, _mm512_set1_epi64(7));
	__m512i mask = _mm512_set1_epi64((int64_t)mask_of(width));
	__m512i bases = _mm512_set1_epi64((int64_t)base);
	const char *next = bytes.data, *end = bytes.data + bytes.length;
	char last[2 * sizeof(__m512i)] = { 0 };

	for (size_t i = 0; i < count; i += 8, next += width) {
		__mmask8 left = count - i < 8 ? (__mmask8)((1u << (count - i)) - 1) : 0xff;
		__m512i found;

		keep_inside(&next, &end, last);
		found = _mm512_permutexvar_epi8(from, _mm512_loadu_si512(next));
		found = _mm512_and_si512(_mm512_srlv_epi64(found, shifts), mask);
		_mm512_mask_storeu_epi64(words + i, left, _mm512_add_epi64(found, bases));
	}
}
#endif

/* Words may be loaded whole while nine bytes are left; up to 56 bits lie within eight. */
static void unpack_plain(struct slice bytes, size_t count, unsigned width, uint64_t base,
			 uint64_t *words)
{
	size_t whole = bytes.length >= 9 ? (bytes.length - 9) * 8 / width + 1 : 0;
	uint64_t mask = mask_of(width);
	size_t i = get_even_bits(bytes.data, bytes.length, count, width, base, words);
	size_t bit = i * width;

	if (whole > count)
		whole = count;
	if (width <= 56)
		for (; i < whole; i++, bit += width)
			words[i] = (load64(bytes.data + bit / 8) >> bit % 8 & mask) + base;
	else
		for (; i < whole; i++, bit += width)
			words[i] = get_word(bytes.data + bit / 8, bit % 8, width) + base;
	if (i < count)
		get_last_bits(bytes.data, bytes.length, i, count, width, base, words);
}

static void get_bits(struct slice bytes, size_t count, unsigned width, uint64_t base,
		     uint64_t *words)
{
	if (width == 0) {
		for (size_t i = 0; i < count; i++)
			words[i] = base;
		return;
	}
#ifdef HAS_AVX512
	if (width <= 56 && __builtin_cpu_supports("avx512vbmi")) {
		unpack_wide(bytes, count, width, base, words);
		return;
	}
#endif
	unpack_plain(bytes, count, width, base, words);
}

struct exception {
	size_t row;
	uint64_t high;
};

static int get_exceptions(struct reader *reader, size_t count, unsigned width,
			  struct exception *exceptions, size_t *found)
{
	uint64_t n = reader_varint(reader), row = 0;

	if (reader->failed || n > count || (n && width == 64))
		return ERR_CORRUPT;
	for (size_t i = 0; i < n; i++) {
		uint64_t gap = reader_varint(reader);

		if (gap >= count || (row += gap) >= count)
			return ERR_CORRUPT;
		exceptions[i] = (struct exception){ row, reader_varint(reader) };
	}
	*found = n;
	return reader->failed ? ERR_CORRUPT : OK;
}

static int get_packed(struct reader *reader, size_t count, uint64_t *words)
{
	struct exception exceptions[VECTOR_ROWS];
	unsigned head = reader_u8(reader), width = head & ~WIDTH_FOLDED;
	uint64_t base = head & WIDTH_FOLDED ? 0 : (uint64_t)unzigzag(reader_varint(reader));
	size_t found;

	if (width > 64)
		return ERR_CORRUPT;
	TRY(get_exceptions(reader, count, width, exceptions, &found));
	struct slice bits = reader_take(reader, (count * width + 7) / 8);
	if (reader->failed)
		return ERR_CORRUPT;
	get_bits(bits, count, width, base, words);
	/* Adding, not joining: the base is in already. */
	for (size_t i = 0; i < found; i++)
		words[exceptions[i].row] += exceptions[i].high << width;
	for (size_t i = 0; head & WIDTH_FOLDED && i < count; i++)
		words[i] = (uint64_t)unzigzag(words[i]);
	return OK;
}

static int skip_exceptions(struct reader *reader, size_t count, unsigned width,
			   struct reader *exceptions)
{
	struct exception judged[VECTOR_ROWS];
	struct reader from = *reader;
	size_t found;

	TRY(get_exceptions(reader, count, width, judged, &found));
	reader_varint(&from); /* their number */
	*exceptions = (struct reader){ from.next, reader->next, false };
	return OK;
}

static uint64_t high_bits_of(struct reader exceptions, size_t row)
{
	for (size_t at = 0; reader_left(&exceptions) && at <= row;) {
		at += reader_varint(&exceptions);
		uint64_t high = reader_varint(&exceptions);
		if (at == row)
			return high;
	}
	return 0;
}

int packed_bits_read(struct reader *reader, size_t count, struct packed_bits *out)
{
	unsigned head = reader_u8(reader);

	out->is_folded = head & WIDTH_FOLDED;
	out->width = head & ~WIDTH_FOLDED;
	out->base = out->is_folded ? 0 : (uint64_t)unzigzag(reader_varint(reader));
	if (out->width > 64)
		return ERR_CORRUPT;
	TRY(skip_exceptions(reader, count, out->width, &out->exceptions));
	out->bits = reader_take(reader, (count * out->width + 7) / 8);
	return reader->failed ? ERR_CORRUPT : OK;
}

uint64_t packed_bits_get(const struct packed_bits *packed, size_t row)
{
	size_t bit = row * packed->width, left = packed->bits.length - bit / 8;
	char copy[16] = { 0 };
	uint64_t word;

	memcpy(copy, packed->bits.data + bit / 8, left < 9 ? left : 9);
	word = get_word(copy, bit % 8, packed->width) + packed->base;
	if (reader_left(&packed->exceptions)) /* else the width may be 64 */
		word += high_bits_of(packed->exceptions, row) << packed->width;
	return packed->is_folded ? (uint64_t)unzigzag(word) : word;
}

static int get_const(struct reader *reader, size_t count, uint64_t *words)
{
	uint64_t word = (uint64_t)unzigzag(reader_varint(reader));

	for (size_t i = 0; i < count; i++)
		words[i] = word;
	return reader->failed ? ERR_CORRUPT : OK;
}

CLONES static size_t bits_set(struct slice map)
{
	size_t found = 0, i = 0;

	for (; i + 8 <= map.length; i += 8)
		found += (size_t)__builtin_popcountll(load64(map.data + i));
	for (; i < map.length; i++)
		found += (size_t)__builtin_popcount((uint8_t)map.data[i]);
	return found;
}

/* Sixty-four words at a time: zeros, then a word for each bit that is set. */
CLONES static void spread_plain(const char *map, size_t count, const uint64_t *rest,
				uint64_t *words)
{
	memset(words, 0, count * sizeof(*words));
	for (size_t from = 0; from < count; from += 64, words += 64) {
		size_t bytes = map_bytes(count - from) < 8 ? map_bytes(count - from) : 8;
		uint64_t bits = 0;

		memcpy(&bits, map + from / 8, bytes);
		for (; bits; bits &= bits - 1)
			words[__builtin_ctzll(bits)] = *rest++;
	}
}

#ifdef HAS_AVX512
/*
 * Eight words at a time, by an instruction that no compiler finds by itself: of a scan of 8.64 M
 * values that walk, 1.2 ms in place of 2.9 ms by the loop above.
 */
__attribute__((target("avx512f"))) static void spread_eights(const char *map, size_t eights,
							     const uint64_t *rest, uint64_t *words)
{
	for (size_t i = 0; i < eights; i++) {
		uint8_t bits = (uint8_t)map[i];

		_mm512_storeu_si512(words + i * 8,
				    _mm512_maskz_expand_epi64(bits, _mm512_loadu_si512(rest)));
		rest += __builtin_popcount(bits);
	}
}
#endif

/* Behind `rest` there is room for eight words more. */
static void spread(const char *map, size_t count, const uint64_t *rest, uint64_t *words)
{
#ifdef HAS_AVX512
	if (count % 8 == 0 && __builtin_cpu_supports("avx512f")) {
		spread_eights(map, count / 8, rest, words);
		return;
	}
#endif
	spread_plain(map, count, rest, words);
}

/* 0, 1, .. were 1, 2, .. */
CLONES static void put_zero_back(uint64_t *rest, size_t count)
{
	for (size_t i = 0; i < count; i++)
		rest[i] += (int64_t)rest[i] >= 0;
}

/* No bit behind the last word. */
static bool map_fits(const struct reader *reader, struct slice map, size_t count)
{
	return !reader->failed && !(count % 8 && (uint8_t)map.data[count / 8] >> count % 8);
}

static int get_sparse(struct reader *reader, size_t count, uint64_t *words)
{
	struct slice map = reader_take(reader, map_bytes(count));
	uint64_t rest[VECTOR_ROWS + 8];
	size_t rest_count = bits_set(map);

	if (!map_fits(reader, map, count))
		return ERR_CORRUPT;
	TRY(get_packed(reader, rest_count, rest));
	put_zero_back(rest, rest_count);
	spread(map.data, count, rest, words);
	return OK;
}

/* Constant or bits: what stands within another. */
static int get_flat(struct reader *reader, size_t count, uint64_t *words)
{
	switch (reader_u8(reader)) {
	case PACK_CONST: return get_const(reader, count, words);
	case PACK_BITS: return get_packed(reader, count, words);
	}
	return ERR_CORRUPT;
}

static int get_runs(struct reader *reader, size_t count, uint64_t *words)
{
	uint64_t values[VECTOR_ROWS], lengths[VECTOR_ROWS];
	uint64_t runs = reader_varint(reader);
	size_t at = 0;

	if (reader->failed || runs == 0 || runs > count)
		return ERR_CORRUPT;
	TRY(get_flat(reader, (size_t)runs, values));
	TRY(get_flat(reader, (size_t)runs, lengths));
	for (size_t i = 0; i < runs; i++) {
		if (lengths[i] > count - at)
			return ERR_CORRUPT;
		for (size_t end = at + lengths[i]; at < end; at++)
			words[at] = values[i];
	}
	return at == count ? OK : ERR_CORRUPT;
}

/* --- narrow words --------------------------------------------------------------------- */

/*
 * Sixteen bits a word are a quarter of what goes through the registers: of a scan of 8.64 M values
 * that walk a whole query takes 4.3 ms of CPU in place of 7.7.
 */
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
		get_last_bits(bytes.data, bytes.length, i, count, width, 0, last);
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
	TRY(get_exceptions(reader, count, head->width, head->exceptions, &head->exception_count));
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

	if (!map_fits(reader, map, count))
		return ERR_CORRUPT;
	is_narrow = get_rest_narrow(reader, bits_set(map), map.data[0] & 1, rest, out);
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

const struct packer packers[] = {
	{ "constant", NULL, get_const },
	{ "bits", NULL, get_packed },
	{ "sparse", NULL, get_sparse },
	{ "runs", NULL, get_runs },
	{ "simple8b", simple8b_encode, simple8b_decode },
	{ "gorilla", gorilla_encode, gorilla_decode },
};
const uint8_t packer_count = sizeof(packers) / sizeof(*packers);

int pack_decode(struct reader *reader, size_t count, uint64_t *words)
{
	return pack_decode_as(reader_u8(reader), reader, count, words);
}

int pack_decode_as(uint8_t pack, struct reader *reader, size_t count, uint64_t *words)
{
	if (reader->failed || count == 0 || count > VECTOR_ROWS || pack >= packer_count)
		return ERR_CORRUPT;
	return packers[pack].decode(reader, count, words);
}
