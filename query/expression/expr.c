/* Why: SELECT, WHERE and the filters of subqueries must agree on what `a / b` is. */
#include "query/expression/expr.h"

#include <math.h>
#include <stdio.h>

#include "query/base/pattern.h"
#include "query/language/print.h"

/* --- values and types ------------------------------------------------------ */

enum cell_type cell_type_of(enum data_type type)
{
	switch (type) {
	case DATA_FLOAT: return CELL_FLOAT;
	case DATA_INTEGER: return CELL_INTEGER;
	case DATA_UNSIGNED: return CELL_UNSIGNED;
	case DATA_STRING:
	case DATA_TAG: return CELL_STRING;
	case DATA_BOOLEAN: return CELL_BOOLEAN;
	default: return CELL_NULL;
	}
}

static const struct {
	enum cell_type cell;
	enum data_type data;
} value_rows[VALUE_TYPE_COUNT] = {
	[VALUE_NONE] = { CELL_NULL, DATA_UNKNOWN },
	[VALUE_FLOAT] = { CELL_FLOAT, DATA_FLOAT },
	[VALUE_INTEGER] = { CELL_INTEGER, DATA_INTEGER },
	[VALUE_UNSIGNED] = { CELL_UNSIGNED, DATA_UNSIGNED },
	[VALUE_STRING] = { CELL_STRING, DATA_STRING },
	[VALUE_BOOLEAN] = { CELL_BOOLEAN, DATA_BOOLEAN },
};

enum data_type data_type_of_value(enum value_type type)
{
	return value_rows[type].data;
}

/* Towards zero; what does not fit is what amd64 makes of it: the lowest integer. */
static int64_t integer_of_float(double value)
{
	if (value >= -9223372036854775808.0 && value < 9223372036854775808.0)
		return (int64_t)value;
	return INT64_MIN;
}

static uint64_t unsigned_of_float(double value)
{
	if (value >= 9223372036854775808.0 && value < 18446744073709551616.0)
		return (uint64_t)value;
	return (uint64_t)integer_of_float(value);
}

bool cell_float(const struct cell *cell, double *out)
{
	switch (cell->type) {
	case CELL_FLOAT: *out = cell->f; return true;
	case CELL_INTEGER: *out = (double)cell->i; return true;
	case CELL_UNSIGNED: *out = (double)cell->u; return true;
	default: return false;
	}
}

bool cell_fits(const struct cell *cell, enum data_type type)
{
	if (type != DATA_INTEGER && type != DATA_UNSIGNED)
		return true;
	switch (cell->type) {
	case CELL_FLOAT:
		return type == DATA_INTEGER ? fabs(cell->f) < 9223372036854775808.0
					    : cell->f >= 0 && cell->f < 18446744073709551616.0;
	case CELL_INTEGER: return type == DATA_INTEGER || cell->i >= 0;
	case CELL_UNSIGNED: return type == DATA_UNSIGNED || cell->u <= INT64_MAX;
	default: return true;
	}
}

static struct cell cast_to_integer(struct cell cell)
{
	if (cell.type == CELL_FLOAT)
		return cell_of_integer(integer_of_float(cell.f));
	return cell_of_integer(cell.i);
}

static struct cell cast_to_unsigned(struct cell cell)
{
	if (cell.type == CELL_FLOAT)
		cell.u = unsigned_of_float(cell.f);
	cell.type = CELL_UNSIGNED;
	return cell;
}

struct cell cell_cast(struct cell cell, enum data_type type)
{
	double value;

	if (!cell_float(&cell, &value))
		return cell;
	switch (type) {
	case DATA_FLOAT: return cell_of_float(value);
	case DATA_INTEGER: return cast_to_integer(cell);
	case DATA_UNSIGNED: return cast_to_unsigned(cell);
	default: return cell;
	}
}

bool data_type_yields(enum data_type a, enum data_type b)
{
	static const int ranks[DATA_TYPE_COUNT] = {
		[DATA_UNKNOWN] = 0, [DATA_FIELD] = 1,	[DATA_TAG] = 2,	   [DATA_DURATION] = 3,
		[DATA_TIME] = 4,    [DATA_BOOLEAN] = 5, [DATA_STRING] = 6, [DATA_UNSIGNED] = 7,
		[DATA_INTEGER] = 8, [DATA_FLOAT] = 9,
	};

	return ranks[a] < ranks[b];
}

/* --- operators -------------------------------------------------------------- */

static struct cell compare_result(enum token op, int order, bool is_ordered)
{
	switch (op) {
	case TOKEN_EQ: return cell_of_boolean(is_ordered && order == 0);
	case TOKEN_NEQ: return cell_of_boolean(!is_ordered || order != 0);
	case TOKEN_LT: return cell_of_boolean(is_ordered && order < 0);
	case TOKEN_LTE: return cell_of_boolean(is_ordered && order <= 0);
	case TOKEN_GT: return cell_of_boolean(is_ordered && order > 0);
	case TOKEN_GTE: return cell_of_boolean(is_ordered && order >= 0);
	default: return cell_null();
	}
}

static struct cell binary_float(enum token op, double a, double b)
{
	switch (op) {
	case TOKEN_ADD: return cell_of_float(a + b);
	case TOKEN_SUB: return cell_of_float(a - b);
	case TOKEN_MUL: return cell_of_float(a * b);
	case TOKEN_DIV: return cell_of_float(b == 0 ? 0 : a / b);
	case TOKEN_MOD: return cell_of_float(fmod(a, b));
	default: return compare_result(op, (a > b) - (a < b), !isnan(a) && !isnan(b));
	}
}

/* No integer of 64 bits is lost where one holds the number; else it is the nearest float. */
struct cell cell_of_whole(__int128 value, bool is_unsigned)
{
	if (is_unsigned && value >= 0 && value <= (__int128)UINT64_MAX)
		return (struct cell){ .type = CELL_UNSIGNED, .u = (uint64_t)value };
	if (value >= INT64_MIN && value <= INT64_MAX)
		return cell_of_integer((int64_t)value);
	return cell_of_float((double)value);
}

static struct cell multiply_whole(__int128 a, __int128 b, bool is_unsigned)
{
	__int128 product;

	if (__builtin_mul_overflow(a, b, &product))
		return cell_of_float((double)a * (double)b);
	return cell_of_whole(product, is_unsigned);
}

static __int128 whole_of(const struct cell *cell)
{
	return cell->type == CELL_UNSIGNED ? (__int128)cell->u : (__int128)cell->i;
}

static struct cell bits_of(enum token op, struct cell left, struct cell right)
{
	struct cell cell = { .type = left.type == right.type ? left.type : CELL_UNSIGNED };

	switch (op) {
	case TOKEN_BITWISE_AND: cell.u = left.u & right.u; return cell;
	case TOKEN_BITWISE_OR: cell.u = left.u | right.u; return cell;
	default: cell.u = left.u ^ right.u; return cell;
	}
}

/* Integers of either kind, as numbers: nothing wraps. */
static struct cell binary_whole(enum token op, struct cell left, struct cell right,
				bool divides_to_float)
{
	bool is_unsigned = left.type == CELL_UNSIGNED || right.type == CELL_UNSIGNED;
	__int128 a = whole_of(&left), b = whole_of(&right);

	switch (op) {
	case TOKEN_ADD: return cell_of_whole(a + b, is_unsigned);
	case TOKEN_SUB: return cell_of_whole(a - b, is_unsigned);
	case TOKEN_MUL: return multiply_whole(a, b, is_unsigned);
	case TOKEN_DIV:
		if (divides_to_float)
			return cell_of_float(b == 0 ? 0 : (double)a / (double)b);
		return cell_of_whole(b == 0 ? 0 : a / b, is_unsigned);
	case TOKEN_MOD: return cell_of_whole(b == 0 ? 0 : a % b, is_unsigned);
	case TOKEN_BITWISE_AND:
	case TOKEN_BITWISE_OR:
	case TOKEN_BITWISE_XOR: return bits_of(op, left, right);
	default: return compare_result(op, (a > b) - (a < b), true);
	}
}

static struct cell binary_boolean(enum token op, bool a, bool b)
{
	switch (op) {
	case TOKEN_AND:
	case TOKEN_BITWISE_AND: return cell_of_boolean(a && b);
	case TOKEN_OR:
	case TOKEN_BITWISE_OR: return cell_of_boolean(a || b);
	case TOKEN_BITWISE_XOR:
	case TOKEN_NEQ: return cell_of_boolean(a != b);
	case TOKEN_EQ: return cell_of_boolean(a == b);
	case TOKEN_LT:
	case TOKEN_LTE:
	case TOKEN_GT:
	case TOKEN_GTE: return cell_of_boolean(false);
	default: return cell_null();
	}
}

/* Operands that do not go together: comparisons and logic are false, the rest is null. */
static struct cell binary_clash(enum token op, enum cell_type left)
{
	switch (op) {
	case TOKEN_EQ:
	case TOKEN_NEQ:
	case TOKEN_LT:
	case TOKEN_LTE:
	case TOKEN_GT:
	case TOKEN_GTE: return cell_of_boolean(false);
	case TOKEN_AND:
	case TOKEN_OR:
	case TOKEN_BITWISE_AND:
	case TOKEN_BITWISE_OR:
	case TOKEN_BITWISE_XOR: return left == CELL_BOOLEAN ? cell_of_boolean(false) : cell_null();
	case TOKEN_EQ_REGEX:
	case TOKEN_NEQ_REGEX: return left == CELL_STRING ? cell_of_boolean(false) : cell_null();
	default: return cell_null();
	}
}

static bool is_number(const struct cell *cell)
{
	return cell->type == CELL_FLOAT || cell->type == CELL_INTEGER ||
	       cell->type == CELL_UNSIGNED;
}

static struct cell binary_number(enum token op, struct cell left, struct cell right,
				 bool divides_to_float)
{
	double a, b;

	if (left.type == CELL_FLOAT || right.type == CELL_FLOAT) {
		cell_float(&left, &a);
		cell_float(&right, &b);
		return binary_float(op, a, b);
	}
	return binary_whole(op, left, right, divides_to_float);
}

struct cell cell_binary(enum token op, struct cell left, struct cell right, bool divides_to_float)
{
	bool is_logic = op == TOKEN_AND || op == TOKEN_OR;

	/* In logic, null is false; compared with a boolean it is not. */
	if (is_logic && cell_is_nil(&left) && right.type == CELL_BOOLEAN)
		left = cell_of_boolean(false);
	else if (is_logic && cell_is_nil(&right) && left.type == CELL_BOOLEAN)
		right = cell_of_boolean(false);
	if (is_number(&left) && is_number(&right))
		return binary_number(op, left, right, divides_to_float);
	if (left.type == CELL_BOOLEAN && right.type == CELL_BOOLEAN)
		return binary_boolean(op, left.b, right.b);
	if (left.type == CELL_STRING && right.type == CELL_STRING &&
	    (op == TOKEN_EQ || op == TOKEN_NEQ))
		return cell_of_boolean(slice_equal(left.s, right.s) == (op == TOKEN_EQ));
	return binary_clash(op, left.type);
}

/* --- evaluation -------------------------------------------------------------- */

static struct cell eval_match(const struct expr *expr, struct eval *eval)
{
	struct cell left = expr_eval(expr->binary.left, eval);
	const struct expr *regex = expr->binary.right;
	bool found = false;
	int err;

	if (left.type != CELL_STRING || regex->kind != EXPR_REGEX || !regex->regex.program)
		return binary_clash(expr->binary.op, left.type);
	err = pattern_find(regex->regex.program, left.s, &found);
	if (err < 0)
		eval->err = err;
	return cell_of_boolean(found == (expr->binary.op == TOKEN_EQ_REGEX));
}

static const struct expr *strip(const struct expr *expr)
{
	while (expr->kind == EXPR_PAREN)
		expr = expr->paren;
	return expr;
}

/* An absent tag is '' to a literal, and null to another column. */
static struct cell eval_beside(const struct expr *expr, const struct expr *other, struct eval *eval)
{
	struct cell cell = expr_eval(expr, eval);

	expr = strip(expr);
	if (expr->kind == EXPR_VARREF && expr->varref.type == DATA_TAG &&
	    strip(other)->kind == EXPR_VARREF && cell.type == CELL_STRING && cell.s.length == 0)
		return cell_null();
	return cell;
}

static struct cell eval_binary(const struct expr *expr, struct eval *eval)
{
	struct cell left, right;

	if (expr->binary.op == TOKEN_EQ_REGEX || expr->binary.op == TOKEN_NEQ_REGEX)
		return eval_match(expr, eval);
	left = eval_beside(expr->binary.left, expr->binary.right, eval);
	right = eval_beside(expr->binary.right, expr->binary.left, eval);
	return cell_binary(expr->binary.op, left, right, true);
}

static struct cell eval_call(const struct expr *expr, struct eval *eval)
{
	struct cell arguments[2];
	int count = math_argument_count(expr->call.name);

	if (count == 0 || expr->call.arg_count != (size_t)count)
		return cell_null();
	for (int i = 0; i < count; i++)
		arguments[i] = expr_eval(expr->call.args[i], eval);
	return math_call(expr->call.name, arguments);
}

struct cell expr_eval(const struct expr *expr, struct eval *eval)
{
	switch (expr->kind) {
	case EXPR_VARREF:
		return expr->varref.slot < 0 ? cell_null() : eval->slots[expr->varref.slot];
	case EXPR_INTEGER: return cell_of_integer(expr->integer);
	case EXPR_UNSIGNED: return (struct cell){ .type = CELL_UNSIGNED, .u = expr->unsigned_ };
	case EXPR_NUMBER: return cell_of_float(expr->number);
	case EXPR_STRING: return cell_of_string(expr->string);
	case EXPR_BOOLEAN: return cell_of_boolean(expr->boolean);
	case EXPR_PAREN: return expr_eval(expr->paren, eval);
	case EXPR_BINARY: return eval_binary(expr, eval);
	case EXPR_CALL: return eval_call(expr, eval);
	default: return cell_null();
	}
}

bool expr_is_true(const struct expr *expr, struct eval *eval)
{
	struct cell cell = expr_eval(expr, eval);

	return cell.type == CELL_BOOLEAN && cell.b;
}

/* --- types --------------------------------------------------------------------- */

/* What an operator makes of the types is what it makes of their zeros. */
static struct cell zero_of(enum data_type type)
{
	if (cell_type_of(type) == CELL_STRING)
		return cell_of_string(SLICE(""));
	return (struct cell){ .type = cell_type_of(type) };
}

static enum data_type data_type_of(enum cell_type type)
{
	switch (type) {
	case CELL_FLOAT: return DATA_FLOAT;
	case CELL_INTEGER: return DATA_INTEGER;
	case CELL_UNSIGNED: return DATA_UNSIGNED;
	case CELL_STRING: return DATA_STRING;
	case CELL_BOOLEAN: return DATA_BOOLEAN;
	default: return DATA_UNKNOWN;
	}
}

static int type_error(const struct expr *expr, struct diag *diag, const char *why)
{
	struct buf text = { 0 };

	expr_print(&text, expr);
	diag_set(diag, ERR_INVALID, "type error: %s: %s", buf_text(&text), why);
	buf_release(&text);
	return ERR_INVALID;
}

/* An integer and an unsigned: only a literal of the one goes with the other. */
static int check_signs(const struct expr *expr, enum data_type left, enum data_type right,
		       struct diag *diag)
{
	const struct expr *unsigned_side, *integer_side;
	char why[128];

	if (left == DATA_UNSIGNED && right == DATA_INTEGER) {
		unsigned_side = expr->binary.left;
		integer_side = expr->binary.right;
	} else if (left == DATA_INTEGER && right == DATA_UNSIGNED) {
		unsigned_side = expr->binary.right;
		integer_side = expr->binary.left;
	} else {
		return OK;
	}
	if (expr_is_literal(unsigned_side)) {
		snprintf(why, sizeof(why), "cannot use %s with an integer and unsigned literal",
			 token_spelling(expr->binary.op));
		return type_error(expr, diag, why);
	}
	if (expr_is_literal(integer_side))
		return OK;
	snprintf(why, sizeof(why),
		 "cannot use %s between an integer and unsigned, an explicit cast is required",
		 token_spelling(expr->binary.op));
	return type_error(expr, diag, why);
}

static bool is_negative(const struct expr *expr)
{
	expr = strip(expr);
	return expr->kind == EXPR_INTEGER && expr->integer < 0;
}

/* What unsigned numbers make of each other, or of a literal. */
static bool may_be_negative(const struct expr *expr)
{
	return expr->binary.op == TOKEN_SUB || is_negative(expr->binary.left) ||
	       is_negative(expr->binary.right);
}

static int binary_type(const struct expr *expr, enum data_type *out, struct diag *diag)
{
	enum data_type left, right;
	struct cell zero;
	char why[128];

	TRY(expr_type(expr->binary.left, &left, diag));
	TRY(expr_type(expr->binary.right, &right, diag));
	TRY(check_signs(expr, left, right, diag));
	*out = left == DATA_UNKNOWN ? right : left;
	if (left == DATA_UNKNOWN || right == DATA_UNKNOWN)
		return OK;
	zero = cell_binary(expr->binary.op, zero_of(left), zero_of(right), true);
	*out = data_type_of(zero.type);
	if (*out == DATA_UNSIGNED && may_be_negative(expr))
		*out = DATA_INTEGER;
	if (*out != DATA_UNKNOWN)
		return OK;
	snprintf(why, sizeof(why), "incompatible types: %s and %s", data_type_name(left),
		 data_type_name(right));
	return type_error(expr, diag, why);
}

static int type_of_call(const struct expr *expr, enum data_type *out, struct diag *diag)
{
	enum data_type first = DATA_UNKNOWN, other;

	for (size_t i = 0; i < expr->call.arg_count; i++)
		TRY(expr_type(expr->call.args[i], i == 0 ? &first : &other, diag));
	*out = call_type(expr->call.name, first);
	return OK;
}

int expr_type(const struct expr *expr, enum data_type *out, struct diag *diag)
{
	*out = DATA_UNKNOWN;
	switch (expr->kind) {
	case EXPR_VARREF:
		if (expr->varref.type != DATA_FIELD)
			*out = expr->varref.type;
		return OK;
	case EXPR_CALL: return type_of_call(expr, out, diag);
	case EXPR_BINARY: return binary_type(expr, out, diag);
	case EXPR_PAREN: return expr_type(expr->paren, out, diag);
	case EXPR_NUMBER: *out = DATA_FLOAT; return OK;
	case EXPR_INTEGER: *out = DATA_INTEGER; return OK;
	case EXPR_UNSIGNED: *out = DATA_UNSIGNED; return OK;
	case EXPR_STRING: *out = DATA_STRING; return OK;
	case EXPR_BOOLEAN: *out = DATA_BOOLEAN; return OK;
	default: return OK;
	}
}

enum data_type call_type(struct slice name, enum data_type argument)
{
	static const struct {
		const char *name;
		enum data_type type;
	} rows[] = {
		{ "mean", DATA_FLOAT },
		{ "count", DATA_INTEGER },
		{ "median", DATA_FLOAT },
		{ "integral", DATA_FLOAT },
		{ "stddev", DATA_FLOAT },
		{ "derivative", DATA_FLOAT },
		{ "non_negative_derivative", DATA_FLOAT },
		{ "moving_average", DATA_FLOAT },
		{ "exponential_moving_average", DATA_FLOAT },
		{ "double_exponential_moving_average", DATA_FLOAT },
		{ "triple_exponential_moving_average", DATA_FLOAT },
		{ "relative_strength_index", DATA_FLOAT },
		{ "triple_exponential_derivative", DATA_FLOAT },
		{ "kaufmans_efficiency_ratio", DATA_FLOAT },
		{ "kaufmans_adaptive_moving_average", DATA_FLOAT },
		{ "chande_momentum_oscillator", DATA_FLOAT },
		{ "holt_winters", DATA_FLOAT },
		{ "holt_winters_with_fit", DATA_FLOAT },
		{ "elapsed", DATA_INTEGER },
		{ HISTOGRAM_START, DATA_FLOAT },
		{ HISTOGRAM_COUNT, DATA_INTEGER },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (slice_equal(name, slice_of_text(rows[i].name)))
			return rows[i].type;
	if (argument == DATA_UNSIGNED && slice_equal(name, SLICE("difference")))
		return DATA_INTEGER;
	return argument;
}

/* --- functions of a row ----------------------------------------------------------- */

static double round_half_away(double x)
{
	double whole = trunc(x);

	return fabs(x - whole) >= 0.5 ? whole + copysign(1, x) : whole;
}

static double log_to_base(double x, double base)
{
	return log(x) / log(base);
}

static const struct math_row {
	const char *name;
	double (*one)(double);
	double (*two)(double, double);
	bool keeps_integers;
} math_rows[] = {
	{ "abs", fabs, NULL, true },	 { "sin", sin, NULL, false },
	{ "cos", cos, NULL, false },	 { "tan", tan, NULL, false },
	{ "asin", asin, NULL, false },	 { "acos", acos, NULL, false },
	{ "atan", atan, NULL, false },	 { "atan2", NULL, atan2, false },
	{ "exp", exp, NULL, false },	 { "log", NULL, log_to_base, false },
	{ "ln", log, NULL, false },	 { "log2", log2, NULL, false },
	{ "log10", log10, NULL, false }, { "sqrt", sqrt, NULL, false },
	{ "pow", NULL, pow, false },	 { "floor", floor, NULL, true },
	{ "ceil", ceil, NULL, true },	 { "round", round_half_away, NULL, true },
};

static const struct math_row *math_find(struct slice name)
{
	for (size_t i = 0; i < sizeof(math_rows) / sizeof(math_rows[0]); i++)
		if (slice_equal(name, slice_of_text(math_rows[i].name)))
			return &math_rows[i];
	return NULL;
}

int math_argument_count(struct slice name)
{
	const struct math_row *row = math_find(name);

	if (!row)
		return 0;
	return row->two ? 2 : 1;
}

struct cell math_call(struct slice name, const struct cell *arguments)
{
	const struct math_row *row = math_find(name);
	double a, b;

	if (row->keeps_integers &&
	    (arguments[0].type == CELL_INTEGER || arguments[0].type == CELL_UNSIGNED))
		return arguments[0];
	if (!cell_float(&arguments[0], &a))
		return cell_null();
	if (row->one)
		return cell_of_float(row->one(a));
	return cell_float(&arguments[1], &b) ? cell_of_float(row->two(a, b)) : cell_null();
}
