/*
 * Why: expressions, and the two clauses that are nothing but expressions. The
 * tree grows along its right edge as InfluxDB's does, by precedence; a sign in
 * front of a name is a product with ±1.
 */
#include "query/language/parser_state.h"

#include <assert.h>
#include <strings.h>

#include "engine/base/buf.h"
#include "engine/base/number.h"
#include "query/base/pattern.h"

/* A leaf at this token. */
static int new_expr(struct parser *p, enum expr_kind kind, const struct lexeme *lexeme,
		    struct expr **out)
{
	*out = expr_new(p->arena, kind, lexeme->position);
	return *out ? OK : parser_no_memory(p);
}

static int set_height(struct parser *p, struct expr *expr, uint32_t below)
{
	if (below + 1 > expr->height)
		expr->height = below + 1;
	if (expr->height > EXPR_HEIGHT_MAX)
		return diag_set(p->diag, ERR_LIMIT, "an expression of more than %d operators",
				EXPR_HEIGHT_MAX);
	return OK;
}

/* --- regexes --------------------------------------------------------------- */

/* What InfluxDB takes a comment for when it looks for a regex. */
static bool is_comment(struct slice pattern)
{
	return pattern.length && pattern.data[0] == '*';
}

static int take_regex(struct parser *p, struct expr **out)
{
	struct lexeme lexeme = parser_scan_regex(p);
	struct diag diag = { 0 };

	if (lexeme.token == TOKEN_BAD_REGEX)
		return parser_fail_at(p, &lexeme, "bad regex: ");
	if (lexeme.token != TOKEN_REGEX)
		return parser_unexpected(p, &lexeme, "regex");
	if (is_comment(lexeme.text))
		return parser_fail_at(p, &lexeme,
				      "error parsing regexp: missing argument to repetition "
				      "operator: `*`");
	if (pattern_check(lexeme.text, &diag) < 0)
		return parser_fail_at(p, &lexeme, "%s", diag.text);
	TRY(new_expr(p, EXPR_REGEX, &lexeme, out));
	(*out)->regex.pattern = lexeme.text;
	(*out)->regex.ignore_case = lexeme.ignore_case;
	return OK;
}

static bool is_blank(uint32_t rune)
{
	return rune == ' ' || rune == '\t' || rune == '\n';
}

/* Looks at the text behind the tokens, those that were given back included. */
int parse_regex(struct parser *p, struct expr **out)
{
	uint32_t rune;

	*out = NULL;
	if (is_blank(lexer_peek(&p->lexer)))
		parser_skip_blank(p);
	rune = lexer_peek(&p->lexer);
	if (rune == '$') {
		bool is_regex = parser_scan(p).token == TOKEN_REGEX;

		parser_unread(p);
		if (!is_regex)
			return OK;
	} else if (rune != '/') {
		return OK;
	}
	return take_regex(p, out);
}

int parse_required_regex(struct parser *p, struct expr **out)
{
	struct lexeme found;

	TRY(parse_regex(p, out));
	if (*out)
		return OK;
	found = parser_next(p);
	return parser_unexpected(p, &found, "regex");
}

/* --- literals -------------------------------------------------------------- */

static int parse_number(struct parser *p, const struct lexeme *lexeme, struct expr **out)
{
	TRY(new_expr(p, EXPR_NUMBER, lexeme, out));
	if (float_parse(lexeme->text, &(*out)->number) < 0)
		return parser_fail_at(p, lexeme, "unable to parse number");
	return OK;
}

static int parse_integer(struct parser *p, const struct lexeme *lexeme, struct expr **out)
{
	TRY(new_expr(p, EXPR_INTEGER, lexeme, out));
	if (integer_parse(lexeme->text, &(*out)->integer) >= 0)
		return OK;
	(*out)->kind = EXPR_UNSIGNED;
	if (unsigned_parse(lexeme->text, &(*out)->unsigned_) < 0)
		return parser_fail_at(p, lexeme, "unable to parse integer");
	return OK;
}

static int parse_span(struct parser *p, const struct lexeme *lexeme, enum calendar calendar,
		      struct expr **out)
{
	int32_t months = calendar_months(lexeme->text, calendar);
	const char *complaint;

	TRY(new_expr(p, months ? EXPR_CALENDAR : EXPR_DURATION, lexeme, out));
	if (months) {
		p->calendar_count++;
		(*out)->calendar.months = months;
		(*out)->calendar.text = lexeme->text;
		return OK;
	}
	complaint = duration_complaint(p->arena, lexeme->text, &(*out)->duration_ns);
	return complaint ? parser_fail(p, "%s", complaint) : OK;
}

/* What is its token: a string, a boolean, a parameter that is a regex. */
static int parse_word(struct parser *p, const struct lexeme *lexeme, enum expr_kind kind,
		      struct expr **out)
{
	TRY(new_expr(p, kind, lexeme, out));
	if (kind == EXPR_BOOLEAN)
		(*out)->boolean = lexeme->token == TOKEN_TRUE;
	else if (kind == EXPR_STRING)
		(*out)->string = lexeme->text;
	else
		(*out)->regex.pattern = lexeme->text;
	return OK;
}

/* wildcard := "*" [ "::" ( FIELD | TAG ) ] */
static int parse_wildcard(struct parser *p, const struct lexeme *lexeme, struct expr **out)
{
	struct lexeme type;

	TRY(new_expr(p, EXPR_WILDCARD, lexeme, out));
	if (parser_scan(p).token != TOKEN_DOUBLE_COLON) {
		parser_unread(p);
		return OK;
	}
	type = parser_scan(p);
	if (type.token != TOKEN_FIELD && type.token != TOKEN_TAG)
		return parser_unexpected(p, &type, "field, tag");
	(*out)->wildcard = type.token == TOKEN_FIELD ? DATA_FIELD : DATA_TAG;
	return OK;
}

/* A parameter that did not turn into another token: why not? */
static int fail_param(struct parser *p, const struct lexeme *lexeme)
{
	struct slice name = slice_from(lexeme->text, 1);

	if (name.length == 0)
		return parser_fail(p, "empty bound parameter");
	for (size_t i = 0; p->params && i < p->params->count; i++)
		if (slice_equal(p->params->items[i].name, slice_from(lexeme->text, 1)))
			name = p->params->items[i].string; /* why it cannot be bound */
	return parser_fail(p, "missing parameter: %.*s", (int)name.length, name.data);
}

/* --- names and calls ------------------------------------------------------- */

/* The word behind `::`; those that are no keywords are taken in any case. */
static int parse_cast(struct parser *p, enum data_type *out)
{
	static const enum data_type types[] = { DATA_FLOAT, DATA_INTEGER, DATA_UNSIGNED,
						DATA_STRING, DATA_BOOLEAN };
	struct lexeme word = parser_scan(p);

	if (word.token == TOKEN_FIELD || word.token == TOKEN_TAG) {
		*out = word.token == TOKEN_FIELD ? DATA_FIELD : DATA_TAG;
		return OK;
	}
	if (word.token != TOKEN_IDENT)
		return parser_unexpected(p, &word, "float, integer, string, boolean, field, tag");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct slice name = slice_of_text(data_type_name(types[i]));

		if (word.text.length == name.length &&
		    strncasecmp(word.text.data, name.data, name.length) == 0) {
			*out = types[i];
			return OK;
		}
	}
	return parser_unexpected(p, &word, "float, integer, unsigned, string, boolean, field, tag");
}

static int join_segments(struct parser *p, const struct segments *segments, struct slice *out)
{
	struct buf joined = { 0 };

	if (segments->count == 1) {
		*out = segments->items[0];
		return OK;
	}
	for (size_t i = 0; i < segments->count; i++) {
		buf_append_text(&joined, i ? "." : "");
		buf_append_slice(&joined, segments->items[i]);
	}
	*out = arena_copy(p->arena, buf_slice(&joined));
	buf_release(&joined);
	return out->data ? OK : parser_no_memory(p);
}

/* varref := segments [ "::" type ] */
static int parse_varref(struct parser *p, const struct lexeme *first, struct expr **out)
{
	struct segments segments;
	const char *complaint;

	TRY(parse_segments(p, &segments));
	complaint = segments_complaint(p, &segments);
	if (complaint)
		return parser_fail(p, "%s", complaint);
	TRY(new_expr(p, EXPR_VARREF, first, out));
	TRY(join_segments(p, &segments, &(*out)->varref.name));
	if (parser_scan(p).token == TOKEN_DOUBLE_COLON)
		return parse_cast(p, &(*out)->varref.type);
	parser_unread(p);
	return OK;
}

/* In a time() of GROUP BY the first argument may be a calendar unit, and then nothing else. */
static int parse_interval(struct parser *p, struct expr **out)
{
	size_t calendar_count = p->calendar_count;

	p->calendar = CALENDAR_LETTERS;
	TRY(parse_expr(p, out));
	p->calendar = CALENDAR_NONE;
	if (p->calendar_count > calendar_count && (*out)->kind != EXPR_CALENDAR)
		return parser_fail(p, "invalid duration");
	return OK;
}

static int add_arg(struct parser *p, struct expr *call, struct list *args, struct expr *arg)
{
	struct expr **slot = list_add(p, args, sizeof(struct expr *));

	if (!slot)
		return parser_no_memory(p);
	*slot = arg;
	call->call.args = args->items;
	call->call.arg_count = args->count;
	return set_height(p, call, arg->height);
}

static int lower_name(struct parser *p, struct slice name, struct slice *out)
{
	char *lower = arena_alloc_raw(p->arena, name.length + 1, 1);

	if (!lower)
		return parser_no_memory(p);
	for (size_t i = 0; i < name.length; i++)
		lower[i] = name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] | 0x20
								      : name.data[i];
	*out = slice_of(lower, name.length);
	return OK;
}

/* args := [ arg { "," arg } ] ")"; arg := regex | expr */
static int parse_args(struct parser *p, struct expr *call)
{
	bool is_time = p->clause == CLAUSE_DIMENSION && expr_is_call(call, "time");
	struct list args = { 0 };
	struct lexeme found;
	struct expr *arg;

	TRY(parse_regex(p, &arg));
	if (!arg) {
		if (parser_scan(p).token == TOKEN_RPAREN)
			return OK;
		parser_unread(p);
		TRY(is_time ? parse_interval(p, &arg) : parse_expr(p, &arg));
	}
	TRY(add_arg(p, call, &args, arg));
	while (parser_accept(p, TOKEN_COMMA)) {
		TRY(parse_regex(p, &arg));
		if (!arg)
			TRY(parse_expr(p, &arg));
		TRY(add_arg(p, call, &args, arg));
	}
	found = parser_scan(p);
	return found.token == TOKEN_RPAREN ? OK : parser_unexpected(p, &found, ")");
}

/* call := name "(" args; both were taken */
static int parse_call(struct parser *p, const struct lexeme *lexeme, struct slice name,
		      struct expr **out)
{
	TRY(parser_enter(p));
	TRY(new_expr(p, EXPR_CALL, lexeme, out));
	TRY(lower_name(p, name, &(*out)->call.name));
	TRY(parse_args(p, *out));
	p->depth--;
	return OK;
}

/* DISTINCT ( "(" args | blank ident ) */
static int parse_distinct(struct parser *p, const struct lexeme *lexeme, struct expr **out)
{
	struct lexeme next = parser_scan(p);

	if (next.token == TOKEN_LPAREN)
		return parse_call(p, lexeme, SLICE("distinct"), out);
	if (next.token != TOKEN_BLANK)
		return parser_unexpected(p, &next, "(, identifier");
	TRY(new_expr(p, EXPR_DISTINCT, lexeme, out));
	return parse_ident(p, &(*out)->distinct);
}

/* --- operands -------------------------------------------------------------- */

static const char operand_expected[] = "identifier, string, number, bool";

static int parse_operand(struct parser *p, struct expr **out);

static int parse_paren(struct parser *p, const struct lexeme *lexeme, struct expr **out)
{
	struct expr *inner;

	TRY(parser_enter(p));
	TRY(parse_expr(p, &inner));
	TRY(parser_expect(p, TOKEN_RPAREN));
	TRY(new_expr(p, EXPR_PAREN, lexeme, out));
	(*out)->paren = inner;
	p->depth--;
	return set_height(p, *out, inner->height);
}

static int negate_unsigned(struct parser *p, struct expr *expr)
{
	uint64_t value = expr->unsigned_;

	if (value != (uint64_t)INT64_MAX + 1)
		return parser_fail(p, "constant -%llu underflows int64", (unsigned long long)value);
	expr->kind = EXPR_INTEGER;
	expr->integer = INT64_MIN;
	return OK;
}

/* The product of a name, call or bracket with 1 or -1. */
static int multiply(struct parser *p, const struct lexeme *sign, struct expr **operand)
{
	struct expr *factor;

	TRY(new_expr(p, EXPR_INTEGER, sign, &factor));
	factor->integer = sign->token == TOKEN_SUB ? -1 : 1;
	*operand = expr_new_binary(p->arena, TOKEN_MUL, factor, *operand);
	return *operand ? set_height(p, *operand, 0) : parser_no_memory(p);
}

/* ( "+" | "-" ) ( number | duration | name | call | bracket ) */
static int parse_signed(struct parser *p, const struct lexeme *sign, struct expr **out)
{
	bool is_negative = sign->token == TOKEN_SUB;
	struct lexeme next = parser_next(p);

	switch (next.token) {
	case TOKEN_NUMBER:
	case TOKEN_INTEGER:
	case TOKEN_DURATION_VALUE:
	case TOKEN_LPAREN:
	case TOKEN_IDENT: break;
	default: return parser_unexpected(p, &next, "identifier, number, duration, (");
	}
	parser_unread(p);
	TRY(parse_operand(p, out));
	switch ((*out)->kind) {
	case EXPR_NUMBER: (*out)->number *= is_negative ? -1 : 1; return OK;
	case EXPR_INTEGER:
	case EXPR_DURATION:
		if (is_negative)
			(*out)->integer = (int64_t)(0 - (uint64_t)(*out)->integer);
		return OK;
	case EXPR_UNSIGNED: return is_negative ? negate_unsigned(p, *out) : OK;
	default: return multiply(p, sign, out);
	}
}
_Static_assert(sizeof(((struct expr *)0)->integer) == sizeof(((struct expr *)0)->duration_ns),
	       "a sign treats both alike");

static int parse_name_or_call(struct parser *p, const struct lexeme *name, struct expr **out)
{
	if (parser_scan(p).token == TOKEN_LPAREN)
		return parse_call(p, name, name->text, out);
	parser_unread(p);
	parser_unread(p);
	return parse_varref(p, name, out);
}

/* FIELD "(" args, in GROUP BY: the one keyword beside DISTINCT that can be a function */
static int parse_field_call(struct parser *p, const struct lexeme *lexeme, struct expr **out)
{
	if (p->clause == CLAUSE_DIMENSION) {
		if (parser_scan(p).token == TOKEN_LPAREN)
			return parse_call(p, lexeme, SLICE("field"), out);
		parser_unread(p);
	}
	return parser_unexpected(p, lexeme, operand_expected);
}

static int parse_operand(struct parser *p, struct expr **out)
{
	enum calendar calendar = p->calendar;
	struct lexeme lexeme = parser_next(p);

	p->calendar = CALENDAR_NONE;
	switch (lexeme.token) {
	case TOKEN_LPAREN: return parse_paren(p, &lexeme, out);
	case TOKEN_IDENT: return parse_name_or_call(p, &lexeme, out);
	case TOKEN_DISTINCT: return parse_distinct(p, &lexeme, out);
	case TOKEN_STRING: return parse_word(p, &lexeme, EXPR_STRING, out);
	case TOKEN_NUMBER: return parse_number(p, &lexeme, out);
	case TOKEN_INTEGER: return parse_integer(p, &lexeme, out);
	case TOKEN_TRUE:
	case TOKEN_FALSE: return parse_word(p, &lexeme, EXPR_BOOLEAN, out);
	case TOKEN_DURATION_VALUE: return parse_span(p, &lexeme, calendar, out);
	case TOKEN_MUL: return parse_wildcard(p, &lexeme, out);
	case TOKEN_REGEX: return parse_word(p, &lexeme, EXPR_REGEX, out);
	case TOKEN_BOUND_PARAM: return fail_param(p, &lexeme);
	case TOKEN_ADD:
	case TOKEN_SUB: return parse_signed(p, &lexeme, out);
	case TOKEN_FIELD: return parse_field_call(p, &lexeme, out);
	default: return parser_unexpected(p, &lexeme, operand_expected);
	}
}

/* --- operators ------------------------------------------------------------- */

#define PRECEDENCES 5

/* Under the last node of the right edge that binds less than `op`, as its new right side. */
static int add_operand(struct parser *p, struct expr **root, enum token op, struct expr *operand)
{
	struct expr **place = root, *above[PRECEDENCES];
	size_t count = 0;

	while ((*place)->kind == EXPR_BINARY &&
	       token_precedence((*place)->binary.op) < token_precedence(op)) {
		assert(count < PRECEDENCES);
		above[count++] = *place;
		place = &(*place)->binary.right;
	}
	*place = expr_new_binary(p->arena, op, *place, operand);
	if (!*place)
		return parser_no_memory(p);
	TRY(set_height(p, *place, 0));
	while (count-- > 0)
		TRY(set_height(p, above[count], above[count]->binary.right->height));
	return OK;
}

static bool is_regex_op(enum token op)
{
	return op == TOKEN_EQ_REGEX || op == TOKEN_NEQ_REGEX;
}

/* expr := operand { operator operand } */
int parse_expr(struct parser *p, struct expr **out)
{
	TRY(parse_operand(p, out));
	for (;;) {
		enum token op = parser_next(p).token;
		struct expr *operand;

		if (token_precedence(op) == 0) {
			parser_unread(p);
			return OK;
		}
		if (p->clause == CLAUSE_CONDITION && (op == TOKEN_ADD || op == TOKEN_SUB))
			p->calendar = CALENDAR_WORDS;
		TRY(is_regex_op(op) ? parse_required_regex(p, &operand)
				    : parse_operand(p, &operand));
		TRY(add_operand(p, out, op, operand));
	}
}

/* --- clauses --------------------------------------------------------------- */

/* Counts the calendar units that are the right side of a sum or difference. */
static bool count_distances(void *arg, struct expr *expr)
{
	size_t *count = arg;

	if (expr->kind == EXPR_BINARY && expr->binary.right->kind == EXPR_CALENDAR)
		*count += expr->binary.op == TOKEN_ADD || expr->binary.op == TOKEN_SUB;
	return true;
}

int parse_condition(struct parser *p, struct expr **out)
{
	size_t calendar_count = p->calendar_count, distance_count = 0;

	*out = NULL;
	if (!parser_accept(p, TOKEN_WHERE))
		return OK;
	p->clause = CLAUSE_CONDITION;
	TRY(parse_expr(p, out));
	p->clause = CLAUSE_OTHER;
	if (p->calendar_count == calendar_count)
		return OK;
	/* `now() - 1month * 2` was taken word by word, but binds otherwise. */
	expr_walk(*out, count_distances, &distance_count);
	if (p->calendar_count - calendar_count != distance_count)
		return parser_fail(p, "invalid duration");
	return OK;
}

/* dimension := regex | expr */
static int parse_dimension(struct parser *p, struct expr **out)
{
	TRY(parse_regex(p, out));
	if (*out)
		return OK;
	p->clause = CLAUSE_DIMENSION;
	TRY(parse_expr(p, out));
	p->clause = CLAUSE_OTHER;
	parser_skip_blank(p);
	return OK;
}

int parse_dimensions(struct parser *p, struct expr ***out, size_t *count)
{
	struct list list = { 0 };

	*out = NULL;
	*count = 0;
	if (!parser_accept(p, TOKEN_GROUP))
		return OK;
	TRY(parser_expect(p, TOKEN_BY));
	do {
		struct expr **slot = list_add(p, &list, sizeof(struct expr *));

		if (!slot)
			return parser_no_memory(p);
		TRY(parse_dimension(p, slot));
	} while (parser_scan(p).token == TOKEN_COMMA);
	parser_unread(p);
	*out = list.items;
	*count = list.count;
	return OK;
}
