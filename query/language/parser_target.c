/*
 * Why: INTO has two places and two grammars. Behind the fields it is a 1.x path,
 * at the end an 0.8 name made from each row; where the text itself leaves no
 * doubt (a digit, a bracket, :series_name) it is an 0.8 name in both.
 */
#include "query/language/parser_state.h"
#include "query/language/time_text.h"

#include <string.h>
#include <strings.h>

/* --- 0.8 names ------------------------------------------------------------- */

#define SERIES_NAME ":series_name"

static bool is_name_byte(char byte)
{
	return byte == '_' || byte == '.' || (byte >= '0' && byte <= '9') ||
	       ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

/* A part at the start of `text`, and how many bytes it takes; 0 = none. */
static size_t part_at(struct slice text, struct target_part *out)
{
	size_t length = 0;

	if (slice_starts_with(text, SLICE(SERIES_NAME))) {
		*out = (struct target_part){ TARGET_SERIES_NAME, slice_of("", 0) };
		return sizeof(SERIES_NAME) - 1;
	}
	if (text.length && text.data[0] == '[') {
		while (length < text.length && !memchr("]\r\n", text.data[length], 3))
			length++;
		if (length < 2 || length == text.length || text.data[length] != ']')
			return 0;
		*out = (struct target_part){ TARGET_COLUMN, slice_of(text.data + 1, length - 1) };
		return length + 1;
	}
	while (length < text.length && is_name_byte(text.data[length]))
		length++;
	*out = (struct target_part){ TARGET_TEXT, slice_of(text.data, length) };
	return length;
}

/* No segment is empty, neither at the ends nor between two dots. */
static bool has_segments(struct slice name)
{
	char before = '.';

	for (size_t i = 0; i < name.length; i++) {
		if (name.data[i] == '.' && before == '.')
			return false;
		before = name.data[i];
	}
	return name.length && before != '.';
}

/* A raw name: its bytes, and what in it makes it an 0.8 one. */
struct raw_name {
	struct slice text;
	bool has_digit; /* a segment starts with one */
	bool has_dot;
	bool has_parts; /* a column or :series_name */
};

static void note_text(struct slice text, struct raw_name *name)
{
	for (const char *p = text.data; p < text.data + text.length; p++) {
		bool is_first = p == name->text.data || p[-1] == '.';

		name->has_dot |= *p == '.';
		name->has_digit |= is_first && *p >= '0' && *p <= '9';
	}
}

/* Is there a raw name at byte `start` that no path could be? */
static bool raw_name_at(struct slice text, uint32_t start, struct raw_name *out)
{
	struct slice rest = slice_from(text, start);
	struct target_part part;
	size_t length;

	*out = (struct raw_name){ .text = slice_of(rest.data, 0) };
	while ((length = part_at(rest, &part)) > 0) {
		if (part.kind == TARGET_TEXT)
			note_text(part.text, out);
		out->has_parts |= part.kind != TARGET_TEXT;
		out->text.length += length;
		rest = slice_from(rest, length);
	}
	if (rest.length && (rest.data[0] == '"' || rest.data[0] == ':' || rest.data[0] == '['))
		return false;
	return has_segments(out->text);
}

static int split_parts(struct parser *p, struct slice text, struct target *out)
{
	struct list parts = { 0 };

	while (text.length) {
		struct target_part *part = list_add(p, &parts, sizeof(*part));

		if (!part)
			return parser_no_memory(p);
		text = slice_from(text, part_at(text, part));
	}
	out->parts = parts.items;
	out->part_count = parts.count;
	return OK;
}

static int take_raw(struct parser *p, const struct raw_name *name, struct target *out)
{
	uint32_t end = (uint32_t)(name->text.data - p->text.data + name->text.length);

	parser_take_raw(p, end);
	if (name->has_parts)
		return split_parts(p, name->text, out);
	out->name = name->text;
	return OK;
}

/* --- 1.x paths ------------------------------------------------------------- */

/* path := segments [ ":" MEASUREMENT ] */
static int parse_path(struct parser *p, struct target *out)
{
	struct segments segments;
	const char *complaint;
	size_t count;

	TRY(parse_segments(p, &segments));
	complaint = segments_complaint(p, &segments);
	if (complaint)
		return parser_fail(p, "%s", complaint);
	out->is_source_name = segments.count < SEGMENTS_MAX && lexer_peek(&p->lexer) == ':';
	if (out->is_source_name) {
		TRY(parser_expect(p, TOKEN_COLON));
		TRY(parser_expect(p, TOKEN_MEASUREMENT));
	}
	count = segments.count + out->is_source_name;
	if (!out->is_source_name)
		out->name = segments.items[count - 1];
	if (count > 1)
		out->policy = segments.items[count - 2];
	if (count > 2)
		out->database = segments.items[count - 3];
	return OK;
}

/* --- clauses --------------------------------------------------------------- */

static int parse_target_name(struct parser *p, bool is_trailing, struct target **out)
{
	struct lexeme first = parser_next(p);
	struct raw_name name;
	bool is_raw;

	parser_unread(p);
	*out = arena_alloc(p->arena, sizeof(**out));
	if (!*out)
		return parser_no_memory(p);
	(*out)->position = first.position;
	(*out)->is_trailing = is_trailing;
	is_raw = raw_name_at(p->text, first.start, &name) &&
		 (name.has_parts || (name.has_dot && (name.has_digit || is_trailing)));
	return is_raw ? take_raw(p, &name, *out) : parse_path(p, *out);
}

int parse_target(struct parser *p, struct target **out)
{
	return parser_accept(p, TOKEN_INTO) ? parse_target_name(p, false, out) : OK;
}

/* "(" TRUE | FALSE | string ")" */
static int parse_backfill(struct parser *p, struct select_stmt *select)
{
	struct lexeme value;

	TRY(parser_expect(p, TOKEN_LPAREN));
	value = parser_next(p);
	if (value.token == TOKEN_STRING && time_text_is(value.text)) {
		select->backfill_from = value.text;
		select->backfill = BACKFILL_FROM;
		return parser_expect(p, TOKEN_RPAREN);
	}
	if (value.token != TOKEN_TRUE && value.token != TOKEN_FALSE)
		return parser_unexpected(p, &value, "TRUE, FALSE");
	select->backfill = value.token == TOKEN_TRUE ? BACKFILL_TRUE : BACKFILL_FALSE;
	return parser_expect(p, TOKEN_RPAREN);
}

int parse_trailing_target(struct parser *p, struct select_stmt *select)
{
	struct lexeme word;

	if (!select->target && parser_accept(p, TOKEN_INTO)) {
		select->is_old = true;
		TRY(parse_target_name(p, true, &select->target));
	}
	if (!select->target)
		return OK;
	word = parser_next(p);
	if (parser_is_word(&word, "backfill"))
		return parse_backfill(p, select);
	parser_unread(p);
	return OK;
}
