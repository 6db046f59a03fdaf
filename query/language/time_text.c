/*
 * `yyyy-mm-dd`, `yyyy-mm-dd hh:mm:ss.fraction` and RFC 3339, to nanoseconds.
 *
 * Why not engine/base/when: InfluxQL takes other shapes than line protocol, and local times of a
 * zone.
 */
#include "query/language/time_text.h"

#include "engine/base/when.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* yyyy-mm-dd, and then perhaps anything */
bool time_text_is(struct slice text)
{
	static const char shape[] = "dddd-dd-dd";

	if (text.length < 10)
		return false;
	for (size_t i = 0; i < 10; i++)
		if (shape[i] == 'd' ? !is_digit(text.data[i]) : text.data[i] != shape[i])
			return false;
	return text.length == 10 || !slice_find(text, '\n');
}

struct scan {
	const char *next, *end;
	bool failed;
};

static bool scan_char(struct scan *scan, char c)
{
	if (scan->next == scan->end || *scan->next != c)
		return false;
	scan->next++;
	return true;
}

static int scan_digits(struct scan *scan, int at_least, int at_most)
{
	int value = 0, count = 0;

	while (count < at_most && scan->next < scan->end && is_digit(*scan->next)) {
		value = value * 10 + (*scan->next++ - '0');
		count++;
	}
	if (count < at_least)
		scan->failed = true;
	return value;
}

static int scan_range(struct scan *scan, int at_least_digits, int low, int high)
{
	int value = scan_digits(scan, at_least_digits, 2);

	if (value < low || value > high)
		scan->failed = true;
	return value;
}

/* [.digits] as nanoseconds; at most nine digits */
static int64_t scan_fraction(struct scan *scan)
{
	int64_t ns = 0, unit = 100000000;

	if (scan->end - scan->next < 2 || *scan->next != '.' || !is_digit(scan->next[1]))
		return 0;
	for (scan->next++; scan->next < scan->end && is_digit(*scan->next); scan->next++) {
		if (unit == 0)
			scan->failed = true;
		ns += (*scan->next - '0') * unit;
		unit /= 10;
	}
	return ns;
}

/* date := yyyy-mm-dd, as seconds */
static int64_t scan_date(struct scan *scan)
{
	int64_t year = scan_digits(scan, 4, 4);
	int month, day;

	scan->failed |= !scan_char(scan, '-');
	month = scan_range(scan, 2, 1, 12);
	scan->failed |= !scan_char(scan, '-');
	day = scan_digits(scan, 2, 2);
	if (scan->failed || day < 1 || day > days_in_month(year, month)) {
		scan->failed = true;
		return 0;
	}
	return days_from_civil(year, month, day) * 86400;
}

/* clock := h[h]:mm:ss, as seconds */
static int64_t scan_clock(struct scan *scan)
{
	int64_t seconds = scan_range(scan, 1, 0, 23) * 3600;

	scan->failed |= !scan_char(scan, ':');
	seconds += scan_range(scan, 2, 0, 59) * 60;
	scan->failed |= !scan_char(scan, ':');
	return seconds + scan_range(scan, 2, 0, 59);
}

/* Z | (+|-)hh:mm, as seconds */
static int64_t scan_offset(struct scan *scan)
{
	int64_t sign, seconds;

	if (scan_char(scan, 'Z'))
		return 0;
	sign = scan_char(scan, '-') ? -1 : 1;
	if (sign > 0 && !scan_char(scan, '+'))
		scan->failed = true;
	seconds = scan_range(scan, 2, 0, 99) * 3600;
	scan->failed |= !scan_char(scan, ':');
	return sign * (seconds + scan_range(scan, 2, 0, 99) * 60);
}

/* date | date " " clock [fraction] | date "T" clock [fraction] offset */
bool time_text_read(struct slice text, const struct zone *zone, __int128 *ns)
{
	struct scan scan = { text.data, text.data + text.length, false };
	int64_t seconds = scan_date(&scan), fraction = 0;

	if (scan_char(&scan, 'T')) {
		seconds += scan_clock(&scan);
		fraction = scan_fraction(&scan);
		seconds -= scan_offset(&scan);
	} else {
		if (scan_char(&scan, ' ')) {
			seconds += scan_clock(&scan);
			fraction = scan_fraction(&scan);
		}
		seconds = zone_utc_of_local(zone, seconds);
	}
	*ns = (__int128)seconds * NS_PER_SECOND + fraction;
	return !scan.failed && scan.next == scan.end;
}

int time_text_parse(struct slice text, const struct zone *zone, int64_t *time_ns, struct diag *diag)
{
	__int128 ns;

	if (!time_text_read(text, zone, &ns))
		return diag_set(diag, ERR_INVALID, "invalid timestamp string");
	if (ns > TIME_MAX_NS || ns < TIME_MIN_NS)
		return ERR_RANGE;
	*time_ns = (int64_t)ns;
	return OK;
}
