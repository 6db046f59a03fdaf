/* Open addressing, at most half full: 4 ns a value while the kinds fit the cache. */
#include "query/tally.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/log.h"

#define CAPACITY_MIN 64u

static struct tally_slot *find(const struct tally *tally, uint64_t key)
{
	size_t mask = tally->capacity - 1;
	size_t at = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;

	while (tally->slots[at].count && tally->slots[at].key != key)
		at = (at + 1) & mask;
	return &tally->slots[at];
}

static void grow(struct tally *tally)
{
	struct tally old = *tally;

	tally->capacity = old.capacity ? old.capacity * 2 : CAPACITY_MIN;
	tally->slots = calloc(tally->capacity, sizeof(*tally->slots));
	if (!tally->slots)
		log_out_of_memory(tally->capacity * sizeof(*tally->slots));
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i].count)
			*find(tally, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

bool tally_add(struct tally *tally, const uint64_t *keys, size_t count, size_t kinds_max)
{
	assert(!tally->is_sorted);
	for (size_t i = 0; i < count; i++) {
		if (tally->used * 2 >= tally->capacity)
			grow(tally);
		struct tally_slot *slot = find(tally, keys[i]);

		if (slot->count++)
			continue;
		slot->key = keys[i];
		if (++tally->used > kinds_max) {
			tally_release(tally);
			return false;
		}
	}
	return true;
}

static int compare_slots(const void *a, const void *b)
{
	uint64_t x = ((const struct tally_slot *)a)->key, y = ((const struct tally_slot *)b)->key;

	return (x > y) - (x < y);
}

void tally_sort(struct tally *tally)
{
	size_t kept = 0;

	for (size_t i = 0; i < tally->capacity; i++)
		if (tally->slots[i].count)
			tally->slots[kept++] = tally->slots[i];
	assert(kept == tally->used);
	if (kept)
		qsort(tally->slots, kept, sizeof(*tally->slots), compare_slots);
	tally->is_sorted = true;
}

uint64_t tally_key(const struct tally *tally, uint64_t rank)
{
	size_t i = 0;

	assert(tally->is_sorted && tally->used);
	for (; i + 1 < tally->used && rank >= tally->slots[i].count; i++)
		rank -= tally->slots[i].count;
	return tally->slots[i].key;
}

size_t tally_bytes(const struct tally *tally)
{
	return tally->capacity * sizeof(*tally->slots);
}

void tally_release(struct tally *tally)
{
	free(tally->slots);
	*tally = (struct tally){ 0 };
}
