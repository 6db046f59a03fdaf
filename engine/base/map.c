/*
 * Linear probing over 16-byte slots; the table doubles at three quarters full,
 * graves included.
 *
 *	map:    | hash: 8 | value: 4 | state: 4 |     state 0 empty, 1 used, 2 grave
 *	idmap:  | key: 8  | value: 4 | unused: 4 |    key UINT64_MAX is empty
 *
 * The whole hash is kept, so growing asks for no key and a probe compares key
 * bytes only where 64 bits agree.
 */
#define XXH_INLINE_ALL
#include "engine/base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"

#define CAPACITY_MIN 16

enum { SLOT_EMPTY, SLOT_USED, SLOT_GRAVE };

struct map_slot {
	uint64_t hash;
	uint32_t value;
	uint32_t state;
};
_Static_assert(sizeof(struct map_slot) == 16, "four slots a cache line");

uint64_t hash_bytes(struct slice bytes)
{
	return XXH3_64bits(bytes.data, bytes.length);
}

void map_init(struct map *map, map_key_of key_of, const void *owner)
{
	*map = (struct map){ .key_of = key_of, .owner = owner };
}

void map_release(struct map *map)
{
	free(map->slots);
	map_init(map, map->key_of, map->owner);
}

static void slots_put(struct map_slot *slots, size_t capacity, uint64_t hash, uint32_t value)
{
	size_t i = hash & (capacity - 1);

	while (slots[i].state == SLOT_USED)
		i = (i + 1) & (capacity - 1);
	slots[i] = (struct map_slot){ hash, value, SLOT_USED };
}

/*
 * There is no memory for a larger table: the one that is there does as long as it has a free slot.
 * Then a thread that works for a query leaves the entry out, since that ends with ERR_MEMORY.
 */
static bool may_stay(size_t filled, size_t capacity, size_t wanted_bytes)
{
	if (filled + 1 < capacity)
		return true;
	if (!memory_here())
		log_out_of_memory(wanted_bytes);
	return false;
}

/* Twice as large, or as large again when most of what fills it are graves. False: see may_stay. */
static bool map_rebuild(struct map *map)
{
	size_t capacity = map->capacity ? map->capacity : CAPACITY_MIN;
	struct map_slot *slots;

	while (map->count + 1 > capacity / 2)
		capacity *= 2;
	slots = calloc(capacity, sizeof(*slots));
	if (!slots)
		return may_stay(map->count + map->dead, map->capacity, capacity * sizeof(*slots));
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].state == SLOT_USED)
			slots_put(slots, capacity, map->slots[i].hash, map->slots[i].value);
	free(map->slots);
	map->slots = slots;
	map->capacity = capacity;
	map->dead = 0;
	return true;
}

static struct map_slot *map_slot_of(const struct map *map, struct slice key, uint64_t hash)
{
	if (map->capacity == 0)
		return NULL;
	for (size_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
		struct map_slot *slot = &map->slots[i];

		if (slot->state == SLOT_EMPTY)
			return NULL;
		if (slot->state == SLOT_USED && slot->hash == hash &&
		    slice_equal(map->key_of(map->owner, slot->value), key))
			return slot;
	}
}

uint32_t map_find(const struct map *map, struct slice key, uint64_t hash)
{
	const struct map_slot *slot = map_slot_of(map, key, hash);

	return slot ? slot->value : MAP_NONE;
}

void map_prefetch(const struct map *map, uint64_t hash)
{
	if (map->capacity)
		__builtin_prefetch(&map->slots[hash & (map->capacity - 1)]);
}

void map_add(struct map *map, uint64_t hash, uint32_t value)
{
	assert(value != MAP_NONE);
	if ((map->count + map->dead + 1) * 4 > map->capacity * 3 && !map_rebuild(map))
		return;
	/* Past graves: to fill one would have `dead` counted down, for little. */
	for (size_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
		if (map->slots[i].state != SLOT_EMPTY)
			continue;
		map->slots[i] = (struct map_slot){ hash, value, SLOT_USED };
		break;
	}
	map->count++;
}

void map_remove(struct map *map, struct slice key, uint64_t hash)
{
	struct map_slot *slot = map_slot_of(map, key, hash);

	if (!slot)
		return;
	slot->state = SLOT_GRAVE;
	map->count--;
	map->dead++;
}

size_t map_bytes(const struct map *map)
{
	return map->capacity * sizeof(*map->slots);
}

#define IDMAP_EMPTY UINT64_MAX

struct idmap_slot {
	uint64_t key;
	uint32_t value;
	uint32_t unused;
};

/* Ids count up; multiplying spreads them over the high bits, which the shift brings down. */
static size_t idmap_start(uint64_t key, size_t capacity)
{
	return (size_t)((key * 0x9E3779B97F4A7C15u) >> 32) & (capacity - 1);
}

/* The slot of `key`, or the empty one where it would go. */
static struct idmap_slot *idmap_slot_of(struct idmap_slot *slots, size_t capacity, uint64_t key)
{
	size_t i = idmap_start(key, capacity);

	while (slots[i].key != key && slots[i].key != IDMAP_EMPTY)
		i = (i + 1) & (capacity - 1);
	return &slots[i];
}

static bool idmap_grow(struct idmap *map)
{
	size_t capacity = map->capacity ? map->capacity * 2 : CAPACITY_MIN;
	struct idmap_slot *slots = malloc(capacity * sizeof(*slots));

	if (!slots)
		return may_stay(map->count, map->capacity, capacity * sizeof(*slots));
	memset(slots, 0xff, capacity * sizeof(*slots));
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].key != IDMAP_EMPTY)
			*idmap_slot_of(slots, capacity, map->slots[i].key) = map->slots[i];
	free(map->slots);
	map->slots = slots;
	map->capacity = capacity;
	return true;
}

void idmap_release(struct idmap *map)
{
	free(map->slots);
	*map = (struct idmap){ 0 };
}

uint32_t idmap_find(const struct idmap *map, uint64_t key)
{
	const struct idmap_slot *slot;

	if (map->capacity == 0)
		return MAP_NONE;
	slot = idmap_slot_of(map->slots, map->capacity, key);
	return slot->key == key && key != IDMAP_EMPTY ? slot->value : MAP_NONE;
}

void idmap_set(struct idmap *map, uint64_t key, uint32_t value)
{
	struct idmap_slot *slot;

	assert(key != IDMAP_EMPTY);
	if ((map->count + 1) * 4 > map->capacity * 3 && !idmap_grow(map))
		return;
	slot = idmap_slot_of(map->slots, map->capacity, key);
	if (slot->key == IDMAP_EMPTY)
		map->count++;
	*slot = (struct idmap_slot){ key, value, 0 };
}

bool idmap_next(const struct idmap *map, size_t *place, uint64_t *key, uint32_t *value)
{
	for (; *place < map->capacity; ++*place)
		if (map->slots[*place].key != IDMAP_EMPTY) {
			*key = map->slots[*place].key;
			*value = map->slots[*place].value;
			++*place;
			return true;
		}
	return false;
}

size_t idmap_bytes(const struct idmap *map)
{
	return map->capacity * sizeof(*map->slots);
}
