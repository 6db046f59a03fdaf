/*
 * Numbers as bytes: little-endian fixed width, LEB128 varints, zigzag, and
 * big-endian for keys that must sort. Readers take a cursor over a slice and
 * judge what they read: they never step outside it.
 */
#ifndef ENGINE_BASE_BYTES_H
#define ENGINE_BASE_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/slice.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a big-endian build needs byte swaps here"
#endif

static inline uint32_t load32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}
static inline uint64_t load64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}
static inline void store32(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}
static inline void store64(void *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}
static inline uint32_t load32_be(const void *p)
{
	return __builtin_bswap32(load32(p));
}
static inline uint64_t load64_be(const void *p)
{
	return __builtin_bswap64(load64(p));
}
static inline void store32_be(void *p, uint32_t v)
{
	store32(p, __builtin_bswap32(v));
}
static inline void store64_be(void *p, uint64_t v)
{
	store64(p, __builtin_bswap64(v));
}
static inline uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#define VARINT_BYTES_MAX 10

/* Writes 1 to 10 bytes at `p` and gives the place behind them. */
static inline char *varint_put(char *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (char)(v | 0x80);
		v >>= 7;
	}
	*p++ = (char)v;
	return p;
}

static inline void buf_append_varint(struct buf *buf, uint64_t v)
{
	char *p = buf_reserve(buf, VARINT_BYTES_MAX);

	buf->length += (size_t)(varint_put(p, v) - p);
}
static inline void buf_append_u32(struct buf *buf, uint32_t v)
{
	buf_append(buf, &v, sizeof(v));
}
static inline void buf_append_u64(struct buf *buf, uint64_t v)
{
	buf_append(buf, &v, sizeof(v));
}
/* A length as varint, then the bytes. */
static inline void buf_append_prefixed(struct buf *buf, struct slice slice)
{
	buf_append_varint(buf, slice.length);
	buf_append_slice(buf, slice);
}

/*
 * A reader over outside bytes. After the first read past the end `failed`
 * stays set and every read gives zero, so that a decoder may check once.
 */
struct reader {
	const char *next, *end;
	bool failed;
};

static inline struct reader reader_of(struct slice slice)
{
	return (struct reader){ slice.data, slice.data + slice.length, false };
}
static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->next);
}
static inline struct slice reader_take(struct reader *r, size_t length)
{
	if (length > reader_left(r)) {
		r->failed = true;
		r->next = r->end;
		return slice_of("", 0);
	}
	r->next += length;
	return slice_of(r->next - length, length);
}
static inline uint8_t reader_u8(struct reader *r)
{
	struct slice s = reader_take(r, 1);

	return s.length ? (uint8_t)s.data[0] : 0;
}
static inline uint32_t reader_u32(struct reader *r)
{
	struct slice s = reader_take(r, 4);

	return s.length ? load32(s.data) : 0;
}
static inline uint64_t reader_u64(struct reader *r)
{
	struct slice s = reader_take(r, 8);

	return s.length ? load64(s.data) : 0;
}
static inline uint64_t reader_varint(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70 && r->next < r->end; shift += 7) {
		uint8_t byte = (uint8_t)*r->next++;

		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	r->failed = true;
	r->next = r->end;
	return 0;
}
static inline struct slice reader_prefixed(struct reader *r)
{
	uint64_t length = reader_varint(r);

	if (length > reader_left(r)) {
		r->failed = true;
		r->next = r->end;
		return slice_of("", 0);
	}
	return reader_take(r, (size_t)length);
}

#endif
