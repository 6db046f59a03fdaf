/* Why: what every walker of the tree needs, in one place, so that a new kind of node is one row. */
#include "query/language/ast.h"

#include <assert.h>

#include "engine/base/err.h"

/* --- names ----------------------------------------------------------------- */

const char *data_type_name(enum data_type type)
{
	static const char *const names[DATA_TYPE_COUNT] = {
		[DATA_UNKNOWN] = "unknown", [DATA_FLOAT] = "float",
		[DATA_INTEGER] = "integer", [DATA_UNSIGNED] = "unsigned",
		[DATA_STRING] = "string",   [DATA_BOOLEAN] = "boolean",
		[DATA_TIME] = "time",	    [DATA_DURATION] = "duration",
		[DATA_TAG] = "tag",	    [DATA_FIELD] = "field",
	};

	return names[type];
}

const char *expr_kind_go_name(enum expr_kind kind)
{
	static const char *const names[] = {
		[EXPR_VARREF] = "*influxql.VarRef",
		[EXPR_INTEGER] = "*influxql.IntegerLiteral",
		[EXPR_UNSIGNED] = "*influxql.UnsignedLiteral",
		[EXPR_NUMBER] = "*influxql.NumberLiteral",
		[EXPR_STRING] = "*influxql.StringLiteral",
		[EXPR_BOOLEAN] = "*influxql.BooleanLiteral",
		[EXPR_DURATION] = "*influxql.DurationLiteral",
		[EXPR_CALENDAR] = "*influxql.DurationLiteral",
		[EXPR_REGEX] = "*influxql.RegexLiteral",
		[EXPR_TIME] = "*influxql.TimeLiteral",
		[EXPR_WILDCARD] = "*influxql.Wildcard",
		[EXPR_LIST] = "*influxql.ListLiteral",
		[EXPR_NIL] = "*influxql.NilLiteral",
		[EXPR_CALL] = "*influxql.Call",
		[EXPR_BINARY] = "*influxql.BinaryExpr",
		[EXPR_PAREN] = "*influxql.ParenExpr",
		[EXPR_DISTINCT] = "*influxql.Distinct",
	};

	return names[kind];
}

const struct statement_kind_row statement_kinds[STATEMENT_KIND_COUNT] = {
#define STATEMENT(kind, words, family, changes, needs_database)                                    \
	[STATEMENT_##kind] = { words, FAMILY_##family, changes, needs_database },
	STATEMENTS(STATEMENT)
#undef STATEMENT
};

/* --- questions ------------------------------------------------------------- */

static bool is_time_word(struct slice name)
{
	static const char word[] = "time";

	if (name.length != sizeof(word) - 1)
		return false;
	for (size_t i = 0; i < name.length; i++)
		if ((name.data[i] | 0x20) != word[i])
			return false;
	return true;
}

bool expr_is_time(const struct expr *expr)
{
	return expr->kind == EXPR_VARREF && is_time_word(expr->varref.name);
}

struct expr *expr_unwrap(struct expr *expr)
{
	while (expr->kind == EXPR_PAREN)
		expr = expr->paren;
	return expr;
}

static bool is_comparison(enum token op)
{
	return op == TOKEN_EQ || op == TOKEN_NEQ || op == TOKEN_LT || op == TOKEN_LTE ||
	       op == TOKEN_GT || op == TOKEN_GTE || op == TOKEN_EQ_REGEX || op == TOKEN_NEQ_REGEX;
}

bool expr_is_time_term(const struct expr *expr)
{
	return expr->kind == EXPR_BINARY && is_comparison(expr->binary.op) &&
	       (expr_is_time(expr_unwrap(expr->binary.left)) ||
		expr_is_time(expr_unwrap(expr->binary.right)));
}

/* --- the databases that a statement names ---------------------------------------- */

struct names {
	struct arena *arena;
	struct slice *items;
	size_t count, capacity;
};

static int add_name(struct names *names, struct slice name)
{
	struct slice *grown;

	if (name.length == 0)
		return OK;
	if (names->count == names->capacity) {
		names->capacity = names->capacity ? names->capacity * 2 : 4;
		grown = arena_alloc(names->arena, names->capacity * sizeof(*grown));
		if (!grown)
			return ERR_LIMIT;
		if (names->count)
			memcpy(grown, names->items, names->count * sizeof(*grown));
		names->items = grown;
	}
	names->items[names->count++] = name;
	return OK;
}

static int add_select(struct names *names, const struct select_stmt *select);

static int add_sources(struct names *names, const struct source *sources, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		TRY(add_name(names, sources[i].database));
		if (sources[i].subquery)
			TRY(add_select(names, sources[i].subquery));
		TRY(add_sources(names, sources[i].parts, sources[i].part_count));
	}
	return OK;
}

static int add_select(struct names *names, const struct select_stmt *select)
{
	if (select->target)
		TRY(add_name(names, select->target->database));
	return add_sources(names, select->sources, select->source_count);
}

static int add_statement(struct names *names, const struct statement *statement)
{
	switch (statement_kinds[statement->kind].family) {
	case FAMILY_SELECT: return add_select(names, statement->select);
	case FAMILY_EXPLAIN: return add_select(names, statement->explain.select);
	case FAMILY_SHOW:
		TRY(add_name(names, statement->show.database));
		return add_sources(names, statement->show.sources, statement->show.source_count);
	case FAMILY_REMOVE:
		return add_sources(names, statement->remove.sources,
				   statement->remove.source_count);
	case FAMILY_NAME:
		if (statement->kind == STATEMENT_DROP_DATABASE)
			return add_name(names, statement->name.name);
		return add_name(names, statement->name.database);
	case FAMILY_POLICY: return add_name(names, statement->policy.database);
	case FAMILY_CONTINUOUS:
		TRY(add_name(names, statement->continuous.database));
		return add_select(names, statement->continuous.select);
	default: return OK;
	}
}

int statement_databases(const struct statement *statement, struct arena *arena,
			const struct slice **out, size_t *count)
{
	struct names names = { .arena = arena };
	int err = add_statement(&names, statement);

	*out = names.items;
	*count = err < 0 ? 0 : names.count;
	return err;
}

bool statement_changes(const struct statement *statement)
{
	if (statement->kind == STATEMENT_SELECT)
		return statement->select->target != NULL;
	return statement_kinds[statement->kind].changes;
}

const char *select_interval(const struct select_stmt *select, int64_t *interval_ns, int32_t *months)
{
	*interval_ns = 0;
	*months = 0;
	for (size_t i = 0; i < select->dimension_count; i++) {
		const struct expr *call = select->dimensions[i];

		if (!expr_is_call(call, "time"))
			continue;
		if (call->call.arg_count < 1 || call->call.arg_count > 2)
			return "time dimension expected 1 or 2 arguments";
		if (call->call.args[0]->kind == EXPR_DURATION)
			*interval_ns = call->call.args[0]->duration_ns;
		else if (call->call.args[0]->kind == EXPR_CALENDAR)
			*months = call->call.args[0]->calendar.months;
		else
			return "time dimension must have duration argument";
		return NULL;
	}
	return NULL;
}

/* --- walking --------------------------------------------------------------- */

void expr_walk(struct expr *expr, expr_visit *visit, void *arg)
{
	if (!visit(arg, expr))
		return;
	switch (expr->kind) {
	case EXPR_CALL:
		for (size_t i = 0; i < expr->call.arg_count; i++)
			expr_walk(expr->call.args[i], visit, arg);
		break;
	case EXPR_BINARY:
		expr_walk(expr->binary.left, visit, arg);
		expr_walk(expr->binary.right, visit, arg);
		break;
	case EXPR_PAREN: expr_walk(expr->paren, visit, arg); break;
	default: break;
	}
}

/* --- making ---------------------------------------------------------------- */

struct expr *expr_new(struct arena *arena, enum expr_kind kind, struct position position)
{
	struct expr *expr = arena_alloc(arena, sizeof(*expr));

	if (!expr)
		return NULL;
	expr->kind = kind;
	expr->height = 1;
	expr->position = position;
	return expr;
}

struct expr *expr_new_binary(struct arena *arena, enum token op, struct expr *left,
			     struct expr *right)
{
	struct expr *expr = expr_new(arena, EXPR_BINARY, left->position);

	assert(token_precedence(op) > 0);
	if (!expr)
		return NULL;
	expr->binary.op = op;
	expr->binary.left = left;
	expr->binary.right = right;
	expr->height = 1 + (left->height > right->height ? left->height : right->height);
	return expr;
}

struct expr *expr_new_varref(struct arena *arena, struct slice name, enum data_type type)
{
	struct expr *expr = expr_new(arena, EXPR_VARREF, (struct position){ 0 });

	if (!expr)
		return NULL;
	expr->varref.name = name;
	expr->varref.type = type;
	return expr;
}

static bool copy_args(struct arena *arena, struct expr *copy, const struct expr *expr)
{
	if (expr->call.arg_count == 0)
		return true;
	copy->call.args = arena_alloc(arena, expr->call.arg_count * sizeof(struct expr *));
	if (!copy->call.args)
		return false;
	for (size_t i = 0; i < expr->call.arg_count; i++) {
		copy->call.args[i] = expr_copy(arena, expr->call.args[i]);
		if (!copy->call.args[i])
			return false;
	}
	return true;
}

struct expr *expr_copy(struct arena *arena, const struct expr *expr)
{
	struct expr *copy = arena_alloc(arena, sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *expr;
	switch (expr->kind) {
	case EXPR_CALL: return copy_args(arena, copy, expr) ? copy : NULL;
	case EXPR_BINARY:
		copy->binary.left = expr_copy(arena, expr->binary.left);
		copy->binary.right =
			copy->binary.left ? expr_copy(arena, expr->binary.right) : NULL;
		return copy->binary.right ? copy : NULL;
	case EXPR_PAREN:
		copy->paren = expr_copy(arena, expr->paren);
		return copy->paren ? copy : NULL;
	default: return copy;
	}
}
