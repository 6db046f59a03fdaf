/* Why: constants cost nothing per row, and what WHERE says about time decides which shards are
 * read. */
#include "query/expression/fold.h"

#include <assert.h>
#include <stdio.h>

#include "engine/base/when.h"
#include "query/expression/expr.h"
#include "query/language/print.h"

/*
 * A time while it is computed: wider than int64, so that a date of the year
 * 2300 is told as that date when it is refused. `expr` is first.
 */
struct wide_time {
	struct expr expr;
	__int128 ns;
};

/* --- literals ----------------------------------------------------------------- */

static struct expr *new_literal(const struct fold *fold, enum expr_kind kind)
{
	return expr_new(fold->arena, kind, (struct position){ 0 });
}

static struct expr *new_boolean(const struct fold *fold, bool value)
{
	struct expr *expr = new_literal(fold, EXPR_BOOLEAN);

	if (expr)
		expr->boolean = value;
	return expr;
}

static struct expr *new_duration(const struct fold *fold, int64_t ns)
{
	struct expr *expr = new_literal(fold, EXPR_DURATION);

	if (expr)
		expr->duration_ns = ns;
	return expr;
}

static struct expr *new_time(const struct fold *fold, __int128 ns)
{
	struct wide_time *time = arena_alloc(fold->arena, sizeof(*time));

	if (!time)
		return NULL;
	time->expr.kind = EXPR_TIME;
	time->expr.height = 1;
	time->ns = ns;
	time->expr.time_ns = ns > INT64_MAX ? INT64_MAX : ns < INT64_MIN ? INT64_MIN : (int64_t)ns;
	return &time->expr;
}

static __int128 wide_of(const struct expr *time)
{
	return ((const struct wide_time *)time)->ns;
}

static struct expr *new_of_cell(const struct fold *fold, struct cell cell)
{
	static const enum expr_kind kinds[] = {
		[CELL_NULL] = EXPR_NIL,	       [CELL_FLOAT] = EXPR_NUMBER,
		[CELL_INTEGER] = EXPR_INTEGER, [CELL_UNSIGNED] = EXPR_UNSIGNED,
		[CELL_STRING] = EXPR_STRING,   [CELL_BOOLEAN] = EXPR_BOOLEAN,
	};
	struct expr *expr = new_literal(fold, kinds[cell.type]);

	if (!expr)
		return NULL;
	switch (cell.type) {
	case CELL_FLOAT: expr->number = cell.f; break;
	case CELL_INTEGER: expr->integer = cell.i; break;
	case CELL_UNSIGNED: expr->unsigned_ = cell.u; break;
	case CELL_STRING: expr->string = cell.s; break;
	case CELL_BOOLEAN: expr->boolean = cell.b; break;
	default: break;
	}
	return expr;
}

static bool is_number(const struct expr *expr)
{
	return expr->kind == EXPR_INTEGER || expr->kind == EXPR_UNSIGNED ||
	       expr->kind == EXPR_NUMBER;
}

static bool is_constant(const struct expr *expr, bool value)
{
	return expr->kind == EXPR_BOOLEAN && expr->boolean == value;
}

static struct cell cell_of_literal(const struct expr *expr)
{
	struct eval eval = { 0 };

	return expr_eval(expr, &eval);
}

/* --- strings as times ------------------------------------------------------------ */

/* A string literal as a time literal; NULL when it is none. */
static struct expr *time_of_string(const struct fold *fold, const struct expr *string)
{
	__int128 ns;

	if (!time_text_is(string->string) || !time_text_read(string->string, fold->zone, &ns))
		return NULL;
	return new_time(fold, ns);
}

/* --- two literals ------------------------------------------------------------------ */

/*
 * These give the folded literal, or NULL where InfluxDB leaves the operator
 * standing. (No memory looks the same: the arena is checked at the end.)
 */
static struct expr *fold_literals(const struct fold *fold, enum token op, struct expr *left,
				  struct expr *right);

static struct expr *fold_order(const struct fold *fold, enum token op, int order)
{
	struct cell cell = cell_binary(op, cell_of_integer(order), cell_of_integer(0), false);

	return cell.type == CELL_BOOLEAN ? new_of_cell(fold, cell) : NULL;
}

static struct expr *fold_durations(const struct fold *fold, enum token op, int64_t a, int64_t b)
{
	if (op == TOKEN_ADD)
		return new_duration(fold, (int64_t)((uint64_t)a + (uint64_t)b));
	if (op == TOKEN_SUB)
		return new_duration(fold, (int64_t)((uint64_t)a - (uint64_t)b));
	return fold_order(fold, op, (a > b) - (a < b));
}

/* A duration times or through a number, which is cut to an integer first. */
static struct expr *fold_scaled(const struct fold *fold, enum token op, int64_t duration_ns,
				const struct expr *number)
{
	struct cell cell = cell_cast(cell_of_literal(number), DATA_INTEGER);

	if (op == TOKEN_MUL)
		return new_duration(fold, (int64_t)((uint64_t)duration_ns * (uint64_t)cell.i));
	if (op != TOKEN_DIV)
		return NULL;
	cell = cell_binary(TOKEN_DIV, cell_of_integer(duration_ns), cell, false);
	return new_duration(fold, cell.i);
}

static __int128 add_months(const struct fold *fold, __int128 ns, int32_t months)
{
	int64_t seconds = (int64_t)(ns / NS_PER_SECOND), rest = (int64_t)(ns % NS_PER_SECOND);

	if (rest < 0) {
		rest += NS_PER_SECOND;
		seconds--;
	}
	return (__int128)zone_add_months(fold->zone, seconds, months) * NS_PER_SECOND + rest;
}

static struct expr *fold_time(const struct fold *fold, enum token op, const struct expr *left,
			      struct expr *right)
{
	__int128 a = wide_of(left), difference;
	int sign = op == TOKEN_SUB ? -1 : 1;
	struct expr *time;

	switch (right->kind) {
	case EXPR_DURATION:
		if (op != TOKEN_ADD && op != TOKEN_SUB)
			return NULL;
		return new_time(fold, a + sign * (__int128)right->duration_ns);
	case EXPR_INTEGER:
		if (op != TOKEN_ADD && op != TOKEN_SUB)
			return NULL;
		return new_time(fold, a + sign * (__int128)right->integer);
	case EXPR_CALENDAR:
		if (op != TOKEN_ADD && op != TOKEN_SUB)
			return NULL;
		return new_time(fold, add_months(fold, a, sign * right->calendar.months));
	case EXPR_TIME:
		difference = a - wide_of(right);
		if (op != TOKEN_SUB)
			return fold_order(fold, op, (difference > 0) - (difference < 0));
		if (difference > INT64_MAX || difference < INT64_MIN)
			difference = difference > 0 ? INT64_MAX : INT64_MIN;
		return new_duration(fold, (int64_t)difference);
	case EXPR_STRING:
		time = time_of_string(fold, right);
		return time ? fold_time(fold, op, left, time) : NULL;
	case EXPR_NIL: return new_boolean(fold, false);
	default: return NULL;
	}
}

static struct expr *fold_duration(const struct fold *fold, enum token op, int64_t left_ns,
				  struct expr *right)
{
	struct expr *time;

	switch (right->kind) {
	case EXPR_DURATION: return fold_durations(fold, op, left_ns, right->duration_ns);
	case EXPR_NUMBER:
	case EXPR_INTEGER: return fold_scaled(fold, op, left_ns, right);
	case EXPR_TIME: return op == TOKEN_ADD ? new_time(fold, wide_of(right) + left_ns) : NULL;
	case EXPR_STRING:
		time = time_of_string(fold, right);
		return time ? fold_duration(fold, op, left_ns, time) : NULL;
	case EXPR_NIL: return new_boolean(fold, false);
	default: return NULL;
	}
}

static struct expr *fold_integer(const struct fold *fold, enum token op, const struct expr *left,
				 struct expr *right)
{
	struct expr *time;

	switch (right->kind) {
	case EXPR_DURATION:
		/* The integer is a time. */
		if (op != TOKEN_ADD && op != TOKEN_SUB)
			return NULL;
		return new_time(fold,
				(__int128)left->integer +
					(op == TOKEN_SUB ? -1 : 1) * (__int128)right->duration_ns);
	case EXPR_CALENDAR: return fold_time(fold, op, new_time(fold, left->integer), right);
	case EXPR_TIME: return fold_duration(fold, op, left->integer, right);
	case EXPR_STRING:
		time = time_of_string(fold, right);
		return time ? fold_duration(fold, op, left->integer, time) : NULL;
	default: return NULL;
	}
}

static struct expr *fold_strings(const struct fold *fold, enum token op, struct expr *left,
				 struct expr *right)
{
	struct expr *a, *b, *folded;
	char *joined;

	if (op == TOKEN_ADD) {
		joined = arena_printf(fold->arena, "%.*s%.*s", (int)left->string.length,
				      left->string.data, (int)right->string.length,
				      right->string.data);
		return joined ? new_of_cell(fold, cell_of_string(slice_of_text(joined))) : NULL;
	}
	a = time_of_string(fold, left);
	b = time_of_string(fold, right);
	folded = a && b ? fold_time(fold, op, a, b) : NULL;
	if (folded || (op != TOKEN_EQ && op != TOKEN_NEQ))
		return folded;
	return new_of_cell(fold,
			   cell_binary(op, cell_of_literal(left), cell_of_literal(right), false));
}

static struct expr *fold_string(const struct fold *fold, enum token op, struct expr *left,
				struct expr *right)
{
	struct expr *time;

	if (right->kind == EXPR_STRING)
		return fold_strings(fold, op, left, right);
	if (right->kind == EXPR_NIL)
		return op == TOKEN_EQ || op == TOKEN_NEQ ? new_boolean(fold, false) : NULL;
	if (right->kind != EXPR_DURATION && right->kind != EXPR_TIME &&
	    right->kind != EXPR_INTEGER && right->kind != EXPR_CALENDAR)
		return NULL;
	time = time_of_string(fold, left);
	return time ? fold_time(fold, op, time, right) : NULL;
}

static struct expr *fold_numbers(const struct fold *fold, enum token op, struct expr *left,
				 struct expr *right)
{
	struct cell cell = cell_binary(op, cell_of_literal(left), cell_of_literal(right), true);

	return cell_is_nil(&cell) ? NULL : new_of_cell(fold, cell);
}

static struct expr *fold_literals(const struct fold *fold, enum token op, struct expr *left,
				  struct expr *right)
{
	if (is_number(left) && is_number(right))
		return fold_numbers(fold, op, left, right);
	if (is_number(left) && right->kind == EXPR_NIL)
		return new_boolean(fold, false);
	switch (left->kind) {
	case EXPR_BOOLEAN:
		if (right->kind == EXPR_NIL)
			return new_boolean(fold, false);
		if (right->kind != EXPR_BOOLEAN || op == TOKEN_LT || op == TOKEN_LTE ||
		    op == TOKEN_GT || op == TOKEN_GTE)
			return NULL;
		return fold_numbers(fold, op, left, right);
	case EXPR_DURATION: return fold_duration(fold, op, left->duration_ns, right);
	case EXPR_INTEGER: return fold_integer(fold, op, left, right);
	case EXPR_STRING: return fold_string(fold, op, left, right);
	case EXPR_TIME: return fold_time(fold, op, left, right);
	case EXPR_NIL: return op == TOKEN_EQ || op == TOKEN_NEQ ? new_boolean(fold, false) : NULL;
	default: return NULL;
	}
}

/* --- trees ----------------------------------------------------------------------------- */

static struct expr *fold_inner(const struct fold *fold, const struct expr *expr);

static struct expr *fold_logic(const struct fold *fold, enum token op, struct expr *left,
			       struct expr *right)
{
	bool deciding = op == TOKEN_OR;

	if (is_constant(left, deciding) || is_constant(right, deciding))
		return new_boolean(fold, deciding);
	if (is_constant(left, !deciding))
		return right;
	return is_constant(right, !deciding) ? left : NULL;
}

static struct expr *fold_pair(const struct fold *fold, enum token op, struct expr *left,
			      struct expr *right)
{
	struct expr *folded = NULL;

	if (op == TOKEN_AND || op == TOKEN_OR)
		folded = fold_logic(fold, op, left, right);
	if (!folded && (expr_is_literal(left) || left->kind == EXPR_NIL))
		folded = fold_literals(fold, op, left, right);
	return folded ? folded : expr_new_binary(fold->arena, op, left, right);
}

static struct expr *fold_binary(const struct fold *fold, const struct expr *expr)
{
	struct expr *left = fold_inner(fold, expr->binary.left);
	struct expr *right = fold_inner(fold, expr->binary.right);
	struct expr *folded;

	if (!left || !right)
		return NULL;
	folded = fold_pair(fold, expr->binary.op, left, right);
	if (folded && folded->position.line == 0 && folded->position.column == 0)
		folded->position = expr->position;
	return folded;
}

static struct expr *fold_call(const struct fold *fold, const struct expr *expr)
{
	struct expr *call = expr_new(fold->arena, EXPR_CALL, expr->position);
	size_t count = expr->call.arg_count;
	bool is_literal = true;
	struct cell cells[2];

	if (fold->has_now && count == 0 && slice_equal(expr->call.name, SLICE("now")))
		return new_time(fold, fold->now_ns);
	if (!call)
		return NULL;
	call->call.name = expr->call.name;
	call->call.arg_count = count;
	call->call.args = arena_alloc(fold->arena, (count + 1) * sizeof(*call->call.args));
	call->height = expr->height;
	for (size_t i = 0; i < count; i++) {
		struct expr *argument =
			call->call.args ? fold_inner(fold, expr->call.args[i]) : NULL;

		if (!argument)
			return NULL;
		is_literal &= expr_is_literal(argument);
		call->call.args[i] = argument;
		if (i < 2)
			cells[i] = is_literal ? cell_of_literal(argument) : cell_null();
	}
	if (fold->has_math && is_literal && count > 0 &&
	    (size_t)math_argument_count(call->call.name) == count)
		return new_of_cell(fold, math_call(call->call.name, cells));
	return call;
}

static struct expr *fold_paren(const struct fold *fold, const struct expr *expr)
{
	struct expr *inner = fold_inner(fold, expr->paren), *paren;

	if (!inner || inner->kind != EXPR_BINARY)
		return inner;
	paren = expr_new(fold->arena, EXPR_PAREN, expr->position);
	if (paren) {
		paren->paren = inner;
		paren->height = inner->height + 1;
	}
	return paren;
}

static struct expr *fold_inner(const struct fold *fold, const struct expr *expr)
{
	switch (expr->kind) {
	case EXPR_BINARY: return fold_binary(fold, expr);
	case EXPR_CALL: return fold_call(fold, expr);
	case EXPR_PAREN: return fold_paren(fold, expr);
	case EXPR_TIME: return new_time(fold, wide_of(expr));
	default: return expr_copy(fold->arena, expr);
	}
}

struct expr *fold_expr(const struct fold *fold, const struct expr *expr)
{
	struct expr *folded = fold_inner(fold, expr);

	return folded && folded->kind == EXPR_PAREN ? folded->paren : folded;
}

/* --- conditions ---------------------------------------------------------------------------- */

struct split {
	const struct fold *fold;
	struct fold plain; /* without now() */
	struct bounds *bounds;
	struct diag *diag;
};

static int refuse_time(struct split *split, __int128 ns, const char *what)
{
	char text[WHEN_BYTES_MAX + 16];
	struct civil civil;
	__int128 seconds = ns / NS_PER_SECOND;

	if (ns < 0 && ns % NS_PER_SECOND)
		seconds--;
	civil = civil_of_seconds((int64_t)seconds);
	snprintf(text, sizeof(text), "%04lld-%02d-%02dT%02d:%02d:%02dZ", (long long)civil.year,
		 civil.month, civil.day, civil.hour, civil.minute, civil.second);
	return diag_set(split->diag, ERR_INVALID, "time %s %s time literal", text, what);
}

/* The right side of a time term, as ns. */
static int time_value(struct split *split, const struct expr *value, __int128 *out)
{
	const struct expr *folded;

	if (value->kind == EXPR_STRING && time_text_is(value->string)) {
		if (!time_text_read(value->string, split->fold->zone, out))
			return diag_set(split->diag, ERR_INVALID, "invalid timestamp string");
		value = new_time(split->fold, *out);
	} else {
		value = fold_expr(split->fold, value);
	}
	folded = value;
	if (!folded)
		return ERR_LIMIT;
	switch (folded->kind) {
	case EXPR_TIME:
		*out = wide_of(folded);
		if (*out > TIME_MAX_NS)
			return refuse_time(split, *out, "overflows");
		if (*out < TIME_MIN_NS + 1)
			return refuse_time(split, *out, "underflows");
		return OK;
	case EXPR_DURATION: *out = folded->duration_ns; return OK;
	case EXPR_INTEGER: *out = folded->integer; return OK;
	case EXPR_NUMBER:
		*out = cell_cast(cell_of_float(folded->number), DATA_INTEGER).i;
		return OK;
	default:
		return diag_set(split->diag, ERR_INVALID,
				"invalid operation: time and %s are not compatible",
				expr_kind_go_name(folded->kind));
	}
}

static int64_t clamp_time(__int128 ns)
{
	return ns > INT64_MAX ? INT64_MAX : ns < INT64_MIN ? INT64_MIN : (int64_t)ns;
}

static void bound_first(struct bounds *bounds, __int128 ns)
{
	if (!bounds->has_first || clamp_time(ns) > bounds->first_ns)
		bounds->first_ns = clamp_time(ns);
	bounds->has_first = true;
}

static void bound_last(struct bounds *bounds, __int128 ns)
{
	if (!bounds->has_last || clamp_time(ns) < bounds->last_ns)
		bounds->last_ns = clamp_time(ns);
	bounds->has_last = true;
}

static int split_time(struct split *split, enum token op, const struct expr *value)
{
	__int128 ns;

	TRY(time_value(split, value, &ns));
	switch (op) {
	case TOKEN_GT: bound_first(split->bounds, ns + 1); return OK;
	case TOKEN_GTE: bound_first(split->bounds, ns); return OK;
	case TOKEN_LT: bound_last(split->bounds, ns - 1); return OK;
	case TOKEN_LTE: bound_last(split->bounds, ns); return OK;
	case TOKEN_EQ:
		bound_first(split->bounds, ns);
		bound_last(split->bounds, ns);
		return OK;
	default:
		return diag_set(split->diag, ERR_INVALID, "invalid time comparison operator: %s",
				token_spelling(op));
	}
}

static enum token mirrored(enum token op)
{
	switch (op) {
	case TOKEN_GT: return TOKEN_LT;
	case TOKEN_LT: return TOKEN_GT;
	case TOKEN_GTE: return TOKEN_LTE;
	case TOKEN_LTE: return TOKEN_GTE;
	default: return op;
	}
}

static int split_inner(struct split *split, const struct expr *expr, struct expr **rest);

static int split_logic(struct split *split, const struct expr *expr, struct expr **rest)
{
	struct expr *left, *right;

	TRY(split_inner(split, expr->binary.left, &left));
	TRY(split_inner(split, expr->binary.right, &right));
	*rest = left ? left : right;
	if (!left || !right)
		return OK;
	*rest = fold_pair(&split->plain, expr->binary.op, left, right);
	return *rest ? OK : ERR_LIMIT;
}

static int split_binary(struct split *split, const struct expr *expr, struct expr **rest)
{
	enum token op = expr->binary.op;

	if (op == TOKEN_AND || op == TOKEN_OR)
		return split_logic(split, expr, rest);
	*rest = NULL;
	if (expr_is_time(expr_unwrap(expr->binary.left)))
		return split_time(split, op, expr->binary.right);
	if (expr_is_time(expr_unwrap(expr->binary.right)))
		return split_time(split, mirrored(op), expr->binary.left);
	*rest = fold_inner(split->fold, expr);
	return *rest ? OK : ERR_LIMIT;
}

static int split_paren(struct split *split, const struct expr *expr, struct expr **rest)
{
	struct expr *inner, *paren;

	TRY(split_inner(split, expr->paren, &inner));
	*rest = inner;
	if (!inner || inner->kind != EXPR_BINARY)
		return OK;
	paren = expr_new(split->fold->arena, EXPR_PAREN, expr->position);
	if (!paren)
		return ERR_LIMIT;
	paren->paren = inner;
	paren->height = inner->height + 1;
	*rest = paren;
	return OK;
}

static int split_inner(struct split *split, const struct expr *expr, struct expr **rest)
{
	struct buf text = { 0 };

	switch (expr->kind) {
	case EXPR_BINARY: return split_binary(split, expr, rest);
	case EXPR_PAREN: return split_paren(split, expr, rest);
	case EXPR_BOOLEAN:
		*rest = expr_copy(split->fold->arena, expr);
		return *rest ? OK : ERR_LIMIT;
	default:
		expr_print(&text, expr);
		diag_set(split->diag, ERR_INVALID, "invalid condition expression: %s",
			 buf_text(&text));
		buf_release(&text);
		return ERR_INVALID;
	}
}

int condition_split(const struct fold *fold, const struct expr *condition, struct bounds *bounds,
		    struct expr **rest, struct diag *diag)
{
	struct split split = { .fold = fold, .plain = *fold, .bounds = bounds, .diag = diag };

	*bounds = (struct bounds){ 0 };
	*rest = NULL;
	if (!condition)
		return OK;
	split.plain.has_now = false;
	TRY(split_inner(&split, condition, rest));
	if (*rest && (*rest)->kind == EXPR_PAREN)
		*rest = (*rest)->paren;
	if (*rest && is_constant(*rest, true))
		*rest = NULL;
	return OK;
}
