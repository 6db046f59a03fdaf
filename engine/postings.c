/*
 * Why: ten tags on a million series are ten million postings; as plain arrays
 * they would be the largest part of the index.
 */
#include "engine/postings.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/log.h"

void postings_release(struct postings *postings)
{
	if (postings->capacity)
		free(postings->data);
	*postings = (struct postings){ 0 };
}

static unsigned char *packed(const struct postings *postings)
{
	return postings->capacity ? postings->data : (unsigned char *)postings->room;
}

/* Room for one more varint; gives the place where it goes. */
static unsigned char *reserve(struct postings *postings, uint32_t extra)
{
	uint32_t wanted = postings->length + extra;
	uint32_t capacity = postings->capacity ? postings->capacity : PACKED_INLINE;
	unsigned char *data;

	if (wanted > capacity) {
		capacity += capacity / 2;
		capacity = capacity < wanted ? wanted : capacity;
		data = realloc(postings->capacity ? postings->data : NULL, capacity);
		if (!data)
			log_out_of_memory(capacity);
		if (!postings->capacity)
			memcpy(data, postings->room, postings->length);
		postings->data = data;
		postings->capacity = capacity;
	}
	return packed(postings) + postings->length;
}

static void append(struct postings *postings, uint32_t id)
{
	uint32_t delta = postings->count ? id - postings->last : id + 1;
	char bytes[VARINT_BYTES_MAX];
	uint32_t length = (uint32_t)(varint_put(bytes, delta) - bytes);

	memcpy(reserve(postings, length), bytes, length);
	postings->length += length;
	postings->last = id;
	postings->count++;
}

static void insert(struct postings *postings, uint32_t id)
{
	struct postings with = { 0 };
	uint32_t *ids = malloc(postings->count * sizeof(*ids));
	uint32_t i = 0;

	if (!ids)
		log_out_of_memory(postings->count * sizeof(*ids));
	postings_get(postings, ids);
	for (; i < postings->count && ids[i] < id; i++)
		append(&with, ids[i]);
	append(&with, id);
	for (; i < postings->count; i++)
		if (ids[i] != id)
			append(&with, ids[i]);
	free(ids);
	postings_release(postings);
	*postings = with;
}

void postings_add(struct postings *postings, uint32_t id)
{
	if (postings->count && id <= postings->last)
		insert(postings, id);
	else
		append(postings, id);
}

void postings_get(const struct postings *postings, uint32_t *ids)
{
	const unsigned char *next = packed(postings);
	uint32_t id = UINT32_MAX;

	for (uint32_t i = 0; i < postings->count; i++) {
		uint32_t delta = *next & 0x7f;

		for (unsigned shift = 7; *next++ & 0x80; shift += 7)
			delta |= (uint32_t)(*next & 0x7f) << shift;
		ids[i] = id += delta;
	}
}
