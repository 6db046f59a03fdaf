/*
 * GROUP BY time: which window a time falls into.
 *
 *	time(10s, 5s)     …[-5, 5)[5, 15)[15, 25)…     windows stand on the epoch, plus offset
 *	time(1d), tz()    local days, of 23 or 25 hours where the clocks change: a window begins
 *	                  where the clock first shows its time, or has passed it
 *	time(1month)      local months
 *
 * Without an interval there is one window: the whole range.
 */
#ifndef QUERY_WINDOW_H
#define QUERY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/when.h"
#include "query/base/zone.h"

struct window_spec {
	int64_t interval_ns; /* 0 = none */
	int32_t months;	     /* in place of interval_ns; 0 = none */
	int64_t offset_ns;
	const struct zone *zone; /* NULL = UTC */
	int64_t time_first_ns, time_last_ns;
};

static inline bool window_is_given(const struct window_spec *spec)
{
	return spec->interval_ns != 0 || spec->months != 0;
}
/* An interval as a length: months count as 30 days each. For derivatives' units. */
int64_t window_length_ns(const struct window_spec *spec);

struct window {
	int64_t start_ns, end_ns; /* end exclusive */
};
/* The same, often without a division: `before` is one of these windows, or empty. */
struct window window_behind(const struct window_spec *spec, struct window before, int64_t time_ns);
struct window window_of(const struct window_spec *spec, int64_t time_ns);
/* How many windows the range touches; for the limit on them. */
uint64_t window_count(const struct window_spec *spec);

/*
 * When the window begins that follows the one that begins at `start_ns`, or precedes it. INT64_MAX,
 * INT64_MIN: there is none.
 */
int64_t window_after(const struct window_spec *spec, int64_t start_ns);
int64_t window_before(const struct window_spec *spec, int64_t start_ns);
/* A time so many windows later (negative: earlier), as far behind its window's start. */
int64_t window_moved(const struct window_spec *spec, int64_t time_ns, int64_t count);

#endif
