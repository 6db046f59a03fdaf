/* Why: operators meet the same series again and again; a pointer is the cheapest name for it. */
#include "query/expression/key.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/bytes.h"

static struct slice text_of(const void *owner, uint32_t value)
{
	return ((const struct key_ring *)owner)->texts[value];
}

void key_ring_init(struct key_ring *ring, struct arena *arena)
{
	*ring = (struct key_ring){ .arena = arena };
	map_init(&ring->map, text_of, ring);
	ring->group = key_ring_list(ring, NULL, 0);
}

void key_ring_release(struct key_ring *ring)
{
	map_release(&ring->map);
	free(ring->keys);
	free(ring->texts);
	free(ring->lists);
}

static int compare_names(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static bool list_equal(const struct dimensions *list, const struct slice *names, size_t count)
{
	if (list->count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!slice_equal(list->names[i], names[i]))
			return false;
	return true;
}

const struct dimensions *key_ring_list(struct key_ring *ring, const struct slice *names,
				       size_t count)
{
	struct slice *sorted = arena_alloc(ring->arena, (count + 1) * sizeof(*sorted));
	struct dimensions *list = arena_alloc(ring->arena, sizeof(*list));
	const struct dimensions **lists;
	size_t kept = 0;

	if (!sorted || !list)
		return NULL;
	if (count)
		memcpy(sorted, names, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || !slice_equal(sorted[kept - 1], sorted[i]))
			sorted[kept++] = sorted[i];
	for (size_t i = 0; i < ring->list_count; i++)
		if (list_equal(ring->lists[i], sorted, kept))
			return ring->lists[i];
	*list = (struct dimensions){ sorted, kept };
	lists = realloc(ring->lists, (ring->list_count + 1) * sizeof(*lists));
	if (!lists)
		return NULL;
	ring->lists = lists;
	ring->lists[ring->list_count++] = list;
	return list;
}

static bool make_room(struct key_ring *ring)
{
	size_t capacity = ring->capacity ? 2 * ring->capacity : 64;
	const struct series_key **keys;
	struct slice *texts;

	if (ring->count < ring->capacity)
		return true;
	keys = realloc(ring->keys, capacity * sizeof(*keys));
	if (!keys)
		return false;
	ring->keys = keys;
	texts = realloc(ring->texts, capacity * sizeof(*texts));
	if (!texts)
		return false;
	ring->texts = texts;
	ring->capacity = capacity;
	return true;
}

static struct series_key *new_key(struct key_ring *ring, struct slice name,
				  const struct dimensions *dimensions, const struct slice *values)
{
	struct series_key *key = arena_alloc(ring->arena, sizeof(*key));
	struct tag *tags = arena_alloc(ring->arena, (dimensions->count + 1) * sizeof(*tags));

	if (!key || !tags)
		return NULL;
	for (size_t i = 0; i < dimensions->count; i++) {
		tags[i].key = dimensions->names[i];
		tags[i].value = arena_copy(ring->arena, values[i]);
		if (!tags[i].value.data)
			return NULL;
	}
	*key = (struct series_key){ arena_copy(ring->arena, name), dimensions, tags, key };
	return key->name.data ? key : NULL;
}

/* | dimensions: 8 | name | values |, each with its length in front */
static void key_text(struct buf *out, struct slice name, const struct dimensions *dimensions,
		     const struct slice *values)
{
	buf_append(out, &dimensions, sizeof(dimensions));
	buf_append_prefixed(out, name);
	for (size_t i = 0; i < dimensions->count; i++)
		buf_append_prefixed(out, values[i]);
}

/* The same row under fewer (or other) dimensions; those it has not are "". */
static const struct series_key *subset_of(struct key_ring *ring, const struct series_key *key,
					  const struct dimensions *dimensions);

static const struct series_key *add_key(struct key_ring *ring, struct slice text, uint64_t hash,
					struct slice name, const struct dimensions *dimensions,
					const struct slice *values)
{
	struct series_key *key = new_key(ring, name, dimensions, values);

	text = arena_copy(ring->arena, text);
	if (!key || !text.data || !make_room(ring))
		return NULL;
	ring->keys[ring->count] = key;
	ring->texts[ring->count] = text;
	map_add(&ring->map, hash, (uint32_t)ring->count++);
	if (dimensions != ring->group)
		key->group = subset_of(ring, key, ring->group);
	return key->group ? key : NULL;
}

const struct series_key *key_ring_get(struct key_ring *ring, struct slice name,
				      const struct dimensions *dimensions,
				      const struct slice *values)
{
	const struct series_key *key;
	struct buf text = { 0 };
	uint32_t number;
	uint64_t hash;

	key_text(&text, name, dimensions, values);
	hash = hash_bytes(buf_slice(&text));
	number = map_find(&ring->map, buf_slice(&text), hash);
	key = number != MAP_NONE ? ring->keys[number]
				 : add_key(ring, buf_slice(&text), hash, name, dimensions, values);
	buf_release(&text);
	return key;
}

static const struct series_key *subset_of(struct key_ring *ring, const struct series_key *key,
					  const struct dimensions *dimensions)
{
	const struct series_key *subset;
	struct slice *values;

	if (key->dimensions == dimensions)
		return key;
	if (ring->group == dimensions && key->group != key)
		return key->group;
	values = malloc((dimensions->count + 1) * sizeof(*values));
	if (!values)
		return NULL;
	for (size_t i = 0; i < dimensions->count; i++)
		values[i] = key_value(key, dimensions->names[i]);
	subset = key_ring_get(ring, key->name, dimensions, values);
	free(values);
	return subset;
}

struct slice key_value(const struct series_key *key, struct slice name)
{
	for (size_t i = 0; i < key->dimensions->count; i++)
		if (slice_equal(key->tags[i].key, name))
			return key->tags[i].value;
	return slice_of("", 0);
}

int key_compare(const struct series_key *a, const struct series_key *b)
{
	int order = a == b ? 0 : slice_compare(a->name, b->name);

	assert(a->dimensions == b->dimensions);
	for (size_t i = 0; order == 0 && a != b && i < a->dimensions->count; i++)
		order = slice_compare(a->tags[i].value, b->tags[i].value);
	return order;
}
