/* The first stage: values as 64-bit integers. The order of the table is on disk. */
#include <math.h>

#include "engine/codec/codec.h"

#define DECIMAL_PLACES_MAX 15
#define EXACT_INTEGER_MAX  0x1p53

static const double powers_of_ten[DECIMAL_PLACES_MAX + 1] = { 1e0,  1e1,  1e2,	1e3, 1e4,  1e5,
							      1e6,  1e7,  1e8,	1e9, 1e10, 1e11,
							      1e12, 1e13, 1e14, 1e15 };

static bool raw_encode(const union value *values, size_t count, uint64_t *out, uint8_t *argument)
{
	*argument = 0;
	memcpy(out, values, count * sizeof(*out));
	return true;
}

static int raw_decode(uint64_t *words, size_t count, uint8_t argument, union value *out)
{
	memcpy(out, words, count * sizeof(*out));
	return argument ? ERR_CORRUPT : OK;
}

static bool decimal_fits(double value, double power, uint64_t *out)
{
	double scaled = nearbyint(value * power);
	union value back;

	if (!(fabs(scaled) < EXACT_INTEGER_MAX))
		return false;
	back.f = scaled / power;
	*out = (uint64_t)(int64_t)scaled;
	return back.bits == (union value){ .f = value }.bits && !(scaled == 0 && signbit(value));
}

/* The fewest places that serve all: a value that fails raises them, and the run starts again. */
static bool decimal_encode(const union value *values, size_t count, uint64_t *out,
			   uint8_t *argument)
{
	unsigned places = 0;

	for (size_t i = 0; i < count; i++) {
		if (decimal_fits(values[i].f, powers_of_ten[places], &out[i]))
			continue;
		do {
			if (++places > DECIMAL_PLACES_MAX)
				return false;
		} while (!decimal_fits(values[i].f, powers_of_ten[places], &out[i]));
		i = (size_t)-1;
	}
	*argument = (uint8_t)places;
	return true;
}

static int decimal_decode(uint64_t *words, size_t count, uint8_t argument, union value *out)
{
	if (argument > DECIMAL_PLACES_MAX)
		return ERR_CORRUPT;
	double power = powers_of_ten[argument];
	for (size_t i = 0; i < count; i++)
		out[i].f = (double)(int64_t)words[i] / power;
	return OK;
}

const struct transform transforms[] = {
	{ "raw", raw_encode, raw_decode },
	{ "decimal", decimal_encode, decimal_decode },
};
const uint8_t transform_count = sizeof(transforms) / sizeof(*transforms);
