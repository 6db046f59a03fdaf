/*
 * Packs a few words. Why not as a vector: the head of a vector alone would be a tenth of 24 words.
 */
#include "engine/codec/few.h"

#include <assert.h>

#include "engine/base/bytes.h"
#include "engine/base/err.h"

enum source { SOURCE_PLAIN, SOURCE_ZIGZAG, SOURCE_DIFFERENCES, SOURCES };

#define WIDTHS	     64u
#define RICE_BEGIN   (SOURCES * WIDTHS)
#define RICE_STEPS   21u
#define RICE_END     (RICE_BEGIN + SOURCES * RICE_STEPS)
#define QUOTIENT_MAX 48u /* zeros of a word in Rice's code */

/* One way to lay them out. */
struct way {
	enum source source;
	bool is_rice;
	unsigned width; /* or k */
	size_t bits;	/* all that is behind the way and the first word */
};

/* --- choosing ---------------------------------------------------------------------- */

static unsigned bit_length(uint64_t word)
{
	return word ? 64 - (unsigned)__builtin_clzll(word) : 0;
}

/* The words of a source; gives how many are left to lay out. */
static size_t source_words(enum source source, const uint64_t *words, size_t count, uint64_t *out)
{
	if (source == SOURCE_DIFFERENCES) {
		for (size_t i = 1; i < count; i++)
			out[i - 1] = zigzag((int64_t)(words[i] - words[i - 1]));
		return count - 1;
	}
	for (size_t i = 0; i < count; i++)
		out[i] = source == SOURCE_ZIGZAG ? zigzag((int64_t)words[i]) : words[i];
	return count;
}

static struct way fixed_way(enum source source, const uint64_t *words, size_t count)
{
	uint64_t all = 0;
	unsigned width;

	for (size_t i = 0; i < count; i++)
		all |= words[i];
	width = bit_length(all) == 63 ? 64 : bit_length(all);
	return (struct way){ source, false, width, width * count };
}

/* SIZE_MAX: a word has too many zeros. */
static size_t rice_bits(const uint64_t *words, size_t count, unsigned k)
{
	size_t bits = 0;

	for (size_t i = 0; i < count; i++) {
		if (words[i] >> k > QUOTIENT_MAX)
			return SIZE_MAX;
		bits += (size_t)(words[i] >> k) + 1 + k;
	}
	return bits;
}

static struct way rice_way(enum source source, const uint64_t *words, size_t count)
{
	struct way best = { source, true, 0, SIZE_MAX };

	for (unsigned k = 0; k < RICE_STEPS; k++) {
		size_t bits = rice_bits(words, count, k);

		if (bits < best.bits) {
			best.bits = bits;
			best.width = k;
		}
	}
	return best;
}

static size_t first_bits(enum source source, uint64_t first)
{
	char varint[VARINT_BYTES_MAX];

	if (source != SOURCE_DIFFERENCES)
		return 0;
	return 8 * (size_t)(varint_put(varint, zigzag((int64_t)first)) - varint);
}

static struct way choose(const uint64_t *words, size_t count)
{
	struct way best = { .bits = SIZE_MAX };
	size_t best_bits = SIZE_MAX;

	for (enum source source = 0; source < SOURCES; source++) {
		uint64_t laid[FEW_MAX];
		size_t left = source_words(source, words, count, laid);
		struct way ways[] = { fixed_way(source, laid, left), rice_way(source, laid, left) };

		for (size_t i = 0; i < 2; i++) {
			size_t bits = ways[i].bits;

			bits += bits == SIZE_MAX ? 0 : first_bits(source, words[0]);
			if (bits < best_bits) {
				best_bits = bits;
				best = ways[i];
			}
		}
	}
	return best;
}

/* --- writing ----------------------------------------------------------------------- */

struct bit_writer {
	char *bytes; /* zeros */
	size_t at;   /* in bits */
};

static void put_bits(struct bit_writer *to, uint64_t word, unsigned width)
{
	for (unsigned done = 0; done < width;) {
		unsigned room = 8 - to->at % 8, part = width - done < room ? width - done : room;

		to->bytes[to->at / 8] |= (char)((word >> done & ((1u << part) - 1)) << to->at % 8);
		to->at += part;
		done += part;
	}
}

static void put_word(struct bit_writer *to, uint64_t word, const struct way *way)
{
	if (way->is_rice) {
		to->at += word >> way->width;
		put_bits(to, 1, 1);
	}
	put_bits(to, word, way->width);
}

static uint8_t way_code(const struct way *way)
{
	if (way->is_rice)
		return (uint8_t)(RICE_BEGIN + way->source * RICE_STEPS + way->width);
	return (uint8_t)(way->source * WIDTHS + (way->width == 64 ? 63 : way->width));
}

void few_encode(struct buf *out, const uint64_t *words, size_t count)
{
	uint64_t laid[FEW_MAX];
	struct bit_writer to = { 0 };
	struct way way;
	size_t bytes, left;

	assert(count > 0 && count <= FEW_MAX);
	way = choose(words, count);
	left = source_words(way.source, words, count, laid);
	buf_append_byte(out, (char)way_code(&way));
	if (way.source == SOURCE_DIFFERENCES)
		buf_append_varint(out, zigzag((int64_t)words[0]));
	bytes = (way.bits + 7) / 8;
	to.bytes = buf_reserve(out, bytes);
	memset(to.bytes, 0, bytes);
	for (size_t i = 0; i < left; i++)
		put_word(&to, laid[i], &way);
	assert(to.at == way.bits);
	out->length += bytes;
}

/* --- reading ----------------------------------------------------------------------- */

struct bit_reader {
	struct slice bytes;
	size_t at; /* in bits */
	bool failed;
};

/* The bits from `at` on, 57 of them at least; zeros behind the end. */
static uint64_t peek(const struct bit_reader *from)
{
	size_t byte = from->at / 8, left = from->bytes.length - byte;
	char last[8] = { 0 };

	if (left >= 8)
		return load64(from->bytes.data + byte) >> from->at % 8;
	memcpy(last, from->bytes.data + byte, left);
	return load64(last) >> from->at % 8;
}

static void skip(struct bit_reader *from, size_t bits)
{
	from->failed |= bits > from->bytes.length * 8 - from->at;
	from->at += from->failed ? 0 : bits;
}

static uint64_t get_bits(struct bit_reader *from, unsigned width)
{
	uint64_t word;

	if (width > 56) {
		word = get_bits(from, 32);
		return word | get_bits(from, width - 32) << 32;
	}
	word = peek(from) & ((UINT64_C(1) << width) - 1);
	skip(from, width);
	return word;
}

static uint64_t get_word(struct bit_reader *from, const struct way *way)
{
	uint64_t quotient = 0, bits;

	if (!way->is_rice)
		return get_bits(from, way->width);
	bits = peek(from) & ((UINT64_C(1) << (QUOTIENT_MAX + 1)) - 1);
	from->failed |= bits == 0;
	quotient = bits ? (uint64_t)__builtin_ctzll(bits) : 0;
	skip(from, quotient + 1);
	return quotient << way->width | get_bits(from, way->width);
}

static int way_of(unsigned code, struct way *out)
{
	if (code >= RICE_END)
		return ERR_CORRUPT;
	*out = code < RICE_BEGIN ? (struct way){ .source = code / WIDTHS, .width = code % WIDTHS }
				 : (struct way){ .source = (code - RICE_BEGIN) / RICE_STEPS,
						 .is_rice = true,
						 .width = (code - RICE_BEGIN) % RICE_STEPS };
	if (!out->is_rice && out->width == 63)
		out->width = 64;
	return OK;
}

int few_decode(struct reader *reader, uint64_t *words, size_t count)
{
	struct bit_reader from;
	struct way way;
	size_t known;

	assert(count > 0 && count <= FEW_MAX);
	TRY(way_of(reader_u8(reader), &way));
	known = way.source == SOURCE_DIFFERENCES ? 1 : 0;
	if (known)
		words[0] = reader_varint(reader);
	from = (struct bit_reader){ slice_of(reader->next, reader_left(reader)), 0, false };
	for (size_t i = known; i < count; i++)
		words[i] = get_word(&from, &way);
	reader_take(reader, (from.at + 7) / 8);
	for (size_t i = 0; way.source != SOURCE_PLAIN && i < count; i++)
		words[i] = (uint64_t)unzigzag(words[i]) + (known && i ? words[i - 1] : 0);
	return from.failed || reader->failed ? ERR_CORRUPT : OK;
}
