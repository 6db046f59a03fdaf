/*
 * Names as dense numbers from 0, and back: the measurements of a database, the
 * fields and tag keys of a measurement, the values of a tag key.
 *
 * The bytes lie in an arena that the caller lends and never move. Few names
 * are compared one by one; from DICT_LINEAR_MAX on there is a hash table of 8
 * bytes a slot. A zeroed struct is empty. Numbers may be set out of order: a
 * name that is not set yet is a hole (data NULL).
 */
#ifndef ENGINE_NAMES_DICT_H
#define ENGINE_NAMES_DICT_H

#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/slice.h"

#define DICT_LINEAR_MAX 6u
#define DICT_NONE	UINT32_MAX

struct dict_name; /* length, then bytes */
struct dict_slot {
	uint32_t hash;
	uint32_t number; /* plus 1; 0 = empty */
};

struct dict {
	const struct dict_name **names;
	struct dict_slot *slots;
	uint32_t count, capacity;
	uint32_t slot_count; /* 0 or a power of two */
};

void dict_release(struct dict *dict);
/* DICT_NONE when absent. */
uint32_t dict_find(const struct dict *dict, struct slice name);
/* Before dict_name of the same: where its bytes lie is on its way meanwhile. Not beyond the end. */
void dict_prefetch(const struct dict *dict, uint32_t number);
/* An empty slice for holes and what is beyond. */
struct slice dict_name(const struct dict *dict, uint32_t number);
/* Visible ASCII without , = \ / %: spelled the same in keys, file names and here. Not for holes. */
bool dict_is_plain(const struct dict *dict, uint32_t number);
/* `name` must be absent, `number` a hole or beyond the end. */
void dict_set(struct dict *dict, struct arena *arena, uint32_t number, struct slice name);
size_t dict_bytes(const struct dict *dict); /* without the arena */

#endif
