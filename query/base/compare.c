/*
 * A column is compared with a number, and the rows that pass are moved together.
 *
 * Why: most conditions compare a field with a number, over many rows of which few stay.
 *
 * Eight rows at a time where the processor has it: a count of 864,000 rows of which some stay takes
 * 1.15 ms of CPU in place of 1.58.
 */
#include "query/base/compare.h"

#include <string.h>

#include "engine/base/clones.h"
#include "engine/base/limits.h"
#ifdef HAS_AVX512
#include <immintrin.h>
#endif

#define VALID_WORDS (BATCH_ROWS_MAX / 64)

/* --- anywhere ------------------------------------------------------------------------- */

#define PLAIN_LOOP(condition)                                                                      \
	for (size_t row = 0; row < row_count; row++)                                               \
		bits[row / 64] |= (uint64_t)(condition) << (row % 64);                             \
	break
#define PLAIN(name, member, operand)                                                               \
	static void name(const struct comparison *test, size_t row_count, uint64_t *bits)          \
	{                                                                                          \
		const union value *v = test->column->values;                                       \
                                                                                                   \
		switch (test->op) {                                                                \
		case COMPARE_EQ: PLAIN_LOOP(v[row].member == test->operand);                       \
		case COMPARE_NEQ: PLAIN_LOOP(v[row].member != test->operand);                      \
		case COMPARE_LT: PLAIN_LOOP(v[row].member < test->operand);                        \
		case COMPARE_LTE: PLAIN_LOOP(v[row].member <= test->operand);                      \
		case COMPARE_GT: PLAIN_LOOP(v[row].member > test->operand);                        \
		default: PLAIN_LOOP(v[row].member >= test->operand);                               \
		}                                                                                  \
	}
PLAIN(plain_float, f, number)
PLAIN(plain_integer, i, integer)

static size_t keep_plain(const uint64_t *words, size_t row_count, const uint64_t *keep,
			 uint64_t *to)
{
	size_t found = 0;

	for (size_t from = 0; from < row_count; from += 64)
		for (uint64_t left = keep[from / 64]; left; left &= left - 1)
			to[found++] = words[from + (size_t)__builtin_ctzll(left)];
	return found;
}

/* --- eight rows at a time ----------------------------------------------------------------- */

#ifdef HAS_AVX512
#define WIDE __attribute__((target("avx512f,popcnt")))

WIDE static inline __mmask8 rows_left(size_t row_count, size_t row)
{
	return row_count - row < 8 ? (__mmask8)((1u << (row_count - row)) - 1) : 0xff;
}

#define WIDE_LOOP(compare)                                                                         \
	for (size_t row = 0; row < row_count; row += 8) {                                          \
		__m512i v = _mm512_maskz_loadu_epi64(rows_left(row_count, row), values + row);     \
		bits[row / 64] |= (uint64_t)(compare) << (row % 64);                               \
	}                                                                                          \
	break
#define OF_FLOATS(op)	WIDE_LOOP(_mm512_cmp_pd_mask(_mm512_castsi512_pd(v), number, op))
#define OF_INTEGERS(op) WIDE_LOOP(_mm512_cmp_epi64_mask(v, integer, op))

WIDE static void wide_float(const struct comparison *test, size_t row_count, uint64_t *bits)
{
	const union value *values = test->column->values;
	__m512d number = _mm512_set1_pd(test->number);

	switch (test->op) {
	case COMPARE_EQ: OF_FLOATS(_CMP_EQ_OQ);
	case COMPARE_NEQ: OF_FLOATS(_CMP_NEQ_UQ);
	case COMPARE_LT: OF_FLOATS(_CMP_LT_OQ);
	case COMPARE_LTE: OF_FLOATS(_CMP_LE_OQ);
	case COMPARE_GT: OF_FLOATS(_CMP_GT_OQ);
	default: OF_FLOATS(_CMP_GE_OQ);
	}
}

WIDE static void wide_integer(const struct comparison *test, size_t row_count, uint64_t *bits)
{
	const union value *values = test->column->values;
	__m512i integer = _mm512_set1_epi64(test->integer);

	switch (test->op) {
	case COMPARE_EQ: OF_INTEGERS(_MM_CMPINT_EQ);
	case COMPARE_NEQ: OF_INTEGERS(_MM_CMPINT_NE);
	case COMPARE_LT: OF_INTEGERS(_MM_CMPINT_LT);
	case COMPARE_LTE: OF_INTEGERS(_MM_CMPINT_LE);
	case COMPARE_GT: OF_INTEGERS(_MM_CMPINT_NLE);
	default: OF_INTEGERS(_MM_CMPINT_NLT);
	}
}

WIDE static size_t keep_wide(const uint64_t *words, size_t row_count, const uint64_t *keep,
			     uint64_t *to)
{
	size_t found = 0;

	for (size_t row = 0; row < row_count; row += 8) {
		__mmask8 kept = (__mmask8)(keep[row / 64] >> row % 64);
		__m512i eight = _mm512_maskz_loadu_epi64(rows_left(row_count, row), words + row);

		_mm512_storeu_si512(to + found, _mm512_maskz_compress_epi64(kept, eight));
		found += (size_t)__builtin_popcount(kept);
	}
	return found;
}
#endif

/* --- whichever ---------------------------------------------------------------------------- */

static void find(const struct comparison *test, size_t row_count, uint64_t *bits)
{
	bool is_float = test->column->type == VALUE_FLOAT;

#ifdef HAS_AVX512
	if (__builtin_cpu_supports("avx512f")) {
		(is_float ? wide_float : wide_integer)(test, row_count, bits);
		return;
	}
#endif
	(is_float ? plain_float : plain_integer)(test, row_count, bits);
}

void compare_rows(const struct comparison *test, size_t row_count, uint64_t *keep)
{
	const uint64_t *valid = test->column->valid;
	uint64_t bits[VALID_WORDS] = { 0 };

	find(test, row_count, bits);
	for (size_t word = 0; word < (row_count + 63) / 64; word++)
		keep[word] &= bits[word] & (valid ? valid[word] : UINT64_MAX);
}

size_t compare_keep(const uint64_t *words, size_t row_count, const uint64_t *keep, uint64_t *to)
{
#ifdef HAS_AVX512
	if (__builtin_cpu_supports("avx512f"))
		return keep_wide(words, row_count, keep, to);
#endif
	return keep_plain(words, row_count, keep, to);
}
