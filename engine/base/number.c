/*
 * Doubles to and from their decimal spelling, both ways exact and fast.
 *
 * Both ways rest on one table: the 128 leading bits of every power of ten that
 * a double can need, cut off below.
 *
 *	powers[k - POWER_MIN] = floor(10^k / 2^(floor(log2(10^k)) - 127))
 *
 * Reading: Clinger's fast path, then Lemire's "Number Parsing at a Gigabyte
 * per Second", then strtod for the few that remain. Printing: Giulietti's
 * "The Schubfach way to render doubles". Both prove that 128 bits suffice.
 */
#include "engine/base/number.h"

#include <assert.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/base/err.h"
#include "engine/base/log.h"

typedef unsigned __int128 u128;

/* ---- the powers of ten ---- */

#define POWER_MIN   (-342)
#define POWER_MAX   324
#define POWER_LIMBS 16 /* 1024 bits hold 5^324, and 2^1023 / 5^342 still has 228 */

struct power {
	uint64_t high, low;
};
static struct power powers[POWER_MAX - POWER_MIN + 1];
static pthread_once_t powers_once = PTHREAD_ONCE_INIT;

/* The first 128 bits of a big integer (limbs from the lowest), from its highest set bit on. */
static struct power limbs_top(const uint64_t *limbs)
{
	struct power top = { 0, 0 };
	int i = POWER_LIMBS - 1, shift;
	uint64_t below;

	while (limbs[i] == 0)
		i--;
	shift = __builtin_clzll(limbs[i]);
	top.high = limbs[i];
	top.low = i > 0 ? limbs[i - 1] : 0;
	below = i > 1 ? limbs[i - 2] : 0;
	if (shift) {
		top.high = top.high << shift | top.low >> (64 - shift);
		top.low = top.low << shift | below >> (64 - shift);
	}
	return top;
}

static void limbs_times_5(uint64_t *limbs)
{
	u128 carry = 0;

	for (int i = 0; i < POWER_LIMBS; i++) {
		carry += (u128)limbs[i] * 5;
		limbs[i] = (uint64_t)carry;
		carry >>= 64;
	}
}

/* Cutting off at every step is exact: floor(floor(x / 5) / 5) is floor(x / 25). */
static void limbs_over_5(uint64_t *limbs)
{
	u128 rest = 0;

	for (int i = POWER_LIMBS - 1; i >= 0; i--) {
		rest = rest << 64 | limbs[i];
		limbs[i] = (uint64_t)(rest / 5);
		rest %= 5;
	}
}

/* 10^k has the bits of 5^k. */
static void powers_build(void)
{
	uint64_t up[POWER_LIMBS] = { 1 }, down[POWER_LIMBS] = { 0 };

	for (int k = 0; k <= POWER_MAX; k++, limbs_times_5(up))
		powers[k - POWER_MIN] = limbs_top(up);
	down[POWER_LIMBS - 1] = UINT64_C(1) << 63;
	for (int k = -1; k >= POWER_MIN; k--) {
		limbs_over_5(down);
		powers[k - POWER_MIN] = limbs_top(down);
	}
}

static struct power power_of_ten(int k)
{
	assert(k >= POWER_MIN && k <= POWER_MAX);
	pthread_once(&powers_once, powers_build);
	return powers[k - POWER_MIN];
}

static struct power power_plus_one(struct power power)
{
	power.low++;
	power.high += power.low == 0;
	return power;
}

/* ---- digits in ---- */

static inline bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/* Are these eight bytes all digits? Each nibble pair is judged without a carry reaching the next.
 */
static inline bool eight_are_digits(uint64_t v)
{
	return ((v & 0xF0F0F0F0F0F0F0F0) |
		(((v + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) >> 4)) == 0x3333333333333333;
}

static inline uint32_t eight_digits(uint64_t v)
{
	v = (v & 0x0F0F0F0F0F0F0F0F) * 2561 >> 8;
	v = (v & 0x00FF00FF00FF00FF) * 6553601 >> 16;
	return (uint32_t)((v & 0x0000FFFF0000FFFF) * 42949672960001 >> 32);
}

/* Accumulate digits; more than 19 of them wrap, and the caller counts. */
static inline const char *read_digits(const char *p, const char *end, uint64_t *value)
{
	uint64_t v = *value;

	for (; end - p >= 8 && eight_are_digits(load64(p)); p += 8)
		v = v * 100000000 + eight_digits(load64(p));
	for (; p < end && is_digit(*p); p++)
		v = v * 10 + (uint64_t)(*p - '0');
	*value = v;
	return p;
}

int unsigned_parse(struct slice text, uint64_t *value)
{
	const char *p = text.data, *end = text.data + text.length, *stop;
	uint64_t v = 0;

	while (end - p > 1 && *p == '0')
		p++;
	stop = read_digits(p, end, &v);
	if (stop != end || text.length == 0)
		return ERR_INVALID;
	/* Of 20 digits those from 2^64 on are below 10^19 after wrapping, or begin with 2 to 9. */
	if (end - p > 20 || (end - p == 20 && (*p != '1' || v < UINT64_C(10000000000000000000))))
		return ERR_RANGE;
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

/* A number taken apart: [-]digits * 10^exponent. */
struct decimal {
	uint64_t digits; /* the first 19 significant ones */
	int64_t exponent;
	bool negative;
	bool cut; /* there were more digits; they are not in `digits` */
};

/* More digits than 64 bits hold: take the first 19 significant ones again, slowly. */
static void decimal_cut(struct decimal *d, const char *p, const char *end)
{
	bool fraction = false;
	int count = 0;

	d->digits = 0;
	d->exponent = 0;
	for (; p < end && (is_digit(*p) || *p == '.'); p++) {
		if (*p == '.') {
			fraction = true;
		} else if (count == 19) {
			d->cut = true;
			d->exponent += !fraction;
		} else {
			d->digits = d->digits * 10 + (uint64_t)(*p - '0');
			count += d->digits != 0;
			d->exponent -= fraction;
		}
	}
}

/* exponent := ("e" | "E") [ "+" | "-" ] digit { digit } */
static bool decimal_exponent(struct decimal *d, const char *p, const char *end)
{
	bool negative = end - p > 1 && p[1] == '-';
	int64_t exponent = 0;

	p += 1 + (end - p > 1 && (p[1] == '-' || p[1] == '+'));
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (!is_digit(*p))
			return false;
		/* Farther than any number of digits that memory holds can bring back. */
		if (exponent < INT64_C(1000000000000000))
			exponent = exponent * 10 + (*p - '0');
	}
	d->exponent += negative ? -exponent : exponent;
	return true;
}

static bool decimal_read(struct slice text, struct decimal *d)
{
	const char *end = text.data + text.length;
	const char *start = text.data + (text.length > 0 && text.data[0] == '-');
	const char *p, *point = NULL;
	int64_t digit_count;

	*d = (struct decimal){ .negative = start != text.data };
	p = read_digits(start, end, &d->digits);
	digit_count = p - start;
	if (p < end && *p == '.') {
		point = p;
		p = read_digits(p + 1, end, &d->digits);
		d->exponent = point + 1 - p;
		digit_count += p - point - 1;
	}
	if (digit_count == 0)
		return false;
	if (digit_count > 19)
		decimal_cut(d, start, p);
	return p == end || ((*p | 0x20) == 'e' && decimal_exponent(d, p, end));
}

static const double tens[] = { 1e0,  1e1,  1e2,	 1e3,  1e4,  1e5,  1e6,	 1e7,
			       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
			       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

double float_of_digits(uint64_t digits, unsigned decimals)
{
	assert(digits <= UINT64_C(1) << 53 && decimals <= 22);
	return (double)digits / tens[decimals];
}

/* Both are exact as doubles, so that one operation rounds once. */
static bool decimal_clinger(const struct decimal *d, double *value)
{
	if (d->digits > UINT64_C(1) << 53 || d->exponent < -22 || d->exponent > 22)
		return false;
	if (d->exponent < 0)
		*value = (double)d->digits / tens[-d->exponent];
	else
		*value = (double)d->digits * tens[d->exponent];
	return true;
}

static double double_of_bits(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

#define MANTISSA_BITS	52
#define EXPONENT_OFFSET 1023

/* digits (normalized) times 10^exponent, 128 bits of it, as exact as 55 bits of mantissa need. */
static struct power lemire_product(uint64_t digits, int exponent)
{
	struct power ten = power_of_ten(exponent);
	u128 product;

	/* Short negative powers are kept rounded up there: an exact half must be seen as one. */
	if (exponent < 0 && exponent >= -27)
		ten = power_plus_one(ten);
	product = (u128)digits * ten.high;
	if ((uint64_t)(product >> 64 & 0x1FF) == 0x1FF)
		product += (u128)digits * ten.low >> 64;
	return (struct power){ (uint64_t)(product >> 64), (uint64_t)product };
}

static double lemire_subnormal(uint64_t mantissa, int exponent)
{
	if (-exponent + 1 >= 64)
		return 0;
	mantissa >>= -exponent + 1;
	mantissa = (mantissa + (mantissa & 1)) >> 1;
	/* Rounded up to 2^52 it is the smallest normal number, and its bits say so. */
	return double_of_bits(mantissa);
}

/* False when 128 bits do not tell. `digits` is not 0. An overflow gives infinity. */
static bool decimal_lemire(uint64_t digits, int64_t exponent10, double *value)
{
	int zeros = __builtin_clzll(digits), top, shift, exponent;
	struct power product;
	uint64_t mantissa;

	*value = exponent10 > 0 ? HUGE_VAL : 0;
	if (exponent10 < POWER_MIN || exponent10 > 308)
		return true;
	product = lemire_product(digits << zeros, (int)exponent10);
	if (product.low == UINT64_MAX && (exponent10 < -27 || exponent10 > 55))
		return false;
	top = (int)(product.high >> 63);
	shift = top + 64 - MANTISSA_BITS - 3;
	mantissa = product.high >> shift;
	/* 217706 / 2^16 is log2(10) */
	exponent = ((217706 * (int)exponent10) >> 16) + 63 + top - zeros + EXPONENT_OFFSET;
	if (exponent <= 0) {
		*value = lemire_subnormal(mantissa, exponent);
		return true;
	}
	/* Exactly between two doubles: to the even one. */
	if (product.low <= 1 && exponent10 >= -4 && exponent10 <= 23 && (mantissa & 3) == 1 &&
	    mantissa << shift == product.high)
		mantissa &= ~UINT64_C(1);
	mantissa = (mantissa + (mantissa & 1)) >> 1;
	if (mantissa >= UINT64_C(2) << MANTISSA_BITS) {
		mantissa = UINT64_C(1) << MANTISSA_BITS;
		exponent++;
	}
	mantissa &= ~(UINT64_C(1) << MANTISSA_BITS);
	if (exponent < 0x7FF)
		*value = double_of_bits((uint64_t)exponent << MANTISSA_BITS | mantissa);
	else
		*value = HUGE_VAL;
	return true;
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void c_locale_make(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	assert(c_locale);
}

/* `text` is known to be a number; strtod wants a NUL behind it. */
static double decimal_strtod(struct slice text)
{
	char small[128], *copy = small;
	double value;

	pthread_once(&c_locale_once, c_locale_make);
	if (text.length >= sizeof(small)) {
		copy = malloc(text.length + 1);
		if (!copy)
			log_out_of_memory(text.length + 1);
	}
	memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	value = fabs(strtod_l(copy, NULL, c_locale));
	if (copy != small)
		free(copy);
	return value;
}

static bool same_double(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

/* The cut digits lie between `digits` and `digits` + 1: fine when both round to the same. */
static bool decimal_between(const struct decimal *d, double *value)
{
	double above;

	if (!decimal_lemire(d->digits, d->exponent, value))
		return false;
	if (!d->cut)
		return true;
	return decimal_lemire(d->digits + 1, d->exponent, &above) && same_double(*value, above);
}

int float_parse(struct slice text, double *value)
{
	struct decimal d;
	double v = 0;

	if (!decimal_read(text, &d))
		return ERR_INVALID;
	if (d.digits != 0 && (d.cut || !decimal_clinger(&d, &v)) && !decimal_between(&d, &v))
		v = decimal_strtod(text);
	if (isinf(v))
		return ERR_RANGE;
	*value = d.negative ? -v : v;
	return OK;
}

/* ---- digits out ---- */

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";

size_t unsigned_print_length(uint64_t value)
{
	static const uint64_t tens[] = {
		0, /* so that 0 has one digit */
		10u,
		100u,
		1000u,
		10000u,
		100000u,
		1000000u,
		10000000u,
		100000000u,
		1000000000u,
		UINT64_C(10000000000),
		UINT64_C(100000000000),
		UINT64_C(1000000000000),
		UINT64_C(10000000000000),
		UINT64_C(100000000000000),
		UINT64_C(1000000000000000),
		UINT64_C(10000000000000000),
		UINT64_C(100000000000000000),
		UINT64_C(1000000000000000000),
		UINT64_C(10000000000000000000),
	};
	/* 1233 / 2^12 is log10(2): right, or one too many. */
	unsigned guess = (unsigned)(64 - __builtin_clzll(value | 1)) * 1233 >> 12;

	return guess + (value >= tens[guess]);
}

size_t integer_print_length(int64_t value)
{
	return value < 0 ? 1 + unsigned_print_length(0 - (uint64_t)value)
			 : unsigned_print_length((uint64_t)value);
}

size_t unsigned_print(char *out, uint64_t value)
{
	size_t length = unsigned_print_length(value);
	char *p = out + length;

	for (; value >= 100; value /= 100)
		memcpy(p -= 2, digit_pairs + 2 * (value % 100), 2);
	if (value >= 10)
		memcpy(p - 2, digit_pairs + 2 * value, 2);
	else
		p[-1] = (char)('0' + value);
	return length;
}

size_t integer_print(char *out, int64_t value)
{
	if (value >= 0)
		return unsigned_print(out, (uint64_t)value);
	*out = '-';
	return 1 + unsigned_print(out + 1, 0 - (uint64_t)value);
}

/* digits * 10^exponent */
struct shortest {
	uint64_t digits;
	int exponent;
};

static int floor_log2_of_ten(int k)
{
	return (k * 1741647) >> 19;
}

/* ten * factor / 2^128, where anything cut off sets the lowest bit. */
static uint64_t round_to_odd(struct power ten, uint64_t factor)
{
	u128 low = (u128)ten.low * factor;
	u128 high = (u128)ten.high * factor + (uint64_t)(low >> 64);

	return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/*
 * The shortest decimal in the interval that rounds to mantissa * 2^exponent,
 * and of those of that length the nearest. Everything is in quarters of the
 * last place, so that the ends of the interval are whole.
 */
static struct shortest schubfach(uint64_t mantissa, int exponent, bool below_is_closer)
{
	bool odd = mantissa & 1;
	int k = (exponent * 1262611 - (below_is_closer ? 524031 : 0)) >> 22;
	int shift = exponent + floor_log2_of_ten(-k) + 1;
	struct power ten = power_of_ten(-k);
	uint64_t low, middle, high, s;

	if (-k < 0 || -k > 55) /* not exact: it takes the power rounded up */
		ten = power_plus_one(ten);
	low = round_to_odd(ten, (4 * mantissa - 2 + below_is_closer) << shift) + odd;
	middle = round_to_odd(ten, 4 * mantissa << shift);
	high = round_to_odd(ten, (4 * mantissa + 2) << shift) - odd;
	s = middle / 4;
	if (s >= 10) { /* one digit less? */
		uint64_t tenth = s / 10;
		bool down = low <= 40 * tenth, up = 40 * tenth + 40 <= high;

		if (down != up)
			return (struct shortest){ tenth + up, k + 1 };
	}
	{
		bool down = low <= 4 * s, up = 4 * s + 4 <= high;
		bool nearer_up = middle > 4 * s + 2 || (middle == 4 * s + 2 && (s & 1));

		return (struct shortest){ s + (down != up ? up : nearer_up), k };
	}
}

/*
 * Metrics have few decimals: two, then four, are tried before the proof is asked
 * for. Two decimals of at most 15 digits are never the same double, so what
 * reads back is the shortest, once the zeros at its end are gone. 9 ns against
 * 24 for two decimals; what has more loses 4.
 */
static bool few_decimals(uint64_t bits, struct shortest *out)
{
	static const double scales[] = { 1e2, 1e4 };
	double value = double_of_bits(bits);

	for (int i = 0; i < 2; i++) {
		double scaled = value * scales[i];

		if (scaled >= 1e15)
			return false;
		out->digits = (uint64_t)(scaled + 0.5);
		out->exponent = -2 * (i + 1);
		if (out->digits && same_double((double)out->digits / scales[i], value))
			return true;
	}
	return false;
}

/* The digits of a finite double above zero, without zeros at their end. */
static struct shortest shortest_of(uint64_t bits)
{
	uint64_t fraction = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
	int biased = (int)(bits >> MANTISSA_BITS & 0x7FF);
	uint64_t mantissa = biased ? fraction | UINT64_C(1) << MANTISSA_BITS : fraction;
	int exponent = (biased ? biased : 1) - EXPONENT_OFFSET - MANTISSA_BITS;
	struct shortest s;

	/* Whole numbers are their own digits: metrics are full of them. */
	if (exponent <= 0 && exponent >= -MANTISSA_BITS && __builtin_ctzll(mantissa) >= -exponent)
		s = (struct shortest){ mantissa >> -exponent, 0 };
	else if (!few_decimals(bits, &s))
		s = schubfach(mantissa, exponent, fraction == 0 && biased > 1);
	while (s.digits % 10 == 0) {
		s.digits /= 10;
		s.exponent++;
	}
	return s;
}

/* d[.ddd]e(+|-)x */
static char *put_scientific(char *p, const char *digits, size_t count, int point)
{
	*p++ = digits[0];
	if (count > 1) {
		*p++ = '.';
		memcpy(p, digits + 1, count - 1);
		p += count - 1;
	}
	*p++ = 'e';
	*p++ = point > 0 ? '+' : '-';
	return p + unsigned_print(p, (uint64_t)(point > 0 ? point - 1 : 1 - point));
}

/* `point` digits stand before the decimal point; when it is below zero, zeros follow it. */
static char *put_plain(char *p, const char *digits, size_t count, int point)
{
	if (point <= 0) {
		memcpy(p, "0.", 2);
		memset(p + 2, '0', (size_t)-point);
		p += 2 - point;
		memcpy(p, digits, count);
		return p + count;
	}
	if ((size_t)point >= count) {
		memcpy(p, digits, count);
		memset(p + count, '0', (size_t)point - count);
		return p + point;
	}
	memcpy(p, digits, (size_t)point);
	p[point] = '.';
	memcpy(p + point + 1, digits + point, count - (size_t)point);
	return p + count + 1;
}

static size_t put_word(char *out, const char *word)
{
	size_t length = strlen(word);

	memcpy(out, word, length);
	return length;
}

static bool has_digits(uint64_t bits)
{
	return bits != 0 && bits >> MANTISSA_BITS != 0x7FF;
}

size_t float_print_length(double value)
{
	char out[FLOAT_BYTES_MAX];
	uint64_t bits;
	struct shortest s;
	int count, point;

	memcpy(&bits, &value, sizeof(bits));
	if (!has_digits(bits & INT64_MAX))
		return float_print(out, value);
	s = shortest_of(bits & INT64_MAX);
	count = (int)unsigned_print_length(s.digits);
	point = count + s.exponent;
	if (point <= -6 || point > 21)
		return float_print(out, value);
	count = point <= 0 ? count + 2 - point : point < count ? count + 1 : point;
	return (size_t)count + (bits >> 63);
}

size_t float_print(char *out, double value)
{
	char digits[INTEGER_BYTES_MAX], *p = out;
	struct shortest s;
	uint64_t bits;
	size_t count;
	int point;

	if (isnan(value))
		return put_word(out, "NaN");
	if (isinf(value))
		return put_word(out, value > 0 ? "+Inf" : "-Inf");
	memcpy(&bits, &value, sizeof(bits));
	if (bits >> 63)
		*p++ = '-';
	bits &= INT64_MAX;
	if (bits == 0) {
		*p++ = '0';
		return (size_t)(p - out);
	}
	s = shortest_of(bits);
	count = unsigned_print(digits, s.digits);
	point = (int)count + s.exponent;
	if (point <= -6 || point > 21)
		p = put_scientific(p, digits, count, point);
	else
		p = put_plain(p, digits, count, point);
	return (size_t)(p - out);
}
