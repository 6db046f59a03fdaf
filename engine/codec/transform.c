/* The first stage: values as 64-bit integers. The order of the table is on disk. */
#include <math.h>

#include "engine/base/clones.h"
#include "engine/base/limits.h"
#include "engine/codec/codec.h"
#ifdef HAS_AVX512
#include <immintrin.h>
#endif

#define DECIMAL_PLACES_MAX 15
#define EXACT_INTEGER_MAX  0x1p53
#define SAMPLE_COUNT	   16

_Static_assert(PATCHES_MAX == VECTOR_ROWS / 16, "a sixteenth of a vector");

/* --- raw --- */

static bool raw_encode(const union value *values, size_t count, struct stages *out)
{
	memcpy(out->words, values, count * sizeof(*values));
	return true;
}

static int raw_decode(union value *values, size_t count, uint8_t argument, const char *extra)
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

static bool decimal_encode(const union value *values, size_t count, struct stages *out)
{
	unsigned places = decimal_guess(values, count);
	size_t row;

	while (!decimal_try(values, count, places, out->words, &out->patches, &row)) {
		places = decimal_places(values[row], places + 1);
		if (places > DECIMAL_PLACES_MAX)
			return false;
	}
	out->argument = (uint8_t)places;
	return true;
}

#ifdef HAS_AVX512
/*
 * The quotient to the last bit without a division: from a product with the rounded reciprocal, what
 * is left of the dividend, which a fused product tells exactly, corrects it twice (Markstein 1990:
 * once is enough where a quotient is off by less than its last place). 1.2e10 random dividends gave
 * what divisions give. A scan of 8.64 M decimals takes 9.4 ms of CPU in place of 10.3.
 */
__attribute__((target("avx512f,avx512dq"))) static void divide_wide(int64_t *words, size_t count,
								    double divisor)
{
	const __m512d by = _mm512_set1_pd(divisor), once = _mm512_set1_pd(1 / divisor);

	for (size_t i = 0; i < count; i += 8) {
		__mmask8 left = count - i < 8 ? (__mmask8)((1u << (count - i)) - 1) : 0xff;
		__m512d whole = _mm512_cvtepi64_pd(_mm512_maskz_loadu_epi64(left, words + i));
		__m512d quotient = _mm512_mul_pd(whole, once);

		for (unsigned k = 0; k < 2; k++)
			quotient = _mm512_fmadd_pd(_mm512_fnmadd_pd(quotient, by, whole), once,
						   quotient);
		_mm512_mask_storeu_pd((double *)words + i, left, quotient);
	}
}
#endif

/* In place and by way of integers: what lies in a union is not vectorized. */
CLONES static void divide_plain(int64_t *words, size_t count, double divisor)
{
	for (size_t i = 0; i < count; i++) {
		double value = (double)words[i] / divisor;

		memcpy(&words[i], &value, sizeof(value));
	}
}

static void divide(int64_t *words, size_t count, double divisor)
{
#ifdef HAS_AVX512
	if (__builtin_cpu_supports("avx512dq")) {
		divide_wide(words, count, divisor);
		return;
	}
#endif
	divide_plain(words, count, divisor);
}

static int decimal_decode(union value *values, size_t count, uint8_t argument, const char *extra)
{
	if (argument > DECIMAL_PLACES_MAX)
		return ERR_CORRUPT;
	divide(&values->i, count, powers_of_ten[argument]);
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

static bool dyadic_encode(const union value *values, size_t count, struct stages *out)
{
	int lowest = INT8_MAX, highest = INT8_MIN, low, high;

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
		out->words[i] = (uint64_t)(int64_t)(values[i].f * scale);
	out->argument = (uint8_t)(int8_t)-lowest;
	return true;
}

CLONES static void multiply(int64_t *words, size_t count, double factor)
{
	for (size_t i = 0; i < count; i++) {
		double value = (double)words[i] * factor;

		memcpy(&words[i], &value, sizeof(value));
	}
}

static int dyadic_decode(union value *values, size_t count, uint8_t argument, const char *extra)
{
	multiply(&values->i, count, ldexp(1, -(int8_t)argument));
	return OK;
}

/*
 * --- front: sign and exponent by a dictionary of `argument` of them, then the fraction ---
 *
 * Doubles without a pattern still have few exponents: 56 bits where they lie around zero (ALP-RD of
 * Afroozeh et al. 2023, cut where the fraction begins).
 */

#define FRACTION_BITS 52
#define FRACTION_MASK ((UINT64_C(1) << FRACTION_BITS) - 1)
#define FRONTS	      (1u << (64 - FRACTION_BITS))
#define FRONTS_MAX    (STAGES_EXTRA_MAX / 2)

static bool is_power_of_two(unsigned n)
{
	return n && (n & (n - 1)) == 0;
}

/*
 * The commonest fronts: as many as leave few enough to patch, and then those that need no further
 * bit. Gives their number; 0: too many.
 */
static unsigned fronts_choose(const union value *values, size_t count, uint16_t *fronts)
{
	uint16_t counts[FRONTS] = { 0 }, met[VECTOR_ROWS];
	size_t missing = count, met_count = 0;
	unsigned found = 0;

	for (size_t i = 0; i < count; i++) {
		uint16_t front = (uint16_t)(values[i].bits >> FRACTION_BITS);

		if (counts[front]++ == 0)
			met[met_count++] = front;
	}
	while (missing && found < FRONTS_MAX && (missing > count / 16 || !is_power_of_two(found))) {
		uint16_t most = met[0];

		for (size_t i = 1; i < met_count; i++)
			most = counts[met[i]] > counts[most] ? met[i] : most;
		fronts[found++] = most;
		missing -= counts[most];
		counts[most] = 0;
	}
	return missing > count / 16 ? 0 : found;
}

static bool front_encode(const union value *values, size_t count, struct stages *out)
{
	uint16_t fronts[FRONTS_MAX];
	unsigned found = fronts_choose(values, count, fronts);

	for (size_t i = 0; found && i < count; i++) {
		uint64_t at = 0;

		while (at < found && fronts[at] != values[i].bits >> FRACTION_BITS)
			at++;
		if (at == found) {
			out->patches.rows[out->patches.count++] = (uint16_t)i;
			at = 0;
		}
		out->words[i] = at << FRACTION_BITS | (values[i].bits & FRACTION_MASK);
	}
	out->argument = (uint8_t)found;
	memcpy(out->extra, fronts, found * sizeof(*fronts));
	return found > 0;
}

static int front_decode(union value *values, size_t count, uint8_t argument, const char *extra)
{
	uint64_t fronts[FRONTS_MAX], past = 0;

	for (unsigned i = 0; i < argument; i++) {
		uint16_t front;

		memcpy(&front, extra + 2 * i, sizeof(front));
		fronts[i] = (uint64_t)front << FRACTION_BITS;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t at = values[i].bits >> FRACTION_BITS;

		past |= at >= argument;
		values[i].bits = fronts[at < argument ? at : 0] | (values[i].bits & FRACTION_MASK);
	}
	return past ? ERR_CORRUPT : OK;
}

const struct transform transforms[] = {
	{ "raw", 0, raw_encode, raw_decode },
	{ "decimal", 0, decimal_encode, decimal_decode },
	{ "dyadic", 0, dyadic_encode, dyadic_decode },
	{ "front", 2, front_encode, front_decode },
};
const uint8_t transform_count = sizeof(transforms) / sizeof(*transforms);
