/*
 * Arrays that grow, and sorted lists of numbers.
 *
 *	grow(&items, count, &capacity);
 *	items[count++] = item;
 */
#ifndef ENGINE_BASE_ARRAY_H
#define ENGINE_BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for one item more: a full array doubles. Memory failure ends the process. */
#define grow(items, count, capacity)                                                               \
	((count) < *(capacity) ? (void)0                                                           \
			       : array_double((void **)(items), sizeof(**(items)), (capacity)))
void array_double(void **items, size_t item_bytes, size_t *capacity);

/* The same for a caller that gives ERR_MEMORY. False: there is none, and nothing changed. */
#define try_grow(items, count, capacity)                                                           \
	((count) < *(capacity) || array_try_double((void **)(items), sizeof(**(items)), (capacity)))
bool array_try_double(void **items, size_t item_bytes, size_t *capacity);

/* Ascending, each once; gives how many are left. */
size_t sort_unique_ids(uint32_t *ids, size_t count);

#endif
