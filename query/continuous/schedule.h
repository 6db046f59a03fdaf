/*
 * When a grouped continuous query is due, and over which windows: InfluxDB's
 * rules, with a memory of the last run.
 *
 *	resample every 1m for 1h … group by time(5m)
 *
 *	      |<------------- for ------------->|
 *	      |----|----|----|----|----|----|---|-    windows
 *	                                  ^ ^ ^ ^     every
 *
 * A run takes the windows from the first that the boundary it comes for asks
 * for, up to what is whole now (or begun, when it runs oftener than windows end).
 * Coming late, it makes up for what it missed.
 */
#ifndef QUERY_SCHEDULE_H
#define QUERY_SCHEDULE_H

#include "query/expression/window.h"

struct schedule {
	struct window_spec window; /* is given */
	int64_t every_ns, for_ns;  /* RESAMPLE; 0 = not said */
};

/* The boundary at or before a time: a run at that time counts as one there. */
int64_t schedule_boundary(const struct schedule *schedule, int64_t time_ns);
/* The boundary after that of the last run. */
int64_t schedule_next(const struct schedule *schedule, int64_t last_run_ns);
/*
 * What a run at `now_ns` is for that comes for the boundary `next_ns`: whole
 * windows, end exclusive; nothing when it ends where it starts or before.
 */
struct window schedule_range(const struct schedule *schedule, int64_t next_ns, int64_t now_ns);
/* The start of the window `count` windows after the one that begins at `start_ns`, about. */
int64_t schedule_advance(const struct schedule *schedule, int64_t start_ns, int64_t count);

#endif
