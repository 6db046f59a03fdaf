/*
 * Why: one place that reads tokens and knows how InfluxDB words its complaints;
 * and the table of all statements, from which both the way to a statement's own
 * function and the `expected …` of a wrong word come.
 */
#include "query/parser_state.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "query/print.h"

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

/* --- statements ------------------------------------------------------------ */

#define WORDS_MAX 3

/* In InfluxDB's order, which is that of its `expected …` lists. */
static const struct statement_row {
	enum token words[WORDS_MAX]; /* TOKEN_ILLEGAL behind the last */
	enum statement_kind kind;
	parse_statement_rest *parse;
} statement_rows[] = {
#define WORDS(...)                                                                                 \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define ROW(words, kind, parse) { words, STATEMENT_##kind, parse },
#define W(word)			TOKEN_##word
	ROW(WORDS(W(SELECT)), SELECT, parse_select_statement) ROW(
		WORDS(W(DELETE)), DELETE,
		parse_remove) ROW(WORDS(W(SHOW), W(CONTINUOUS), W(QUERIES)),
				  SHOW_CONTINUOUS_QUERIES,
				  parse_nothing) ROW(WORDS(W(SHOW), W(DATABASES)), SHOW_DATABASES,
						     parse_nothing) ROW(WORDS(W(SHOW),
									      W(DIAGNOSTICS)),
									SHOW_DIAGNOSTICS,
									parse_show_module) ROW(WORDS(W(SHOW), W(FIELD), W(KEY)),
											       SHOW_FIELD_KEY_CARDINALITY, parse_show_key_cardinality)
		ROW(WORDS(W(SHOW), W(FIELD), W(KEYS)), SHOW_FIELD_KEYS, parse_show) ROW(WORDS(W(SHOW), W(GRANTS), W(FOR)), SHOW_GRANTS, parse_name) ROW(
			WORDS(W(SHOW), W(MEASUREMENT), W(EXACT)), SHOW_MEASUREMENT_CARDINALITY,
			parse_show_exact) ROW(WORDS(W(SHOW), W(MEASUREMENT), W(CARDINALITY)),
					      SHOW_MEASUREMENT_CARDINALITY,
					      parse_show) ROW(WORDS(W(SHOW), W(MEASUREMENTS)),
							      SHOW_MEASUREMENTS,
							      parse_show) ROW(WORDS(W(SHOW), W(QUERIES)), SHOW_QUERIES, parse_nothing)
			ROW(WORDS(W(SHOW), W(RETENTION), W(POLICIES)), SHOW_POLICIES, parse_show) ROW(WORDS(W(SHOW), W(SERIES)), SHOW_SERIES, parse_show_series) ROW(
				WORDS(W(SHOW), W(SHARD), W(GROUPS)), SHOW_SHARD_GROUPS,
				parse_nothing) ROW(WORDS(W(SHOW), W(SHARDS)), SHOW_SHARDS,
						   parse_nothing) ROW(WORDS(W(SHOW), W(STATS)),
								      SHOW_STATS,
								      parse_show_module) ROW(WORDS(W(SHOW),
												   W(SUBSCRIPTIONS)),
											     SHOW_SUBSCRIPTIONS,
											     parse_nothing)
				ROW(WORDS(W(SHOW), W(TAG), W(KEY)), SHOW_TAG_KEY_CARDINALITY, parse_show_key_cardinality) ROW(
					WORDS(W(SHOW), W(TAG), W(KEYS)),
					SHOW_TAG_KEYS, parse_show) ROW(WORDS(W(SHOW), W(TAG), W(VALUES)),
								       SHOW_TAG_VALUES,
								       parse_show_tag_values)
					ROW(WORDS(W(SHOW), W(USERS)), SHOW_USERS, parse_nothing) ROW(
						WORDS(W(CREATE), W(CONTINUOUS), W(QUERY)),
						CREATE_CONTINUOUS_QUERY,
						parse_continuous) ROW(WORDS(W(CREATE), W(DATABASE)),
								      CREATE_DATABASE,
								      parse_create_database)
						ROW(WORDS(W(CREATE), W(USER)), CREATE_USER, parse_create_user) ROW(
							WORDS(W(CREATE), W(RETENTION), W(POLICY)),
							CREATE_POLICY,
							parse_create_policy) ROW(WORDS(W(CREATE), W(SUBSCRIPTION)),
										 CREATE_SUBSCRIPTION, parse_create_subscription)
							ROW(WORDS(W(DROP), W(CONTINUOUS), W(QUERY)),
							    DROP_CONTINUOUS_QUERY,
							    parse_name_on) ROW(WORDS(W(DROP),
										     W(DATABASE)),
									       DROP_DATABASE,
									       parse_name) ROW(WORDS(W(DROP), W(MEASUREMENT)),
											       DROP_MEASUREMENT,
											       parse_name) ROW(WORDS(W(DROP), W(RETENTION),
														     W(POLICY)),
													       DROP_POLICY,
													       parse_name_on)
								ROW(WORDS(W(DROP), W(SERIES)), DROP_SERIES, parse_drop_series) ROW(
									WORDS(W(DROP), W(SHARD)),
									DROP_SHARD,
									parse_drop_shard) ROW(WORDS(W(DROP), W(SUBSCRIPTION)),
											      DROP_SUBSCRIPTION,
											      parse_drop_subscription)
									ROW(WORDS(W(DROP), W(USER)), DROP_USER, parse_name) ROW(
										WORDS(W(EXPLAIN)),
										EXPLAIN,
										parse_explain) ROW(WORDS(W(GRANT)),
												   GRANT, parse_grant)
										ROW(WORDS(W(REVOKE)), REVOKE, parse_revoke) ROW(
											WORDS(W(ALTER),
											      W(RETENTION),
											      W(POLICY)),
											ALTER_POLICY,
											parse_alter_policy)
											ROW(WORDS(W(SET),
												  W(PASSWORD),
												  W(FOR)),
											    SET_PASSWORD,
											    parse_set_password)
												ROW(WORDS(W(KILL),
													  W(QUERY)),
												    KILL_QUERY,
												    parse_kill)
#undef W
#undef ROW
#undef WORDS
};
#define ROW_COUNT (sizeof(statement_rows) / sizeof(statement_rows[0]))

/* The rows that begin with the first `count` words of `first` stand together. */
static bool begins_alike(const struct statement_row *row, const struct statement_row *first,
			 size_t count)
{
	return row < statement_rows + ROW_COUNT &&
	       memcmp(row->words, first->words, count * sizeof(row->words[0])) == 0;
}

/* `A, B, C`: what can follow the first `count` words of `first`. */
static int unexpected_word(struct parser *p, const struct lexeme *found,
			   const struct statement_row *first, size_t count)
{
	struct buf expected = { 0 };
	enum token last = TOKEN_ILLEGAL;
	int err;

	for (const struct statement_row *row = first; begins_alike(row, first, count); row++) {
		if (row->words[count] == last)
			continue;
		buf_append_text(&expected, last == TOKEN_ILLEGAL ? "" : ", ");
		last = row->words[count];
		buf_append_text(&expected, token_spelling(last));
	}
	err = parser_unexpected(p, found, buf_text(&expected));
	buf_release(&expected);
	return err;
}

/* 0.8: list series …, list continuous queries */
static int parse_list(struct parser *p, const struct lexeme *list, struct statement *out)
{
	struct lexeme word = parser_next(p);

	if (word.token == TOKEN_SERIES) {
		out->kind = STATEMENT_LIST_SERIES;
		return parse_list_series(p, out);
	}
	if (word.token == TOKEN_CONTINUOUS) {
		out->kind = STATEMENT_LIST_CONTINUOUS_QUERIES;
		return parser_expect(p, TOKEN_QUERIES);
	}
	unexpected_word(p, list, statement_rows, 0);
	p->end.is_end = word.token == TOKEN_EOF;
	return ERR_INVALID;
}

/* statement := words of a row, then what the row's function reads */
static int parse_statement(struct parser *p, struct statement *out)
{
	const struct statement_row *first = statement_rows;

	for (size_t count = 0;; count++) {
		struct lexeme word = parser_next(p);
		const struct statement_row *row = first;

		if (count == 0)
			out->position = word.position;
		if (count == 0 && parser_is_word(&word, "list"))
			return parse_list(p, &word, out);
		while (begins_alike(row, first, count) && row->words[count] != word.token)
			row++;
		if (!begins_alike(row, first, count) || word.token == TOKEN_ILLEGAL)
			return unexpected_word(p, &word, first, count);
		first = row;
		if (count + 1 == WORDS_MAX || row->words[count + 1] == TOKEN_ILLEGAL)
			break;
	}
	out->kind = first->kind;
	return first->parse(p, out);
}

static bool is_blank(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct slice without_blanks_behind(struct slice text)
{
	while (text.length && is_blank(text.data[text.length - 1]))
		text.length--;
	return text;
}

/* InfluxDB takes them away before it counts characters. */
static struct slice without_blanks(struct slice text)
{
	while (text.length && is_blank(text.data[0]))
		text = slice_from(text, 1);
	return without_blanks_behind(text);
}

/*
 * All that reads a text starts here. Complaints tell a place by where `text` lies within `given`:
 * an empty one, too, must lie there, though the lexer has its own.
 */
static void parser_start(struct parser *p, struct slice given, const struct params *params,
			 struct arena *arena, struct diag *diag)
{
	struct slice text = without_blanks(given);

	*p = (struct parser){ .arena = arena, .params = params, .diag = diag, .given = given };
	lexer_init(&p->lexer, text, arena);
	p->text = slice_of(text.data, p->lexer.text.length);
}

/* request := { ";" } { statement ";" { ";" } } [ statement ] */
static int parse_statements(struct parser *p, struct list *statements)
{
	struct statement *statement = NULL; /* the last one, while no semicolon ended it */
	uint32_t start = 0;

	for (;;) {
		struct lexeme next = parser_next(p);

		if (statement && next.token != TOKEN_EOF && next.token != TOKEN_SEMICOLON)
			return parser_unexpected(p, &next, ";");
		if (statement)
			statement->text = without_blanks_behind(
				slice_of(p->text.data + start, next.start - start));
		statement = NULL;
		if (next.token == TOKEN_EOF)
			return OK;
		if (next.token == TOKEN_SEMICOLON)
			continue;
		parser_unread(p);
		start = next.start;
		statement = list_add(p, statements, sizeof(*statement));
		if (!statement)
			return parser_no_memory(p);
		TRY(parse_statement(p, statement));
	}
}

int parse_request(struct slice text, const struct params *params, struct arena *arena,
		  struct request *out, struct parse_end *end, struct diag *diag)
{
	struct list statements = { 0 };
	struct parser p;
	int err;

	parser_start(&p, text, params, arena, diag);
	err = parse_statements(&p, &statements);
	p.end.is_inside = err < 0 && p.lexer.ended_inside;
	p.end.is_in_regex = err < 0 && p.lexer.ended_in_regex;
	if (end)
		*end = p.end;
	*out = (struct request){ statements.items, statements.count };
	return err;
}

int parse_continuous_text(struct slice text, struct arena *arena, struct continuous_stmt *out,
			  struct diag *diag)
{
	struct parser p;

	*out = (struct continuous_stmt){ 0 };
	parser_start(&p, text, NULL, arena, diag);
	return parse_continuous_stored(&p, out);
}
