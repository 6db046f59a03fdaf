/* The slow half of growing, and sorting: what each list did for itself before. */
#include "engine/base/array.h"

#include <stdlib.h>

#include "engine/base/log.h"

#define CAPACITY_FIRST 8

bool array_try_double(void **items, size_t item_bytes, size_t *capacity)
{
	size_t wanted = *capacity ? *capacity * 2 : CAPACITY_FIRST;
	void *grown = reallocarray(*items, wanted, item_bytes);

	if (!grown)
		return false;
	*items = grown;
	*capacity = wanted;
	return true;
}

void array_double(void **items, size_t item_bytes, size_t *capacity)
{
	if (!array_try_double(items, item_bytes, capacity))
		log_out_of_memory((*capacity + CAPACITY_FIRST) * 2 * item_bytes);
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

size_t sort_unique_ids(uint32_t *ids, size_t count)
{
	size_t kept = 0;

	if (count > 1)
		qsort(ids, count, sizeof(*ids), compare_ids);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || ids[i] != ids[kept - 1])
			ids[kept++] = ids[i];
	return kept;
}
