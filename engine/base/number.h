/*
 * Numbers and text, exactly: correctly rounded in, shortest that comes back out.
 */
#ifndef ENGINE_BASE_NUMBER_H
#define ENGINE_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/slice.h"

/*
 * A float of line protocol: [-]digits[.digits][(e|E)[+-]digits], at least one
 * digit ("1." and ".5" are fine); no plus in front, no hex, NaN, Inf. The whole
 * slice must be one. Correctly rounded (Clinger's fast path, else strtod in the
 * C locale). ERR_INVALID: not a number; ERR_RANGE: too large for a double.
 */
int float_parse(struct slice text, double *value);
/* digits / 10^decimals, correctly rounded: digits up to 2^53, decimals up to 22. */
double float_of_digits(uint64_t digits, unsigned decimals);
/* [-]digits. ERR_INVALID / ERR_RANGE. */
int integer_parse(struct slice text, int64_t *value);
int unsigned_parse(struct slice text, uint64_t *value);

#define FLOAT_BYTES_MAX	  32
#define INTEGER_BYTES_MAX 24

/*
 * The shortest digits that read back as the same bits, laid out as Go's JSON
 * does: 1, 0.5, -0, 1e+21, 1e-7 (exponent form below 1e-6 and from 1e21).
 * NaN prints as NaN, infinities as +Inf and -Inf; formats decide beforehand.
 */
size_t float_print(char *out, double value);
size_t integer_print(char *out, int64_t value);
size_t unsigned_print(char *out, uint64_t value);

/* The lengths the three above would return, without the digits where that is cheaper. */
size_t float_print_length(double value);
size_t integer_print_length(int64_t value);
size_t unsigned_print_length(uint64_t value);

#endif
