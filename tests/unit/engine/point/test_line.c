/*
 * Line protocol. The refusals are those of InfluxDB 1.6.7 (its words after
 * "unable to parse '…': "), which begin our message.
 */
#include <stdio.h>

#include "engine/base/limits.h"
#include "engine/base/number.h"
#include "engine/base/when.h"
#include "engine/point/line.h"
#include "tests/lib/test.h"

static struct arena arena;
static struct line_context context;
static struct diag diag;

static int parse_as(unsigned forms, const char *text, struct line *line)
{
	arena_reset(&arena);
	memset(&diag, 0, sizeof(diag));
	context.arena = &arena;
	context.forms = forms;
	return line_parse(&context, slice_of_text(text), line, &diag);
}

static int parse(const char *text, struct line *line)
{
	return parse_as(LINE_FULL, text, line);
}

TEST(line__a_line_has_a_key_fields_and_a_time)
{
	struct line line;

	REQUIRE(parse("cpu,host=a usage=0.5,n=-3i,u=7u,up=T,s=\"a, b=\\\"c\\\"\" 17", &line) == OK);
	CHECK_SLICE(line.raw_key, "cpu,host=a");
	REQUIRE(line.field_count == 5);
	CHECK_SLICE(line.fields[0].key, "usage");
	CHECK(line.fields[0].type == VALUE_FLOAT && line.fields[0].value.f == 0.5);
	CHECK(line.fields[1].type == VALUE_INTEGER && line.fields[1].value.i == -3);
	CHECK(line.fields[2].type == VALUE_UNSIGNED && line.fields[2].value.u == 7);
	CHECK(line.fields[3].type == VALUE_BOOLEAN && line.fields[3].value.bits == 1);
	CHECK_SLICE(text_slice(line.fields[4].value.s), "a, b=\"c\"");
	CHECK(line.has_time);
	CHECK_INT(line.time_ns, 17);
}

TEST(line__escapes_are_taken_away_where_they_mean_something)
{
	struct line line;

	REQUIRE(parse("m f\\,a\\=b\\ c=1,d\\x=2,s=\"a\\nb\\\\\"", &line) == OK);
	CHECK_SLICE(line.fields[0].key, "f,a=b c");
	CHECK_SLICE(line.fields[1].key, "d\\x");
	CHECK_SLICE(text_slice(line.fields[2].value.s), "a\\nb\\");
	CHECK(!line.has_time);
}

TEST(line__blank_lines_and_comments_are_nothing)
{
	struct line line;

	CHECK_INT(parse("", &line), END);
	CHECK_INT(parse("   ", &line), END);
	CHECK_INT(parse("# cpu v=1", &line), END);
	CHECK_INT(parse("  cpu   v=1   5  ", &line), OK);
	CHECK_INT(line.time_ns, 5);
}

TEST(line__refusals_speak_as_influxdb_does)
{
	static const struct {
		const char *line, *reason;
	} rows[] = {
		{ "cpu", "missing fields" },
		{ "cpu,h=a", "missing fields" },
		{ "cpu ", "invalid field format" },
		{ "cpu v", "invalid field format" },
		{ "cpu v=1,", "invalid field format" },
		{ "cpu ,v=1", "invalid field format" },
		{ "cpu,", "missing tag key" },
		{ "cpu,h", "missing tag value" },
		{ "cpu,h=", "missing tag value" },
		{ ",h=a v=1", "missing measurement" },
		{ "cpu =1", "missing field key" },
		{ "cpu v=", "missing field value" },
		{ "cpu v=1i2", "invalid number" },
		{ "cpu v=1.5i", "invalid number" },
		{ "cpu v=-", "invalid number" },
		{ "cpu v=0x10", "invalid number" },
		{ "cpu v=abc", "invalid boolean" },
		{ "cpu v=i", "invalid boolean" },
		{ "cpu v=inf", "invalid boolean" },
		{ "cpu v=+1", "invalid boolean" },
		{ "cpu v=TrUe", "invalid boolean" },
		{ "cpu v=1e400", "invalid float" },
		{ "cpu v=\"abc", "unbalanced quotes" },
		{ "cpu v=1 abc", "bad timestamp" },
		{ "cpu v=1 1.5", "bad timestamp" },
		{ "cpu v=1 1 2", "point is invalid" },
		{ "cpu v=1 9223372036854775807",
		  "time outside range -9223372036854775806 - 9223372036854775806" },
		{ "cpu v=9223372036854775808i",
		  "unable to parse integer 9223372036854775808: strconv.ParseInt: parsing "
		  "\"9223372036854775808\": value out of range" },
		{ "cpu time=1",
		  "invalid field name: input field \"time\" on measurement \"cpu\" is invalid" },
		{ "cpu v=1\r\r", "invalid number" }, /* one ends a line with its newline */
		{ "cpu v=1e", "invalid float" },
		{ "cpu,=a v=", "missing tag key" },
		{ "cpu,h= v", "missing tag value" },
		{ "cpu,h=a=b v=x", "invalid tag format" },
		{ "cpu,h=a,h=b v=x", "duplicate tags" },
		{ "cpu,h=a,h=b", "missing fields" },
		{ "cpu,b==1=2 v=", "invalid tag format" },
		{ "cpu,b\\\\=1 v=", "missing tag value" },
	};
	struct line line;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK(parse(rows[i].line, &line) < 0);
		diag.text[strnlen(rows[i].reason, sizeof(diag.text) - 1)] = '\0';
		CHECK_STR(diag.text, rows[i].reason);
	}
}

TEST(line__the_column_points_at_the_mistake)
{
	struct line line;

	CHECK_INT(parse("cpu v=1,w=abc 5", &line), ERR_INVALID);
	CHECK_INT(diag.column, 11);
	CHECK_INT(parse("cpu v=1 5x", &line), ERR_INVALID);
	CHECK_INT(diag.column, 9);
}

TEST(line__times_may_carry_a_unit_or_be_dates)
{
	struct line line;

	CHECK(parse("m v=1 3s", &line) == OK && line.time_ns == 3 * NS_PER_SECOND);
	CHECK(parse("m v=1 -3ms", &line) == OK && line.time_ns == -3 * NS_PER_MS);
	CHECK(parse("m v=1 3us", &line) == OK && line.time_ns == 3000);
	CHECK(parse("m v=1 1970-01-01T00:01:00Z", &line) == OK && line.time_ns == NS_PER_MINUTE);
	context.time_unit_ns = NS_PER_SECOND;
	CHECK(parse("m v=1 3", &line) == OK && line.time_ns == 3 * NS_PER_SECOND);
	CHECK(parse("m v=1 3ns", &line) == OK && line.time_ns == 3);
	CHECK_INT(parse("m v=1 9223372037", &line), ERR_RANGE);
	context.time_unit_ns = 0;
	CHECK(parse("m v=1 -9223372036854775806", &line) == OK && line.time_ns == TIME_MIN_NS);
}

TEST(line__series_files_take_short_forms)
{
	struct line line;
	unsigned forms = LINE_FULL | LINE_SHORT;

	REQUIRE(parse_as(forms, "0.64 1700000000s", &line) == OK);
	CHECK_SLICE(line.fields[0].key, "value");
	CHECK(line.raw_key.length == 0 && line.has_time && line.fields[0].value.f == 0.64);
	REQUIRE(parse_as(forms, "value=0.64,x=1i", &line) == OK);
	CHECK_INT(line.field_count, 2);
	CHECK_INT(line.raw_key.length, 0);
	REQUIRE(parse_as(forms, "cpu,host=a value=0.64 7", &line) == OK);
	CHECK_SLICE(line.raw_key, "cpu,host=a");
	/* Quotes of a key are letters like others. */
	REQUIRE(parse_as(forms, "m,t=n\"o f=1 7", &line) == OK);
	CHECK_SLICE(line.raw_key, "m,t=n\"o");
	REQUIRE(parse_as(forms, "m,t=\"x f=1,s=\"a b\" 7", &line) == OK);
	CHECK_SLICE(line.raw_key, "m,t=\"x");
	REQUIRE(parse_as(forms, "a=1,s=\"x y=z\" 7", &line) == OK);
	CHECK_INT(line.field_count, 2);
	REQUIRE(parse_as(forms, "s=\"a b=c\" 7", &line) == OK);
	CHECK_SLICE(text_slice(line.fields[0].value.s), "a b=c");
	CHECK_INT(line.time_ns, 7);
	REQUIRE(parse_as(forms, "\"two words\"", &line) == OK);
	CHECK_SLICE(text_slice(line.fields[0].value.s), "two words");
	/* What looks like the second token's `=` is in a string, or behind a backslash. */
	REQUIRE(parse_as(forms, "s=\"x\" \"a=b\"", &line) == ERR_INVALID);
	CHECK_INT(line.raw_key.length, 0);
	REQUIRE(parse_as(forms, "\"a=\\\" b=c\" 7", &line) == OK);
	CHECK_SLICE(text_slice(line.fields[0].value.s), "a=\" b=c");
	CHECK_INT(parse_as(forms, "a=1 x\\=y", &line), ERR_INVALID);
	CHECK_INT(line.raw_key.length, 0);
	REQUIRE(parse_as(forms, "m\\ n,t=a\\=b f=1 7", &line) == OK);
	CHECK_SLICE(line.raw_key, "m\\ n,t=a\\=b");
	CHECK_INT(parse_as(forms, "garbage", &line), ERR_INVALID);
}

TEST(line__the_last_of_a_repeated_field_stands_and_time_is_dropped)
{
	struct line line;

	REQUIRE(parse("m v=1,w=2,v=3,time=9", &line) == OK);
	REQUIRE(line.field_count == 2);
	CHECK(line.fields[0].value.f == 3);
	CHECK_SLICE(line.fields[1].key, "w");
}

static size_t measured(const char *text)
{
	size_t length = 99;

	CHECK_INT(line_measure(slice_of_text(text), &length), OK);
	return length;
}

TEST(line__a_newline_in_a_string_does_not_end_the_line)
{
	CHECK_INT(measured("m v=1\nm v=2\n"), 6);
	CHECK_INT(measured("m v=1"), 0);
	CHECK_INT(measured("m s=\"a\nb\"\nm"), 10);
	CHECK_INT(measured("m s=\"a\n"), 0);
	CHECK_INT(measured("m s=\"a\\\"\n\" 5\n"), 13);
	CHECK_INT(measured("m,t=\"a v=1\n"), 11);
	CHECK_INT(measured("# \"\nx"), 4);
	CHECK_INT(measured("s=\"a\nb\" 5\n"), 10);
	CHECK_INT(measured("\n"), 1);
}

static size_t measured_full(const char *text)
{
	size_t length = 99;

	CHECK_INT(line_measure_forms(slice_of_text(text), LINE_FULL, &length), OK);
	return length;
}

TEST(line__a_quote_in_a_key_opens_no_string_where_only_full_lines_are_taken)
{
	CHECK_INT(measured_full("a=\"b v=1\nm v=2\n"), 9);
	CHECK_INT(measured_full("\"cpu v=1\nm v=2\n"), 9);
	CHECK_INT(measured_full("m s=\"a\nb\"\nm"), 10);
	CHECK_INT(measured_full("m f\\=\"=1\nx"), 9);
	CHECK_INT(measured("m f\\=\"=1\nx"), 9);
	CHECK_INT(measured("\"a\nb\" 5\n"), 8);
}

TEST(line__a_newline_stands_in_strings_only)
{
	struct line line;

	CHECK_INT(parse("s=\"a\nb\" v=1", &line), ERR_INVALID);
	CHECK_INT(diag.column, 5);
	CHECK_INT(parse("m a\nb=1", &line), ERR_INVALID);
	CHECK_INT(diag.column, 4);
	CHECK_INT(parse("m v=\"a\nb\"", &line), OK);
}

/* As InfluxDB 1.6.7 does: what `show series` tells there. */
TEST(line__keys_look_one_byte_back_for_a_backslash)
{
	static struct tag tags[TAGS_PER_SERIES_MAX];
	struct slice measurement;
	struct line line;
	size_t count;

	REQUIRE(parse("m\\\\ x,a==b,c=d\\\\,e v=1", &line) == OK);
	CHECK_SLICE(line.raw_key, "m\\\\ x,a==b,c=d\\\\,e");
	REQUIRE(line_parse_key(&arena, line.raw_key, &measurement, tags, &count, &diag) == OK);
	CHECK_SLICE(measurement, "m\\ x");
	REQUIRE(count == 2);
	CHECK_SLICE(tags[0].value, "=b");
	CHECK_SLICE(tags[1].value, "d\\,e");
}

TEST(line__an_unclosed_quote_is_bounded)
{
	static char text[LINE_BYTES_MAX + 10];
	size_t length;

	memset(text, 'x', sizeof(text));
	memcpy(text, "m s=\"", 5);
	CHECK_INT(line_measure(slice_of(text, 1000), &length), OK);
	CHECK_INT(line_measure(slice_of(text, sizeof(text)), &length), ERR_TOO_LONG);
}

/* --- guesses ------------------------------------------------------------------ */

static const char *const pieces[] = {
	"a=", "bb=",  "value=",	  "a",	       "bb", "v",   "value", "time=",
	"=",  ",",    ",",	  ",",	       " ",  "1",   "1i",    "-2.5",
	"7u", "T",    "\"x\"",	  "\"",	       "\\", "\\,", "1e3",   "12345678901234567890",
	"-0", "0.1",  "99i",	  "false",     "é",  "#",   "  ",    "5 ",
	"1.", "-.5i", "a=1,bb=2", "3,value=4",
};

static void print_noise(uint64_t *state, struct buf *out)
{
	size_t count = test_random(state) % 12;

	buf_reset(out);
	buf_append_text(out, "m,t=1 a=1");
	/* Half of it could be fields as a client sends them. */
	for (size_t i = 0; i < count && test_random(state) % 8; i++)
		buf_printf(out, ",%s%s", pieces[test_random(state) % 3],
			   pieces[13 + test_random(state) % 6]);
	count = test_random(state) % 2 ? 0 : count;
	for (size_t i = 0; i < count; i++)
		buf_append_text(out,
				pieces[test_random(state) % (sizeof(pieces) / sizeof(*pieces))]);
}

/* What a parse gave, as text. */
static void print_parsed(int err, const struct line *line, struct buf *out)
{
	buf_reset(out);
	buf_printf(out, "%d %s %u", err, diag.text, err < 0 ? diag.column : 0);
	for (size_t i = 0; err == OK && i < line->field_count; i++) {
		buf_append_byte(out, '|');
		line_print_field(out, line->fields[i].key, line->fields[i].type,
				 line->fields[i].value);
	}
	if (err == OK)
		buf_printf(out, "|%d %lld", line->has_time, (long long)line->time_ns);
}

TEST(line__a_guess_changes_nothing_but_the_cost)
{
	static const struct slice guess[] = { { "a", 1 }, { "bb", 2 }, { "value", 5 } };
	struct buf text = { 0 }, plain = { 0 }, guessed = { 0 };
	uint64_t state = test_seed();
	unsigned right = 0, parsed = 0;
	struct line line = { 0 };

	for (int i = 0; i < 100000; i++) {
		print_noise(&state, &text);
		context.guess_count = 0;
		int err = parse(buf_text(&text), &line);
		print_parsed(err, &line, &plain);
		parsed += err == OK;
		context.guess = guess;
		context.guess_count = 3;
		err = parse(buf_text(&text), &line);
		print_parsed(err, &line, &guessed);
		right += err == OK && line.guessed_count == line.field_count;
		if (!CHECK_STR(buf_text(&guessed), buf_text(&plain)))
			fprintf(stderr, "\t%s\n", buf_text(&text));
	}
	context.guess_count = 0;
	/* The noise is of use: some of it is lines, and some was guessed. */
	CHECK(parsed > 20000);
	CHECK(right > 1000);
	buf_release(&text);
	buf_release(&plain);
	buf_release(&guessed);
}

TEST(line__usual_numbers_are_what_the_exact_ones_are)
{
	static const char digits[] = "0123456789012345678901234567890.-";
	uint64_t state = test_seed();
	unsigned taken = 0;

	for (int i = 0; i < 200000; i++) {
		char text[64] = "m v=", *number = text + 4;
		size_t length = test_random(&state) % 22 + 1;
		struct line line;
		double expected = 0;

		for (size_t k = 0; k < length; k++)
			number[k] = digits[test_random(&state) % (k ? 31 : 33)];
		if (test_random(&state) % 2)
			number[test_random(&state) % length] = '.';
		int err = float_parse(slice_of(number, length), &expected);
		REQUIRE((parse(text, &line) == OK) == (err == OK));
		if (err != OK)
			continue;
		taken++;
		REQUIRE(line.fields[0].type == VALUE_FLOAT &&
			memcmp(&line.fields[0].value.f, &expected, sizeof(expected)) == 0);
	}
	CHECK(taken > 100000);
}

TEST(line__keys_come_apart_with_sorted_tags_and_go_together_again)
{
	static struct tag tags[TAGS_PER_SERIES_MAX];
	struct slice measurement;
	struct buf out = { 0 };
	size_t count;

	arena_reset(&arena);
	REQUIRE(line_parse_key(&arena, SLICE("c\\,p\\ u,z=1,a\\=b=x\\ y"), &measurement, tags,
			       &count, &diag) == OK);
	CHECK_SLICE(measurement, "c,p u");
	REQUIRE(count == 2);
	CHECK_SLICE(tags[0].key, "a=b");
	CHECK_SLICE(tags[0].value, "x y");
	line_print_key(&out, measurement, tags, count);
	CHECK_SLICE(buf_slice(&out), "c\\,p\\ u,a\\=b=x\\ y,z=1");
	memset(&diag, 0, sizeof(diag));
	CHECK_INT(line_parse_key(&arena, SLICE("m,a=1,a=2"), &measurement, tags, &count, &diag),
		  ERR_INVALID);
	CHECK_STR(diag.text, "duplicate tags");
	CHECK_INT(line_parse_key(&arena, SLICE("m,time=1"), &measurement, tags, &count, NULL),
		  ERR_INVALID);
	CHECK_INT(line_parse_key(&arena, SLICE("m,a=b=c"), &measurement, tags, &count, NULL),
		  ERR_INVALID);
	buf_release(&out);
	arena_release(&arena);
	line_context_release(&context);
}
