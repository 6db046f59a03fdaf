/*
 * Calendar arithmetic without tables or the C library's time zones.
 *
 * The civil algorithms count in eras of 400 years (146097 days) that start on
 * the first of March, so that the leap day is the last of its year.
 */
#include "engine/base/when.h"

#include "engine/base/err.h"
#include "engine/base/number.h"

#define DAYS_PER_ERA	INT64_C(146097)
#define DAYS_TO_1970	INT64_C(719468) /* from 0000-03-01 */
#define SECONDS_PER_DAY INT64_C(86400)

int64_t floor_div(int64_t a, int64_t step)
{
	return a / step - (a % step < 0);
}

int64_t floor_mod(int64_t a, int64_t step)
{
	int64_t rest = a % step;

	return rest < 0 ? rest + step : rest;
}

int64_t days_from_civil(int64_t year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = floor_div(y, 400);
	int64_t year_of_era = floor_mod(y, 400);
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static struct civil civil_of_days(int64_t days)
{
	int64_t z = days + DAYS_TO_1970;
	int64_t era = floor_div(z, DAYS_PER_ERA);
	int64_t doe = floor_mod(z, DAYS_PER_ERA);
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153; /* month from March */
	int month = (int)(mp < 10 ? mp + 3 : mp - 9);

	return (struct civil){
		.year = yoe + era * 400 + (month <= 2),
		.month = month,
		.day = (int)(doy - (153 * mp + 2) / 5 + 1),
	};
}

int days_in_month(int64_t year, int month)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

struct civil civil_of_seconds(int64_t seconds)
{
	struct civil civil = civil_of_days(floor_div(seconds, SECONDS_PER_DAY));
	int rest = (int)floor_mod(seconds, SECONDS_PER_DAY);

	civil.hour = rest / 3600;
	civil.minute = rest / 60 % 60;
	civil.second = rest % 60;
	return civil;
}

/* The last `width` decimal digits of `v`. */
static char *put_digits(char *p, uint32_t v, int width)
{
	for (int i = width - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + width;
}

/* `.5` for 500000000; nothing for 0. */
static char *put_fraction(char *p, uint32_t value, int width)
{
	if (value == 0)
		return p;
	*p++ = '.';
	p = put_digits(p, value, width);
	while (p[-1] == '0')
		p--;
	return p;
}

static char *put_offset(char *p, int32_t offset_seconds)
{
	uint32_t minutes = (uint32_t)(offset_seconds < 0 ? -offset_seconds : offset_seconds) / 60;

	if (offset_seconds == 0) {
		*p++ = 'Z';
		return p;
	}
	*p++ = offset_seconds < 0 ? '-' : '+';
	p = put_digits(p, minutes / 60, 2);
	*p++ = ':';
	return put_digits(p, minutes % 60, 2);
}

/* `2026-11-22T` of a day since 1970. Times come in order: most are of the same day as the one
 * before. */
static char *put_day(char *p, int64_t days)
{
	static _Thread_local struct {
		int64_t days;
		bool is_known;
		char text[11];
	} last;
	struct civil c;
	char *q = last.text;

	if (!last.is_known || last.days != days) {
		c = civil_of_days(days);
		/* int64 nanoseconds reach from 1677 to 2262: four digits are enough. */
		q = put_digits(q, (uint32_t)c.year, 4);
		*q++ = '-';
		q = put_digits(q, (uint32_t)c.month, 2);
		*q++ = '-';
		q = put_digits(q, (uint32_t)c.day, 2);
		*q = 'T';
		last.days = days;
		last.is_known = true;
	}
	memcpy(p, last.text, sizeof(last.text));
	return p + sizeof(last.text);
}

size_t when_print_offset(char *out, int64_t time_ns, int32_t offset_seconds)
{
	int64_t seconds = floor_div(time_ns, NS_PER_SECOND) + (int64_t)offset_seconds;
	uint32_t second = (uint32_t)floor_mod(seconds, SECONDS_PER_DAY);
	char *p = put_day(out, floor_div(seconds, SECONDS_PER_DAY));

	p = put_digits(p, second / 3600, 2);
	*p++ = ':';
	p = put_digits(p, second / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, second % 60, 2);
	p = put_fraction(p, (uint32_t)floor_mod(time_ns, NS_PER_SECOND), 9);
	return (size_t)(put_offset(p, offset_seconds) - out);
}

size_t when_print(char *out, int64_t time_ns)
{
	return when_print_offset(out, time_ns, 0);
}

struct text_cursor {
	const char *next, *end;
};

static bool take_byte(struct text_cursor *c, char byte)
{
	if (c->next == c->end || *c->next != byte)
		return false;
	c->next++;
	return true;
}

/* Exactly `width` digits, of a value from `low` to `high`. */
static bool take_digits(struct text_cursor *c, int width, int low, int high, int *value)
{
	*value = 0;
	for (; width > 0; width--, c->next++) {
		if (c->next == c->end || *c->next < '0' || *c->next > '9')
			return false;
		*value = *value * 10 + (*c->next - '0');
	}
	return *value >= low && *value <= high;
}

/* fraction := "." digit { digit }; what is finer than a nanosecond is cut off */
static bool take_fraction(struct text_cursor *c, int *nanosecond)
{
	int scale = (int)NS_PER_SECOND, digit;

	*nanosecond = 0;
	if (!take_byte(c, '.'))
		return true;
	if (!take_digits(c, 1, 0, 9, &digit))
		return false;
	do {
		scale /= 10;
		*nanosecond += digit * scale;
	} while (c->next < c->end && take_digits(c, 1, 0, 9, &digit));
	return true;
}

/* offset := "Z" | ("+" | "-") hh ":" mm */
static bool take_offset(struct text_cursor *c, int *seconds)
{
	int hour, minute;
	bool west;

	*seconds = 0;
	if (take_byte(c, 'Z'))
		return true;
	west = take_byte(c, '-');
	if (!west && !take_byte(c, '+'))
		return false;
	if (!take_digits(c, 2, 0, 23, &hour) || !take_byte(c, ':') ||
	    !take_digits(c, 2, 0, 59, &minute))
		return false;
	*seconds = (hour * 60 + minute) * (west ? -60 : 60);
	return true;
}

static int ns_from_seconds(int64_t seconds, int nanosecond, int64_t *time_ns)
{
	__int128 ns = (__int128)seconds * NS_PER_SECOND + nanosecond;

	if (ns < TIME_MIN_NS || ns > TIME_MAX_NS)
		return ERR_RANGE;
	*time_ns = (int64_t)ns;
	return OK;
}

int when_parse_rfc3339(struct slice text, int64_t *time_ns)
{
	struct text_cursor c = { text.data, text.data + text.length };
	int year, month, day, hour, minute, second, nanosecond, offset;

	if (!take_digits(&c, 4, 0, 9999, &year) || !take_byte(&c, '-') ||
	    !take_digits(&c, 2, 1, 12, &month) || !take_byte(&c, '-') ||
	    !take_digits(&c, 2, 1, days_in_month(year, month), &day) || !take_byte(&c, 'T') ||
	    !take_digits(&c, 2, 0, 23, &hour) || !take_byte(&c, ':') ||
	    !take_digits(&c, 2, 0, 59, &minute) || !take_byte(&c, ':') ||
	    !take_digits(&c, 2, 0, 59, &second) || !take_fraction(&c, &nanosecond) ||
	    !take_offset(&c, &offset) || c.next != c.end)
		return ERR_INVALID;
	return ns_from_seconds(days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 +
				       minute * 60 + second - offset,
			       nanosecond, time_ns);
}

/* In the order in which printing tries them, then what is only read. */
static const struct unit {
	const char *name;
	int64_t ns;
	unsigned users;
} units[] = {
	{ "w", NS_PER_WEEK, UNIT_DURATION },
	{ "d", NS_PER_DAY, UNIT_DURATION },
	{ "h", NS_PER_HOUR, UNIT_ALL },
	{ "m", NS_PER_MINUTE, UNIT_ALL },
	{ "s", NS_PER_SECOND, UNIT_ALL },
	{ "ms", NS_PER_MS, UNIT_ALL },
	{ "u", NS_PER_US, UNIT_ALL },
	{ "ns", 1, UNIT_ALL },
	{ "\xc2\xb5", NS_PER_US, UNIT_DURATION | UNIT_PRECISION },
	{ "us", NS_PER_US, UNIT_LINE | UNIT_PRECISION },
	{ "n", 1, UNIT_PRECISION },
};
#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

int64_t unit_find(struct slice name, enum unit_user user)
{
	for (size_t i = 0; i < UNIT_COUNT; i++)
		if (units[i].users & user && slice_equal(name, slice_of_text(units[i].name)))
			return units[i].ns;
	return 0;
}

/* The longest that fits: `ms` is no `m`. */
int64_t unit_begins(struct slice text, enum unit_user user, size_t *length)
{
	int64_t ns = 0;

	*length = 0;
	for (size_t i = 0; i < UNIT_COUNT; i++)
		if (units[i].users & user && strlen(units[i].name) > *length &&
		    slice_starts_with(text, slice_of_text(units[i].name))) {
			ns = units[i].ns;
			*length = strlen(units[i].name);
		}
	return ns;
}

size_t duration_print(char *out, int64_t ns)
{
	const struct unit *unit = units;
	size_t length;

	if (ns == 0) {
		memcpy(out, "0s", 2);
		return 2;
	}
	/* Ends at the nanosecond: units behind it are only read. */
	while (ns % unit->ns != 0)
		unit++;
	length = integer_print(out, ns / unit->ns);
	memcpy(out + length, unit->name, strlen(unit->name));
	return length + strlen(unit->name);
}

static char *put_text(char *p, const char *text)
{
	size_t length = strlen(text);

	memcpy(p, text, length);
	return p + length;
}

/* Below a second Go takes the unit that leaves a whole part. */
static char *put_go_small(char *p, uint64_t ns)
{
	static const struct {
		const char *name;
		uint32_t ns;
		int digits;
	} units[] = { { "ms", 1000000, 6 }, { "\xc2\xb5s", 1000, 3 }, { "ns", 1, 0 } };
	int i = 0;

	while (ns < units[i].ns)
		i++;
	p += unsigned_print(p, ns / units[i].ns);
	p = put_fraction(p, (uint32_t)(ns % units[i].ns), units[i].digits);
	return put_text(p, units[i].name);
}

static char *put_go_large(char *p, uint64_t ns)
{
	uint64_t seconds = ns / (uint64_t)NS_PER_SECOND;

	if (seconds >= 3600) {
		p += unsigned_print(p, seconds / 3600);
		*p++ = 'h';
	}
	if (seconds >= 60) {
		p += unsigned_print(p, seconds / 60 % 60);
		*p++ = 'm';
	}
	p += unsigned_print(p, seconds % 60);
	p = put_fraction(p, (uint32_t)(ns % (uint64_t)NS_PER_SECOND), 9);
	*p++ = 's';
	return p;
}

size_t duration_print_go(char *out, int64_t ns)
{
	uint64_t magnitude = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	char *p = out;

	if (ns == 0) {
		memcpy(out, "0s", 2);
		return 2;
	}
	if (ns < 0)
		*p++ = '-';
	if (magnitude < (uint64_t)NS_PER_SECOND)
		p = put_go_small(p, magnitude);
	else
		p = put_go_large(p, magnitude);
	return (size_t)(p - out);
}

int duration_parse(struct slice text, int64_t *ns)
{
	struct text_cursor c = { text.data, text.data + text.length };
	int64_t sum = 0, count, part, unit_ns;
	bool fits = true;

	if (c.next == c.end)
		return ERR_INVALID;
	while (c.next < c.end) {
		const char *digits = c.next;
		size_t length;
		int err;

		while (c.next < c.end && *c.next >= '0' && *c.next <= '9')
			c.next++;
		err = integer_parse(slice_of(digits, (size_t)(c.next - digits)), &count);
		unit_ns = unit_begins(slice_of(c.next, (size_t)(c.end - c.next)), UNIT_DURATION,
				      &length);
		c.next += length;
		if (err == ERR_INVALID || !unit_ns)
			return ERR_INVALID;
		fits = fits && err == OK && !__builtin_mul_overflow(count, unit_ns, &part) &&
		       !__builtin_add_overflow(sum, part, &sum);
	}
	if (!fits)
		return ERR_RANGE;
	*ns = sum;
	return OK;
}
