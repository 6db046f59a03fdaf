/*
 * Numbers and text, exactly.
 *
 * In: up to 19 digits are gathered in a word; when they are below 2^53 and the
 * power of ten is at most 22 both are exact doubles and one division or product
 * rounds once (Clinger 1990). The rest goes to strtod in the C locale.
 *
 * Out: a decimal of up to 15 digits belongs to one double alone, so the first
 * power of ten that makes the value whole, verified by dividing back, gives its
 * shortest digits. The rest tries 16 and 17 digits, and at powers of two, where
 * the gap below is half of the gap above, also the neighbour above.
 */
#include "engine/base/number.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/err.h"

#define EXACT_POWER_MAX 22

static const double powers_of_ten[EXACT_POWER_MAX + 1] = { 1e0,	 1e1,  1e2,  1e3,  1e4,	 1e5,
							   1e6,	 1e7,  1e8,  1e9,  1e10, 1e11,
							   1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
							   1e18, 1e19, 1e20, 1e21, 1e22 };

static locale_t c_locale;

static void c_locale_init(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The slow road: any length, correctly rounded. */
static int float_parse_slow(struct slice text, double *value)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char small[128], *copy = small, *end;

	pthread_once(&once, c_locale_init);
	if (text.length >= sizeof(small)) {
		copy = malloc(text.length + 1);
		if (!copy)
			return ERR_MEMORY;
	}
	memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	*value = strtod_l(copy, &end, c_locale);
	bool whole = end == copy + text.length;
	if (copy != small)
		free(copy);
	if (!whole)
		return ERR_INVALID;
	return isfinite(*value) ? OK : ERR_RANGE;
}

/* What the scan of a float found; the digits are all there, at most 19 of them counted in. */
struct float_scan {
	uint64_t mantissa;
	int digits;   /* significant ones, without leading zeros */
	int exponent; /* of ten */
};

static const char *scan_digits(const char *p, const char *end, struct float_scan *scan, int step)
{
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (scan->digits || *p != '0')
			scan->digits++;
		if (scan->digits <= 19)
			scan->mantissa = scan->mantissa * 10 + (uint64_t)(*p - '0');
		scan->exponent -= step;
	}
	return p;
}

/* exponent := (e|E) [+|-] digit+ */
static int scan_exponent(const char *p, const char *end, struct float_scan *scan)
{
	bool negative = false;
	int exponent = 0;

	p++;
	if (p < end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	if (p == end)
		return ERR_INVALID;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return ERR_INVALID;
		if (exponent < 100000)
			exponent = exponent * 10 + (*p - '0');
	}
	scan->exponent += negative ? -exponent : exponent;
	return OK;
}

int float_parse(struct slice text, double *value)
{
	const char *p = text.data, *end = text.data + text.length;
	bool negative = p < end && *p == '-';
	struct float_scan scan = { 0, 0, 0 };
	const char *first = p += negative, *point;

	p = scan_digits(p, end, &scan, 0);
	size_t seen = (size_t)(p - first);
	if (p < end && *p == '.') {
		point = ++p;
		p = scan_digits(p, end, &scan, 1);
		seen += (size_t)(p - point);
	}
	if (seen == 0)
		return ERR_INVALID;
	if (p < end) {
		if (*p != 'e' && *p != 'E')
			return ERR_INVALID;
		TRY(scan_exponent(p, end, &scan));
	}
	if (scan.digits > 19 || scan.mantissa >> 53 || scan.exponent > EXACT_POWER_MAX ||
	    scan.exponent < -EXACT_POWER_MAX)
		return float_parse_slow(text, value);
	double v = (double)scan.mantissa;
	v = scan.exponent < 0 ? v / powers_of_ten[-scan.exponent]
			      : v * powers_of_ten[scan.exponent];
	*value = negative ? -v : v;
	return OK;
}

int unsigned_parse(struct slice text, uint64_t *value)
{
	uint64_t v = 0;

	if (text.length == 0)
		return ERR_INVALID;
	for (size_t i = 0; i < text.length; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return ERR_INVALID;
	for (size_t i = 0; i < text.length; i++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(text.data[i] - '0'), &v))
			return ERR_RANGE;
	}
	*value = v;
	return OK;
}

int integer_parse(struct slice text, int64_t *value)
{
	bool negative = text.length > 0 && text.data[0] == '-';
	uint64_t magnitude;

	TRY(unsigned_parse(negative ? slice_from(text, 1) : text, &magnitude));
	if (magnitude > (uint64_t)INT64_MAX + negative)
		return ERR_RANGE;
	*value = (int64_t)(negative ? 0 - magnitude : magnitude);
	return OK;
}

/* --- printing ------------------------------------------------------------ */

size_t unsigned_print_length(uint64_t value)
{
	size_t length = 1;

	for (; value >= 10; value /= 10)
		length++;
	return length;
}

size_t unsigned_print(char *out, uint64_t value)
{
	size_t length = unsigned_print_length(value);

	for (size_t i = length; i > 0; value /= 10)
		out[--i] = (char)('0' + value % 10);
	return length;
}

static uint64_t magnitude_of(int64_t value)
{
	return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

size_t integer_print_length(int64_t value)
{
	return (value < 0) + unsigned_print_length(magnitude_of(value));
}

size_t integer_print(char *out, int64_t value)
{
	if (value < 0)
		*out = '-';
	return (value < 0) + unsigned_print(out + (value < 0), magnitude_of(value));
}

/* Digits d1 d2 … without trailing zeros, worth 0.d1d2… × 10^point. */
struct decimal {
	char digits[20];
	int count, point;
};

/* At most 15 digits and at most 22 behind the point: exact, and shortest (see the top). */
static bool decimal_short(double value, struct decimal *out)
{
	for (int places = 0; places <= EXACT_POWER_MAX; places++) {
		double scaled = value * powers_of_ten[places];

		if (scaled >= 1e15)
			return false;
		double whole = nearbyint(scaled);
		if (whole == 0 || whole / powers_of_ten[places] != value)
			continue;
		out->count = (int)unsigned_print(out->digits, (uint64_t)whole);
		out->point = out->count - places;
		return true;
	}
	return false;
}

static bool decimal_from_text(const char *text, int digits, double value, struct decimal *out)
{
	if (strtod_l(text, NULL, c_locale) != value)
		return false;
	out->digits[0] = text[0];
	if (digits > 1)
		memcpy(out->digits + 1, text + 2, (size_t)digits - 1);
	out->count = digits;
	out->point = atoi(strchr(text, 'e') + 1) + 1;
	return true;
}

/* Add one unit in the last of the digits; false when that carries out of the first. */
static bool text_next_up(char *text, int digits)
{
	for (int i = digits; i > 0; i--) {
		char *digit = &text[i == 1 ? 0 : i];

		if (*digit != '9') {
			++*digit;
			return true;
		}
		*digit = '0';
	}
	return false;
}

static void decimal_long(double value, struct decimal *out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char text[40];
	int exponent;
	bool power_of_two = frexp(value, &exponent) == 0.5;

	pthread_once(&once, c_locale_init);
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*e", digits - 1, value);
		if (decimal_from_text(text, digits, value, out))
			return;
		if (power_of_two && text_next_up(text, digits) &&
		    decimal_from_text(text, digits, value, out))
			return;
	}
}

static char *print_plain(char *p, const struct decimal *d)
{
	if (d->point <= 0) {
		*p++ = '0';
		*p++ = '.';
		for (int i = d->point; i < 0; i++)
			*p++ = '0';
	}
	for (int i = 0; i < d->count; i++) {
		if (i == d->point && i > 0)
			*p++ = '.';
		*p++ = d->digits[i];
	}
	for (int i = d->count; i < d->point; i++)
		*p++ = '0';
	return p;
}

static char *print_exponent(char *p, const struct decimal *d)
{
	int exponent = d->point - 1;

	*p++ = d->digits[0];
	if (d->count > 1) {
		*p++ = '.';
		memcpy(p, d->digits + 1, (size_t)d->count - 1);
		p += d->count - 1;
	}
	*p++ = 'e';
	*p++ = exponent < 0 ? '-' : '+';
	return p + unsigned_print(p, (uint64_t)abs(exponent));
}

size_t float_print(char *out, double value)
{
	struct decimal d;
	char *p = out;

	if (!isfinite(value)) {
		const char *word = isnan(value) ? "NaN" : value < 0 ? "-Inf" : "+Inf";

		memcpy(out, word, strlen(word));
		return strlen(word);
	}
	if (signbit(value))
		*p++ = '-';
	value = fabs(value);
	if (value == 0) {
		*p++ = '0';
		return (size_t)(p - out);
	}
	if (!decimal_short(value, &d))
		decimal_long(value, &d);
	while (d.count > 1 && d.digits[d.count - 1] == '0')
		d.count--;
	p = d.point - 1 < -6 || d.point - 1 >= 21 ? print_exponent(p, &d) : print_plain(p, &d);
	return (size_t)(p - out);
}
