/*
 * Tokens on their way to the parser, and its complaints.
 *
 * Why here: one place reads tokens and knows how InfluxDB words what it expected instead; all other
 * files of the parser stand on it and none of them is called from it.
 */
#include "query/language/parser_state.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "query/language/print.h"

/* --- complaints ------------------------------------------------------------ */

#define SHOWN_BYTES_MAX 800

/* The place in the text as it was given: the line, and within it the byte, from 1. */
static void place_of(const struct parser *p, const struct lexeme *lexeme, uint64_t *line,
		     uint32_t *column)
{
	const char *next = p->given.data, *end = p->text.data + lexeme->start, *newline;

	assert(end >= next && end <= next + p->given.length);
	*line = 1;
	while (next < end && (newline = memchr(next, '\n', (size_t)(end - next)))) {
		next = newline + 1;
		++*line;
	}
	*column = (uint32_t)(end - next) + 1;
}

__attribute__((format(printf, 3, 0))) static int
complain(struct parser *p, const struct lexeme *lexeme, const char *format, va_list args)
{
	char text[DIAG_TEXT_BYTES_MAX];
	uint64_t line;
	uint32_t column;

	if (p->lexer.no_memory)
		return parser_no_memory(p);
	vsnprintf(text, sizeof(text), format, args);
	if (!lexeme)
		return diag_set(p->diag, ERR_INVALID, "%s", text);
	place_of(p, lexeme, &line, &column);
	return diag_set_at(p->diag, ERR_INVALID, line, column, "%s at line %u, char %u", text,
			   lexeme->position.line + 1, lexeme->position.column + 1);
}

int parser_fail_at(struct parser *p, const struct lexeme *lexeme, const char *format, ...)
{
	va_list args;
	int err;

	va_start(args, format);
	err = complain(p, lexeme, format, args);
	va_end(args);
	return err;
}

int parser_fail(struct parser *p, const char *format, ...)
{
	va_list args;
	int err;

	va_start(args, format);
	err = complain(p, NULL, format, args);
	va_end(args);
	return err;
}

int parser_unexpected(struct parser *p, const struct lexeme *found, const char *expected)
{
	struct slice shown = found->text;

	p->end.is_end = found->token == TOKEN_EOF;
	if (shown.length == 0)
		shown = slice_of_text(token_spelling(found->token));
	if (shown.length > SHOWN_BYTES_MAX)
		shown.length = SHOWN_BYTES_MAX;
	return parser_fail_at(p, found, "found %.*s, expected %s", (int)shown.length, shown.data,
			      expected);
}

int parser_no_memory(struct parser *p)
{
	return diag_set(p->diag, ERR_LIMIT, "the statement is larger than a query may be");
}

int parser_enter(struct parser *p)
{
	if (++p->depth > PARSE_DEPTH_MAX)
		return diag_set(p->diag, ERR_LIMIT, "more than %d brackets within brackets",
				PARSE_DEPTH_MAX);
	return OK;
}

/* --- tokens ---------------------------------------------------------------- */

static const struct param *find_param(const struct parser *p, struct slice name)
{
	for (size_t i = p->params ? p->params->count : 0; i-- > 0;)
		if (slice_equal(p->params->items[i].name, name))
			return &p->params->items[i];
	return NULL;
}

static void bind_number(struct parser *p, const struct param *param, struct lexeme *lexeme)
{
	struct buf text = { 0 };

	if (param->kind == EXPR_INTEGER)
		buf_printf(&text, "%lld", (long long)param->integer);
	else
		print_decimal(&text, param->number, 0);
	lexeme->token = param->kind == EXPR_INTEGER ? TOKEN_INTEGER : TOKEN_NUMBER;
	lexeme->text = arena_copy(p->arena, buf_slice(&text));
	p->lexer.no_memory |= !lexeme->text.data;
	buf_release(&text);
}

/* A parameter turns into the token of its value; one that has none stays what it is. */
static void bind_param(struct parser *p, struct lexeme *lexeme)
{
	const struct param *param = find_param(p, slice_from(lexeme->text, 1));

	if (!param || param->kind == EXPR_NIL)
		return;
	if (param->kind == EXPR_NUMBER || param->kind == EXPR_INTEGER) {
		bind_number(p, param, lexeme);
		return;
	}
	lexeme->text = param->string;
	switch (param->kind) {
	case EXPR_VARREF: lexeme->token = TOKEN_IDENT; break;
	case EXPR_REGEX: lexeme->token = TOKEN_REGEX; break;
	case EXPR_DURATION: lexeme->token = TOKEN_DURATION_VALUE; break;
	case EXPR_BOOLEAN:
		lexeme->token = param->boolean ? TOKEN_TRUE : TOKEN_FALSE;
		lexeme->text = slice_of("", 0);
		break;
	default: lexeme->token = TOKEN_STRING; break;
	}
}

/* The last token, or the one that was given back. */
static struct lexeme current(struct parser *p)
{
	struct lexeme lexeme = p->ring[(p->index + PARSER_RING - p->unread) % PARSER_RING];

	if (lexeme.token == TOKEN_BOUND_PARAM && lexeme.text.length > 1)
		bind_param(p, &lexeme);
	return lexeme;
}

static struct lexeme scan_with(struct parser *p, struct lexeme (*scan)(struct lexer *))
{
	if (p->unread > 0) {
		p->unread--;
	} else {
		p->index = (p->index + 1) % PARSER_RING;
		p->ring[p->index] = scan(&p->lexer);
	}
	return current(p);
}

struct lexeme parser_scan(struct parser *p)
{
	return scan_with(p, lexer_next);
}

struct lexeme parser_scan_regex(struct parser *p)
{
	return scan_with(p, lexer_next_regex);
}

struct lexeme parser_next(struct parser *p)
{
	struct lexeme lexeme;

	do
		lexeme = parser_scan(p);
	while (lexeme.token == TOKEN_BLANK || lexeme.token == TOKEN_COMMENT);
	return lexeme;
}

void parser_unread(struct parser *p)
{
	p->unread++;
	assert(p->unread <= PARSER_RING);
}

bool parser_accept(struct parser *p, enum token token)
{
	if (parser_next(p).token == token)
		return true;
	parser_unread(p);
	return false;
}

int parser_expect(struct parser *p, enum token token)
{
	struct lexeme found = parser_next(p);

	return found.token == token ? OK : parser_unexpected(p, &found, token_spelling(token));
}

void parser_skip_blank(struct parser *p)
{
	if (parser_scan(p).token != TOKEN_BLANK)
		parser_unread(p);
}

struct slice parser_take_raw(struct parser *p, uint32_t end)
{
	struct lexeme *lexeme;

	parser_next(p);
	assert(p->unread == 0);
	lexeme = &p->ring[p->index];
	lexer_skip_to(&p->lexer, end);
	lexeme->token = TOKEN_IDENT;
	lexeme->text = slice_of(p->text.data + lexeme->start, end - lexeme->start);
	lexeme->end = end;
	return lexeme->text;
}

bool parser_is_word(const struct lexeme *lexeme, const char *word)
{
	return lexeme->token == TOKEN_IDENT && lexeme->text.length == strlen(word) &&
	       lexeme->end - lexeme->start == lexeme->text.length &&
	       strncasecmp(lexeme->text.data, word, lexeme->text.length) == 0;
}

void *list_add(struct parser *p, struct list *list, size_t item_bytes)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 4;
		void *items = arena_alloc(p->arena, capacity * item_bytes);

		if (!items)
			return NULL;
		if (list->count)
			memcpy(items, list->items, list->count * item_bytes);
		list->items = items;
		list->capacity = capacity;
	}
	return (char *)list->items + list->count++ * item_bytes;
}
