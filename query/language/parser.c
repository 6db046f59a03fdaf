/*
 * Requests to statements: the table of all statements.
 *
 * Why a table: both the way to a statement's own function and the `expected …` of a wrong word come
 * from its rows.
 */
#include "query/language/parser_state.h"

#include "engine/base/buf.h"

#define WORDS_MAX 3

/* In InfluxDB's order, which is that of its `expected …` lists. */
static const struct statement_row {
	enum token words[WORDS_MAX]; /* TOKEN_ILLEGAL behind the last */
	enum statement_kind kind;
	parse_statement_rest *parse;
} statement_rows[] = {
#define ROW(word1, word2, word3, kind, parse)                                                      \
	{ { TOKEN_##word1, TOKEN_##word2, TOKEN_##word3 }, STATEMENT_##kind, parse },
	/* clang-format off */
	ROW(SELECT, ILLEGAL, ILLEGAL, SELECT, parse_select_statement)
	ROW(DELETE, ILLEGAL, ILLEGAL, DELETE, parse_remove)
	ROW(SHOW, CONTINUOUS, QUERIES, SHOW_CONTINUOUS_QUERIES, parse_nothing)
	ROW(SHOW, DATABASES, ILLEGAL, SHOW_DATABASES, parse_nothing)
	ROW(SHOW, DIAGNOSTICS, ILLEGAL, SHOW_DIAGNOSTICS, parse_show_module)
	ROW(SHOW, FIELD, KEY, SHOW_FIELD_KEY_CARDINALITY, parse_show_key_cardinality)
	ROW(SHOW, FIELD, KEYS, SHOW_FIELD_KEYS, parse_show)
	ROW(SHOW, GRANTS, FOR, SHOW_GRANTS, parse_name)
	ROW(SHOW, MEASUREMENT, EXACT, SHOW_MEASUREMENT_CARDINALITY, parse_show_exact)
	ROW(SHOW, MEASUREMENT, CARDINALITY, SHOW_MEASUREMENT_CARDINALITY, parse_show)
	ROW(SHOW, MEASUREMENTS, ILLEGAL, SHOW_MEASUREMENTS, parse_show)
	ROW(SHOW, QUERIES, ILLEGAL, SHOW_QUERIES, parse_nothing)
	ROW(SHOW, RETENTION, POLICIES, SHOW_POLICIES, parse_show)
	ROW(SHOW, SERIES, ILLEGAL, SHOW_SERIES, parse_show_series)
	ROW(SHOW, SHARD, GROUPS, SHOW_SHARD_GROUPS, parse_nothing)
	ROW(SHOW, SHARDS, ILLEGAL, SHOW_SHARDS, parse_nothing)
	ROW(SHOW, STATS, ILLEGAL, SHOW_STATS, parse_show_module)
	ROW(SHOW, SUBSCRIPTIONS, ILLEGAL, SHOW_SUBSCRIPTIONS, parse_nothing)
	ROW(SHOW, TAG, KEY, SHOW_TAG_KEY_CARDINALITY, parse_show_key_cardinality)
	ROW(SHOW, TAG, KEYS, SHOW_TAG_KEYS, parse_show)
	ROW(SHOW, TAG, VALUES, SHOW_TAG_VALUES, parse_show_tag_values)
	ROW(SHOW, USERS, ILLEGAL, SHOW_USERS, parse_nothing)
	ROW(CREATE, CONTINUOUS, QUERY, CREATE_CONTINUOUS_QUERY, parse_continuous)
	ROW(CREATE, DATABASE, ILLEGAL, CREATE_DATABASE, parse_create_database)
	ROW(CREATE, USER, ILLEGAL, CREATE_USER, parse_create_user)
	ROW(CREATE, RETENTION, POLICY, CREATE_POLICY, parse_create_policy)
	ROW(CREATE, SUBSCRIPTION, ILLEGAL, CREATE_SUBSCRIPTION, parse_create_subscription)
	ROW(DROP, CONTINUOUS, QUERY, DROP_CONTINUOUS_QUERY, parse_name_on)
	ROW(DROP, DATABASE, ILLEGAL, DROP_DATABASE, parse_name)
	ROW(DROP, MEASUREMENT, ILLEGAL, DROP_MEASUREMENT, parse_name)
	ROW(DROP, RETENTION, POLICY, DROP_POLICY, parse_name_on)
	ROW(DROP, SERIES, ILLEGAL, DROP_SERIES, parse_drop_series)
	ROW(DROP, SHARD, ILLEGAL, DROP_SHARD, parse_drop_shard)
	ROW(DROP, SUBSCRIPTION, ILLEGAL, DROP_SUBSCRIPTION, parse_drop_subscription)
	ROW(DROP, USER, ILLEGAL, DROP_USER, parse_name)
	ROW(EXPLAIN, ILLEGAL, ILLEGAL, EXPLAIN, parse_explain)
	ROW(GRANT, ILLEGAL, ILLEGAL, GRANT, parse_grant)
	ROW(REVOKE, ILLEGAL, ILLEGAL, REVOKE, parse_revoke)
	ROW(ALTER, RETENTION, POLICY, ALTER_POLICY, parse_alter_policy)
	ROW(SET, PASSWORD, FOR, SET_PASSWORD, parse_set_password)
	ROW(KILL, QUERY, ILLEGAL, KILL_QUERY, parse_kill)
/* clang-format on */
#undef ROW
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
	struct slice text = without_blanks(slice_without_mark(given));

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
