/*
 * Names, strings, numbers, durations and dotted paths: what a token or a few of them mean alone.
 *
 * Why apart: all clauses need them, with InfluxDB's limits, and with Go's words where a number does
 * not fit.
 */
#include "query/language/parser_state.h"

#include <strings.h>

#include "engine/base/buf.h"
#include "engine/base/number.h"
#include "engine/base/when.h"
#include "query/language/print.h"

/* --- durations ------------------------------------------------------------- */

static const char invalid_duration[] = "invalid duration";

static struct slice digits_of(struct slice text)
{
	size_t length = 0;

	while (length < text.length && text.data[length] >= '0' && text.data[length] <= '9')
		length++;
	return slice_of(text.data, length);
}

/*
 * Products and sums wrap around as Go's do, and only a negative end is noticed:
 * what InfluxDB takes is taken, and means the same.
 */
const char *duration_complaint(struct arena *arena, struct slice text, int64_t *ns)
{
	bool is_negative = text.length && text.data[0] == '-';
	struct slice rest = slice_from(text, is_negative);
	struct slice unit = slice_of("", 0);
	uint64_t sum = 0;
	int64_t measure = 0;

	if (text.length < 2)
		return invalid_duration;
	while (rest.length) {
		struct slice digits = digits_of(rest);

		int64_t unit_ns;

		rest = slice_from(rest, digits.length);
		unit_ns = unit_begins(rest, UNIT_DURATION, &unit.length);
		unit.data = rest.data;
		if (!unit_ns || integer_parse(digits, &measure) < 0)
			return invalid_duration;
		rest = slice_from(rest, unit.length);
		sum += (uint64_t)measure * (uint64_t)unit_ns;
	}
	if ((int64_t)sum < 0 && !is_negative) {
		const char *words = arena_printf(
			arena, "overflowed duration %lld%.*s: choose a smaller duration or INF",
			(long long)measure, (int)unit.length, unit.data);

		return words ? words : invalid_duration;
	}
	*ns = (int64_t)(is_negative ? 0 - sum : sum);
	return NULL;
}

static bool is_any_case(struct slice text, const char *word)
{
	return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

int32_t calendar_months(struct slice text, enum calendar calendar)
{
	struct slice digits = digits_of(text);
	struct slice unit = slice_from(text, digits.length);
	bool is_letter = calendar == CALENDAR_LETTERS && unit.length == 1;
	int64_t count, months;

	if (calendar == CALENDAR_NONE || digits.length == 0)
		return 0;
	if (is_any_case(unit, "month") || is_any_case(unit, "months") ||
	    (is_letter && unit.data[0] == 'M'))
		months = 1;
	else if (is_any_case(unit, "year") || is_any_case(unit, "years") ||
		 (is_letter && unit.data[0] == 'y'))
		months = 12;
	else
		return 0;
	if (integer_parse(digits, &count) < 0 || count > INT32_MAX / months)
		return 0;
	return (int32_t)(count * months);
}

static int fail_duration(struct parser *p, const struct lexeme *lexeme, int64_t *ns)
{
	const char *words = duration_complaint(p->arena, lexeme->text, ns);

	return words ? parser_fail_at(p, lexeme, "%s", words) : OK;
}

int parse_duration_value(struct parser *p, int64_t *ns)
{
	struct lexeme lexeme = parser_next(p);

	if (lexeme.token != TOKEN_DURATION_VALUE)
		return parser_unexpected(p, &lexeme, "duration");
	return fail_duration(p, &lexeme, ns);
}

int parse_duration(struct parser *p, int64_t *ns)
{
	*ns = 0;
	if (parser_accept(p, TOKEN_INF))
		return OK;
	return parse_duration_value(p, ns);
}

/* --- names and strings ----------------------------------------------------- */

static int parse_text(struct parser *p, enum token token, const char *expected, struct slice *out)
{
	struct lexeme lexeme = parser_next(p);

	if (lexeme.token != token)
		return parser_unexpected(p, &lexeme, expected);
	*out = lexeme.text;
	return OK;
}

int parse_ident(struct parser *p, struct slice *out)
{
	return parse_text(p, TOKEN_IDENT, "identifier", out);
}

int parse_string(struct parser *p, struct slice *out)
{
	return parse_text(p, TOKEN_STRING, "string", out);
}

/* --- integers -------------------------------------------------------------- */

static int next_integer(struct parser *p, struct lexeme *out)
{
	*out = parser_next(p);
	return out->token == TOKEN_INTEGER ? OK : parser_unexpected(p, out, "integer");
}

int parse_int(struct parser *p, int32_t min, int32_t *out)
{
	struct lexeme lexeme;
	int64_t value;

	TRY(next_integer(p, &lexeme));
	if (integer_parse(lexeme.text, &value) < 0)
		return parser_fail_at(p, &lexeme,
				      "strconv.Atoi: parsing \"%.*s\": value out of range",
				      (int)lexeme.text.length, lexeme.text.data);
	if (value < min || value > INT32_MAX)
		return parser_fail_at(p, &lexeme, "invalid value %lld: must be %d <= n <= %d",
				      (long long)value, min, INT32_MAX);
	*out = (int32_t)value;
	return OK;
}

int parse_uint64(struct parser *p, uint64_t *out)
{
	struct lexeme lexeme;

	TRY(next_integer(p, &lexeme));
	if (unsigned_parse(lexeme.text, out) >= 0)
		return OK;
	return parser_fail_at(p, &lexeme, "strconv.ParseUint: parsing \"%.*s\": %s",
			      (int)lexeme.text.length, lexeme.text.data,
			      lexeme.text.data[0] == '-' ? "invalid syntax" : "value out of range");
}

/* What does not fit is the largest there is. */
int parse_optional_int(struct parser *p, enum token token, int64_t *out)
{
	struct lexeme lexeme;
	bool is_negative;

	*out = 0;
	if (!parser_accept(p, token))
		return OK;
	TRY(next_integer(p, &lexeme));
	is_negative = lexeme.text.data[0] == '-';
	if (integer_parse(lexeme.text, out) < 0)
		*out = is_negative ? INT64_MIN : INT64_MAX;
	if (*out < 0)
		return parser_fail_at(p, &lexeme, "%s must be >= 0", token_spelling(token));
	return OK;
}

/* --- segments -------------------------------------------------------------- */

static int add_segment(struct parser *p, struct list *list, struct slice text)
{
	struct slice *slot = list_add(p, list, sizeof(*slot));

	if (!slot)
		return parser_no_memory(p);
	*slot = text;
	return OK;
}

/* Ends behind a dot that a regex or a colon follows: the caller knows what to do there. */
int parse_segments(struct parser *p, struct segments *out)
{
	struct list list = { 0 };
	struct slice segment;

	TRY(parse_ident(p, &segment));
	TRY(add_segment(p, &list, segment));
	while (parser_scan(p).token == TOKEN_DOT) {
		uint32_t rune = lexer_peek(&p->lexer);

		*out = (struct segments){ list.items, list.count };
		if (rune == '/' || rune == ':')
			return OK;
		segment = slice_of("", 0);
		if (rune != '.')
			TRY(parse_ident(p, &segment));
		TRY(add_segment(p, &list, segment));
	}
	parser_unread(p);
	*out = (struct segments){ list.items, list.count };
	return OK;
}

/* All but the last in quotes, as InfluxDB shows a path. */
static void print_segments(struct buf *out, const struct segments *segments)
{
	for (size_t i = 0; i < segments->count; i++) {
		struct slice segment = segments->items[i];
		bool is_last = i + 1 == segments->count;
		struct buf name = { 0 };

		print_ident(&name, segment);
		if (segment.length == 0 && i > 0 && !is_last)
			buf_reset(&name);
		if (!is_last && name.length && name.data[0] != '"')
			buf_printf(out, "\"%.*s\"", (int)name.length, name.data);
		else
			buf_append_slice(out, buf_slice(&name));
		buf_append_text(out, is_last ? "" : ".");
		buf_release(&name);
	}
}

const char *segments_complaint(struct parser *p, const struct segments *segments)
{
	struct buf path = { 0 };
	const char *complaint;

	if (segments->count <= SEGMENTS_MAX)
		return NULL;
	print_segments(&path, segments);
	complaint = arena_printf(p->arena, "too many segments in %s at line 1, char 1",
				 buf_text(&path));
	buf_release(&path);
	return complaint ? complaint : "too many segments";
}

static bool is_word_byte(char byte)
{
	return byte == '_' || (byte >= '0' && byte <= '9') ||
	       ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

bool dotted_at(struct slice text, uint32_t offset, struct dotted *out)
{
	size_t end = offset, dots = 0;
	bool is_begin = true;

	out->has_digit = false;
	for (; end < text.length; end++) {
		char byte = text.data[end];

		if (byte == '.' ? is_begin : !is_word_byte(byte))
			break;
		out->has_digit |= is_begin && byte >= '0' && byte <= '9';
		dots += byte == '.';
		is_begin = byte == '.';
	}
	out->text = slice_of(text.data + offset, end - offset);
	return dots > 0 && !is_begin && (end == text.length || text.data[end] != '"');
}
