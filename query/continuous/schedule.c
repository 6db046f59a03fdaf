/* Why: due times decide what is computed at all, so they are apart, and pure. */
#include "query/continuous/schedule.h"

static int64_t add(int64_t time_ns, int64_t ns)
{
	int64_t sum;

	if (__builtin_add_overflow(time_ns, ns, &sum))
		return ns < 0 ? TIME_MIN_NS : TIME_MAX_NS;
	return sum;
}

static int64_t window_start(const struct schedule *schedule, int64_t time_ns)
{
	return window_of(&schedule->window, time_ns).start_ns;
}

int64_t schedule_boundary(const struct schedule *schedule, int64_t time_ns)
{
	int64_t offset_ns = schedule->window.offset_ns;

	if (!schedule->every_ns)
		return window_start(schedule, time_ns);
	return time_ns - floor_mod(time_ns - offset_ns, schedule->every_ns);
}

int64_t schedule_next(const struct schedule *schedule, int64_t last_run_ns)
{
	if (schedule->every_ns)
		return add(last_run_ns, schedule->every_ns);
	return window_of(&schedule->window, last_run_ns).end_ns;
}

/* The first window that begins no earlier than `for_ns` before, counted in windows. */
static int64_t first_start(const struct schedule *schedule, int64_t time_ns, int64_t for_ns)
{
	const struct window_spec *window = &schedule->window;
	int64_t interval_ns = window_length_ns(window), start_ns;

	time_ns = add(window_moved(window, time_ns, -(for_ns / interval_ns)),
		      -(for_ns % interval_ns));
	start_ns = window_start(schedule, time_ns);
	return start_ns < time_ns ? window_of(window, time_ns).end_ns : start_ns;
}

struct window schedule_range(const struct schedule *schedule, int64_t next_ns, int64_t now_ns)
{
	int64_t interval_ns = window_length_ns(&schedule->window);
	int64_t every_ns = schedule->every_ns ? schedule->every_ns : interval_ns;
	int64_t for_ns = schedule->for_ns	  ? schedule->for_ns
			 : every_ns > interval_ns ? every_ns
						  : interval_ns;

	if (every_ns > interval_ns)
		every_ns = interval_ns;
	return (struct window){
		first_start(schedule, next_ns, for_ns),
		window_start(schedule, add(now_ns, interval_ns - every_ns)),
	};
}

int64_t schedule_advance(const struct schedule *schedule, int64_t start_ns, int64_t count)
{
	return window_start(schedule, window_moved(&schedule->window, start_ns, count));
}
