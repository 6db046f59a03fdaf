/* Why: SHOW statements differ in which clauses they have, so that is a table. */
#include "query/language/parser_state.h"

#include <assert.h>

/* --- WITH ------------------------------------------------------------------ */

/* [ WITH MEASUREMENT ( "=" | "=~" ) source ] */
static int parse_with_measurement(struct parser *p, struct show_stmt *out)
{
	struct lexeme op;

	if (!parser_accept(p, TOKEN_WITH))
		return OK;
	TRY(parser_expect(p, TOKEN_MEASUREMENT));
	op = parser_next(p);
	if (op.token != TOKEN_EQ && op.token != TOKEN_EQ_REGEX)
		return parser_unexpected(p, &op, "=, =~");
	out->measurement = arena_alloc(p->arena, sizeof(*out->measurement));
	if (!out->measurement)
		return parser_no_memory(p);
	return parse_source(p, SOURCES_SHOW, out->measurement);
}

/* "(" ident { "," ident } ")" */
static int parse_key_list(struct parser *p, struct expr *out)
{
	struct list list = { 0 };

	TRY(parser_expect(p, TOKEN_LPAREN));
	do {
		struct slice *slot = list_add(p, &list, sizeof(*slot));

		if (!slot)
			return parser_no_memory(p);
		TRY(parse_ident(p, slot));
	} while (parser_accept(p, TOKEN_COMMA));
	out->list.items = list.items;
	out->list.count = list.count;
	return parser_expect(p, TOKEN_RPAREN);
}

/* WITH KEY ( IN list | ( "=" | "!=" ) ident | ( "=~" | "!~" ) regex ) */
static int parse_with_key(struct parser *p, struct show_stmt *out)
{
	struct lexeme op;
	bool is_list;

	TRY(parser_expect(p, TOKEN_WITH));
	TRY(parser_expect(p, TOKEN_KEY));
	op = parser_next(p);
	out->key_op = op.token;
	if (op.token == TOKEN_EQ_REGEX || op.token == TOKEN_NEQ_REGEX)
		return parse_required_regex(p, &out->key);
	is_list = op.token == TOKEN_IN;
	if (!is_list && op.token != TOKEN_EQ && op.token != TOKEN_NEQ)
		return parser_unexpected(p, &op, "IN, =, =~");
	out->key = expr_new(p->arena, is_list ? EXPR_LIST : EXPR_STRING, op.position);
	if (!out->key)
		return parser_no_memory(p);
	return is_list ? parse_key_list(p, out->key) : parse_ident(p, &out->key->string);
}

/* --- clauses, in the order in which they stand ------------------------------ */

enum {
	HAS_FROM = 1,
	HAS_WITH_MEASUREMENT = 2,
	HAS_WITH_KEY = 4,
	HAS_WHERE = 8,
	HAS_GROUP = 16,
	HAS_ORDER = 32,
	HAS_LIMIT = 64, /* and OFFSET */
	HAS_SLIMIT = 128,
};
#define HAS_COUNT_CLAUSES (HAS_FROM | HAS_WHERE | HAS_GROUP | HAS_LIMIT)
#define HAS_LIST_CLAUSES  (HAS_WHERE | HAS_ORDER | HAS_LIMIT)

static const unsigned show_clauses[STATEMENT_KIND_COUNT] = {
	[STATEMENT_SHOW_POLICIES] = 0,
	[STATEMENT_SHOW_MEASUREMENTS] = HAS_LIST_CLAUSES | HAS_WITH_MEASUREMENT,
	[STATEMENT_SHOW_SERIES] = HAS_LIST_CLAUSES | HAS_FROM,
	[STATEMENT_SHOW_TAG_KEYS] = HAS_LIST_CLAUSES | HAS_FROM | HAS_SLIMIT,
	[STATEMENT_SHOW_TAG_VALUES] = HAS_LIST_CLAUSES | HAS_FROM | HAS_WITH_KEY,
	[STATEMENT_SHOW_FIELD_KEYS] = HAS_FROM | HAS_ORDER | HAS_LIMIT,
	[STATEMENT_SHOW_SERIES_CARDINALITY] = HAS_COUNT_CLAUSES,
	[STATEMENT_SHOW_MEASUREMENT_CARDINALITY] = HAS_COUNT_CLAUSES,
	[STATEMENT_SHOW_TAG_KEY_CARDINALITY] = HAS_COUNT_CLAUSES,
	[STATEMENT_SHOW_TAG_VALUES_CARDINALITY] = HAS_COUNT_CLAUSES | HAS_WITH_KEY,
	[STATEMENT_SHOW_FIELD_KEY_CARDINALITY] = HAS_COUNT_CLAUSES,
};

static int parse_limits(struct parser *p, unsigned clauses, struct show_stmt *out)
{
	if (clauses & HAS_LIMIT) {
		TRY(parse_optional_int(p, TOKEN_LIMIT, &out->limit));
		TRY(parse_optional_int(p, TOKEN_OFFSET, &out->offset));
	}
	if (clauses & HAS_SLIMIT) {
		TRY(parse_optional_int(p, TOKEN_SLIMIT, &out->slimit));
		TRY(parse_optional_int(p, TOKEN_SOFFSET, &out->soffset));
	}
	return OK;
}

int parse_show(struct parser *p, struct statement *statement)
{
	unsigned clauses = show_clauses[statement->kind];
	struct show_stmt *out = &statement->show;

	if (parser_accept(p, TOKEN_ON))
		TRY(parse_ident(p, &out->database));
	if ((clauses & HAS_FROM) && parser_accept(p, TOKEN_FROM))
		TRY(parse_sources(p, SOURCES_SHOW, &out->sources, &out->source_count));
	if (clauses & HAS_WITH_MEASUREMENT)
		TRY(parse_with_measurement(p, out));
	if (clauses & HAS_WITH_KEY)
		TRY(parse_with_key(p, out));
	if (clauses & HAS_WHERE)
		TRY(parse_condition(p, &out->condition));
	if (clauses & HAS_GROUP)
		TRY(parse_dimensions(p, &out->dimensions, &out->dimension_count));
	if (clauses & HAS_ORDER)
		TRY(parse_sort(p, false, &out->sort));
	return parse_limits(p, clauses, out);
}

/* --- EXACT CARDINALITY ----------------------------------------------------- */

/* SHOW MEASUREMENT EXACT, or SHOW TAG VALUES EXACT: CARDINALITY … */
int parse_show_exact(struct parser *p, struct statement *out)
{
	out->show.is_exact = true;
	TRY(parser_expect(p, TOKEN_CARDINALITY));
	return parse_show(p, out);
}

/* SHOW SERIES [ [ EXACT ] CARDINALITY ] …; EXACT alone says nothing */
int parse_show_series(struct parser *p, struct statement *out)
{
	bool is_exact = parser_accept(p, TOKEN_EXACT);

	if (parser_accept(p, TOKEN_CARDINALITY)) {
		out->kind = STATEMENT_SHOW_SERIES_CARDINALITY;
		out->show.is_exact = is_exact;
	}
	return parse_show(p, out);
}

/* SHOW ( TAG | FIELD ) KEY [ EXACT ] CARDINALITY … */
int parse_show_key_cardinality(struct parser *p, struct statement *out)
{
	struct lexeme word;

	out->show.is_exact = parser_accept(p, TOKEN_EXACT);
	word = parser_next(p);
	if (word.token != TOKEN_CARDINALITY)
		return parser_unexpected(p, &word,
					 out->show.is_exact ? "CARDINALITY" : "EXACT, CARDINALITY");
	return parse_show(p, out);
}

/* SHOW TAG VALUES [ [ EXACT ] CARDINALITY ] … */
int parse_show_tag_values(struct parser *p, struct statement *out)
{
	enum token word = parser_next(p).token;

	if (word == TOKEN_EXACT || word == TOKEN_CARDINALITY)
		out->kind = STATEMENT_SHOW_TAG_VALUES_CARDINALITY;
	else
		parser_unread(p);
	return word == TOKEN_EXACT ? parse_show_exact(p, out) : parse_show(p, out);
}

/* --- others ---------------------------------------------------------------- */

/* SHOW ( STATS | DIAGNOSTICS ) [ FOR string ] */
int parse_show_module(struct parser *p, struct statement *out)
{
	return parser_accept(p, TOKEN_FOR) ? parse_string(p, &out->name.name) : OK;
}

/* 0.8: LIST SERIES [ regex ] [ include spaces ] */
int parse_list_series(struct parser *p, struct statement *out)
{
	struct lexeme word;

	TRY(parse_regex(p, &out->show.regex));
	word = parser_next(p);
	if (!parser_is_word(&word, "include")) {
		parser_unread(p);
		return OK;
	}
	word = parser_next(p);
	if (!parser_is_word(&word, "spaces"))
		return parser_unexpected(p, &word, "SPACES");
	out->show.is_include_spaces = true;
	return OK;
}
