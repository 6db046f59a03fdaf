/* Numbers in and out; the long rows are Go's and Python's own answers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

/* What Python 3.11 prints (repr), in Go's layout. */
TEST(number__floats_have_the_shortest_digits)
{
	/* clang-format off */
	static const struct {
		uint64_t bits;
		const char *text;
	} rows[] = {
		{ 0x0000000000000001, "5e-324" },
		{ 0x0000000000000002, "1e-323" },
		{ 0x0000000000000003, "1.5e-323" },
		{ 0x000fffffffffffff, "2.225073858507201e-308" },
		{ 0x0010000000000000, "2.2250738585072014e-308" },
		{ 0x0010000000000001, "2.225073858507202e-308" },
		{ 0x7fefffffffffffff, "1.7976931348623157e+308" },
		{ 0x7fe0000000000000, "8.98846567431158e+307" },
		{ 0x4340000000000000, "9007199254740992" },
		{ 0x4340000000000001, "9007199254740994" },
		{ 0x433fffffffffffff, "9007199254740991" },
		{ 0x3ff0000000000001, "1.0000000000000002" },
		{ 0x3fefffffffffffff, "0.9999999999999999" },
		{ 0x44b52d02c7e14af6, "1e+23" },
		{ 0x091d05244fe5066a, "9e-265" },
		{ 0x3ea0c6f7a0b5ed8d, "5e-7" },
		{ 0x3eb0c6f7a0b5ed8d, "0.000001" },
		{ 0x3eb0c6f7a0b5ed8d, "0.000001" },
		{ 0x444b1ae4d6e2ef50, "1e+21" },
		{ 0x444b1ae4d6e2ef4f, "999999999999999900000" },
		{ 0x4480f0cf064dd592, "1e+22" },
		{ 0x000fffffffffffff, "2.225073858507201e-308" },
		{ 0x4340000000000000, "9007199254740992" },
		{ 0x4020d1eb851eb852, "8.41" },
		{ 0x435141f4bf38cb29, "19430376160308388" },
		{ 0x43389e56ee5e7a58, "6929495644600920" },
		{ 0x0000000000000007, "3.5e-323" },
		{ 0x40fe240c9fbe76c9, "123456.789" },
		{ 0x41b1de784a000000, "299792458" },
		{ 0x4011666666666666, "4.35" },
		{ 0x3eb0c6f7a0b5ed8d, "0.000001" },
		{ 0x0040000000000000, "1.7800590868057611e-307" },
		{ 0x40006b1c432ca57a, "2.0523" },
		{ 0x0000000000000001, "5e-324" },
		{ 0x0000002000000000, "6.7903865311e-313" },
		{ 0x0170000000000000, "9.332636185032189e-302" },
		{ 0x03c0000000000000, "1.2826677504057426e-290" },
		{ 0x0610000000000000, "1.7628851326804976e-279" },
		{ 0x0860000000000000, "2.4228908772695546e-268" },
		{ 0x0ab0000000000000, "3.329995865487836e-257" },
		{ 0x0d00000000000000, "4.5767114681873503e-246" },
		{ 0x0f50000000000000, "6.290184345309701e-235" },
		{ 0x11a0000000000000, "8.645163535653227e-224" },
		{ 0x13f0000000000000, "1.188182228934475e-212" },
		{ 0x1640000000000000, "1.6330252207878255e-201" },
		{ 0x1890000000000000, "2.2444127733846047e-190" },
		{ 0x1ae0000000000000, "3.084697427331692e-179" },
		{ 0x1d30000000000000, "4.239575861902385e-168" },
		{ 0x1f80000000000000, "5.826828696250162e-157" },
		{ 0x21d0000000000000, "8.008332380732404e-146" },
		{ 0x2420000000000000, "1.1006568214637918e-134" },
		{ 0x2670000000000000, "1.512731216738015e-123" },
		{ 0x28c0000000000000, "2.07908195312898e-112" },
		{ 0x2b10000000000000, "2.8574684782056875e-101" },
		{ 0x2d60000000000000, "3.9272747722381812e-90" },
		{ 0x2fb0000000000000, "5.397605346934028e-79" },
		{ 0x3200000000000000, "7.418412301374843e-68" },
		{ 0x3450000000000000, "1.0195788231247695e-56" },
		{ 0x36a0000000000000, "1.401298464324817e-45" },
		{ 0x38f0000000000000, "1.925929944387236e-34" },
		{ 0x3b40000000000000, "2.6469779601696886e-23" },
		{ 0x3d90000000000000, "3.637978807091713e-12" },
		{ 0x3fe0000000000000, "0.5" },
		{ 0x4230000000000000, "68719476736" },
		{ 0x4480000000000000, "9.44473296573929e+21" },
		{ 0x46d0000000000000, "1.298074214633707e+33" },
		{ 0x4920000000000000, "1.78405961588245e+44" },
		{ 0x4b70000000000000, "2.4519928653854222e+55" },
		{ 0x4dc0000000000000, "3.36999333339383e+66" },
		{ 0x5010000000000000, "4.631683569492648e+77" },
		{ 0x5260000000000000, "6.365737426045269e+88" },
		{ 0x54b0000000000000, "8.749002899132048e+99" },
		{ 0x5700000000000000, "1.2024538023802026e+111" },
		{ 0x5950000000000000, "1.6526399219756215e+122" },
		{ 0x5ba0000000000000, "2.2713710134237715e+133" },
		{ 0x5df0000000000000, "3.1217485503159922e+144" },
		{ 0x6040000000000000, "4.290498537581631e+155" },
		{ 0x6290000000000000, "5.896816288783659e+166" },
		{ 0x64e0000000000000, "8.10452259547069e+177" },
		{ 0x6730000000000000, "1.1138771039116688e+189" },
		{ 0x6980000000000000, "1.5309010345804195e+200" },
		{ 0x6bd0000000000000, "2.1040543606193494e+211" },
		{ 0x6e20000000000000, "2.891790293717215e+222" },
		{ 0x7070000000000000, "3.974446316289815e+233" },
		{ 0x72c0000000000000, "5.462437423415177e+244" },
		{ 0x7510000000000000, "7.5075168288047e+255" },
		{ 0x7760000000000000, "1.0318252561243462e+267" },
		{ 0x79b0000000000000, "1.418129833677085e+278" },
		{ 0x7c00000000000000, "1.94906280228e+289" },
		{ 0x7e50000000000000, "2.6787715179656683e+300" },
		{ 0x9362da5cc13da58a, "-2.734469386732594e-215" },
		{ 0xf6fadfa7e5c15b62, "-1.3539510076516268e+265" },
		{ 0x7e6ddce7a7ace732, "9.99948901844074e+300" },
		{ 0x2c63888f28f00481, "7.315937454080485e-95" },
		{ 0x8f7b7676d015b0dc, "-4.3186440724092065e-234" },
		{ 0x8a119b9e16bc1732, "-3.578745783035096e-260" },
		{ 0x609e467ada679f81, "2.5979236449570243e+157" },
		{ 0xbc67ba94637d6efa, "-1.029073819684607e-17" },
		{ 0x0787c0de2f960063, "2.1954297116029223e-272" },
		{ 0xfab36728a78beb7e, "-1.1270521747506026e+283" },
		{ 0x19d5269512e74f7b, "3.11105477654189e-184" },
		{ 0xa712755f6cace4d5, "-1.787054718170106e-120" },
		{ 0xba2dde83458bfed0, "-1.885010935430012e-28" },
		{ 0xac8efe121c5989f1, "-4.6430939254637883e-94" },
		{ 0x0d9782bfcdc83011, "3.4432598302717084e-243" },
		{ 0x5796a670482c590e, "8.715443179965815e+113" },
		{ 0xa93258ef7777682c, "-3.05166051868644e-110" },
		{ 0x0b80a25553a12945, "2.836046461459237e-253" },
		{ 0x0f8a7abff2e91ac7, "8.328044116100848e-234" },
		{ 0x45ac16b9c20dbc21, "4.3465269302432836e+27" },
		{ 0x789c1af40ce8fcc9, "9.502636229462698e+272" },
		{ 0xdd2ee150d2840277, "-7.354738671897224e+140" },
		{ 0x90b401a6c1cc0aff, "-3.298931857868603e-228" },
		{ 0x3c3ae353fb14628e, "1.457601411260715e-18" },
		{ 0xd419c7723226db94, "-1.3765948502290002e+97" },
		{ 0xb9c8b9ffe46ed627, "-2.4382271475697135e-30" },
		{ 0x96f0da847a2a3b87, "-3.522857937606674e-198" },
		{ 0xbbeeb6361d33bc6d, "-5.202775062307686e-20" },
		{ 0x525a56c9a30f4300, "5.239601521419105e+88" },
		{ 0x68e58909ccb2b416, "2.0122327819027435e+197" },
		{ 0x84c4b877678537a3, "-1.0886188822936886e-285" },
		{ 0xff53a46f5ead703a, "-2.1552045697350033e+305" },
		{ 0x9514b7dde2ad0478, "-4.0332545313042015e-207" },
		{ 0xe179f773a6e0f3c0, "-3.650672905840599e+161" },
		{ 0x64b936976b4b76b0, "1.5964167023253778e+177" },
		{ 0x0c28cec1b94722af, "4.331109102556724e-250" },
		{ 0x8322905089933837, "-1.4533139887365158e-293" },
		{ 0xa398d022d4351df4, "-3.3338174223333097e-137" },
		{ 0x4372a2a784a67245, "83926239192491090" },
		{ 0x4c8b1eb44f1eaccf, "5.447507676548207e+60" },
		{ 0x0e3a655f20731ab2, "3.95859712584773e-240" },
		{ 0xac9130f4547c17d3, "-5.150961054683292e-94" },
		{ 0x7e9bf77c6519a9d5, "7.491651156063907e+301" },
		{ 0xca3ab343ac333b68, "-3.902246106925579e+49" },
		{ 0x38d889d2b47a5c1d, "7.38424752738924e-35" },
		{ 0x03c472ca4495f8b4, "1.6392813605967473e-290" },
		{ 0x6c2386e5cc86ba64, "8.217150314949094e+212" },
		{ 0x77dde229df88ae4d, "2.4667599943822157e+269" },
		{ 0xec925f09a227f039, "-9.895446834724753e+214" },
		{ 0xc3dd75f6808578e6, "-8491495324922386000" },
		{ 0xaa0336d98b8c82f1, "-2.6180331057629937e-106" },
		{ 0xbb262a934ce15c61, "-9.167770993377446e-24" },
		{ 0x307a6fc42fd7b23a, "3.652973186465391e-75" },
		{ 0xb183256ea16ec121, "-3.467640358123825e-70" },
		{ 0x7891da33e83a9d40, "6.036032813737712e+272" },
		{ 0x8f39aaa5729ad53c, "-2.5226181865784984e-235" },
		{ 0xadf438f7b27c1c74, "-2.5414217654258962e-87" },
		{ 0xe5a9f6b1a29709bf, "-5.386828079379803e+181" },
		{ 0xd27cb2382bedda16, "-2.2834035109265707e+89" },
		{ 0xf1a38d3268340c65, "-2.5462894581134665e+239" },
		{ 0x08c1d781b972e776, "1.729151625384465e-266" },
		{ 0xd00f7b11205fe2f7, "-4.5565243832170316e+77" },
		{ 0xacb70dd842762334, "-2.7630527081252155e-93" },
		{ 0xb21b1c2e1f61a1bc, "-2.5139217734251697e-67" },
		{ 0x6d9336c0f9c4b930, "6.782533897547204e+219" },
		{ 0x3ceb08318744ee92, "3.001155517805617e-15" },
		{ 0x29ca4bb956e78ec7, "2.239328935209863e-107" },
		{ 0xb338afd6b776a568, "-6.0010456868798305e-62" },
		{ 0x4b68dba7a2bb831d, "1.9047407511246025e+55" },
		{ 0xea44bd0d405eb311, "-8.127632837317366e+203" },
		{ 0x408d58e2ccb3a259, "939.110742" },
		{ 0x411a614f0e560419, "432211.764" },
		{ 0x404cfec4453ece72, "57.9903647" },
		{ 0x40e02a2ce219652c, "33105.4026" },
		{ 0x41916651e5333333, "72979577.3" },
		{ 0x40e52c9ed844d014, "43364.9639" },
		{ 0x3fdedbe9958562d6, "0.48217239" },
		{ 0x40bda2f6594af4f1, "7586.9623" },
		{ 0x41635cfafccccccd, "10151895.9" },
		{ 0x418100a6e0cccccd, "35656924.1" },
		{ 0x4010e1023a41f03a, "4.21973506" },
		{ 0x40d8c070bfb15b57, "25345.7617" },
		{ 0x40e97da5bb2fec57, "52205.1791" },
		{ 0x40f141cc6ae7d567, "70684.7761" },
		{ 0x4057f2b872375501, "95.7925077" },
		{ 0x40ac0d752bd3c361, "3590.72885" },
		{ 0x40c06a6ab606b7aa, "8404.83368" },
		{ 0x417bd0a103333333, "29166096.2" },
		{ 0x408c3088f2170931, "902.066868" },
		{ 0x40762cc1bfbdf091, "354.797302" },
		{ 0x406ccbb990afe60c, "230.366402" },
		{ 0x411de960e978d4fe, "490072.228" },
		{ 0x40828d0c16df3f96, "593.630903" },
		{ 0x41839555d7333333, "41069242.9" },
		{ 0x4024877a842a9c8c, "10.2646066" },
		{ 0x415a29a95a3d70a4, "6858405.41" },
		{ 0x411494ee5a1cac08, "337211.588" },
		{ 0x405ffd564b662fe0, "127.958392" },
		{ 0x4069387e34b94531, "201.765406" },
		{ 0x404b3564685f64ea, "54.4171267" },
		{ 0x000c0c0b5155063a, "1.6753481810696876e-308" },
		{ 0x0003ecdf17cf7c93, "5.4587724860473e-309" },
		{ 0x000b54fcfc92ec14, "1.575906511748754e-308" },
		{ 0x000315280672a2d5, "4.286941311200555e-309" },
		{ 0x000499b9aca14f21, "6.3977679592762e-309" },
		{ 0x0000e902874bf832, "1.2657817041212e-309" },
		{ 0x000c6908ad17cc63, "1.7258630514834134e-308" },
		{ 0x000454d4175de63c, "6.02349918911837e-309" },
		{ 0x0003717ef2429704, "4.788558222860717e-309" },
		{ 0x0009c6976ebebbaa, "1.359485107398013e-308" },
		{ 0x000fbf44c408bb20, "2.189909769195053e-308" },
		{ 0x00093eb7c9095e2c, "1.2856743542358287e-308" },
		{ 0x00081178ee15665f, "1.122028467916668e-308" },
		{ 0x000e47481c4da0c7, "1.98566203999415e-308" },
		{ 0x0001e992aae3d6f1, "2.65951148996746e-309" },
		{ 0x000e4b4863450b68, "1.9878355519284433e-308" },
		{ 0x0006ee7dd214f9ae, "9.63958647344837e-309" },
		{ 0x000a67e3ee4a3a47, "1.4471076148241075e-308" },
		{ 0x00035bc3ea695687, "4.67051094643191e-309" },
		{ 0x00097335fb4e5a1f, "1.3141901503607675e-308" },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		double value, back = 0;

		memcpy(&value, &rows[i].bits, sizeof(value));
		CHECK_STR(printed(value), rows[i].text);
		CHECK(parse(rows[i].text, &back) == OK && memcmp(&back, &value, 8) == 0);
	}
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

/* printf's digits, cut at the first precision that reads back: the shortest by definition. */
static const char *shortest_by_trial(double value)
{
	static char text[64];

	for (int precision = 1; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			break;
	}
	return text;
}

TEST(number__few_decimals_are_the_shortest_and_their_length_is_known)
{
	static const double scales[] = { 1, 10, 100, 1e3, 1e4, 1e5, 1e6 };
	uint64_t state = test_seed();
	char text[FLOAT_BYTES_MAX + 1];

	for (int i = 0; i < 50000; i++) {
		uint64_t digits = test_random(&state) >> (test_random(&state) % 50 + 13);
		double value = (double)digits / scales[test_random(&state) % 7];

		/* Beside a short one lies one that is not. */
		if (i % 4 == 0)
			value = nextafter(value, HUGE_VAL);
		if (i % 2)
			value = -value;
		text[float_print(text, value)] = '\0';
		REQUIRE(float_print_length(value) == strlen(text));
		if (strchr(shortest_by_trial(value), 'e') || fabs(value) >= 1e15)
			continue; /* laid out in another way */
		if (!CHECK_INT(strtod(text, NULL) == value, 1) ||
		    !CHECK(strlen(text) <= strlen(shortest_by_trial(value))))
			fprintf(stderr, "\t%s %s\n", text, shortest_by_trial(value));
	}
}

TEST(number__the_length_of_any_float_is_known)
{
	uint64_t state = test_seed();
	char text[FLOAT_BYTES_MAX];

	for (int i = 0; i < 20000; i++) {
		uint64_t bits = test_random(&state);
		double value;

		memcpy(&value, &bits, sizeof(value));
		REQUIRE(float_print_length(value) == float_print(text, value));
	}
	CHECK_INT(float_print_length(-0.0), 2);
	CHECK_INT(float_print_length(1e21), 5);
	CHECK_INT(float_print_length(123456789012345678901.0), 21);
	CHECK_INT(float_print_length(-1e-6), 9);
	CHECK_INT(float_print_length(NAN), 3);
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
