/*
 * Why: `params=` is JSON from outside, and the only JSON this project reads. What
 * a value can be, and the words for what it cannot, are InfluxDB's.
 *
 *	{"host": "a", "n": 5, "span": {"duration": "5m"}}
 *
 * A value of the wrong kind becomes one that fails where it is used: nobody
 * minds it elsewhere.
 */
#include <stdarg.h>
#include <stdio.h>

#include "engine/base/buf.h"
#include "engine/base/number.h"
#include "engine/base/when.h"
#include "query/language/parser.h"

#define JSON_DEPTH_MAX 64
#define PARAMS_MAX     1000

struct reader {
	const char *next, *end;
	struct arena *arena;
	struct diag *diag;
	unsigned depth;
};

/* InfluxDB names these mistakes itself: nothing is to stand in front of them. */
__attribute__((format(printf, 2, 3))) static int fail_alone(struct reader *r, const char *format,
							    ...)
{
	char text[DIAG_TEXT_BYTES_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	r->diag->stands_alone = true;
	return diag_set(r->diag, ERR_INVALID, "%s", text);
}

static int fail(struct reader *r, const char *expected)
{
	return fail_alone(r, "error parsing query parameters: expected %s", expected);
}

static void skip_blanks(struct reader *r)
{
	while (r->next < r->end && memchr(" \t\r\n", *r->next, 4))
		r->next++;
}

/* The next byte that is no blank; 0 at the end. */
static char peek(struct reader *r)
{
	skip_blanks(r);
	return r->next < r->end ? *r->next : 0;
}

static bool accept(struct reader *r, char byte)
{
	if (byte != peek(r))
		return false;
	r->next++;
	return true;
}

static bool accept_word(struct reader *r, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(r->end - r->next) < length || memcmp(r->next, word, length) != 0)
		return false;
	r->next += length;
	return true;
}

/* --- strings --------------------------------------------------------------- */

static int hex_digit(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f')
		return (byte | 0x20) - 'a' + 10;
	return -1;
}

/* Four digits behind `\u`; -1 = they are none. */
static int32_t read_hex(struct reader *r)
{
	int32_t value = 0;

	if (r->end - r->next < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(r->next[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	r->next += 4;
	return value;
}

static void append_utf8(struct buf *out, uint32_t rune)
{
	if (rune < 0x80) {
		buf_append_byte(out, (char)rune);
		return;
	}
	if (rune < 0x800) {
		buf_append_byte(out, (char)(0xc0 | rune >> 6));
	} else {
		if (rune < 0x10000) {
			buf_append_byte(out, (char)(0xe0 | rune >> 12));
		} else {
			buf_append_byte(out, (char)(0xf0 | rune >> 18));
			buf_append_byte(out, (char)(0x80 | (rune >> 12 & 0x3f)));
		}
		buf_append_byte(out, (char)(0x80 | (rune >> 6 & 0x3f)));
	}
	buf_append_byte(out, (char)(0x80 | (rune & 0x3f)));
}

#define RUNE_REPLACEMENT 0xfffd

static bool is_surrogate(int32_t rune)
{
	return rune >= 0xd800 && rune < 0xe000;
}

/* What follows `\u`: two of them may make one character, half a pair makes U+FFFD. */
static bool read_rune(struct reader *r, struct buf *out)
{
	int32_t first = read_hex(r), second;
	const char *behind = r->next;

	if (first < 0)
		return false;
	if (!is_surrogate(first)) {
		append_utf8(out, (uint32_t)first);
		return true;
	}
	if (first < 0xdc00 && accept_word(r, "\\u")) {
		second = read_hex(r);
		if (second >= 0xdc00 && second < 0xe000) {
			append_utf8(out, 0x10000 + ((uint32_t)(first - 0xd800) << 10) +
						 (uint32_t)(second - 0xdc00));
			return true;
		}
		r->next = behind;
	}
	append_utf8(out, RUNE_REPLACEMENT);
	return true;
}

static bool read_escape(struct reader *r, struct buf *out)
{
	static const char codes[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	const char *code;

	if (r->next == r->end)
		return false;
	if (*r->next == 'u') {
		r->next++;
		return read_rune(r, out);
	}
	code = memchr(codes, *r->next, sizeof(codes) - 1);
	if (!code)
		return false;
	r->next++;
	buf_append_byte(out, bytes[code - codes]);
	return true;
}

static bool read_string_bytes(struct reader *r, struct buf *out)
{
	while (r->next < r->end) {
		char byte = *r->next++;

		if (byte == '"')
			return true;
		if ((unsigned char)byte < 0x20)
			return false;
		if (byte != '\\')
			buf_append_byte(out, byte);
		else if (!read_escape(r, out))
			return false;
	}
	return false;
}

static int read_string(struct reader *r, struct slice *out)
{
	struct buf text = { 0 };
	bool is_whole = accept(r, '"') && read_string_bytes(r, &text);

	*out = is_whole ? arena_copy(r->arena, buf_slice(&text)) : slice_of(NULL, 0);
	buf_release(&text);
	if (!is_whole)
		return fail(r, "a string");
	return out->data ? OK : diag_set(r->diag, ERR_LIMIT, "the parameters are too large");
}

/* --- numbers --------------------------------------------------------------- */

static size_t skip_digits(struct reader *r)
{
	const char *start = r->next;

	while (r->next < r->end && *r->next >= '0' && *r->next <= '9')
		r->next++;
	return (size_t)(r->next - start);
}

/* number := [ "-" ] digits [ "." digits ] [ ( "e" | "E" ) [ "+" | "-" ] digits ] */
static bool scan_number(struct reader *r, struct slice *out)
{
	const char *start = r->next;

	(void)accept_word(r, "-");
	if (accept_word(r, "0")) {
		if (skip_digits(r))
			return false;
	} else if (!skip_digits(r)) {
		return false;
	}
	if (accept_word(r, ".") && !skip_digits(r))
		return false;
	if (accept_word(r, "e") || accept_word(r, "E")) {
		if (!accept_word(r, "+"))
			(void)accept_word(r, "-");
		if (!skip_digits(r))
			return false;
	}
	*out = slice_of(start, (size_t)(r->next - start));
	return true;
}

static void set_failing(struct reader *r, struct param *out, const char *format, struct slice text)
{
	char words[256];

	snprintf(words, sizeof(words), format, (int)(text.length < 100 ? text.length : 100),
		 text.data);
	out->kind = EXPR_NIL;
	out->string = arena_copy(r->arena, slice_of_text(words));
	if (!out->string.data)
		out->string = SLICE("unable to bind parameter");
}

/* With a point it is a float, without one an integer. */
static int read_number(struct reader *r, struct param *out)
{
	struct slice text;
	int err;

	if (!scan_number(r, &text))
		return fail(r, "a value");
	if (slice_find(text, '.')) {
		out->kind = EXPR_NUMBER;
		if (float_parse(text, &out->number) < 0)
			set_failing(r, out,
				    "strconv.ParseFloat: parsing \"%.*s\": value out of range",
				    text);
		return OK;
	}
	out->kind = EXPR_INTEGER;
	err = integer_parse(text, &out->integer);
	if (err == ERR_RANGE)
		set_failing(r, out, "strconv.ParseInt: parsing \"%.*s\": value out of range", text);
	else if (err < 0)
		set_failing(r, out, "strconv.ParseInt: parsing \"%.*s\": invalid syntax", text);
	return OK;
}

/* --- values ---------------------------------------------------------------- */

static int read_value(struct reader *r, struct param *out);

/* A list, read to its end and not used. */
static int read_list(struct reader *r, struct param *out)
{
	struct param ignored;

	set_failing(r, out, "unable to bind parameter with type %.*s", SLICE("[]interface {}"));
	if (accept(r, ']'))
		return OK;
	do
		TRY(read_value(r, &ignored));
	while (accept(r, ','));
	return accept(r, ']') ? OK : fail(r, "]");
}

/* What a kind wants, and what it makes of it; `needs` is what to say otherwise. */
static const struct bind_row {
	const char *name;
	enum expr_kind from, to;
	const char *needs;
} bind_rows[] = {
	{ "ident", EXPR_STRING, EXPR_VARREF, "identifier must be a string value" },
	{ "identifier", EXPR_STRING, EXPR_VARREF, "identifier must be a string value" },
	{ "regex", EXPR_STRING, EXPR_REGEX, "regex literal must be a string value" },
	{ "string", EXPR_STRING, EXPR_STRING, "string literal must be a string value" },
	{ "float", EXPR_NUMBER, EXPR_NUMBER, "number literal must be a float value" },
	{ "number", EXPR_NUMBER, EXPR_NUMBER, "number literal must be a float value" },
	{ "int", EXPR_INTEGER, EXPR_INTEGER, "integer literal must be an integer value" },
	{ "integer", EXPR_INTEGER, EXPR_INTEGER, "integer literal must be an integer value" },
	{ "duration", EXPR_STRING, EXPR_DURATION,
	  "duration literal must be a string or integer value" },
};

/* An integer stands for a float, and for nanoseconds. */
static void convert_integer(struct reader *r, const struct bind_row *row, struct param *value)
{
	char text[DURATION_BYTES_MAX];

	if (value->kind != EXPR_INTEGER)
		return;
	if (row->to == EXPR_NUMBER) {
		value->kind = EXPR_NUMBER;
		value->number = (double)value->integer;
	} else if (row->to == EXPR_DURATION) {
		value->kind = EXPR_STRING;
		value->string =
			arena_copy(r->arena, slice_of(text, duration_print(text, value->integer)));
	}
}

static void bind(struct reader *r, struct slice kind, struct param *value)
{
	if (value->kind == EXPR_NIL)
		return;
	for (size_t i = 0; i < sizeof(bind_rows) / sizeof(bind_rows[0]); i++) {
		const struct bind_row *row = &bind_rows[i];

		if (!slice_equal(kind, slice_of_text(row->name)))
			continue;
		convert_integer(r, row, value);
		if (value->kind != row->from)
			set_failing(r, value, "%.*s", slice_of_text(row->needs));
		else
			value->kind = row->to;
		return;
	}
	set_failing(r, value, "unknown bind object type: %.*s", kind);
}

/* { "kind": value } */
static int read_object(struct reader *r, struct param *out)
{
	struct slice kind = slice_of("", 0);
	size_t count = 0;

	if (!accept(r, '}')) {
		do {
			TRY(read_string(r, &kind));
			if (!accept(r, ':'))
				return fail(r, ":");
			TRY(read_value(r, out));
			count++;
		} while (accept(r, ','));
		if (!accept(r, '}'))
			return fail(r, "}");
	}
	if (count == 1)
		bind(r, kind, out);
	else
		set_failing(r, out, "%.*s",
			    SLICE("bound object parameter value must have exactly one entry"));
	return OK;
}

static int read_nested(struct reader *r, struct param *out)
{
	int err;

	if (++r->depth > JSON_DEPTH_MAX)
		return diag_set(r->diag, ERR_LIMIT, "the parameters are nested too deep");
	err = accept(r, '{') ? read_object(r, out) : (accept(r, '['), read_list(r, out));
	r->depth--;
	return err;
}

/* value := string | number | object | list | true | false | null */
static int read_value(struct reader *r, struct param *out)
{
	char first = peek(r);

	if (first == '"') {
		out->kind = EXPR_STRING;
		return read_string(r, &out->string);
	}
	if (first == '{' || first == '[')
		return read_nested(r, out);
	if (accept_word(r, "null")) {
		set_failing(r, out, "unable to bind parameter with type %.*s", SLICE("<nil>"));
		return OK;
	}
	if (first != 't' && first != 'f')
		return read_number(r, out);
	out->kind = EXPR_BOOLEAN;
	out->boolean = first == 't';
	return accept_word(r, first == 't' ? "true" : "false") ? OK : fail(r, "a value");
}

/* "name": value. A number is looked at here, and within an object only where it is used. */
static int read_param(struct reader *r, struct param *out)
{
	bool is_plain;

	TRY(read_string(r, &out->name));
	if (!accept(r, ':'))
		return fail(r, ":");
	is_plain = peek(r) != '{' && peek(r) != '[';
	TRY(read_value(r, out));
	if (is_plain && out->kind == EXPR_NIL && slice_starts_with(out->string, SLICE("strconv.")))
		return fail_alone(r, "error parsing json value: %.*s", (int)out->string.length,
				  out->string.data);
	return OK;
}

static int read_params(struct reader *r, struct param *items, size_t *count)
{
	if (accept_word(r, "null"))
		return peek(r) ? fail(r, "nothing behind null") : OK;
	if (!accept(r, '{'))
		return fail(r, "an object");
	if (!accept(r, '}')) {
		do {
			if (*count == PARAMS_MAX)
				return diag_set(r->diag, ERR_LIMIT, "more than %d parameters",
						PARAMS_MAX);
			TRY(read_param(r, &items[(*count)++]));
		} while (accept(r, ','));
		if (!accept(r, '}'))
			return fail(r, "}");
	}
	return peek(r) ? fail(r, "nothing behind the object") : OK;
}

/* No parameter is shorter than `"":0,`. */
#define PARAM_BYTES_MIN 5

int params_parse(struct slice json, struct arena *arena, struct params *out, struct diag *diag)
{
	struct reader r = { json.data, json.data + json.length, arena, diag, 0 };
	size_t most = json.length / PARAM_BYTES_MIN + 1;
	struct param *items =
		arena_alloc(arena, (most < PARAMS_MAX ? most : PARAMS_MAX) * sizeof(struct param));

	*out = (struct params){ items, 0 };
	if (!items)
		return diag_set(diag, ERR_LIMIT, "the parameters are too large");
	return read_params(&r, items, &out->count);
}
