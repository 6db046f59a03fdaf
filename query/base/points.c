/*
 * A growing array of points.
 *
 * Why apart: all functions add to one, and the table of functions stands above them.
 */
#include "query/base/points.h"

#include <stdlib.h>

#include "engine/base/array.h"

void points_add(struct points *points, struct point point)
{
	/* Without memory it is left out, and the query ends with ERR_MEMORY (metering_end). */
	if (try_grow(&points->items, points->count, &points->capacity))
		points->items[points->count++] = point;
}

void points_release(struct points *points)
{
	free(points->items);
	*points = (struct points){ 0 };
}
