/*
 * Growable bytes that are owned. A zeroed struct is an empty buffer; release
 * it once. Growing fails only when memory does: small buffers are not worth a
 * branch at every append. Then a thread that works for a query (memory.h)
 * loses what the buffer held, and its query ends with ERR_MEMORY at the next
 * look; of others the process ends with a message. What outsiders can make
 * large goes by buf_try_reserve().
 */
#ifndef ENGINE_BASE_BUF_H
#define ENGINE_BASE_BUF_H

#include <stdarg.h>
#include <stdint.h>

#include "engine/base/slice.h"

struct buf {
	char *data; /* not NUL-terminated; see buf_text */
	size_t length;
	size_t capacity;
};

void buf_release(struct buf *buf);
static inline void buf_reset(struct buf *buf)
{
	buf->length = 0;
}
/* As buf_reserve, where there is no room yet. */
char *buf_reserve_more(struct buf *buf, size_t extra);
/* Room for `extra` more bytes; gives the place where they go. */
static inline char *buf_reserve(struct buf *buf, size_t extra)
{
	/* Mostly there is room: a call a cell was 2 % of a query that prints rows. */
	if (__builtin_expect(extra > buf->capacity - buf->length || !buf->data, 0))
		return buf_reserve_more(buf, extra);
	return buf->data + buf->length;
}
/* The same, or NULL where there is no memory: for what outsiders make large. */
char *buf_try_reserve(struct buf *buf, size_t extra);
void buf_append(struct buf *buf, const void *data, size_t length);
static inline void buf_append_slice(struct buf *buf, struct slice slice)
{
	buf_append(buf, slice.data, slice.length);
}
static inline void buf_append_text(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}
static inline void buf_append_byte(struct buf *buf, char byte)
{
	if (buf->length == buf->capacity)
		buf_reserve(buf, 1);
	buf->data[buf->length++] = byte;
}
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drop the first `count` bytes, keeping the rest. */
void buf_consume(struct buf *buf, size_t count);
/* The bytes with a NUL behind them; borrowed until the next append. */
const char *buf_text(struct buf *buf);
static inline struct slice buf_slice(const struct buf *buf)
{
	return slice_of(buf->data, buf->length);
}

#endif
