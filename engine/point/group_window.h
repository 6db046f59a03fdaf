/*
 * Shard groups: windows of time that are stored and dropped as one, named by
 * their bounds in UTC, the end exclusive.
 *
 *	2026-11-16--2026-11-23
 *	2026-11-16T05Z--2026-11-16T06Z
 *
 * A bound is a date when it is midnight, else date and hour.
 */
#ifndef ENGINE_POINT_GROUP_WINDOW_H
#define ENGINE_POINT_GROUP_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/base/slice.h"

/* Seconds, since a window may begin before the first and end after the last ns. */
struct group_window {
	int64_t start_s, end_s; /* end exclusive */
	uint32_t shards;	/* fixed by its first point */
	uint32_t number;	/* from 1 over the mount, as SHOW SHARDS shows; the catalog's */
};

void group_name_print(struct buf *out, int64_t start_s, int64_t end_s);
/* ERR_INVALID: malformed, not canonical, end not after start, not on the hour. */
int group_name_parse(struct slice name, int64_t *start_s, int64_t *end_s);
/*
 * The window for a point: aligned as InfluxDB (counted from year 1: weeks on Monday). `shards` and
 * `number` are left 0.
 */
void group_window_for(int64_t shard_duration_ns, int64_t time_ns, struct group_window *out);
/* Cut it to what another group, which does not hold the point, leaves free. */
void group_window_cut(struct group_window *window, int64_t time_ns,
		      const struct group_window *other);
/* Has it a time of a closed range? */
bool group_window_overlaps(const struct group_window *window, int64_t time_first_ns,
			   int64_t time_last_ns);

#endif
