/*
 * Windows of time as names of directories, and back.
 *
 * Why: the window of a shard group is its name, so the two have to agree to the
 * second, at both ends of time as well. Everything here is whole seconds.
 */
#include "engine/point/group_window.h"

#include <assert.h>

#include "engine/base/when.h"

#define HOUR_S INT64_C(3600)
#define DAY_S  INT64_C(86400)

static void bound_print(struct buf *out, int64_t bound_s)
{
	struct civil civil = civil_of_seconds(bound_s);

	buf_printf(out, "%04lld-%02d-%02d", (long long)civil.year, civil.month, civil.day);
	if (floor_mod(bound_s, DAY_S) != 0)
		buf_printf(out, "T%02dZ", civil.hour);
}

void group_name_print(struct buf *out, int64_t start_s, int64_t end_s)
{
	bound_print(out, start_s);
	buf_append_text(out, "--");
	bound_print(out, end_s);
}

/* Takes `count` digits off the front. */
static bool take_digits(struct slice *text, size_t count, int *value)
{
	if (text->length < count)
		return false;
	*value = 0;
	for (size_t i = 0; i < count; i++) {
		if (text->data[i] < '0' || text->data[i] > '9')
			return false;
		*value = *value * 10 + (text->data[i] - '0');
	}
	*text = slice_from(*text, count);
	return true;
}

static bool take(struct slice *text, struct slice literal)
{
	if (!slice_starts_with(*text, literal))
		return false;
	*text = slice_from(*text, literal.length);
	return true;
}

/* bound := YYYY-MM-DD [ THHZ ]; a 31st of June is caught where it is printed again */
static bool take_bound(struct slice *text, int64_t *bound_s)
{
	int year, month, day, hour = 0;

	if (!take_digits(text, 4, &year) || !take(text, SLICE("-")) ||
	    !take_digits(text, 2, &month) || !take(text, SLICE("-")) || !take_digits(text, 2, &day))
		return false;
	if (take(text, SLICE("T")) && (!take_digits(text, 2, &hour) || !take(text, SLICE("Z"))))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23)
		return false;
	*bound_s = days_from_civil(year, month, day) * DAY_S + hour * HOUR_S;
	return true;
}

int group_name_parse(struct slice name, int64_t *start_s, int64_t *end_s)
{
	struct slice rest = name;
	struct buf canonical = { 0 };
	bool same;

	if (!take_bound(&rest, start_s) || !take(&rest, SLICE("--")) || !take_bound(&rest, end_s) ||
	    rest.length != 0 || *end_s <= *start_s)
		return ERR_INVALID;
	group_name_print(&canonical, *start_s, *end_s);
	same = slice_equal(name, buf_slice(&canonical));
	buf_release(&canonical);
	return same ? OK : ERR_INVALID;
}

void group_window_for(int64_t shard_duration_ns, int64_t time_ns, struct group_window *out)
{
	int64_t duration_s = shard_duration_ns / NS_PER_SECOND;
	int64_t time_s = floor_div(time_ns, NS_PER_SECOND);
	int64_t since_year_1_s = time_s - days_from_civil(1, 1, 1) * DAY_S;

	assert(duration_s >= HOUR_S && duration_s % HOUR_S == 0);
	*out = (struct group_window){ 0 };
	out->start_s = time_s - floor_mod(since_year_1_s, duration_s);
	out->end_s = out->start_s + duration_s;
}

void group_window_cut(struct group_window *window, int64_t time_ns,
		      const struct group_window *other)
{
	int64_t time_s = floor_div(time_ns, NS_PER_SECOND);

	assert(time_s < other->start_s || time_s >= other->end_s);
	if (other->end_s <= time_s && other->end_s > window->start_s)
		window->start_s = other->end_s;
	if (other->start_s > time_s && other->start_s < window->end_s)
		window->end_s = other->start_s;
	assert(window->start_s <= time_s && time_s < window->end_s);
}

bool group_window_overlaps(const struct group_window *window, int64_t time_first_ns,
			   int64_t time_last_ns)
{
	return window->start_s <= floor_div(time_last_ns, NS_PER_SECOND) &&
	       window->end_s > floor_div(time_first_ns, NS_PER_SECOND);
}
