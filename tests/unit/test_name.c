/* Series as file names. */
#include <stdio.h>

#include "engine/limits.h"
#include "engine/name.h"
#include "tests/lib/test.h"

static struct arena arena;
static struct tag tags[TAGS_PER_SERIES_MAX];
static struct slice measurement;
static size_t count;

static int parse(const char *name)
{
	arena_reset(&arena);
	return name_parse(&arena, slice_of_text(name), &measurement, tags, &count, NULL);
}

/* The listed spelling of any spelling. */
static const char *listed(const char *name)
{
	static struct buf out;

	buf_reset(&out);
	if (parse(name) < 0)
		return "refused";
	name_print(&out, measurement, tags, count);
	return buf_text(&out);
}

TEST(name__any_order_and_spelling_is_listed_in_one)
{
	CHECK_STR(listed("cpu"), "cpu");
	CHECK_STR(listed("cpu,region=west,host=a"), "cpu,host=a,region=west");
	CHECK_STR(listed("cpu,p%61th=%2fvar%2Flog"), "cpu,path=%2Fvar%2Flog");
	CHECK_STR(listed("a b,t=\xc3\xbc"), "a b,t=\xc3\xbc");
	CHECK_STR(listed(".hidden"), "%2Ehidden");
	CHECK_STR(listed("region.uswest.az.1"), "region.uswest.az.1");
	CHECK_STR(listed("m,a=.x"), "m,a=.x");
	CHECK_STR(listed("m%2C,a%3D=100%25"), "m%2C,a%3D=100%25");
	CHECK_STR(listed("m\xff,t=\xed\xa0\x80"), "m%FF,t=%ED%A0%80");
	CHECK_STR(listed("m\t"), "m%09");
}

TEST(name__what_is_no_series_is_refused)
{
	static const char *const wrong[] = { "",	",a=b",	     "m,",   "m,a",	"m,=b",
					     "m,a=",	"m,a=b,a=c", "m%",   "m%2",	"m%G1",
					     "m,a=b=c", "m,time=1",  "m%0A", "m,t=a\\", "m%00" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (!CHECK_INT(parse(wrong[i]), ERR_INVALID))
			fprintf(stderr, "\t%s\n", wrong[i]);
}

TEST(name__a_long_name_is_cut_between_characters_and_keeps_its_hash)
{
	char value[400];
	struct buf out = { 0 };

	for (size_t pad = 0; pad < 6; pad++) {
		size_t length = 0;
		struct tag tag = { SLICE("t"), slice_of(value, 0) };

		memset(value, 'x', pad);
		for (length = pad; length < 390; length += 3)
			memcpy(value + length, pad % 2 ? "\xe2\x82\xac" : "a/b", 3);
		tag.value.length = length;
		buf_reset(&out);
		name_print(&out, SLICE("m"), &tag, 1);
		CHECK(out.length <= NAME_BYTES_MAX);
		CHECK(name_is_cut(buf_slice(&out)));
		size_t cut = out.length - 17;
		CHECK(out.data[cut - 1] != '%' && out.data[cut - 2] != '%');
		if (pad % 2)
			CHECK((unsigned char)out.data[cut - 1] == 0xac || out.data[cut - 1] == 'x');
	}
	CHECK(!name_is_cut(SLICE("cpu~0123456789abcdef")));
	buf_release(&out);
}

TEST(name__random_parts_come_back)
{
	uint64_t state = test_seed();
	struct buf out = { 0 };

	for (int round = 0; round < 5000; round++) {
		char bytes[3][12];
		struct slice part[3];

		for (int i = 0; i < 3; i++) {
			size_t length = 1 + test_random(&state) % 12;

			for (size_t k = 0; k < length; k++)
				do {
					bytes[i][k] = (char)(test_random(&state) % 256);
				} while (bytes[i][k] == '\n' || bytes[i][k] == '\0' ||
					 bytes[i][k] == '\\');
			part[i] = slice_of(bytes[i], length);
		}
		struct tag tag = { part[1], part[2] };
		buf_reset(&out);
		name_print_full(&out, part[0], &tag, 1);
		arena_reset(&arena);
		REQUIRE(name_parse(&arena, buf_slice(&out), &measurement, tags, &count, NULL) ==
			OK);
		REQUIRE(slice_equal(measurement, part[0]) && count == 1);
		REQUIRE(slice_equal(tags[0].key, part[1]) && slice_equal(tags[0].value, part[2]));
		REQUIRE(!memchr(out.data, '/', out.length));
	}
	buf_release(&out);
	arena_release(&arena);
}
