/* Why: tz() and times without an offset need local time, for any year, without the process's own
 * zone. */
#include "query/base/zone.h"

#include <stdio.h>

#include "engine/base/bytes.h"
#include "engine/base/env.h"
#include "engine/base/when.h"

/* A rule of a TZ text: `M3.2.0/2`, `J60`, `59/3`. */
enum rule_kind { RULE_JULIAN, RULE_DAY, RULE_WEEK };
struct rule {
	enum rule_kind kind;
	int month, week, day;
	int32_t time_s;
};

struct zone {
	const int64_t *times_s; /* ascending */
	const int32_t *offsets_s;
	size_t count;
	int32_t first_offset_s; /* before the first */
	bool has_rule, has_summer;
	int32_t standard_s, summer_s;
	struct rule start, end; /* of summer time */
};

/* --- the last line ------------------------------------------------------------ */

struct text {
	const char *next, *end;
	bool failed;
};

static char peek(const struct text *text)
{
	return text->next < text->end ? *text->next : '\0';
}

static bool take(struct text *text, char c)
{
	if (peek(text) != c)
		return false;
	text->next++;
	return true;
}

static int take_number(struct text *text)
{
	int value = 0;

	if (peek(text) < '0' || peek(text) > '9')
		text->failed = true;
	while (peek(text) >= '0' && peek(text) <= '9' && value < 100000)
		value = value * 10 + (*text->next++ - '0');
	return value;
}

/* Letters, or anything between < and >. */
static void take_name(struct text *text)
{
	if (take(text, '<')) {
		while (peek(text) && !take(text, '>'))
			text->next++;
		return;
	}
	while ((peek(text) >= 'A' && peek(text) <= 'Z') || (peek(text) >= 'a' && peek(text) <= 'z'))
		text->next++;
}

/* [+-]hh[:mm[:ss]] */
static int32_t take_clock(struct text *text)
{
	bool is_negative = take(text, '-');
	int32_t seconds;

	if (!is_negative)
		take(text, '+');
	seconds = take_number(text) * 3600;
	if (take(text, ':'))
		seconds += take_number(text) * 60;
	if (take(text, ':'))
		seconds += take_number(text);
	return is_negative ? -seconds : seconds;
}

static struct rule take_rule(struct text *text)
{
	struct rule rule = { .kind = RULE_DAY, .time_s = 7200 };

	if (take(text, 'M')) {
		rule.kind = RULE_WEEK;
		rule.month = take_number(text);
		text->failed |= !take(text, '.');
		rule.week = take_number(text);
		text->failed |= !take(text, '.');
	} else if (take(text, 'J')) {
		rule.kind = RULE_JULIAN;
	}
	rule.day = take_number(text);
	if (take(text, '/'))
		rule.time_s = take_clock(text);
	if (rule.kind == RULE_WEEK)
		text->failed |= rule.month < 1 || rule.month > 12 || rule.week < 1 ||
				rule.week > 5 || rule.day > 6;
	return rule;
}

/* std offset [ dst [offset] , start , end ] */
static void parse_rule(struct zone *zone, struct slice line)
{
	struct text text = { line.data, line.data + line.length, false };

	if (line.length == 0)
		return;
	take_name(&text);
	zone->standard_s = -take_clock(&text);
	zone->has_rule = !text.failed;
	if (!peek(&text))
		return;
	take_name(&text);
	zone->summer_s = zone->standard_s + 3600;
	if (peek(&text) != ',')
		zone->summer_s = -take_clock(&text);
	text.failed |= !take(&text, ',');
	zone->start = take_rule(&text);
	text.failed |= !take(&text, ',');
	zone->end = take_rule(&text);
	zone->has_summer = !text.failed;
	zone->has_rule &= !text.failed;
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* When a rule strikes in a year, in local seconds. */
static int64_t rule_time(const struct rule *rule, int64_t year)
{
	int64_t day;
	int weekday;

	if (rule->kind == RULE_JULIAN) {
		day = days_from_civil(year, 1, 1) + rule->day - 1;
		if (is_leap(year) && rule->day >= 60)
			day++;
	} else if (rule->kind == RULE_DAY) {
		day = days_from_civil(year, 1, 1) + rule->day;
	} else {
		day = days_from_civil(year, rule->month, 1);
		weekday = (int)floor_mod(day + 4, 7);
		day += floor_mod(rule->day - weekday, 7);
		for (int week = 1; week < rule->week; week++)
			if (day + 7 < days_from_civil(year, rule->month, 1) +
					      days_in_month(year, rule->month))
				day += 7;
	}
	return day * 86400 + rule->time_s;
}

/* Offset by the rule at a UTC time; `*from`, `*until` bound where it holds. */
static int32_t rule_offset(const struct zone *zone, int64_t time_s, int64_t *from, int64_t *until)
{
	int64_t year = civil_of_seconds(time_s + zone->standard_s).year;
	int32_t offset = zone->standard_s;

	*from = INT64_MIN;
	*until = INT64_MAX;
	if (!zone->has_summer)
		return offset;
	/* The strikes of three years around, in order: the last one before `time_s` holds. */
	for (int64_t y = year - 1; y <= year + 1; y++) {
		int64_t start = rule_time(&zone->start, y) - zone->standard_s;
		int64_t end = rule_time(&zone->end, y) - zone->summer_s;
		int64_t strikes[2] = { start, end };
		int32_t offsets[2] = { zone->summer_s, zone->standard_s };
		int first = start < end ? 0 : 1;

		for (int k = 0; k < 2; k++) {
			int which = first ^ k;

			if (strikes[which] > time_s) {
				*until = strikes[which];
				return offset;
			}
			*from = strikes[which];
			offset = offsets[which];
		}
	}
	return offset;
}

/* --- offsets ------------------------------------------------------------------- */

static int32_t lookup(const struct zone *zone, int64_t time_s, int64_t *from, int64_t *until)
{
	size_t low = 0, high = zone->count;
	int32_t offset;

	/* the number of transitions at or before the time */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (zone->times_s[middle] <= time_s)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->count && zone->has_rule) {
		offset = rule_offset(zone, time_s, from, until);
		if (low && *from < zone->times_s[low - 1]) /* the rule holds from there on */
			*from = zone->times_s[low - 1];
		return offset;
	}
	*from = low == 0 ? INT64_MIN : zone->times_s[low - 1];
	*until = low == zone->count ? INT64_MAX : zone->times_s[low];
	return low == 0 ? zone->first_offset_s : zone->offsets_s[low - 1];
}

int32_t zone_offset_s(const struct zone *zone, int64_t time_s)
{
	int64_t from, until;

	return zone ? lookup(zone, time_s, &from, &until) : 0;
}

int64_t zone_offset_ns(const struct zone *zone, int64_t time_ns)
{
	return zone_offset_s(zone, floor_div(time_ns, NS_PER_SECOND)) * NS_PER_SECOND;
}

int32_t zone_span_s(const struct zone *zone, int64_t time_s, int64_t *from_s, int64_t *until_s)
{
	*from_s = INT64_MIN;
	*until_s = INT64_MAX;
	return zone ? lookup(zone, time_s, from_s, until_s) : 0;
}

/* No clock is further from UTC, nor put back further at once. */
#define AHEAD_S_MAX (26 * INT64_C(3600))

int64_t zone_utc_of_local(const struct zone *zone, int64_t local_s)
{
	int64_t from, until;
	int32_t offset;

	if (!zone)
		return local_s;
	offset = lookup(zone, local_s - AHEAD_S_MAX, &from, &until);
	while (local_s - offset >= until)
		offset = lookup(zone, until, &from, &until);
	return local_s - offset > from ? local_s - offset : from;
}

int64_t zone_add_months(const struct zone *zone, int64_t time_s, int64_t months)
{
	int64_t local_s = time_s + zone_offset_s(zone, time_s), year;
	struct civil civil = civil_of_seconds(local_s);
	int month, day;

	months += civil.year * 12 + civil.month - 1;
	year = floor_div(months, 12);
	month = (int)floor_mod(months, 12) + 1;
	day = days_in_month(year, month);
	if (civil.day < day)
		day = civil.day;
	return zone_utc_of_local(zone, days_from_civil(year, month, day) * 86400 +
					       floor_mod(local_s, 86400));
}

/* --- the file -------------------------------------------------------------------- */

/*
 *	| "TZif" | version: 1 | 15 zeros | isutc isstd leap times types chars: 4 each |
 *	| times: 4 or 8 each | type of each: 1 | types: offset 4, dst 1, name 1 | … |
 *
 * Big-endian; from version 2 on there is a second copy with times of 8 bytes,
 * and the rule between two newlines behind it.
 */
#define HEADER_BYTES 44u
struct counts {
	uint32_t isutc, isstd, leap, times, types, chars;
};

static bool take_header(struct reader *reader, char *version, struct counts *counts)
{
	struct slice header = reader_take(reader, HEADER_BYTES);
	uint32_t *fields[] = { &counts->isutc, &counts->isstd, &counts->leap,
			       &counts->times, &counts->types, &counts->chars };

	if (header.length != HEADER_BYTES || memcmp(header.data, "TZif", 4) != 0)
		return false;
	*version = header.data[4];
	for (size_t i = 0; i < 6; i++) {
		*fields[i] = load32_be(header.data + 20 + 4 * i);
		if (*fields[i] > 1u << 20)
			return false;
	}
	return counts->types > 0;
}

static size_t body_bytes(const struct counts *counts, size_t time_bytes)
{
	return counts->times * (time_bytes + 1) + counts->types * 6 + counts->chars +
	       counts->leap * (time_bytes + 4) + counts->isstd + counts->isutc;
}

static bool read_body(struct reader *reader, const struct counts *counts, size_t time_bytes,
		      struct arena *arena, struct zone *zone)
{
	struct slice body = reader_take(reader, body_bytes(counts, time_bytes));
	const char *types = body.data + counts->times * (time_bytes + 1);
	int64_t *times = arena_alloc(arena, (counts->times + 1) * sizeof(*times));
	int32_t *offsets = arena_alloc(arena, (counts->times + 1) * sizeof(*offsets));

	if (reader->failed || !times || !offsets)
		return false;
	for (size_t i = 0; i < counts->times; i++) {
		const char *time = body.data + i * time_bytes;
		uint8_t type = (uint8_t)body.data[counts->times * time_bytes + i];

		if (type >= counts->types)
			return false;
		times[i] = time_bytes == 8 ? (int64_t)load64_be(time) : (int32_t)load32_be(time);
		offsets[i] = (int32_t)load32_be(types + 6u * type);
		if (i > 0 && times[i] < times[i - 1])
			return false;
	}
	/* Before the first: the first type that is not summer time. */
	zone->first_offset_s = (int32_t)load32_be(types);
	for (size_t i = counts->types; i-- > 0;)
		if (!types[6 * i + 4])
			zone->first_offset_s = (int32_t)load32_be(types + 6 * i);
	zone->times_s = times;
	zone->offsets_s = offsets;
	zone->count = counts->times;
	return true;
}

static bool read_zone(struct slice file, struct arena *arena, struct zone *zone)
{
	struct reader reader = reader_of(file);
	struct counts counts;
	struct slice line;
	char version;

	if (!take_header(&reader, &version, &counts))
		return false;
	if (version < '2')
		return read_body(&reader, &counts, 4, arena, zone);
	reader_take(&reader, body_bytes(&counts, 4));
	if (!take_header(&reader, &version, &counts) ||
	    !read_body(&reader, &counts, 8, arena, zone))
		return false;
	line = reader_take(&reader, reader_left(&reader));
	if (line.length >= 2 && line.data[0] == '\n')
		parse_rule(zone, slice_of(line.data + 1, line.length - 2));
	return true;
}

/* A name of the database and nothing that leads out of it. */
static bool is_zone_name(struct slice name)
{
	if (name.length == 0 || name.length > 200 || name.data[0] == '/' || name.data[0] == '\\')
		return false;
	for (size_t i = 0; i < name.length; i++) {
		if (name.data[i] == '\0' || name.data[i] == '\\')
			return false;
		if (name.data[i] == '.' && i + 1 < name.length && name.data[i + 1] == '.')
			return false;
	}
	return true;
}

/* A zone's file, not the directory `Europe`: reading one is an error, which the log would be told
 * each time. */
static bool read_zone_file(const char *path, struct buf *out)
{
	char inside[320];

	snprintf(inside, sizeof(inside), "%s/.", path);
	buf_reset(out);
	return env_exists(path) && !env_exists(inside) && env_read_system_file(path, out) >= 0;
}

int zone_open(struct slice name, struct arena *arena, const struct zone **out)
{
	static const char *const roots[] = { "/usr/share/zoneinfo", "/usr/share/lib/zoneinfo",
					     "/usr/lib/locale/TZ" };
	struct zone *zone = arena_alloc(arena, sizeof(*zone));
	struct buf file = { 0 };
	bool is_local = slice_equal(name, SLICE("Local")), found = false;

	if (!zone)
		return ERR_MEMORY;
	*out = NULL;
	if (slice_equal(name, SLICE("UTC")) || name.length == 0)
		return OK;
	for (size_t i = 0; is_zone_name(name) && !found && i < sizeof(roots) / sizeof(roots[0]);
	     i++) {
		char path[300];

		if (is_local) /* the machine's; UTC when it has none */
			snprintf(path, sizeof(path), "/etc/localtime");
		else
			snprintf(path, sizeof(path), "%s/%.*s", roots[i], (int)name.length,
				 name.data);
		*zone = (struct zone){ 0 };
		found = read_zone_file(path, &file) && read_zone(buf_slice(&file), arena, zone);
	}
	buf_release(&file);
	*out = found ? zone : NULL;
	return found || is_local ? OK : ERR_NOT_FOUND;
}
