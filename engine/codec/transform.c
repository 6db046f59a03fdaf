/* The first stage: values as 64-bit integers. The order of the table is on disk. */
#include <math.h>

#include "engine/codec/codec.h"
#include "engine/limits.h"

#define DECIMAL_PLACES_MAX 15
#define EXACT_INTEGER_MAX  0x1p53
#define SAMPLE_COUNT	   16

_Static_assert(PATCHES_MAX == VECTOR_ROWS / 16, "a sixteenth of a vector");

/* --- raw --- */

static bool raw_encode(const union value *values, size_t count, uint64_t *out, uint8_t *argument,
		       struct patches *patches)
{
	*argument = 0;
	patches->count = 0;
	memcpy(out, values, count * sizeof(*out));
	return true;
}

static int raw_decode(union value *values, size_t count, uint8_t argument)
{
	return argument ? ERR_CORRUPT : OK;
}

/* --- decimal: word / 10^argument --- */

static const double powers_of_ten[DECIMAL_PLACES_MAX + 1] = { 1e0,  1e1,  1e2,	1e3, 1e4,  1e5,
							      1e6,  1e7,  1e8,	1e9, 1e10, 1e11,
							      1e12, 1e13, 1e14, 1e15 };

/* Rounding by adding a half: one instruction, and where it errs the test below fails. */
static bool decimal_fits(union value value, double power, uint64_t *out)
{
	double scaled = value.f * power;
	int64_t whole;

	if (!(fabs(scaled) < EXACT_INTEGER_MAX))
		return false;
	whole = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
	*out = (uint64_t)whole;
	return (union value){ .f = (double)whole / power }.bits == value.bits;
}

/* The fewest places, `places` or more, that hold it; beyond DECIMAL_PLACES_MAX: none do. */
static unsigned decimal_places(union value value, unsigned places)
{
	uint64_t word;

	while (places <= DECIMAL_PLACES_MAX && !decimal_fits(value, powers_of_ten[places], &word))
		places++;
	return places;
}

static unsigned decimal_guess(const union value *values, size_t count)
{
	unsigned places = 0;

	for (size_t i = 0; i < count; i += count / SAMPLE_COUNT + 1) {
		unsigned more = decimal_places(values[i], places);

		if (more <= DECIMAL_PLACES_MAX)
			places = more;
	}
	return places;
}

/* OK, or the row with which there were too many to patch. */
static bool decimal_try(const union value *values, size_t count, unsigned places, uint64_t *out,
			struct patches *patches, size_t *row)
{
	size_t patches_max = count / 16;

	patches->count = 0;
	for (size_t i = 0; i < count; i++) {
		if (decimal_fits(values[i], powers_of_ten[places], &out[i]))
			continue;
		*row = i;
		if (patches->count == patches_max)
			return false;
		patches->rows[patches->count++] = (uint16_t)i;
		out[i] = i ? out[i - 1] : 0; /* costs a delta nothing */
	}
	return true;
}

static bool decimal_encode(const union value *values, size_t count, uint64_t *out,
			   uint8_t *argument, struct patches *patches)
{
	unsigned places = decimal_guess(values, count);
	size_t row;

	while (!decimal_try(values, count, places, out, patches, &row)) {
		places = decimal_places(values[row], places + 1);
		if (places > DECIMAL_PLACES_MAX)
			return false;
	}
	*argument = (uint8_t)places;
	return true;
}

static int decimal_decode(union value *values, size_t count, uint8_t argument)
{
	if (argument > DECIMAL_PLACES_MAX)
		return ERR_CORRUPT;
	double power = powers_of_ten[argument];
	for (size_t i = 0; i < count; i++)
		values[i].f = (double)values[i].i / power;
	return OK;
}

/* --- dyadic: word * 2^-(argument as a signed byte) --- */

/* The power of two of a double's lowest bit that is set, and of the place above its highest. */
static bool bits_span(union value value, int *low, int *high)
{
	uint64_t mantissa = value.bits & ((UINT64_C(1) << 52) - 1);
	int exponent = (int)(value.bits >> 52 & 0x7ff);

	if (exponent == 0 || exponent == 0x7ff)
		return false; /* zeros are the caller's; denormals, NaN, infinities nobody's */
	mantissa |= UINT64_C(1) << 52;
	*low = exponent - 1075 + __builtin_ctzll(mantissa);
	*high = exponent - 1022;
	return true;
}

static bool dyadic_encode(const union value *values, size_t count, uint64_t *out, uint8_t *argument,
			  struct patches *patches)
{
	int lowest = INT8_MAX, highest = INT8_MIN, low, high;

	patches->count = 0;
	for (size_t i = 0; i < count; i++) {
		if (values[i].bits == 0)
			continue;
		if (!bits_span(values[i], &low, &high))
			return false;
		lowest = low < lowest ? low : lowest;
		highest = high > highest ? high : highest;
	}
	if (lowest <= INT8_MIN || highest - lowest > 62)
		return false;
	double scale = ldexp(1, -lowest);
	for (size_t i = 0; i < count; i++)
		out[i] = (uint64_t)(int64_t)(values[i].f * scale);
	*argument = (uint8_t)(int8_t)-lowest;
	return true;
}

static int dyadic_decode(union value *values, size_t count, uint8_t argument)
{
	double scale = ldexp(1, -(int8_t)argument);

	for (size_t i = 0; i < count; i++)
		values[i].f = (double)values[i].i * scale;
	return OK;
}

const struct transform transforms[] = {
	{ "raw", raw_encode, raw_decode },
	{ "decimal", decimal_encode, decimal_decode },
	{ "dyadic", dyadic_encode, dyadic_decode },
};
const uint8_t transform_count = sizeof(transforms) / sizeof(*transforms);
