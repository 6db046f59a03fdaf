/*
 * Arrays that grow, and sorted lists of numbers.
 *
 *	grow(&items, count, &capacity);
 *	items[count++] = item;
 */
#ifndef ENGINE_BASE_ARRAY_H
#define ENGINE_BASE_ARRAY_H

#include <stddef.h>
#include <stdint.h>

/* Room for one item more: the array doubles, from 16. Memory failure ends the process. */
#define grow(items, count, capacity)                                                               \
	((count) < *(capacity)                                                                     \
		 ? (void)0                                                                         \
		 : (void)(*(items) = array_double(*(items), sizeof(**(items)), (capacity))))
void *array_double(void *items, size_t item_bytes, size_t *capacity);

/* Ascending, each once; gives how many are left. */
size_t sort_unique_ids(uint32_t *ids, size_t count);

#endif
