/*
 * Why: clients compare and cache InfluxDB's answers as bytes, so ours are the
 * same ones. One writer knows where a comma and a line end belong; callers say
 * only what the answer holds.
 */
#include "query/base/json.h"

#include <assert.h>
#include <math.h>

#include "engine/base/number.h"

#define INDENT "    "

/* --- strings -------------------------------------------------------------- */

/*
 * The length of the UTF-8 sequence at `p`, 0 when there is none: no overlong
 * forms, no surrogates, nothing above U+10FFFF.
 */
static size_t utf8_length(const unsigned char *p, size_t left)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max, length;
	} rows[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t length = rows[i].length;

		if (*p < rows[i].first_min || *p > rows[i].first_max)
			continue;
		if (left < length || p[1] < rows[i].second_min || p[1] > rows[i].second_max)
			return 0;
		for (size_t k = 2; k < length; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return length;
	}
	return 0;
}

/* ASCII that stands for itself: no control byte, none of " & < > \ */
static const bool is_plain[256] = {
	[' ' ... '!'] = true, ['#' ... '%'] = true, ['\'' ... ';'] = true,
	['='] = true,	      ['?' ... '['] = true, [']' ... 0x7f] = true,
};

/* An ASCII byte that does not stand for itself. */
static void print_escaped(struct buf *out, unsigned char byte)
{
	static const char named[] = "\"\"\\\\\nn\rr\tt";

	for (const char *p = named; *p; p += 2)
		if (byte == (unsigned char)*p) {
			buf_append_byte(out, '\\');
			buf_append_byte(out, p[1]);
			return;
		}
	buf_printf(out, "\\u%04x", byte);
}

/* What begins with a byte of 0x80 and above; gives its length. */
static size_t print_sequence(struct buf *out, const unsigned char *p, size_t left)
{
	size_t length = utf8_length(p, left);

	if (length == 0) {
		buf_append_text(out, "\\ufffd");
		return 1;
	}
	if (length == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
		buf_append_text(out, p[2] == 0xa8 ? "\\u2028" : "\\u2029");
	else
		buf_append(out, p, length);
	return length;
}

void json_print_string(struct buf *out, struct slice text)
{
	const unsigned char *bytes = (const unsigned char *)text.data;
	size_t i = 0;

	buf_append_byte(out, '"');
	while (i < text.length) {
		size_t run = i;

		while (run < text.length && is_plain[bytes[run]])
			run++;
		buf_append(out, bytes + i, run - i);
		i = run;
		if (i == text.length)
			break;
		if (bytes[i] < 0x80)
			print_escaped(out, bytes[i++]);
		else
			i += print_sequence(out, bytes + i, text.length - i);
	}
	buf_append_byte(out, '"');
}

/* --- the writer ----------------------------------------------------------- */

static void new_line(struct json *json)
{
	if (!json->pretty)
		return;
	buf_append_byte(json->out, '\n');
	for (unsigned i = 0; i < json->depth; i++)
		buf_append(json->out, INDENT, sizeof(INDENT) - 1);
}

/* What comes before a value or a key. */
static void separate(struct json *json)
{
	if (json->has_key) {
		json->has_key = false;
		return;
	}
	if (json->depth == 0)
		return;
	if (!json->is_fresh)
		buf_append_byte(json->out, ',');
	json->is_fresh = false;
	new_line(json);
}

void json_begin(struct json *json, char bracket)
{
	separate(json);
	buf_append_byte(json->out, bracket);
	json->depth++;
	json->is_fresh = true;
}

void json_end(struct json *json, char bracket)
{
	assert(json->depth > 0);
	json->depth--;
	if (!json->is_fresh)
		new_line(json);
	json->is_fresh = false;
	buf_append_byte(json->out, bracket);
}

void json_key_slice(struct json *json, struct slice key)
{
	separate(json);
	json_print_string(json->out, key);
	buf_append_byte(json->out, ':');
	if (json->pretty)
		buf_append_byte(json->out, ' ');
	json->has_key = true;
}

void json_key(struct json *json, const char *key)
{
	json_key_slice(json, slice_of_text(key));
}

void json_string(struct json *json, struct slice text)
{
	separate(json);
	json_print_string(json->out, text);
}

void json_plain(struct json *json, struct slice text)
{
	char *room;

	separate(json);
	room = buf_reserve(json->out, text.length + 2);
	room[0] = '"';
	memcpy(room + 1, text.data, text.length);
	room[text.length + 1] = '"';
	json->out->length += text.length + 2;
}

void json_float(struct json *json, double value)
{
	if (!isfinite(value)) {
		json_null(json);
		return;
	}
	separate(json);
	json->out->length += float_print(buf_reserve(json->out, FLOAT_BYTES_MAX), value);
}

void json_integer(struct json *json, int64_t value)
{
	separate(json);
	json->out->length += integer_print(buf_reserve(json->out, INTEGER_BYTES_MAX), value);
}

void json_unsigned(struct json *json, uint64_t value)
{
	separate(json);
	json->out->length += unsigned_print(buf_reserve(json->out, INTEGER_BYTES_MAX), value);
}

void json_boolean(struct json *json, bool value)
{
	separate(json);
	buf_append_text(json->out, value ? "true" : "false");
}

void json_null(struct json *json)
{
	separate(json);
	buf_append(json->out, "null", 4);
}
