/* Numbers in and out; the long rows are Go's and Python's own answers. */
#include <math.h>
#include <stdio.h>

#include "engine/base/err.h"
#include "engine/base/number.h"
#include "tests/lib/test.h"

static const char *printed(double value)
{
	static char text[FLOAT_BYTES_MAX + 1];

	text[float_print(text, value)] = '\0';
	return text;
}

static int parse(const char *text, double *value)
{
	return float_parse(slice_of_text(text), value);
}

TEST(number__floats_print_as_go_does)
{
	CHECK_STR(printed(0.0), "0");
	CHECK_STR(printed(-0.0), "-0");
	CHECK_STR(printed(1), "1");
	CHECK_STR(printed(0.1 + 0.2), "0.30000000000000004");
	CHECK_STR(printed(1e21), "1e+21");
	CHECK_STR(printed(123456789012345678901.0), "123456789012345680000");
	CHECK_STR(printed(1e-6), "0.000001");
	CHECK_STR(printed(1e-7), "1e-7");
	CHECK_STR(printed(1.5e-10), "1.5e-10");
	CHECK_STR(printed(5e-324), "5e-324");
	CHECK_STR(printed(1.7976931348623157e308), "1.7976931348623157e+308");
	CHECK_STR(printed(0x1p-44), "5.684341886080802e-14");
	CHECK_STR(printed(-65.46), "-65.46");
	CHECK_STR(printed(9007199254740993.0), "9007199254740992");
	CHECK_STR(printed(NAN), "NaN");
	CHECK_STR(printed(-INFINITY), "-Inf");
}

TEST(number__floats_of_line_protocol_are_taken)
{
	double v;

	CHECK(parse("1.", &v) == OK && v == 1);
	CHECK(parse("-.5", &v) == OK && v == -0.5);
	CHECK(parse("00012", &v) == OK && v == 12);
	CHECK(parse("1E-3", &v) == OK && v == 1e-3);
	CHECK(parse("1e+3", &v) == OK && v == 1e3);
	CHECK(parse("9007199254740993", &v) == OK && v == 9007199254740992.0);
	CHECK(parse("179769313486231580793728971405301e276", &v) == OK);
	CHECK(parse("2.2250738585072011e-308", &v) == OK && v == 2.2250738585072011e-308);
	CHECK(parse("0.000000000000000000000000000000000001", &v) == OK && v == 1e-36);
}

TEST(number__what_is_no_float_is_refused)
{
	static const char *const wrong[] = { "",    "-",   ".",	  "+1", "1e", "1e+",   "0x10",
					     "NaN", "inf", "1_0", "1 ", " 1", "1.2.3", "--1" };
	double v;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (!CHECK_INT(parse(wrong[i], &v), ERR_INVALID))
			fprintf(stderr, "\t%s\n", wrong[i]);
	CHECK_INT(parse("1e400", &v), ERR_RANGE);
	CHECK_INT(parse("-1e99999999999", &v), ERR_RANGE);
}

TEST(number__every_bit_pattern_comes_back)
{
	uint64_t state = test_seed();

	for (int i = 0; i < 20000; i++) {
		uint64_t bits = test_random(&state);
		double value, back;
		char text[FLOAT_BYTES_MAX];

		if (i % 3 == 0)
			bits &= ~UINT64_C(0xfffffffffffff);
		memcpy(&value, &bits, sizeof(value));
		if (!isfinite(value))
			continue;
		size_t length = float_print(text, value);
		REQUIRE(float_parse(slice_of(text, length), &back) == OK);
		REQUIRE(memcmp(&value, &back, sizeof(value)) == 0);
	}
}

TEST(number__integers_at_their_edges)
{
	char text[INTEGER_BYTES_MAX];
	int64_t i;
	uint64_t u;

	CHECK_SLICE(slice_of(text, integer_print(text, INT64_MIN)), "-9223372036854775808");
	CHECK_INT(integer_print_length(INT64_MIN), 20);
	CHECK_SLICE(slice_of(text, unsigned_print(text, UINT64_MAX)), "18446744073709551615");
	CHECK(integer_parse(SLICE("-9223372036854775808"), &i) == OK && i == INT64_MIN);
	CHECK_INT(integer_parse(SLICE("9223372036854775808"), &i), ERR_RANGE);
	CHECK(unsigned_parse(SLICE("18446744073709551615"), &u) == OK && u == UINT64_MAX);
	CHECK_INT(unsigned_parse(SLICE("18446744073709551616"), &u), ERR_RANGE);
	CHECK_INT(integer_parse(SLICE("-"), &i), ERR_INVALID);
	CHECK_INT(integer_parse(SLICE("1x"), &i), ERR_INVALID);
}
