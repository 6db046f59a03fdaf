/*
 * The third stage: words into bits.
 *
 * All words are taken relative to a base (the smallest, as signed numbers) and
 * cut to `width` bits; what does not fit keeps its high bits in a list of
 * exceptions. The width is the one that makes the whole smallest, from one
 * histogram of bit lengths. A predicted vector's first word is nearly always an
 * exception; it costs a few bytes once.
 */
#include "engine/base/bytes.h"
#include "engine/codec/codec.h"
#include "engine/limits.h"

enum { PACK_CONST = 0, PACK_BITS = 1, PACK_COUNT };

struct layout {
	int64_t base;
	unsigned width; /* 0 to 64 */
	size_t exceptions;
	size_t bytes; /* estimate of the whole */
	bool constant;
};

static unsigned bit_length(uint64_t word)
{
	return word ? 64 - (unsigned)__builtin_clzll(word) : 0;
}

static void histogram_of(const uint64_t *words, size_t count, int64_t base, size_t histogram[65])
{
	memset(histogram, 0, 65 * sizeof(*histogram));
	for (size_t i = 0; i < count; i++)
		histogram[bit_length(words[i] - (uint64_t)base)]++;
}

/* An exception costs its gap (about a byte and a half) and its high bits as a varint. */
static void choose_width(const size_t histogram[65], size_t count, struct layout *layout)
{
	size_t above = 0;

	layout->bytes = SIZE_MAX;
	for (unsigned width = 65; width-- > 0;) {
		size_t bytes = (count * width + 7) / 8, cost = 0;

		for (unsigned bits = width + 1; bits <= 64; bits++)
			cost += histogram[bits] * (2 + (bits - width + 6) / 7);
		if (bytes + cost < layout->bytes) {
			layout->bytes = bytes + cost;
			layout->width = width;
			layout->exceptions = above;
		}
		above += histogram[width];
		if (cost > layout->bytes)
			break;
	}
}

static struct layout layout_of(const uint64_t *words, size_t count)
{
	struct layout layout = { .base = (int64_t)words[count - 1], .constant = true };
	size_t histogram[65];

	/* The first word stands apart: a delta's is the value itself. It may lie below the base. */
	for (size_t i = 1; i < count; i++) {
		layout.constant &= words[i] == words[0];
		if ((int64_t)words[i] < layout.base)
			layout.base = (int64_t)words[i];
	}
	if (layout.constant) {
		layout.bytes = 0; /* nothing is smaller */
		return layout;
	}
	histogram_of(words, count, layout.base, histogram);
	choose_width(histogram, count, &layout);
	return layout;
}

size_t pack_measure(const uint64_t *words, size_t count)
{
	return layout_of(words, count).bytes;
}

static void put_bits(const uint64_t *words, size_t count, const struct layout *layout,
		     struct buf *out)
{
	size_t bytes = (count * layout->width + 7) / 8;
	char *room = buf_reserve(out, bytes + 16);
	uint64_t mask = layout->width == 64 ? UINT64_MAX : (UINT64_C(1) << layout->width) - 1;

	memset(room, 0, bytes + 16);
	for (size_t i = 0; i < count; i++) {
		uint64_t word = (words[i] - (uint64_t)layout->base) & mask;
		size_t bit = i * layout->width;
		char *p = room + bit / 8;

		store64(p, load64(p) | word << bit % 8);
		if (bit % 8 + layout->width > 64)
			p[8] = (char)(word >> (64 - bit % 8));
	}
	out->length += bytes;
}

static void put_exceptions(const uint64_t *words, size_t count, const struct layout *layout,
			   struct buf *out)
{
	size_t last = 0;

	buf_append_varint(out, layout->exceptions);
	for (size_t i = 0; layout->width < 64 && i < count; i++) {
		uint64_t high = (words[i] - (uint64_t)layout->base) >> layout->width;

		if (high == 0)
			continue;
		buf_append_varint(out, i - last);
		buf_append_varint(out, high);
		last = i;
	}
}

void pack_encode(const uint64_t *words, size_t count, struct buf *out)
{
	struct layout layout = layout_of(words, count);

	buf_append_byte(out, layout.constant ? PACK_CONST : PACK_BITS);
	buf_append_varint(out, zigzag(layout.constant ? (int64_t)words[0] : layout.base));
	if (layout.constant)
		return;
	buf_append_byte(out, (char)layout.width);
	put_exceptions(words, count, &layout, out);
	put_bits(words, count, &layout, out);
}

static void get_bits(const char *bytes, size_t length, size_t count, unsigned width,
		     uint64_t *words)
{
	uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
	size_t i = 0;

	/* Whole words may be loaded while nine bytes are left. */
	for (; i < count && i * width / 8 + 9 <= length; i++) {
		size_t bit = i * width;
		const char *p = bytes + bit / 8;
		uint64_t word = load64(p) >> bit % 8;

		if (bit % 8 + width > 64)
			word |= (uint64_t)(unsigned char)p[8] << (64 - bit % 8);
		words[i] = word & mask;
	}
	for (; i < count; i++) {
		char tail[16] = { 0 };
		size_t bit = i * width, from = bit / 8;

		if (from < length)
			memcpy(tail, bytes + from, length - from < 9 ? length - from : 9);
		uint64_t word = load64(tail) >> bit % 8;
		if (bit % 8 + width > 64)
			word |= (uint64_t)(unsigned char)tail[8] << (64 - bit % 8);
		words[i] = word & mask;
	}
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

static int get_packed(struct reader *reader, size_t count, int64_t base, uint64_t *words)
{
	struct exception exceptions[VECTOR_ROWS];
	unsigned width = reader_u8(reader);
	size_t found;

	if (width > 64)
		return ERR_CORRUPT;
	TRY(get_exceptions(reader, count, width, exceptions, &found));
	struct slice bits = reader_take(reader, (count * width + 7) / 8);
	if (reader->failed)
		return ERR_CORRUPT;
	get_bits(bits.data, bits.length, count, width, words);
	for (size_t i = 0; i < found; i++)
		words[exceptions[i].row] |= exceptions[i].high << width;
	for (size_t i = 0; i < count; i++)
		words[i] += (uint64_t)base;
	return OK;
}

int pack_decode(struct reader *reader, size_t count, uint64_t *words)
{
	uint8_t pack = reader_u8(reader);
	int64_t base = unzigzag(reader_varint(reader));

	if (reader->failed || pack >= PACK_COUNT || count == 0 || count > VECTOR_ROWS)
		return ERR_CORRUPT;
	if (pack == PACK_BITS)
		return get_packed(reader, count, base, words);
	for (size_t i = 0; i < count; i++)
		words[i] = (uint64_t)base;
	return OK;
}
