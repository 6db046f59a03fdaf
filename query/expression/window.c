/* Why: aggregates, fill and transformations must cut time at the same places. */
#include "query/expression/window.h"

#include <assert.h>

int64_t window_length_ns(const struct window_spec *spec)
{
	return spec->months ? spec->months * 30 * NS_PER_DAY : spec->interval_ns;
}

/* --- windows on the clock of a zone --------------------------------------------------------------
 */

/* A piece of time in which the clock is never put forward or back. */
struct piece {
	__int128 from_ns, until_ns, ahead_ns;
};

/* No clock is further from UTC, nor put back further at once. */
#define ZONE_NS_MAX (26 * 3600 * (__int128)NS_PER_SECOND)

static __int128 floor_div_wide(__int128 a, int64_t b)
{
	__int128 quotient = a / b;

	return quotient * b > a ? quotient - 1 : quotient;
}

static struct piece piece_at(const struct window_spec *spec, __int128 time_ns)
{
	int64_t from_s, until_s;
	int32_t ahead_s = zone_span_s(spec->zone, (int64_t)floor_div_wide(time_ns, NS_PER_SECOND),
				      &from_s, &until_s);

	return (struct piece){ (__int128)from_s * NS_PER_SECOND, (__int128)until_s * NS_PER_SECOND,
			       (__int128)ahead_s * NS_PER_SECOND };
}

/* What the clock shows when window `number` begins, if it shows it at all. */
static __int128 local_start(const struct window_spec *spec, int64_t number)
{
	int64_t month = number * spec->months;

	if (!spec->months)
		return (__int128)number * spec->interval_ns + spec->offset_ns;
	return (__int128)days_from_civil(floor_div(month, 12), (int)floor_mod(month, 12) + 1, 1) *
		       NS_PER_DAY +
	       spec->offset_ns;
}

/* The window that begins last at or before what the clock shows. */
static int64_t number_of(const struct window_spec *spec, __int128 local_ns)
{
	struct civil civil;

	local_ns -= spec->offset_ns;
	if (!spec->months)
		return (int64_t)floor_div_wide(local_ns, spec->interval_ns);
	civil = civil_of_seconds((int64_t)floor_div_wide(local_ns, NS_PER_SECOND));
	return floor_div(civil.year * 12 + civil.month - 1, spec->months);
}

/*
 * When window `number` begins: where the clock first shows its local time, or has passed it. What
 * it shows twice is the first; what it leaves out is where it goes on.
 */
static __int128 boundary_of(const struct window_spec *spec, int64_t number)
{
	__int128 local_ns = local_start(spec, number);
	struct piece piece = piece_at(spec, local_ns - ZONE_NS_MAX);

	while (local_ns - piece.ahead_ns >= piece.until_ns)
		piece = piece_at(spec, piece.until_ns);
	return local_ns - piece.ahead_ns > piece.from_ns ? local_ns - piece.ahead_ns
							 : piece.from_ns;
}

/* Where the clock is put by `change_ns`: is that no less than a window? */
static bool is_long_change(const struct window_spec *spec, __int128 change_ns)
{
	return !spec->months && (change_ns < 0 ? -change_ns : change_ns) >= spec->interval_ns;
}

/*
 * A window no longer than what the clock is put forward or back goes on as if it were not: an hour
 * that comes twice is two of them. Where that leaves the multiples of the interval, windows end
 * and begin with the change. False: a change is near that is shorter than a window.
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

static struct window local_window(const struct window_spec *spec, int64_t time_ns)
{
	struct piece piece = piece_at(spec, time_ns);
	int64_t number = number_of(spec, time_ns + piece.ahead_ns);
	__int128 start_ns = local_start(spec, number) - piece.ahead_ns;
	__int128 end_ns = local_start(spec, number + 1) - piece.ahead_ns;

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

/* --- windows -------------------------------------------------------------------------------------
 */

struct window window_of(const struct window_spec *spec, int64_t time_ns)
{
	struct window window;
	int64_t past_ns;

	if (!window_is_given(spec))
		return (struct window){ spec->time_first_ns, spec->time_last_ns == INT64_MAX
								     ? INT64_MAX
								     : spec->time_last_ns + 1 };
	if (spec->months || spec->zone)
		return local_window(spec, time_ns);
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
	span = (__int128)window_of(spec, spec->time_last_ns - 1).start_ns -
	       window_of(spec, spec->time_first_ns).start_ns;
	return (uint64_t)(span /
			  (spec->months ? spec->months * 28 * NS_PER_DAY : spec->interval_ns)) +
	       1;
}

static int64_t saturating_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

int64_t window_after(const struct window_spec *spec, int64_t start_ns)
{
	if (!spec->months && !spec->zone)
		return saturating_add(start_ns, spec->interval_ns);
	return start_ns >= TIME_MAX_NS ? INT64_MAX : local_window(spec, start_ns).end_ns;
}

int64_t window_before(const struct window_spec *spec, int64_t start_ns)
{
	if (!spec->months && !spec->zone)
		return saturating_add(start_ns, -spec->interval_ns);
	return start_ns <= TIME_MIN_NS ? INT64_MIN : local_window(spec, start_ns - 1).start_ns;
}

/* Windows of a zone are counted one by one up to here; so many more are taken as of one length. */
#define WINDOWS_COUNTED 4096

int64_t window_moved(const struct window_spec *spec, int64_t time_ns, int64_t count)
{
	int64_t left = count < 0 ? -count : count, start_ns, past_ns;
	__int128 ns;

	if (!spec->months && !spec->zone)
		return in_time((__int128)time_ns + (__int128)count * spec->interval_ns);
	start_ns = window_of(spec, time_ns).start_ns;
	past_ns = time_ns - start_ns;
	for (; left && left <= WINDOWS_COUNTED && start_ns > TIME_MIN_NS && start_ns < TIME_MAX_NS;
	     left--)
		start_ns = count < 0 ? window_before(spec, start_ns) : window_after(spec, start_ns);
	ns = start_ns + (count < 0 ? -(__int128)left : (__int128)left) * window_length_ns(spec);
	/* A time behind the end of a shorter window is the end's. */
	start_ns = in_time(ns);
	ns += past_ns;
	if (past_ns && ns > local_window(spec, start_ns).end_ns)
		ns = local_window(spec, start_ns).end_ns;
	return in_time(ns);
}
