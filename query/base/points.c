/*
 * A growing array of points.
 *
 * Why apart: all functions add to one, and the table of functions stands above them.
 */
#include "query/base/points.h"

#include <stdlib.h>

void points_add(struct points *points, struct point point)
{
	if (points->count == points->capacity) {
		size_t capacity = points->capacity ? points->capacity * 2 : 16;
		struct point *items = realloc(points->items, capacity * sizeof(*items));

		/* It is left out, and the query ends with ERR_MEMORY (metering_end). */
		if (!items)
			return;
		points->items = items;
		points->capacity = capacity;
	}
	points->items[points->count++] = point;
}

void points_release(struct points *points)
{
	free(points->items);
	*points = (struct points){ 0 };
}
