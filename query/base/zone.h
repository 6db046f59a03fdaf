/*
 * Time zones: a name of the zoneinfo database becomes offsets from UTC.
 *
 *	America/New_York ─► transitions (UTC seconds, ascending) ─► offset from there on
 *	                    behind the last one: the rule of the file's last line
 */
#ifndef QUERY_ZONE_H
#define QUERY_ZONE_H

#include "engine/base/arena.h"
#include "engine/base/err.h"

struct zone;

/* The zone, in `arena`. ERR_NOT_FOUND: there is none of that name. ERR_MEMORY: the budget. */
int zone_open(struct slice name, struct arena *arena, const struct zone **out);
/* Seconds east of UTC at a time. NULL is UTC. */
int32_t zone_offset_s(const struct zone *zone, int64_t time_s);
int64_t zone_offset_ns(const struct zone *zone, int64_t time_ns);
/* The same, and where that holds: [from, until) has this offset. INT64_MIN, INT64_MAX: without end.
 */
int32_t zone_span_s(const struct zone *zone, int64_t time_s, int64_t *from_s, int64_t *until_s);
/*
 * A local time (seconds as if it were UTC) as UTC seconds: when the clock first shows it, or has
 * passed it where it is put forward.
 */
int64_t zone_utc_of_local(const struct zone *zone, int64_t local_s);
/* Months forward or back on the zone's calendar; a day that the month has not becomes its last. */
int64_t zone_add_months(const struct zone *zone, int64_t time_s, int64_t months);

#endif
