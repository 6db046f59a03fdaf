/* JSON in the bytes of Go: what InfluxDB 1.6.7 answered for the same values. */
#include "query/base/json.h"

#include <math.h>

#include "tests/lib/test.h"

static const char *printed(struct slice text)
{
	static struct buf out;

	buf_reset(&out);
	json_print_string(&out, text);
	return buf_text(&out);
}

TEST(json__strings_are_escaped_as_go_does)
{
	CHECK_STR(printed(SLICE("plain")), "\"plain\"");
	CHECK_STR(printed(SLICE("")), "\"\"");
	CHECK_STR(printed(SLICE("<a&b>")), "\"\\u003ca\\u0026b\\u003e\"");
	CHECK_STR(printed(SLICE("\"q\"\\")), "\"\\\"q\\\"\\\\\"");
	CHECK_STR(printed(SLICE("a\tb\nc\rd")), "\"a\\tb\\nc\\rd\"");
	CHECK_STR(printed(SLICE("\x01\x1f\b\f")), "\"\\u0001\\u001f\\u0008\\u000c\"");
	CHECK_STR(printed(SLICE("\x7f")), "\"\x7f\"");
	CHECK_STR(printed(SLICE("a\0b")), "\"a\\u0000b\"");
	CHECK_STR(printed(SLICE("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80")),
		  "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"");
	CHECK_STR(printed(SLICE("\xe2\x80\xa8x\xe2\x80\xa9")), "\"\\u2028x\\u2029\"");
}

TEST(json__each_byte_that_is_no_utf8_is_one_replacement)
{
	CHECK_STR(printed(SLICE("\xff")), "\"\\ufffd\"");
	CHECK_STR(printed(SLICE("a\xc3")), "\"a\\ufffd\"");
	CHECK_STR(printed(SLICE("\xe2\x80")), "\"\\ufffd\\ufffd\"");
	CHECK_STR(printed(SLICE("\xed\xa0\x80")), "\"\\ufffd\\ufffd\\ufffd\"");
	CHECK_STR(printed(SLICE("\xc0\x80")), "\"\\ufffd\\ufffd\"");
	CHECK_STR(printed(SLICE("\xf4\x90\x80\x80")), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

static void write_some(struct json *json)
{
	json_begin(json, '{');
	json_key(json, "a");
	json_begin(json, '[');
	json_integer(json, -1);
	json_unsigned(json, UINT64_MAX);
	json_float(json, 1e21);
	json_float(json, NAN);
	json_float(json, -INFINITY);
	json_boolean(json, true);
	json_end(json, ']');
	json_key(json, "b");
	json_begin(json, '{');
	json_end(json, '}');
	json_key(json, "c");
	json_null(json);
	json_end(json, '}');
}

TEST(json__commas_stand_between_values)
{
	struct buf out = { 0 };
	struct json json = { .out = &out };

	write_some(&json);
	CHECK_STR(buf_text(&out),
		  "{\"a\":[-1,18446744073709551615,1e+21,null,null,true],\"b\":{},\"c\":null}");
	buf_release(&out);
}

TEST(json__pretty_is_marshal_indent_with_four_blanks)
{
	struct buf out = { 0 };
	struct json json = { .out = &out, .pretty = true };

	write_some(&json);
	CHECK_STR(buf_text(&out),
		  "{\n    \"a\": [\n        -1,\n        18446744073709551615,\n"
		  "        1e+21,\n        null,\n        null,\n        true\n    ],\n"
		  "    \"b\": {},\n    \"c\": null\n}");
	buf_release(&out);
}
