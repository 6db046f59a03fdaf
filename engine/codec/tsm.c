/*
 * What InfluxDB's TSM files pack with: Simple-8b (Anh & Moffat 2010, as jwilder/encoding has it)
 * and Gorilla's XOR of doubles (Pelkonen et al. 2015). Few columns are smaller under them; they
 * are here so that this can be shown (tests/tools/codec_sizes.c), and taken where they are.
 *
 *	simple8b = words of 8 bytes: selector: 4 bits | as many values as it says
 *	gorilla  = first: 8 | { 0 | 10 bits of the last window | 11 leading: 5 meaningful: 6 bits }
 *
 * A length of 64 meaningful bits is written as 0.
 */
#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/codec/codec.h"

/* --- simple8b --- */

#define VALUE_BITS_MAX 60

/* Of each selector: how many values, of how many bits. The first two are runs of ones. */
static const struct {
	uint8_t count, bits;
} selectors[16] = {
	{ 240, 0 }, { 120, 0 }, { 60, 1 }, { 30, 2 }, { 20, 3 }, { 15, 4 }, { 12, 5 }, { 10, 6 },
	{ 8, 7 },   { 7, 8 },	{ 6, 10 }, { 5, 12 }, { 4, 15 }, { 3, 20 }, { 2, 30 }, { 1, 60 },
};

static bool selector_takes(unsigned selector, const uint64_t *words, size_t count)
{
	size_t taken = selectors[selector].count;
	unsigned bits = selectors[selector].bits;

	if (taken > count)
		return false;
	for (size_t i = 0; i < taken; i++)
		if (bits ? words[i] >> bits : words[i] != 1)
			return false;
	return true;
}

bool simple8b_encode(const uint64_t *words, size_t count, struct buf *out)
{
	uint64_t folded[VECTOR_ROWS];

	for (size_t i = 0; i < count; i++) {
		folded[i] = zigzag((int64_t)words[i]);
		/* TSM keeps the first value of a vector of deltas apart. */
		if (i && folded[i] >> VALUE_BITS_MAX)
			return false;
	}
	buf_append_u64(out, words[0]);
	for (size_t i = 1; i < count;) {
		unsigned selector = 0;
		uint64_t word;

		while (!selector_takes(selector, folded + i, count - i))
			selector++;
		word = (uint64_t)selector << VALUE_BITS_MAX;
		for (unsigned k = 0; selectors[selector].bits && k < selectors[selector].count; k++)
			word |= folded[i + k] << (k * selectors[selector].bits);
		buf_append_u64(out, word);
		i += selectors[selector].count;
	}
	return true;
}

int simple8b_decode(struct reader *reader, size_t count, uint64_t *words)
{
	words[0] = reader_u64(reader);
	for (size_t i = 1; i < count;) {
		uint64_t word = reader_u64(reader);
		unsigned selector = word >> VALUE_BITS_MAX, bits = selectors[selector].bits;
		size_t taken = selectors[selector].count;

		if (reader->failed || taken > count - i)
			return ERR_CORRUPT;
		for (size_t k = 0; k < taken; k++, i++)
			words[i] = (uint64_t)unzigzag(
				bits ? word >> (k * bits) & ((UINT64_C(1) << bits) - 1) : 1);
	}
	return reader->failed ? ERR_CORRUPT : OK;
}

/* --- gorilla --- */

struct bit_writer {
	struct buf *out;
	uint64_t filled;
	unsigned used;
};

static void put(struct bit_writer *w, uint64_t bits, unsigned count)
{
	if (count > 32) {
		put(w, bits >> 32, count - 32);
		bits &= UINT32_MAX;
		count = 32;
	}
	w->filled = w->filled << count | bits;
	w->used += count;
	for (; w->used >= 8; w->used -= 8)
		buf_append_byte(w->out, (char)(w->filled >> (w->used - 8)));
}

bool gorilla_encode(const uint64_t *words, size_t count, struct buf *out)
{
	struct bit_writer w = { out, 0, 0 };
	unsigned leading = 64, trailing = 0; /* no window yet */

	buf_append_u64(out, words[0]);
	for (size_t i = 1; i < count; i++) {
		uint64_t differs = words[i] ^ words[i - 1];
		unsigned zeros, low;

		put(&w, differs != 0, 1);
		if (!differs)
			continue;
		zeros = (unsigned)__builtin_clzll(differs);
		zeros = zeros > 31 ? 31 : zeros;
		low = (unsigned)__builtin_ctzll(differs);
		if (leading <= zeros && trailing <= low) {
			put(&w, 0, 1);
		} else {
			leading = zeros;
			trailing = low;
			put(&w, 1, 1);
			put(&w, leading, 5);
			put(&w, (64 - leading - trailing) & 63, 6);
		}
		put(&w, differs >> trailing, 64 - leading - trailing);
	}
	if (w.used)
		buf_append_byte(out, (char)(w.filled << (8 - w.used)));
	return true;
}

struct bit_reader {
	struct reader *in;
	uint64_t filled;
	unsigned left;
};

static uint64_t get(struct bit_reader *r, unsigned count)
{
	uint64_t high = 0;

	if (count > 32) {
		high = get(r, count - 32) << 32;
		count = 32;
	}
	for (; r->left < count; r->left += 8)
		r->filled = r->filled << 8 | reader_u8(r->in);
	r->left -= count;
	return high | (r->filled >> r->left & ((UINT64_C(1) << count) - 1));
}

int gorilla_decode(struct reader *reader, size_t count, uint64_t *words)
{
	struct bit_reader r = { reader, 0, 0 };
	unsigned leading = 0, meaningful = 0;

	words[0] = reader_u64(reader);
	for (size_t i = 1; i < count && !reader->failed; i++) {
		words[i] = words[i - 1];
		if (!get(&r, 1))
			continue;
		if (get(&r, 1)) {
			leading = (unsigned)get(&r, 5);
			meaningful = (unsigned)get(&r, 6);
			meaningful = meaningful ? meaningful : 64;
		}
		if (meaningful == 0 || leading + meaningful > 64)
			return ERR_CORRUPT;
		words[i] ^= get(&r, meaningful) << (64 - leading - meaningful);
	}
	return reader->failed ? ERR_CORRUPT : OK;
}
