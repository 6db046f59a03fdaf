/*
 * Open-addressed hash maps with u32 values: bytes -> id and u64 -> id.
 *
 * The caller owns the key bytes and keeps them alive and unmoved; a map holds
 * 16 bytes a slot. A zeroed struct is an empty map. Not for several threads
 * unless all of them read. XXH3 is the hash (xxhash.h).
 */
#ifndef ENGINE_BASE_MAP_H
#define ENGINE_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/slice.h"

#define MAP_NONE UINT32_MAX

struct map_slot;

/* Gives the key bytes of a value; the map stores only hash and value. */
typedef struct slice (*map_key_of)(const void *owner, uint32_t value);

struct map {
	struct map_slot *slots;
	size_t count, capacity; /* capacity is 0 or a power of two */
	size_t dead;		/* slots of removed keys */
	map_key_of key_of;
	const void *owner;
};

uint64_t hash_bytes(struct slice bytes);

void map_init(struct map *map, map_key_of key_of, const void *owner);
void map_release(struct map *map);
/* MAP_NONE when absent. `hash` is hash_bytes(key). */
uint32_t map_find(const struct map *map, struct slice key, uint64_t hash);
/* Before map_find with the same hash: the slot is on its way meanwhile. */
void map_prefetch(const struct map *map, uint64_t hash);
/* `key` must be absent. Without memory it is as with buf: left out for a query, else the end. */
void map_add(struct map *map, uint64_t hash, uint32_t value);
void map_remove(struct map *map, struct slice key, uint64_t hash);
size_t map_bytes(const struct map *map);

/* u64 -> u32, for ids. The key UINT64_MAX is reserved. */
struct idmap_slot;
struct idmap {
	struct idmap_slot *slots;
	size_t count, capacity;
};
void idmap_release(struct idmap *map);
uint32_t idmap_find(const struct idmap *map, uint64_t key);
/* Adds or replaces. */
void idmap_set(struct idmap *map, uint64_t key, uint32_t value);
/* The entries in any order: from `*place` 0 on, until false. */
bool idmap_next(const struct idmap *map, size_t *place, uint64_t *key, uint32_t *value);
size_t idmap_bytes(const struct idmap *map);

#endif
