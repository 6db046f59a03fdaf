/* Why: aggregates, fill and transformations must cut time at the same places. */
#include "query/expression/window.h"

#include <assert.h>

int64_t window_length_ns(const struct window_spec *spec)
{
	return spec->months ? spec->months * 30 * NS_PER_DAY : spec->interval_ns;
}

static int64_t zone_shift(const struct window_spec *spec, int64_t time_ns)
{
	return zone_offset_ns(spec->zone, time_ns);
}

static bool is_small_shift(const struct window_spec *spec, int64_t shift)
{
	return shift != 0 && (shift < 0 ? -shift : shift) < spec->interval_ns;
}

/* The UTC time at which a local month begins, counted from year 0. */
static int64_t month_start(const struct window_spec *spec, int64_t month)
{
	int64_t year = floor_div(month, 12), local_s, utc_s, skipped_s;
	__int128 ns;

	local_s = days_from_civil(year, (int)floor_mod(month, 12) + 1, 1) * 86400;
	utc_s = zone_utc_of_local(spec->zone, local_s);
	/* Where the clocks skip midnight, the month begins when they have. */
	skipped_s = local_s - utc_s - zone_offset_s(spec->zone, utc_s);
	if (skipped_s > 0)
		utc_s += skipped_s;
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

/* Added time goes into the window it ends; skipped time is taken when it lies in this one. */
static int64_t shifted_end(const struct window_spec *spec, int64_t end_ns, int64_t zone_ns)
{
	int64_t end_zone_ns = zone_shift(spec, end_ns);
	int64_t shift = zone_ns - end_zone_ns;

	if (!is_small_shift(spec, shift))
		return end_ns;
	if (shift > 0 || zone_shift(spec, end_ns + shift) == end_zone_ns)
		return end_ns + shift;
	return end_ns;
}

static struct window zone_window(const struct window_spec *spec, int64_t time_ns, int64_t past_ns,
				 int64_t zone_ns)
{
	struct window window;
	int64_t shift;

	window.start_ns = TIME_MIN_NS + past_ns >= time_ns ? TIME_MIN_NS : time_ns - past_ns;
	shift = zone_ns - zone_shift(spec, window.start_ns);
	if (is_small_shift(spec, shift))
		window.start_ns += shift;
	past_ns = spec->interval_ns - past_ns;
	window.end_ns = TIME_MAX_NS - past_ns <= time_ns ? TIME_MAX_NS : time_ns + past_ns;
	window.end_ns = shifted_end(spec, window.end_ns, zone_ns);
	return window;
}

struct window window_of(const struct window_spec *spec, int64_t time_ns)
{
	struct window window;
	int64_t past_ns, zone_ns;

	if (!window_is_given(spec))
		return (struct window){ spec->time_first_ns, spec->time_last_ns == INT64_MAX
								     ? INT64_MAX
								     : spec->time_last_ns + 1 };
	if (spec->months)
		return month_window(spec, time_ns);
	time_ns = (int64_t)((uint64_t)time_ns - (uint64_t)spec->offset_ns);
	zone_ns = spec->zone ? zone_shift(spec, time_ns) : 0;
	past_ns = (int64_t)((uint64_t)time_ns + (uint64_t)zone_ns) % spec->interval_ns;
	if (past_ns < 0)
		past_ns += spec->interval_ns;
	if (spec->zone) {
		window = zone_window(spec, time_ns, past_ns, zone_ns);
	} else {
		window.start_ns =
			TIME_MIN_NS + past_ns >= time_ns ? TIME_MIN_NS : time_ns - past_ns;
		past_ns = spec->interval_ns - past_ns;
		window.end_ns = TIME_MAX_NS - past_ns <= time_ns ? TIME_MAX_NS : time_ns + past_ns;
	}
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
				      .start_ns = start_ns,
				      .zone_offset_ns =
					      spec->zone ? zone_shift(spec, start_ns) : 0 };
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
	int64_t zone_ns, shift;

	if (spec->months) {
		walk->start_ns = month_start(
			spec, month_of(spec, walk->start_ns) +
				      (walk->is_descending ? -spec->months : spec->months));
		return;
	}
	walk->start_ns = saturating_add(walk->start_ns, walk->is_descending ? -spec->interval_ns
									    : spec->interval_ns);
	if (!spec->zone)
		return;
	zone_ns = zone_shift(spec, walk->start_ns - 1);
	if (zone_ns == walk->zone_offset_ns)
		return;
	shift = walk->zone_offset_ns - zone_ns;
	if (is_small_shift(spec, shift))
		walk->start_ns = saturating_add(walk->start_ns, shift);
	walk->zone_offset_ns = zone_ns;
}
