/* Series as file names: the spelling of the design, by hand, and there and back at random. */
#include <stdio.h>

#include "engine/base/limits.h"
#include "engine/point/name.h"
#include "tests/lib/test.h"

static struct arena arena;
static struct diag diag;
static struct slice measurement;
static struct tag tags[TAGS_PER_SERIES_MAX];
static size_t tag_count;

static int parse(struct slice name)
{
	arena_reset(&arena);
	memset(&diag, 0, sizeof(diag));
	return name_parse(&arena, name, &measurement, tags, &tag_count, &diag);
}

/* The canonical name of any spelling. */
static const char *canonical(const char *name)
{
	static struct buf out;

	buf_reset(&out);
	if (parse(slice_of_text(name)) < 0)
		return diag.text;
	name_print(&out, measurement, tags, tag_count);
	return buf_text(&out);
}

TEST(name__parts_are_encoded_as_the_design_says)
{
	CHECK_STR(canonical("cpu,host=a,region=west"), "cpu,host=a,region=west");
	CHECK_STR(canonical("region.uswest.az.1.serverA.cpu"), "region.uswest.az.1.serverA.cpu");
	CHECK_STR(canonical("cpu,host=a b,path=/var/log"), "cpu,host=a b,path=%2Fvar%2Flog");
	CHECK_STR(canonical("m\xc3\xbc,k=\xe2\x82\xac"), "m\xc3\xbc,k=\xe2\x82\xac");
	CHECK_STR(canonical("m\xc3,k=\xff"), "m%C3,k=%FF");
	CHECK_STR(canonical("m\xed\xa0\x80"), "m%ED%A0%80");
	CHECK_STR(canonical("m\xc0\xaf"), "m%C0%AF");
	CHECK_STR(canonical("m\t\x7f"), "m%09%7F");
	CHECK_STR(canonical(".hidden,a=.b"), "%2Ehidden,a=.b");
	CHECK_STR(canonical("a%2Cb%3d%25"), "a%2Cb%3D%25");
	CHECK_STR(canonical("a=b"), "a%3Db");
	CHECK_STR(canonical("a\\b"), "a\\b");
}

TEST(name__any_spelling_opens_the_series)
{
	CHECK_STR(canonical("cpu,region=west,host=a"), "cpu,host=a,region=west");
	CHECK_STR(canonical("%63pu,%68ost=%61"), "cpu,host=a");
	CHECK_STR(canonical("cpu,path=%2fvar"), "cpu,path=%2Fvar");
	REQUIRE(parse(SLICE("cpu,b=2,a%2C=1%3D")) == OK);
	REQUIRE(tag_count == 2);
	CHECK_SLICE(measurement, "cpu");
	CHECK_SLICE(tags[0].key, "a,");
	CHECK_SLICE(tags[0].value, "1=");
	CHECK_SLICE(tags[1].key, "b");
}

TEST(name__what_has_no_meaning_is_refused_with_its_place)
{
	static const struct {
		const char *name, *reason;
		unsigned column;
	} rows[] = {
		{ "", "missing measurement", 1 },
		{ ",a=b", "missing measurement", 1 },
		{ "cpu,", "missing tag key", 5 },
		{ "cpu,=a", "missing tag key", 5 },
		{ "cpu,host", "missing tag value", 9 },
		{ "cpu,host=", "missing tag value", 10 },
		{ "cpu,host=,a=b", "missing tag value", 10 },
		{ "cpu,a=b=c", "invalid tag format", 8 },
		{ "cpu,a=1,a=2", "duplicate tags", 1 },
		{ "cpu,a=1,%61=2", "duplicate tags", 1 },
		{ "cpu,time=1", "invalid tag key: input tag \"time\" on measurement \"cpu\"", 1 },
		{ "c%", "malformed %XX", 2 },
		{ "c%2", "malformed %XX", 2 },
		{ "cpu,a=x%zz", "malformed %XX", 8 },
		{ "c%2,a=b", "malformed %XX", 2 },
		{ "#c", "line protocol takes a #", 1 },
		{ "cpu,a=b\\", "line protocol cannot spell", 7 },
		{ "cpu,a=b%0Ac", "line protocol cannot spell", 7 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_INT(parse(slice_of_text(rows[i].name)), ERR_INVALID);
		CHECK_INT(diag.column, rows[i].column);
		diag.text[strnlen(rows[i].reason, sizeof(diag.text) - 1)] = '\0';
		CHECK_STR(diag.text, rows[i].reason);
	}
}

TEST(name__backslashes_stand_for_themselves)
{
	CHECK_INT(parse(SLICE("cpu\\x,a=b\\\\ c")), OK);
	CHECK_SLICE(measurement, "cpu\\x");
	CHECK_SLICE(tags[0].value, "b\\\\ c");
	CHECK_INT(parse(SLICE("a\\=b")), OK);
	CHECK_INT(parse(SLICE("a\\\\,k=v")), ERR_INVALID);
}

TEST(name__a_long_one_is_cut_and_told_by_its_hash)
{
	struct buf one = { 0 }, two = { 0 };
	char value[301];

	memset(value, 'x', 300);
	for (size_t length = 240; length <= 300; length++) {
		struct tag tag = { SLICE("k"), slice_of(value, length) };

		buf_reset(&one);
		buf_reset(&two);
		name_print(&one, SLICE("m"), &tag, 1);
		name_print_full(&two, SLICE("m"), &tag, 1);
		CHECK_INT(two.length, length + 4);
		if (two.length <= NAME_BYTES_MAX) {
			CHECK(slice_equal(buf_slice(&one), buf_slice(&two)));
			CHECK(!name_is_cut(buf_slice(&one)));
		} else {
			CHECK_INT(one.length, NAME_BYTES_MAX);
			CHECK(name_is_cut(buf_slice(&one)));
			CHECK(memcmp(one.data, two.data, NAME_BYTES_MAX - 17) == 0);
		}
	}
	CHECK(!name_is_cut(SLICE("cpu~0123456789abcdef")));
	buf_release(&one);
	buf_release(&two);
}

TEST(name__a_cut_never_splits_a_character_or_an_escape)
{
	static const struct {
		const char *unit;
		size_t printed;
	} rows[] = {
		{ "\xc3\xbc", 2 }, { "\xe2\x82\xac", 3 }, { "\xf0\x9f\x98\x80", 4 }, { "/", 3 }
	};
	struct buf out = { 0 }, name = { 0 };

	for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++)
		for (size_t shift = 0; shift < 4; shift++) {
			buf_reset(&name);
			buf_reset(&out);
			buf_append(&name, "abcd", shift + 1);
			for (int i = 0; i < 200; i++)
				buf_append_text(&name, rows[row].unit);
			name_print(&out, buf_slice(&name), NULL, 0);
			CHECK(name_is_cut(buf_slice(&out)));
			CHECK_INT((out.length - 17 - shift - 1) % rows[row].printed, 0);
		}
	buf_release(&out);
	buf_release(&name);
}

/* Bytes that matter come often. */
static struct slice random_part(uint64_t *state, char *room)
{
	static const char special[] = ",= /%\\.~\"#\t\x7f\xc3\xbc\xff\xe2\x82\xac";
	size_t length = 1 + test_random(state) % 8;

	for (size_t i = 0; i < length; i++) {
		uint64_t r = test_random(state);

		room[i] = r % 2 ? special[(r >> 8) % (sizeof(special) - 1)] : (char)('a' + r % 26);
	}
	return slice_of(room, length);
}

/* Every name that is taken comes back from its print, and its key from line protocol. */
static void check_there_and_back(struct slice name)
{
	static struct tag again[TAGS_PER_SERIES_MAX];
	struct buf full = { 0 }, key = { 0 }, twice = { 0 };
	struct slice name_again;
	size_t count = 0;

	name_print_full(&full, measurement, tags, tag_count);
	line_print_key(&key, measurement, tags, tag_count);
	CHECK(line_parse_key(&arena, buf_slice(&key), &name_again, again, &count, NULL) == OK);
	CHECK_INT(count, tag_count);
	name_print_full(&twice, name_again, again, count);
	if (!CHECK(slice_equal(buf_slice(&full), buf_slice(&twice))))
		fprintf(stderr, "\t%.*s\n", (int)name.length, name.data);
	CHECK(parse(buf_slice(&full)) == OK);
	buf_reset(&twice);
	name_print_full(&twice, measurement, tags, tag_count);
	CHECK(slice_equal(buf_slice(&full), buf_slice(&twice)));
	for (size_t i = 0; i < full.length; i++)
		CHECK(full.data[i] != '/' && (unsigned char)full.data[i] >= 0x20);
	CHECK(full.data[0] != '.');
	buf_release(&full);
	buf_release(&key);
	buf_release(&twice);
}

TEST(name__there_and_back_at_random)
{
	uint64_t state = test_seed();
	struct buf name = { 0 };
	char room[16];
	int taken = 0;

	for (int round = 0; round < 20000; round++) {
		buf_reset(&name);
		buf_append_slice(&name, random_part(&state, room));
		for (uint64_t i = test_random(&state) % 3; i > 0; i--) {
			buf_append_byte(&name, ',');
			buf_append_slice(&name, random_part(&state, room));
			buf_append_byte(&name, '=');
			buf_append_slice(&name, random_part(&state, room));
		}
		if (parse(buf_slice(&name)) == OK) {
			check_there_and_back(buf_slice(&name));
			taken++;
		}
	}
	CHECK(taken > 100);
	buf_release(&name);
	arena_release(&arena);
}

/* Parts are anything here, and encoded, so that none is refused for its spelling. */
TEST(name__every_expressible_part_survives_its_encoding)
{
	uint64_t state = test_seed() + 1;
	struct buf out = { 0 };
	char room[2][16];

	for (int round = 0; round < 20000; round++) {
		struct tag tag = { SLICE("k"), random_part(&state, room[0]) };
		struct slice name = random_part(&state, room[1]);

		buf_reset(&out);
		name_print(&out, name, &tag, 1);
		if (parse(buf_slice(&out)) < 0)
			continue;
		CHECK(slice_equal(measurement, name));
		CHECK(tag_count == 1 && slice_equal(tags[0].value, tag.value));
	}
	buf_release(&out);
	arena_release(&arena);
}
