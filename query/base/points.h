/* Points: what functions give, and what transformations read. */
#ifndef QUERY_POINTS_H
#define QUERY_POINTS_H

#include "query/base/cell.h"

/* One value of a function: of a window, or of a row. */
struct point {
	int64_t time_ns;
	struct cell value;
	const struct cell *row; /* the selected row's slots, or NULL */
};

/* Growable; freed with free(). */
struct points {
	struct point *items;
	size_t count, capacity;
};

/* Without memory the point is left out, and the query ends with ERR_MEMORY (metering_end). */
void points_add(struct points *points, struct point point);
void points_release(struct points *points);

#endif
