/*
 * Lists of series, packed: those that have a tag with a value.
 *
 * Why: ten tags on a million series are ten million postings; as plain arrays
 * they would be the largest part of the index.
 */
#include "engine/names/postings.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/log.h"

#define LIST_BYTES_MIN 16u

struct postings_list {
	uint32_t count;
	uint32_t last; /* the largest */
	uint32_t length, capacity;
	unsigned char bytes[];
};

enum { INLINE = 1, INLINE_COUNT_SHIFT = 1, INLINE_LENGTH_SHIFT = 4 };

static bool is_inline(const struct postings *postings)
{
	return postings->room[0] & INLINE;
}

/* What is packed, wherever it lies. */
struct packed {
	uint32_t count, length;
	const unsigned char *bytes;
};

static struct packed packed_of(const struct postings *postings)
{
	if (is_inline(postings))
		return (struct packed){ postings->room[0] >> INLINE_COUNT_SHIFT & 7,
					postings->room[0] >> INLINE_LENGTH_SHIFT,
					postings->room + 1 };
	if (!postings->list)
		return (struct packed){ 0 };
	return (struct packed){ postings->list->count, postings->list->length,
				postings->list->bytes };
}

void postings_release(struct postings *postings)
{
	if (!is_inline(postings))
		free(postings->list);
	*postings = (struct postings){ 0 };
}

size_t postings_bytes(const struct postings *postings)
{
	return is_inline(postings) || !postings->list
		       ? 0
		       : sizeof(*postings->list) + postings->list->capacity;
}

uint32_t postings_count(const struct postings *postings)
{
	return packed_of(postings).count;
}

void postings_get(const struct postings *postings, uint32_t *ids)
{
	struct packed packed = packed_of(postings);
	const unsigned char *next = packed.bytes;
	uint32_t id = UINT32_MAX;

	for (uint32_t i = 0; i < packed.count; i++) {
		uint32_t delta = *next & 0x7f;

		for (unsigned shift = 7; *next++ & 0x80; shift += 7)
			delta |= (uint32_t)(*next & 0x7f) << shift;
		ids[i] = id += delta;
	}
}

/* --- adding ----------------------------------------------------------------- */

static uint32_t last_of(const struct postings *postings)
{
	uint32_t ids[POSTINGS_INLINE], count = postings_count(postings);

	if (!is_inline(postings))
		return postings->list->last;
	postings_get(postings, ids);
	return ids[count - 1];
}

static struct postings_list *list_resize(struct postings_list *list, uint32_t capacity)
{
	list = realloc(list, sizeof(*list) + capacity);
	if (!list)
		log_out_of_memory(sizeof(*list) + capacity);
	list->capacity = capacity;
	return list;
}

/* Out of the struct, which has become too small. */
static void move_to_list(struct postings *postings)
{
	struct packed packed = packed_of(postings);
	uint32_t last = last_of(postings);
	struct postings_list *list = list_resize(NULL, LIST_BYTES_MIN);

	list->count = packed.count;
	list->last = last;
	list->length = packed.length;
	memcpy(list->bytes, packed.bytes, packed.length);
	postings->list = list;
}

static void append_to_list(struct postings *postings, uint32_t id, const char *bytes,
			   uint32_t length)
{
	struct postings_list *list = postings->list;

	if (list->length + length > list->capacity)
		list = postings->list = list_resize(list, list->capacity + list->capacity / 2);
	memcpy(list->bytes + list->length, bytes, length);
	list->length += length;
	list->last = id;
	list->count++;
}

static void append(struct postings *postings, uint32_t id)
{
	struct packed packed = packed_of(postings);
	uint32_t delta = packed.count ? id - last_of(postings) : id + 1;
	char bytes[VARINT_BYTES_MAX];
	uint32_t length = (uint32_t)(varint_put(bytes, delta) - bytes);

	if ((packed.count == 0 || is_inline(postings)) &&
	    packed.length + length <= POSTINGS_INLINE) {
		memcpy(postings->room + 1 + packed.length, bytes, length);
		postings->room[0] =
			(unsigned char)(INLINE | (packed.count + 1) << INLINE_COUNT_SHIFT |
					(packed.length + length) << INLINE_LENGTH_SHIFT);
		return;
	}
	if (is_inline(postings))
		move_to_list(postings);
	append_to_list(postings, id, bytes, length);
}

static void insert(struct postings *postings, uint32_t id)
{
	struct postings with = { 0 };
	uint32_t count = postings_count(postings), i = 0;
	uint32_t *ids = malloc(count * sizeof(*ids));

	if (!ids)
		log_out_of_memory(count * sizeof(*ids));
	postings_get(postings, ids);
	for (; i < count && ids[i] < id; i++)
		append(&with, ids[i]);
	append(&with, id);
	for (; i < count; i++)
		if (ids[i] != id)
			append(&with, ids[i]);
	free(ids);
	postings_release(postings);
	*postings = with;
}

void postings_add(struct postings *postings, uint32_t id)
{
	if (postings_count(postings) && id <= last_of(postings))
		insert(postings, id);
	else
		append(postings, id);
}
