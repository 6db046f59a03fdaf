/* Why: aggregates, fill and transformations must cut time at the same places. */
#include "query/expression/window.h"

#include <assert.h>

int64_t window_length_ns(const struct window_spec *spec)
{
	return spec->months ? spec->months * 30 * NS_PER_DAY : spec->interval_ns;
}

/* The UTC time at which a local month begins, counted from year 0. */
static int64_t month_start(const struct window_spec *spec, int64_t month)
{
	int64_t year = floor_div(month, 12), local_s, utc_s;
	__int128 ns;

	local_s = days_from_civil(year, (int)floor_mod(month, 12) + 1, 1) * 86400;
	utc_s = zone_utc_of_local(spec->zone, local_s);
	ns = (__int128)utc_s * NS_PER_SECOND + spec->offset_ns;
	return ns < TIME_MIN_NS ? TIME_MIN_NS : ns > TIME_MAX_NS ? TIME_MAX_NS : (int64_t)ns;
}

static int64_t month_of(const struct window_spec *spec, int64_t time_ns)
{
	int64_t seconds = floor_div(time_ns - spec->offset_ns, NS_PER_SECOND);
	struct civil civil = civil_of_seconds(seconds + zone_offset_s(spec->zone, seconds));
	int64_t month = civil.year * 12 + civil.month - 1;

	return month - floor_mod(month, spec->months);
}

static struct window month_window(const struct window_spec *spec, int64_t time_ns)
{
	int64_t month = month_of(spec, time_ns);

	return (struct window){ month_start(spec, month), month_start(spec, month + spec->months) };
}

/* --- windows on the clock of a zone ---------------------------------------------------------- */

/* A piece of time in which the clock is never put forward or back. */
struct piece {
	__int128 from_ns, until_ns, ahead_ns;
};

/* No clock is further from UTC, nor put back further at once. */
#define ZONE_NS_MAX (26 * 3600 * (__int128)NS_PER_SECOND)

static struct piece piece_at(const struct window_spec *spec, __int128 time_ns)
{
	int64_t from_s, until_s;
	int64_t time_s = (int64_t)(time_ns < 0 ? (time_ns - NS_PER_SECOND + 1) / NS_PER_SECOND
					       : time_ns / NS_PER_SECOND);
	int32_t ahead_s = zone_span_s(spec->zone, time_s, &from_s, &until_s);

	return (struct piece){ (__int128)from_s * NS_PER_SECOND, (__int128)until_s * NS_PER_SECOND,
			       (__int128)ahead_s * NS_PER_SECOND };
}

static __int128 floor_div_wide(__int128 a, __int128 b)
{
	__int128 quotient = a / b;

	return quotient * b > a ? quotient - 1 : quotient;
}

/*
 * When window `number` begins: where the clock first shows its local time, or has passed it. What
 * it shows twice is the first; what it leaves out is where it goes on.
 */
static __int128 boundary_of(const struct window_spec *spec, __int128 number)
{
	__int128 local_ns = number * spec->interval_ns + spec->offset_ns;
	struct piece piece = piece_at(spec, local_ns - ZONE_NS_MAX);

	while (local_ns - piece.ahead_ns >= piece.until_ns)
		piece = piece_at(spec, piece.until_ns);
	return local_ns - piece.ahead_ns > piece.from_ns ? local_ns - piece.ahead_ns
							 : piece.from_ns;
}

static bool is_long_change(const struct window_spec *spec, __int128 change_ns)
{
	return (change_ns < 0 ? -change_ns : change_ns) >= spec->interval_ns;
}

/*
 * A window no longer than what the clock is put forward or back goes on as if it were not: an hour
 * that comes twice is two of them. Where that leaves the multiples of the interval, windows end
 * and begin with the change. False: a shorter change is near.
 */
static bool cut_at_changes(const struct window_spec *spec, const struct piece *piece,
			   __int128 *start_ns, __int128 *end_ns)
{
	bool reaches_before = *start_ns < piece->from_ns + ZONE_NS_MAX;
	__int128 change;

	if (reaches_before && piece->from_ns > (__int128)INT64_MIN) {
		change = piece_at(spec, piece->from_ns - 1).ahead_ns - piece->ahead_ns;
		if (!is_long_change(spec, change))
			return false;
		if (change % spec->interval_ns && *start_ns < piece->from_ns)
			*start_ns = piece->from_ns;
	}
	if (*end_ns >= piece->until_ns) { /* what the clock shows again may be the end */
		change = piece_at(spec, piece->until_ns).ahead_ns - piece->ahead_ns;
		if (!is_long_change(spec, change))
			return false;
		if (change % spec->interval_ns)
			*end_ns = piece->until_ns;
	}
	return true;
}

static int64_t in_time(__int128 ns)
{
	return ns < TIME_MIN_NS ? TIME_MIN_NS : ns > TIME_MAX_NS ? TIME_MAX_NS : (int64_t)ns;
}

static struct window zone_window(const struct window_spec *spec, int64_t time_ns)
{
	struct piece piece = piece_at(spec, time_ns);
	__int128 number =
		floor_div_wide(time_ns + piece.ahead_ns - spec->offset_ns, spec->interval_ns);
	__int128 start_ns = number * spec->interval_ns + spec->offset_ns - piece.ahead_ns;
	__int128 end_ns = start_ns + spec->interval_ns;

	if (!cut_at_changes(spec, &piece, &start_ns, &end_ns)) {
		while (boundary_of(spec, number) > time_ns)
			number--;
		while (boundary_of(spec, number + 1) <= time_ns)
			number++;
		start_ns = boundary_of(spec, number);
		end_ns = boundary_of(spec, number + 1);
	}
	return (struct window){ in_time(start_ns), in_time(end_ns) };
}

struct window window_of(const struct window_spec *spec, int64_t time_ns)
{
	struct window window;
	int64_t past_ns;

	if (!window_is_given(spec))
		return (struct window){ spec->time_first_ns, spec->time_last_ns == INT64_MAX
								     ? INT64_MAX
								     : spec->time_last_ns + 1 };
	if (spec->months)
		return month_window(spec, time_ns);
	if (spec->zone)
		return zone_window(spec, time_ns);
	time_ns = (int64_t)((uint64_t)time_ns - (uint64_t)spec->offset_ns);
	past_ns = time_ns % spec->interval_ns;
	if (past_ns < 0)
		past_ns += spec->interval_ns;
	window.start_ns = TIME_MIN_NS + past_ns >= time_ns ? TIME_MIN_NS : time_ns - past_ns;
	past_ns = spec->interval_ns - past_ns;
	window.end_ns = TIME_MAX_NS - past_ns <= time_ns ? TIME_MAX_NS : time_ns + past_ns;
	window.start_ns = (int64_t)((uint64_t)window.start_ns + (uint64_t)spec->offset_ns);
	window.end_ns = (int64_t)((uint64_t)window.end_ns + (uint64_t)spec->offset_ns);
	return window;
}

struct window window_behind(const struct window_spec *spec, struct window before, int64_t time_ns)
{
	int64_t start_ns = before.end_ns, end_ns;

	if (spec->months || spec->zone || before.start_ns == before.end_ns || time_ns < start_ns ||
	    __builtin_add_overflow(start_ns, spec->interval_ns, &end_ns) || time_ns >= end_ns ||
	    end_ns >= TIME_MAX_NS / 2)
		return window_of(spec, time_ns);
	return (struct window){ start_ns, end_ns };
}

uint64_t window_count(const struct window_spec *spec)
{
	__int128 span;

	if (!window_is_given(spec) || spec->time_last_ns < spec->time_first_ns)
		return 1;
	if (spec->months)
		return (uint64_t)((month_of(spec, spec->time_last_ns) -
				   month_of(spec, spec->time_first_ns)) /
				  spec->months) +
		       1;
	span = (__int128)window_of(spec, spec->time_last_ns - 1).start_ns -
	       window_of(spec, spec->time_first_ns).start_ns;
	return (uint64_t)(span / spec->interval_ns) + 1;
}

void window_walk_begin(struct window_walk *walk, const struct window_spec *spec, bool is_descending,
		       int64_t start_ns)
{
	assert(window_is_given(spec));
	*walk = (struct window_walk){ .spec = spec,
				      .is_descending = is_descending,
				      .start_ns = start_ns };
}

static int64_t saturating_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

void window_walk_step(struct window_walk *walk)
{
	const struct window_spec *spec = walk->spec;

	if (spec->months) {
		walk->start_ns = month_start(
			spec, month_of(spec, walk->start_ns) +
				      (walk->is_descending ? -spec->months : spec->months));
	} else if (spec->zone && walk->is_descending && walk->start_ns > TIME_MIN_NS) {
		walk->start_ns = window_of(spec, walk->start_ns - 1).start_ns;
	} else if (spec->zone && !walk->is_descending && walk->start_ns < TIME_MAX_NS) {
		walk->start_ns = window_of(spec, walk->start_ns).end_ns;
	} else {
		walk->start_ns =
			saturating_add(walk->start_ns, walk->is_descending ? -spec->interval_ns
									   : spec->interval_ns);
	}
}
