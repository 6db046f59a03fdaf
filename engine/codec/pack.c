/*
 * The third stage, written: words into bits, all of them, those that are not zero, or the runs of
 * equal ones.
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
#include "engine/codec/packed.h"

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
