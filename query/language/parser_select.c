/*
 * Why: SELECT, clause after clause in InfluxDB's order, and the few places where
 * 0.8 had another one.
 */
#include "query/language/parser_state.h"

#include <strings.h>

#include "query/base/zone.h"

/* --- fields ---------------------------------------------------------------- */

/* The last operator that is no arithmetic, TOKEN_ILLEGAL when all are. */
static bool find_comparison(void *arg, struct expr *expr)
{
	enum token *found = arg;

	if (expr->kind != EXPR_BINARY || token_precedence(expr->binary.op) > 3)
		return true;
	*found = expr->binary.op;
	return false;
}

static int parse_field_expr(struct parser *p, struct field *out)
{
	struct lexeme first = parser_next(p);
	enum token comparison = TOKEN_ILLEGAL;

	parser_unread(p);
	out->position = first.position;
	TRY(parse_expr(p, &out->expr));
	expr_walk(out->expr, find_comparison, &comparison);
	if (comparison == TOKEN_ILLEGAL)
		return OK;
	return parser_fail(p,
			   "invalid operator %s in SELECT clause at line %u, char %u; operator is "
			   "intended for WHERE clause",
			   token_spelling(comparison), first.position.line + 1,
			   first.position.column + 1);
}

/* field := ( regex | expr ) [ AS ident ] */
static int parse_field(struct parser *p, struct field *out)
{
	TRY(parse_regex(p, &out->expr));
	if (out->expr)
		out->position = out->expr->position;
	else
		TRY(parse_field_expr(p, out));
	if (parser_accept(p, TOKEN_AS))
		TRY(parse_ident(p, &out->alias));
	parser_skip_blank(p);
	return OK;
}

static int parse_fields(struct parser *p, struct select_stmt *select)
{
	struct list list = { 0 };

	do {
		struct field *field = list_add(p, &list, sizeof(*field));

		if (!field)
			return parser_no_memory(p);
		TRY(parse_field(p, field));
	} while (parser_scan(p).token == TOKEN_COMMA);
	parser_unread(p);
	select->fields = list.items;
	select->field_count = list.count;
	return OK;
}

static bool find_call(void *arg, struct expr *expr)
{
	bool *found = arg;

	*found |= expr->kind == EXPR_CALL;
	return !*found;
}

static bool has_call(const struct select_stmt *select)
{
	bool found = false;

	for (size_t i = 0; i < select->field_count; i++)
		expr_walk(select->fields[i].expr, find_call, &found);
	return found;
}

/* --- fill() and tz() ------------------------------------------------------- */

/* The call of that name if it comes next, whatever else may follow it; NULL otherwise. */
static int parse_clause_call(struct parser *p, const char *name, const char *count_complaint,
			     struct expr **arg)
{
	struct lexeme word = parser_next(p);
	struct expr *call;

	*arg = NULL;
	parser_unread(p);
	if (word.token != TOKEN_IDENT || word.text.length != strlen(name) ||
	    strncasecmp(word.text.data, name, word.text.length) != 0)
		return OK;
	TRY(parse_expr(p, &call));
	if (call->kind != EXPR_CALL)
		return parser_fail(p, "%s must be a function call", name);
	if (call->call.arg_count != 1)
		return parser_fail(p, "%s", count_complaint);
	*arg = call->call.args[0];
	return OK;
}

static bool fill_of_word(const struct expr *arg, enum fill_option *out)
{
	static const struct {
		const char *word;
		enum fill_option option;
	} rows[] = {
		{ "null", FILL_NULL },
		{ "none", FILL_NONE },
		{ "previous", FILL_PREVIOUS },
		{ "linear", FILL_LINEAR },
	};

	if (arg->kind != EXPR_VARREF || arg->varref.type != DATA_UNKNOWN)
		return false;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (slice_equal(arg->varref.name, slice_of_text(rows[i].word))) {
			*out = rows[i].option;
			return true;
		}
	return false;
}

/* [ fill "(" word | number ")" ] */
static int parse_fill(struct parser *p, struct select_stmt *select)
{
	struct expr *arg;

	TRY(parse_clause_call(p, "fill",
			      "fill requires an argument, e.g.: 0, null, none, previous, linear",
			      &arg));
	if (!arg)
		return OK;
	select->fill_is_said = true;
	if (fill_of_word(arg, &select->fill))
		return OK;
	if (arg->kind != EXPR_INTEGER && arg->kind != EXPR_NUMBER)
		return parser_fail(p, "expected number argument in fill()");
	select->fill = FILL_NUMBER;
	select->fill_value = arg;
	return OK;
}

/* [ tz "(" string ")" ] */
static int parse_timezone(struct parser *p, struct select_stmt *select)
{
	const struct zone *zone;
	struct expr *arg;
	int err;

	TRY(parse_clause_call(p, "tz", "tz requires exactly one argument", &arg));
	if (!arg)
		return OK;
	if (arg->kind != EXPR_STRING)
		return parser_fail(p, "expected string argument in tz()");
	err = zone_open(arg->string, p->arena, &zone);
	if (err == ERR_MEMORY || err == ERR_LIMIT)
		return parser_no_memory(p);
	if (err < 0)
		return parser_fail(p, "unable to find time zone %.*s", (int)arg->string.length,
				   arg->string.data);
	select->timezone = arg->string;
	return OK;
}

/* --- ORDER BY -------------------------------------------------------------- */

static const char only_time[] = "only ORDER BY time supported at this time";

static enum token accept_direction(struct parser *p)
{
	enum token token = parser_next(p).token;

	if (token == TOKEN_ASC || token == TOKEN_DESC)
		return token;
	parser_unread(p);
	return TOKEN_ILLEGAL;
}

/* ident [ ASC | DESC ] */
static int parse_sort_field(struct parser *p, struct slice *name, bool *is_descending)
{
	TRY(parse_ident(p, name));
	*is_descending = accept_direction(p) == TOKEN_DESC;
	return OK;
}

static int parse_first_sort_field(struct parser *p, struct sort *out)
{
	enum token direction = accept_direction(p);
	struct lexeme found;
	struct slice name;

	if (direction != TOKEN_ILLEGAL) {
		out->is_descending = direction == TOKEN_DESC;
		return OK;
	}
	found = parser_next(p);
	if (found.token != TOKEN_IDENT)
		return parser_unexpected(p, &found, "identifier, ASC, DESC");
	parser_unread(p);
	TRY(parse_sort_field(p, &name, &out->is_descending));
	out->has_name = true;
	return slice_equal(name, SLICE("time")) ? OK : parser_fail(p, "%s", only_time);
}

/* [ ORDER BY ( ASC | DESC | ident [ ASC | DESC ] ) { "," … } ]; 0.8: [ ORDER ( ASC | DESC ) ] */
int parse_sort(struct parser *p, bool has_bare, struct sort *out)
{
	struct lexeme by;
	struct slice name;
	bool is_descending, has_more = false;

	if (!parser_accept(p, TOKEN_ORDER))
		return OK;
	out->is_given = true;
	by = parser_next(p);
	if (has_bare && (by.token == TOKEN_ASC || by.token == TOKEN_DESC)) {
		out->is_bare = p->select->is_old = true;
		out->is_descending = by.token == TOKEN_DESC;
		return OK;
	}
	if (by.token != TOKEN_BY)
		return parser_unexpected(p, &by, "BY");
	TRY(parse_first_sort_field(p, out));
	while (parser_accept(p, TOKEN_COMMA)) {
		TRY(parse_sort_field(p, &name, &is_descending));
		has_more = true;
	}
	return has_more ? parser_fail(p, "%s", only_time) : OK;
}

/* --- SELECT ---------------------------------------------------------------- */

static int parse_target_and_from(struct parser *p, enum target_rule rule,
				 struct select_stmt *select)
{
	bool needs_target;

	TRY(parse_target(p, &select->target));
	p->from = parser_next(p);
	needs_target = rule == TARGET_REQUIRED && !select->target;
	if (p->from.token != TOKEN_FROM)
		return parser_unexpected(p, &p->from, needs_target ? "INTO" : "FROM");
	return parse_sources(p, SOURCES_SELECT, &select->sources, &select->source_count);
}

/* [ WHERE ] [ GROUP BY ] [ fill() ]; 0.8 has WHERE behind GROUP BY as well */
static int parse_filters(struct parser *p, struct select_stmt *select)
{
	TRY(parse_condition(p, &select->condition));
	TRY(parse_dimensions(p, &select->dimensions, &select->dimension_count));
	if (!select->condition && select->dimension_count)
		TRY(parse_condition(p, &select->condition));
	TRY(parse_fill(p, select));
	if (!select->condition && select->dimension_count)
		TRY(parse_condition(p, &select->condition));
	return OK;
}

/* [ ORDER BY ] [ LIMIT ] [ OFFSET ] [ SLIMIT ] [ SOFFSET ]; 0.8 orders behind LIMIT as well */
static int parse_order_and_limits(struct parser *p, struct select_stmt *select)
{
	TRY(parse_sort(p, true, &select->sort));
	TRY(parse_optional_int(p, TOKEN_LIMIT, &select->limit));
	TRY(parse_optional_int(p, TOKEN_OFFSET, &select->offset));
	TRY(parse_optional_int(p, TOKEN_SLIMIT, &select->slimit));
	TRY(parse_optional_int(p, TOKEN_SOFFSET, &select->soffset));
	return select->sort.is_given ? OK : parse_sort(p, true, &select->sort);
}

static int parse_clauses(struct parser *p, enum target_rule rule, struct select_stmt *select)
{
	TRY(parse_fields(p, select));
	TRY(parse_target_and_from(p, rule, select));
	TRY(parse_filters(p, select));
	TRY(parse_order_and_limits(p, select));
	TRY(parse_timezone(p, select));
	if (rule != TARGET_SUBQUERY)
		TRY(parse_trailing_target(p, select));
	select->is_raw = !has_call(select);
	return OK;
}

int parse_select(struct parser *p, enum target_rule rule, struct select_stmt **out)
{
	struct select_stmt *outer = p->select;
	struct lexeme select = p->ring[p->index];

	*out = arena_alloc(p->arena, sizeof(**out));
	if (!*out)
		return parser_no_memory(p);
	(*out)->position = select.position;
	p->select = *out;
	TRY(parse_clauses(p, rule, *out));
	p->select = outer;
	return OK;
}

int parse_select_statement(struct parser *p, struct statement *out)
{
	return parse_select(p, TARGET_OPTIONAL, &out->select);
}

/* EXPLAIN [ ANALYZE ] SELECT … */
int parse_explain(struct parser *p, struct statement *out)
{
	out->explain.analyze = parser_accept(p, TOKEN_ANALYZE);
	TRY(parser_expect(p, TOKEN_SELECT));
	return parse_select(p, TARGET_OPTIONAL, &out->explain.select);
}
