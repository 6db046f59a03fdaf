/*
 * Strings by number and numbers by string, for few strings and for many.
 *
 * Why: a database has some measurements of a million values and, with dotted
 * names, a million measurements of one field: the same struct has to be small
 * for the one and quick for the other.
 */
#include "engine/names/dict.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/map.h"

struct dict_name {
	uint32_t length : 31;
	uint32_t plain : 1;
	char bytes[];
};
_Static_assert(sizeof(struct dict_name) == 4, "a word before the bytes");

void dict_release(struct dict *dict)
{
	free(dict->names);
	free(dict->slots);
	*dict = (struct dict){ 0 };
}

struct slice dict_name(const struct dict *dict, uint32_t number)
{
	const struct dict_name *name = number < dict->count ? dict->names[number] : NULL;

	return name ? slice_of(name->bytes, name->length) : slice_of(NULL, 0);
}

void dict_prefetch(const struct dict *dict, uint32_t number)
{
	__builtin_prefetch(&dict->names[number]);
}

bool dict_is_plain(const struct dict *dict, uint32_t number)
{
	return dict->names[number]->plain;
}

static bool byte_is_plain(char byte)
{
	return byte > ' ' && byte <= '~' && byte != ',' && byte != '=' && byte != '\\' &&
	       byte != '/' && byte != '%';
}

static bool is_plain(struct slice name)
{
	for (size_t i = 0; i < name.length; i++)
		if (!byte_is_plain(name.data[i]))
			return false;
	return true;
}

static bool name_is(const struct dict_name *name, struct slice bytes)
{
	return name && name->length == bytes.length &&
	       memcmp(name->bytes, bytes.data, bytes.length) == 0;
}

static uint32_t find_linear(const struct dict *dict, struct slice name)
{
	for (uint32_t i = 0; i < dict->count; i++)
		if (name_is(dict->names[i], name))
			return i;
	return DICT_NONE;
}

uint32_t dict_find(const struct dict *dict, struct slice name)
{
	uint32_t hash, mask = dict->slot_count - 1;

	if (dict->slot_count == 0)
		return find_linear(dict, name);
	hash = (uint32_t)hash_bytes(name);
	for (uint32_t i = hash & mask; dict->slots[i].number; i = (i + 1) & mask)
		if (dict->slots[i].hash == hash &&
		    name_is(dict->names[dict->slots[i].number - 1], name))
			return dict->slots[i].number - 1;
	return DICT_NONE;
}

static void slots_put(struct dict_slot *slots, uint32_t slot_count, struct dict_slot slot)
{
	uint32_t mask = slot_count - 1, i = slot.hash & mask;

	while (slots[i].number)
		i = (i + 1) & mask;
	slots[i] = slot;
}

/* Called when names are many: makes the table, or doubles it. */
static void slots_grow(struct dict *dict)
{
	uint32_t slot_count = dict->slot_count ? dict->slot_count * 2 : 4 * DICT_LINEAR_MAX;
	struct dict_slot *slots;

	while (slot_count & (slot_count - 1))
		slot_count++;
	slots = calloc(slot_count, sizeof(*slots));
	if (!slots)
		log_out_of_memory(slot_count * sizeof(*slots));
	for (uint32_t i = 0; i < dict->slot_count; i++)
		if (dict->slots[i].number)
			slots_put(slots, slot_count, dict->slots[i]);
	for (uint32_t i = 0; dict->slot_count == 0 && i < dict->count; i++)
		if (dict->names[i])
			slots_put(slots, slot_count,
				  (struct dict_slot){ (uint32_t)hash_bytes(dict_name(dict, i)),
						      i + 1 });
	free(dict->slots);
	dict->slots = slots;
	dict->slot_count = slot_count;
}

static void names_grow(struct dict *dict, uint32_t count)
{
	uint64_t wanted = dict->capacity + dict->capacity / 2;

	if (count > dict->capacity) {
		wanted = wanted < count ? count : wanted;
		dict->names = reallocarray(dict->names, wanted, sizeof(*dict->names));
		if (!dict->names)
			log_out_of_memory(wanted * sizeof(*dict->names));
		dict->capacity = (uint32_t)wanted;
	}
	while (dict->count < count)
		dict->names[dict->count++] = NULL;
}

void dict_set(struct dict *dict, struct arena *arena, uint32_t number, struct slice name)
{
	struct dict_name *copy;

	assert(number < DICT_NONE - 1 && name.length <= INT32_MAX);
	assert(!dict_name(dict, number).data);
	copy = arena_alloc_raw(arena, sizeof(*copy) + name.length, sizeof(uint32_t));
	if (!copy)
		log_out_of_memory(sizeof(*copy) + name.length);
	copy->length = name.length & INT32_MAX;
	copy->plain = is_plain(name);
	if (name.length)
		memcpy(copy->bytes, name.data, name.length);
	if (number >= dict->count)
		names_grow(dict, number + 1);
	dict->names[number] = copy;
	if (dict->slot_count)
		slots_put(dict->slots, dict->slot_count,
			  (struct dict_slot){ (uint32_t)hash_bytes(name), number + 1 });
	/* Three quarters full; holes that are filled late count already. */
	if (dict->count > DICT_LINEAR_MAX && dict->count + 1 > dict->slot_count / 4 * 3)
		slots_grow(dict);
}

size_t dict_bytes(const struct dict *dict)
{
	return dict->capacity * sizeof(*dict->names) + dict->slot_count * sizeof(*dict->slots);
}
