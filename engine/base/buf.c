/* Growable bytes: doubled when full, so that appending costs the same however long they get. */
#include "engine/base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"

#define BUF_BYTES_MIN 64

static bool buf_grow(struct buf *buf, size_t needed)
{
	size_t capacity = buf->capacity ? buf->capacity : BUF_BYTES_MIN;
	char *data;

	while (capacity < needed)
		capacity += capacity / 2 + BUF_BYTES_MIN;
	data = realloc(buf->data, capacity);
	if (!data && capacity > needed)
		data = realloc(buf->data, capacity = needed);
	if (!data)
		return false;
	buf->data = data;
	buf->capacity = capacity;
	return true;
}

void buf_release(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

char *buf_try_reserve(struct buf *buf, size_t extra)
{
	assert(extra <= SIZE_MAX / 4 - buf->length);
	if ((extra > buf->capacity - buf->length || !buf->data) &&
	    !buf_grow(buf, buf->length + extra))
		return NULL;
	return buf->data + buf->length;
}

char *buf_reserve_more(struct buf *buf, size_t extra)
{
	char *room = buf_try_reserve(buf, extra);

	if (room)
		return room;
	/* The meter knows that malloc failed: nobody will see what is lost here. */
	if (!memory_here() || extra > buf->capacity)
		log_out_of_memory(buf->length + extra);
	buf->length = 0;
	return buf->data;
}

void buf_append(struct buf *buf, const void *data, size_t length)
{
	if (length == 0)
		return;
	memcpy(buf_reserve(buf, length), data, length);
	buf->length += length;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	assert(length >= 0);
	vsnprintf(buf_reserve(buf, (size_t)length + 1), (size_t)length + 1, format, again);
	va_end(again);
	buf->length += (size_t)length;
}

void buf_consume(struct buf *buf, size_t count)
{
	assert(count <= buf->length);
	if (count && count < buf->length)
		memmove(buf->data, buf->data + count, buf->length - count);
	buf->length -= count;
}

const char *buf_text(struct buf *buf)
{
	*buf_reserve(buf, 1) = '\0';
	return buf->data;
}
