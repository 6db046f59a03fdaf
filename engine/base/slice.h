/* A borrowed run of bytes: its maker keeps the bytes alive. May hold NULs. */
#ifndef ENGINE_BASE_SLICE_H
#define ENGINE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *data;
	size_t length;
};

static inline struct slice slice_of(const void *data, size_t length)
{
	return (struct slice){ (const char *)data, length };
}

static inline struct slice slice_of_text(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

#define SLICE(literal) ((struct slice){ "" literal, sizeof(literal) - 1 })

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* Byte order; a prefix comes before what it begins. */
static inline int slice_compare(struct slice a, struct slice b)
{
	size_t common = a.length < b.length ? a.length : b.length;
	int order = common ? memcmp(a.data, b.data, common) : 0;

	return order ? order : (a.length > b.length) - (a.length < b.length);
}

static inline bool slice_starts_with(struct slice a, struct slice prefix)
{
	return a.length >= prefix.length && memcmp(a.data, prefix.data, prefix.length) == 0;
}

/* The first such byte; NULL when there is none. Of an empty slice memchr() must not be asked: its
 * data may be NULL. */
static inline const char *slice_find(struct slice a, char byte)
{
	return a.length ? (const char *)memchr(a.data, byte, a.length) : NULL;
}

static inline struct slice slice_from(struct slice a, size_t offset)
{
	return (struct slice){ a.data + offset, a.length - offset };
}

/* Without the byte order mark that editors on Windows put before a text. */
static inline struct slice slice_without_mark(struct slice a)
{
	struct slice mark = SLICE("\xef\xbb\xbf");

	return slice_starts_with(a, mark) ? slice_from(a, mark.length) : a;
}

#endif
