/*
 * Why: what may stand where is InfluxDB's to say, and it says it before any
 * name is looked up: the same text is refused in the same words whatever is
 * stored.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "query/language/print.h"
#include "query/plan/plan.h"

/* More than anybody asks for, and little enough to be computed. */
#define FORECAST_MAX 1000000
#define SEASON_MAX   10000
#define PERIOD_MAX   10000000

struct check {
	struct plan *plan;
	struct diag *diag;
	const struct field *field;
	const struct expr *nested_math; /* abs(…) within a transformation */
	bool allows_wildcard;
};

static int refuse(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int refuse(struct check *check, const char *format, ...)
{
	char text[DIAG_TEXT_BYTES_MAX];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return diag_set(check->diag, ERR_INVALID, "%s", text);
}

static int refuse_expr(struct check *check, const char *before, const struct expr *expr)
{
	struct buf text = { 0 };

	expr_print(&text, expr);
	refuse(check, "%s%s", before, buf_text(&text));
	buf_release(&text);
	return ERR_INVALID;
}

/* --- arguments of calls -------------------------------------------------------- */

static int check_expr(struct check *check, struct expr *expr);
static int check_nested(struct check *check, struct expr *expr);

#define NAME(expr) (int)(expr)->call.name.length, (expr)->call.name.data

static int check_symbol(struct check *check, const struct expr *call, const struct expr *symbol)
{
	switch (symbol->kind) {
	case EXPR_VARREF: return OK;
	case EXPR_WILDCARD:
		if (!check->allows_wildcard)
			return refuse(check, "unsupported expression with wildcard: %.*s()",
				      NAME(call));
		check->plan->only_selectors = false;
		return OK;
	case EXPR_REGEX:
		if (!check->allows_wildcard)
			return refuse(check, "unsupported expression with regex field: %.*s()",
				      NAME(call));
		check->plan->only_selectors = false;
		return OK;
	default: return refuse(check, "expected field argument in %.*s()", NAME(call));
	}
}

static int check_count(struct check *check, const struct expr *call, size_t min, size_t max)
{
	size_t got = call->call.arg_count;

	if (got >= min && got <= max)
		return OK;
	if (min == max)
		return refuse(check, "invalid number of arguments for %.*s, expected %zu, got %zu",
			      NAME(call), min, got);
	if (max == SIZE_MAX)
		return refuse(
			check,
			"invalid number of arguments for %.*s, expected at least %zu, got %zu",
			NAME(call), min, got);
	return refuse(check,
		      "invalid number of arguments for %.*s, expected at least %zu but no more "
		      "than %zu, got %zu",
		      NAME(call), min, max, got);
}

static int check_distinct(struct check *check, struct expr *const *args, size_t count,
			  bool is_nested)
{
	if (count == 0)
		return refuse(check, "distinct function requires at least one argument");
	if (count != 1)
		return refuse(check, "distinct function can only have one argument");
	if (args[0]->kind != EXPR_VARREF)
		return refuse(check, "expected field argument in distinct()");
	if (!is_nested)
		check->plan->has_distinct = true;
	check->plan->only_selectors = false;
	return OK;
}

static int check_distinct_call(struct check *check, struct expr *call)
{
	return check_distinct(check, call->call.args, call->call.arg_count, false);
}

/* max, mean, …: one field */
static int check_plain(struct check *check, struct expr *call)
{
	struct expr *argument;

	TRY(check_count(check, call, 1, 1));
	argument = call->call.args[0];
	if (expr_is_call(call, "count") && argument->kind == EXPR_DISTINCT)
		return OK;
	if (expr_is_call(call, "count") && expr_is_call(argument, "distinct"))
		return check_distinct(check, argument->call.args, argument->call.arg_count, true);
	return check_symbol(check, call, argument);
}

static int check_aggregate(struct check *check, struct expr *call)
{
	check->plan->only_selectors = false;
	return check_plain(check, call);
}

static int check_percentile(struct check *check, struct expr *call)
{
	TRY(check_count(check, call, 2, 2));
	if (call->call.args[1]->kind != EXPR_INTEGER && call->call.args[1]->kind != EXPR_NUMBER)
		return refuse(check, "expected float argument in percentile()");
	return check_symbol(check, call, call->call.args[0]);
}

static int check_sample(struct check *check, struct expr *call)
{
	TRY(check_count(check, call, 2, 2));
	if (call->call.args[1]->kind != EXPR_INTEGER)
		return refuse(check, "expected integer argument in sample()");
	if (call->call.args[1]->integer <= 0)
		return refuse(check, "sample window must be greater than 1, got %" PRId64,
			      call->call.args[1]->integer);
	return check_symbol(check, call, call->call.args[0]);
}

static int check_best(struct check *check, struct expr *call)
{
	struct plan *plan = check->plan;
	struct expr *last;

	TRY(check_count(check, call, 2, SIZE_MAX));
	last = call->call.args[call->call.arg_count - 1];
	if (last->kind != EXPR_INTEGER) {
		struct buf text = { 0 };

		expr_print(&text, last);
		refuse(check, "expected integer as last argument in %.*s(), found %s", NAME(call),
		       buf_text(&text));
		buf_release(&text);
		return ERR_INVALID;
	}
	if (last->integer <= 0)
		return refuse(check, "limit (%" PRId64 ") in %.*s function must be at least 1",
			      last->integer, NAME(call));
	if (plan->stmt->limit > 0 && last->integer > plan->stmt->limit)
		return refuse(check,
			      "limit (%" PRId64 ") in %.*s function can not be larger than the "
			      "LIMIT (%" PRId64 ") in the select statement",
			      last->integer, NAME(call), plan->stmt->limit);
	for (size_t i = 0; i + 1 < call->call.arg_count; i++) {
		struct buf text = { 0 };

		if (call->call.args[i]->kind == EXPR_VARREF)
			continue;
		expr_print(&text, call->call.args[i]);
		if (i == 0)
			refuse(check, "expected first argument to be a field in %.*s(), found %s",
			       NAME(call), buf_text(&text));
		else
			refuse(check, "only fields or tags are allowed in %.*s(), found %s",
			       NAME(call), buf_text(&text));
		buf_release(&text);
		return ERR_INVALID;
	}
	plan->top_name = call->call.name;
	return OK;
}

/* The argument of a transformation: an aggregate with windows, a field without. */
static int check_inner(struct check *check, struct expr *call)
{
	struct expr *argument = call->call.args[0];

	check->plan->only_selectors = false;
	if (argument->kind == EXPR_CALL) {
		if (!window_is_given(&check->plan->window))
			return refuse(check, "%.*s aggregate requires a GROUP BY interval",
				      NAME(call));
		return check_nested(check, argument);
	}
	if (window_is_given(&check->plan->window) && !check->plan->inherits_window)
		return refuse(check, "aggregate function required inside the call to %.*s",
			      NAME(call));
	return check_symbol(check, call, argument);
}

static int check_unit(struct check *check, struct expr *call, const char *what)
{
	const struct expr *unit;
	struct buf text = { 0 };

	if (call->call.arg_count < 2)
		return OK;
	unit = call->call.args[1];
	if (unit->kind != EXPR_DURATION)
		return refuse(check, what, NAME(call), expr_kind_go_name(unit->kind));
	if (unit->duration_ns > 0)
		return OK;
	print_duration(&text, unit->duration_ns);
	refuse(check, "duration argument must be positive, got %s", buf_text(&text));
	buf_release(&text);
	return ERR_INVALID;
}

/* The formats of check_unit() are texts of this file. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static int check_derivative(struct check *check, struct expr *call)
{
	TRY(check_count(check, call, 1, 2));
	TRY(check_unit(check, call, "second argument to %.*s must be a duration, got %s"));
	return check_inner(check, call);
}

static int check_difference(struct check *check, struct expr *call)
{
	TRY(check_count(check, call, 1, 1));
	return check_inner(check, call);
}

static int check_moving_average(struct check *check, struct expr *call)
{
	const struct expr *count;

	TRY(check_count(check, call, 2, 2));
	count = call->call.args[1];
	if (count->kind != EXPR_INTEGER)
		return refuse(check, "second argument for %.*s must be an integer, got %s",
			      NAME(call), expr_kind_go_name(count->kind));
	if (count->integer <= 1)
		return refuse(check, "%.*s window must be greater than 1, got %" PRId64, NAME(call),
			      count->integer);
	return check_inner(check, call);
}

static int check_integral(struct check *check, struct expr *call)
{
	TRY(check_count(check, call, 1, 2));
	TRY(check_unit(check, call, "second argument must be a duration"));
	check->plan->only_selectors = false;
	return check_symbol(check, call, call->call.args[0]);
}

static int check_holt_winters(struct check *check, struct expr *call)
{
	struct expr *const *args = call->call.args;

	TRY(check_count(check, call, 3, 3));
	if (args[1]->kind != EXPR_INTEGER)
		return refuse(check, "expected integer argument as second arg in %.*s", NAME(call));
	if (args[1]->integer <= 0)
		return refuse(check, "second arg to %.*s must be greater than 0, got %" PRId64,
			      NAME(call), args[1]->integer);
	if (args[2]->kind != EXPR_INTEGER)
		return refuse(check, "expected integer argument as third arg in %.*s", NAME(call));
	if (args[2]->integer < 0)
		return refuse(check, "third arg to %.*s cannot be negative, got %" PRId64,
			      NAME(call), args[2]->integer);
	if (args[1]->integer > FORECAST_MAX || args[2]->integer > SEASON_MAX)
		return refuse(check, "%.*s takes at most %d values and a season of %d", NAME(call),
			      FORECAST_MAX, SEASON_MAX);
	check->plan->only_selectors = false;
	if (args[0]->kind != EXPR_CALL)
		return refuse(check, "must use aggregate function with %.*s", NAME(call));
	if (!window_is_given(&check->plan->window))
		return refuse(check, "%.*s aggregate requires a GROUP BY interval", NAME(call));
	if (check->plan->window.months)
		return refuse(check, "%.*s needs windows of one length, not months", NAME(call));
	return check_nested(check, args[0]);
}

/* name(x, period[, hold[, 'warmup']]) */
static int check_indicator(struct check *check, struct expr *call)
{
	struct expr *const *args = call->call.args;
	bool is_kaufmans = slice_starts_with(call->call.name, SLICE("kaufmans_"));
	bool is_momentum = expr_is_call(call, "chande_momentum_oscillator");
	int64_t hold_min = expr_is_call(call, "triple_exponential_derivative");
	int64_t period_min = 1;

	TRY(check_count(check, call, 2, is_kaufmans ? 3 : 4));
	if (args[1]->kind != EXPR_INTEGER)
		return refuse(check, "%.*s period must be an integer", NAME(call));
	/* Without a warm-up it looks at one step less than its period. */
	if (is_momentum && call->call.arg_count < 4)
		period_min = 2;
	if (args[1]->integer < period_min || args[1]->integer > PERIOD_MAX)
		return args[1]->integer < period_min
			       ? refuse(check,
					"%.*s period must be greater than or equal to %" PRId64,
					NAME(call), period_min)
			       : refuse(check, "%.*s period must be at most %d", NAME(call),
					PERIOD_MAX);
	if (call->call.arg_count > 2 && args[2]->kind != EXPR_INTEGER)
		return refuse(check, "%.*s hold period must be an integer", NAME(call));
	if (call->call.arg_count > 2 && args[2]->integer < hold_min && args[2]->integer != -1)
		return refuse(check, "%.*s hold period must be greater than or equal to %" PRId64,
			      NAME(call), hold_min);
	if (call->call.arg_count > 3 && args[3]->kind != EXPR_STRING)
		return refuse(check, "%.*s warmup type must be a string", NAME(call));
	if (call->call.arg_count > 3 &&
	    (!(slice_equal(args[3]->string, SLICE("exponential")) ||
	       slice_equal(args[3]->string, SLICE("simple")) ||
	       (is_momentum && slice_equal(args[3]->string, SLICE("none"))))))
		return refuse(check, "%.*s warmup type must be one of: %s'exponential' 'simple'",
			      NAME(call), is_momentum ? "'none' " : "");
	return check_inner(check, call);
}

/* What a stop may ask for. */
#define HISTOGRAM_BUCKETS_MAX 1000000.0

static bool is_number(const struct expr *expr)
{
	return expr->kind == EXPR_NUMBER || expr->kind == EXPR_INTEGER;
}

/* histogram(column[, size[, start[, stop]]]) */
static int check_histogram(struct check *check, struct expr *call)
{
	struct histogram histogram;

	TRY(check_count(check, call, 1, 4));
	for (size_t i = 1; i < call->call.arg_count; i++)
		if (!is_number(call->call.args[i]))
			return refuse(check, "expected number argument in histogram()");
	histogram = plan_histogram(call);
	if (!(histogram.size > 0))
		return refuse(check, "histogram() needs a bucket size above 0");
	if (histogram.has_stop &&
	    (histogram.stop - histogram.start) / histogram.size >= HISTOGRAM_BUCKETS_MAX)
		return diag_set(check->diag, ERR_LIMIT, "histogram() of more than 1000000 buckets");
	check->plan->has_histogram = true;
	check->plan->only_selectors = false;
	return check_symbol(check, call, call->call.args[0]);
}

static const struct {
	const char *name;
	int (*check)(struct check *check, struct expr *call);
} call_rows[] = {
	{ "histogram", check_histogram },
	{ "count", check_aggregate },
	{ "sum", check_aggregate },
	{ "mean", check_aggregate },
	{ "median", check_aggregate },
	{ "mode", check_aggregate },
	{ "stddev", check_aggregate },
	{ "spread", check_aggregate },
	{ "min", check_plain },
	{ "max", check_plain },
	{ "first", check_plain },
	{ "last", check_plain },
	{ "percentile", check_percentile },
	{ "sample", check_sample },
	{ "distinct", check_distinct_call },
	{ "top", check_best },
	{ "bottom", check_best },
	{ "derivative", check_derivative },
	{ "non_negative_derivative", check_derivative },
	{ "elapsed", check_derivative },
	{ "difference", check_difference },
	{ "non_negative_difference", check_difference },
	{ "cumulative_sum", check_difference },
	{ "moving_average", check_moving_average },
	{ "integral", check_integral },
	{ "holt_winters", check_holt_winters },
	{ "holt_winters_with_fit", check_holt_winters },
	{ "exponential_moving_average", check_indicator },
	{ "double_exponential_moving_average", check_indicator },
	{ "triple_exponential_moving_average", check_indicator },
	{ "triple_exponential_derivative", check_indicator },
	{ "relative_strength_index", check_indicator },
	{ "chande_momentum_oscillator", check_indicator },
	{ "kaufmans_efficiency_ratio", check_indicator },
	{ "kaufmans_adaptive_moving_average", check_indicator },
};

static int check_call_arguments(struct check *check, struct expr *call)
{
	for (size_t i = 0; i < sizeof(call_rows) / sizeof(call_rows[0]); i++)
		if (expr_is_call(call, call_rows[i].name))
			return call_rows[i].check(check, call);
	return refuse(check, "undefined function %.*s()", NAME(call));
}

/* --- fields ---------------------------------------------------------------------- */

static int check_math(struct check *check, struct expr *call)
{
	size_t want = (size_t)math_argument_count(call->call.name);

	TRY(check_count(check, call, want, want));
	for (size_t i = 0; i < call->call.arg_count; i++)
		if (!expr_is_literal(call->call.args[i]))
			TRY(check_expr(check, call->call.args[i]));
	return OK;
}

/*
 * Within a transformation: `count(distinct x)`, `distinct(x)` without being the statement's.
 * Of a function of numbers InfluxDB finds only at the end that it cannot stand there.
 */
static int check_nested(struct check *check, struct expr *expr)
{
	if (expr_is_call(expr, "distinct"))
		return check_distinct(check, expr->call.args, expr->call.arg_count, true);
	if (math_argument_count(expr->call.name)) {
		check->nested_math = expr;
		return check_math(check, expr);
	}
	if (expr_is_call(expr, "top") || expr_is_call(expr, "bottom"))
		check->plan->check_call_count++;
	return check_call_arguments(check, expr);
}

static int check_binary(struct check *check, struct expr *expr)
{
	bool left = expr_is_literal(expr->binary.left) && expr->binary.left->kind != EXPR_REGEX;
	bool right = expr_is_literal(expr->binary.right) && expr->binary.right->kind != EXPR_REGEX;

	check->allows_wildcard = false;
	if (left && right)
		return refuse(check, "cannot perform a binary expression on two literals");
	if (!left)
		TRY(check_expr(check, expr->binary.left));
	if (!right)
		TRY(check_expr(check, expr->binary.right));
	return OK;
}

static int check_expr(struct check *check, struct expr *expr)
{
	struct plan *plan = check->plan;

	switch (expr->kind) {
	case EXPR_VARREF: plan->has_aux = true; return OK;
	case EXPR_WILDCARD:
		plan->has_aux = true;
		if (!check->allows_wildcard)
			return refuse(check, "unable to use wildcard in a binary expression");
		return OK;
	case EXPR_REGEX:
		plan->has_aux = true;
		if (!check->allows_wildcard)
			return refuse_expr(check, "unsupported expression with regex field: ",
					   check->field->expr);
		return OK;
	case EXPR_CALL:
		if (math_argument_count(expr->call.name))
			return check_math(check, expr);
		plan->check_call_count++;
		return check_call_arguments(check, expr);
	case EXPR_DISTINCT:
		plan->check_call_count++;
		plan->has_distinct = true;
		plan->only_selectors = false;
		return OK;
	case EXPR_BINARY: return check_binary(check, expr);
	case EXPR_PAREN: return check_expr(check, expr->paren);
	default: return refuse(check, "field must contain at least one variable");
	}
}

static int check_fields(struct check *check)
{
	struct plan *plan = check->plan;
	const struct select_stmt *stmt = plan->stmt;
	struct fold fold = { .arena = plan->context->arena, .has_math = true };

	plan->only_selectors = true;
	plan->time_name = SLICE("time");
	plan->fields =
		arena_alloc(plan->context->arena, (stmt->field_count + 1) * sizeof(*plan->fields));
	if (!plan->fields)
		return ERR_LIMIT;
	for (size_t i = 0; i < stmt->field_count; i++) {
		struct field *field = &plan->fields[plan->field_count];

		*field = stmt->fields[i];
		if (field->expr->kind == EXPR_VARREF &&
		    slice_equal(field->expr->varref.name, SLICE("time"))) {
			if (field->alias.length)
				plan->time_name = field->alias;
			continue;
		}
		field->expr = fold_expr(&fold, field->expr);
		if (!field->expr)
			return ERR_LIMIT;
		plan->field_count++;
		check->field = field;
		check->allows_wildcard = true;
		TRY(check_expr(check, field->expr));
	}
	return OK;
}

/* InfluxDB makes fill(null) of a subquery with windows to fill(none), and finds that first. */
static bool is_fill_none(const struct plan *plan)
{
	return plan->stmt->fill == FILL_NONE ||
	       (plan->parent && plan->stmt->fill == FILL_NULL && window_is_given(&plan->window) &&
		!plan->inherits_window);
}

static int check_raw(struct check *check)
{
	const struct plan *plan = check->plan;

	if (is_fill_none(plan))
		return refuse(check, "fill(none) must be used with a function");
	if (plan->fill == FILL_LINEAR)
		return refuse(check, "fill(linear) must be used with a function");
	if (window_is_given(&plan->window) && !plan->inherits_window)
		return refuse(check, "GROUP BY requires at least one aggregate function");
	return OK;
}

static int check_together(struct check *check)
{
	struct plan *plan = check->plan;

	if (plan->field_count == 0)
		return refuse(check, "at least 1 non-time field must be queried");
	if (plan->check_call_count > 1 && plan->top_name.length)
		return refuse(check,
			      "selector function %.*s() cannot be combined with other functions",
			      (int)plan->top_name.length, plan->top_name.data);
	if (plan->check_call_count == 0)
		TRY(check_raw(check));
	if (plan->has_distinct && (plan->check_call_count != 1 || plan->has_aux))
		return refuse(check, "aggregate function distinct() cannot be combined with other "
				     "functions or fields");
	if (plan->has_histogram && (plan->check_call_count != 1 || plan->has_aux ||
				    !expr_is_call(plan->fields[0].expr, "histogram")))
		return refuse(check,
			      "histogram() cannot be combined with other functions or fields");
	if (plan->has_aux && !plan->only_selectors)
		return refuse(check, "mixing aggregate and non-aggregate queries is not supported");
	if (plan->has_aux && plan->check_call_count > 1)
		return refuse(check, "mixing multiple selector functions with tags or fields is "
				     "not supported");
	if (check->nested_math)
		return refuse(check, "unsupported call: %.*s", NAME(check->nested_math));
	return OK;
}

/* --- WHERE and GROUP BY ------------------------------------------------------------ */

static int check_condition(struct check *check, struct expr *expr)
{
	size_t want;

	switch (expr->kind) {
	case EXPR_BINARY:
		TRY(check_condition(check, expr->binary.left));
		return check_condition(check, expr->binary.right);
	case EXPR_PAREN: return check_condition(check, expr->paren);
	case EXPR_CALL:
		want = (size_t)math_argument_count(expr->call.name);
		if (want == 0)
			return refuse_expr(check, "invalid function call in condition: ", expr);
		if (expr_is_call(expr, "log"))
			want = 1;
		TRY(check_count(check, expr, want, want));
		for (size_t i = 0; i < expr->call.arg_count; i++)
			TRY(check_condition(check, expr->call.args[i]));
		return OK;
	default: return OK;
	}
}

/* time(interval, offset): where windows begin. */
static int check_offset(struct check *check, struct expr *offset)
{
	struct plan *plan = check->plan;
	int64_t interval = plan->window.interval_ns, time;

	switch (offset->kind) {
	case EXPR_DURATION:
		plan->window.offset_ns =
			interval ? offset->duration_ns % interval : offset->duration_ns;
		return OK;
	case EXPR_TIME: time = offset->time_ns; break;
	case EXPR_CALL:
		if (!expr_is_call(offset, "now"))
			return refuse(check, "time dimension offset function must be now()");
		if (offset->call.arg_count)
			return refuse(check, "time dimension offset now() function requires no "
					     "arguments");
		time = plan->context->now_ns;
		break;
	case EXPR_STRING:
		if (!time_text_is(offset->string))
			return refuse(check, "time dimension offset must be duration or now()");
		return diag_set(check->diag, ERR_INVALID, "invalid time dimension offset: '%.*s'",
				(int)offset->string.length, offset->string.data);
	default: return refuse(check, "time dimension offset must be duration or now()");
	}
	plan->window.offset_ns = interval ? floor_mod(time, interval) : 0;
	return OK;
}

/* 0.8's way to say that a dimension is a column: field(x) */
static int check_field_dimension(struct check *check, struct expr *call, struct expr **dimension)
{
	struct plan *plan = check->plan;

	if (call->call.arg_count != 1 || call->call.args[0]->kind != EXPR_VARREF)
		return refuse(check, "field() expected the name of a field");
	*dimension = call->call.args[0];
	plan->values = arena_grow(plan->context->arena, plan->values, plan->value_count,
				  &plan->value_capacity, sizeof(*plan->values));
	if (!plan->values)
		return ERR_LIMIT;
	plan->values[plan->value_count++] = (*dimension)->varref.name;
	return OK;
}

static int check_time_dimension(struct check *check, struct expr *call)
{
	struct plan *plan = check->plan;
	struct expr *interval;

	if (!expr_is_call(call, "time"))
		return refuse(check, "only time() calls allowed in dimensions");
	if (call->call.arg_count < 1 || call->call.arg_count > 2)
		return refuse(check, "time dimension expected 1 or 2 arguments");
	interval = call->call.args[0];
	if (interval->kind != EXPR_DURATION && interval->kind != EXPR_CALENDAR)
		return refuse(check, "time dimension must have duration argument");
	if (window_is_given(&plan->window))
		return refuse(check, "multiple time dimensions not allowed");
	if (interval->kind == EXPR_CALENDAR)
		plan->window.months = interval->calendar.months;
	else if (interval->duration_ns > 0) /* else there is one window, as in InfluxDB */
		plan->window.interval_ns = interval->duration_ns;
	return call->call.arg_count == 2 ? check_offset(check, call->call.args[1]) : OK;
}

static int check_dimensions(struct check *check)
{
	const struct select_stmt *stmt = check->plan->stmt;
	struct fold fold = { .arena = check->plan->context->arena };

	for (size_t i = 0; i < stmt->dimension_count; i++) {
		struct expr *expr = fold_expr(&fold, stmt->dimensions[i]);

		if (!expr)
			return ERR_LIMIT;
		stmt->dimensions[i] = expr;
		switch (expr->kind) {
		case EXPR_VARREF:
			if (expr_is_time(expr))
				return refuse(check, "time() is a function and expects at least "
						     "one argument");
			break;
		case EXPR_CALL:
			TRY(expr_is_call(expr, "field")
				    ? check_field_dimension(check, expr, &stmt->dimensions[i])
				    : check_time_dimension(check, expr));
			break;
		case EXPR_WILDCARD:
		case EXPR_REGEX: break;
		default: return refuse(check, "only time and tag dimensions allowed");
		}
	}
	return OK;
}

static void set_fill(struct plan *plan)
{
	const struct expr *value = plan->stmt->fill_value;

	plan->fill = plan->stmt->fill;
	if (plan->fill == FILL_NULL && (plan->parent || plan->stmt->target))
		plan->fill = FILL_NONE;
	/* 0.8 gave the windows that have points. */
	if (plan->stmt->is_old && !plan->stmt->fill_is_said)
		plan->fill = FILL_NONE;
	if (!value)
		return;
	plan->fill_is_integer = value->kind == EXPR_INTEGER;
	plan->fill_value = plan->fill_is_integer ? (double)value->integer : value->number;
	plan->fill_integer = plan->fill_is_integer
				     ? value->integer
				     : cell_cast(cell_of_float(plan->fill_value), DATA_INTEGER).i;
}

/*
 * People read these to the last point: hours of empty windows up to now() behind it, which nobody
 * has asked for, are not what they look for. Programs get what InfluxDB gives.
 */
static bool ends_with_points(const struct plan *plan, const struct bounds *bounds)
{
	const struct select_scope *scope = plan->context->scope;

	return !bounds->has_last && !plan->parent && scope && !scope->has_range && scope->options &&
	       (scope->options->format == QUERY_TXT || scope->options->format == QUERY_SVG);
}

static void set_range(struct plan *plan, const struct bounds *bounds)
{
	const struct select_scope *scope = plan->context->scope;
	struct window_spec *window = &plan->window;
	const struct plan *parent = plan->parent;

	plan->ends_with_points = ends_with_points(plan, bounds);
	/* To InfluxDB the first of all times is no bound. */
	plan->has_first = bounds->has_first && bounds->first_ns != TIME_MIN_NS;
	window->time_first_ns = bounds->has_first ? bounds->first_ns : TIME_MIN_NS;
	window->time_last_ns = bounds->has_last		 ? bounds->last_ns
			       : window_is_given(window) ? plan->context->now_ns
							 : TIME_MAX_NS;
	if (parent && parent->window.time_first_ns > window->time_first_ns) {
		window->time_first_ns = parent->window.time_first_ns;
		plan->has_first |= parent->has_first;
	}
	if (parent && parent->window.time_last_ns < window->time_last_ns)
		window->time_last_ns = parent->window.time_last_ns;
	if (scope && scope->has_range) {
		window->time_first_ns = scope->time_first_ns;
		window->time_last_ns = scope->time_last_ns;
		plan->has_first = true;
	}
}

static int check_times(struct check *check)
{
	struct plan *plan = check->plan;
	struct plan_context *context = plan->context;
	struct bounds bounds;
	struct fold fold = { .arena = context->arena,
			     .has_now = true,
			     .has_math = true,
			     .now_ns = context->now_ns };

	if (plan->stmt->timezone.length) {
		int err = zone_open(plan->stmt->timezone, context->arena, &plan->window.zone);

		if (err < 0)
			return diag_set(check->diag, err, "unable to find time zone %.*s",
					(int)plan->stmt->timezone.length,
					plan->stmt->timezone.data);
	} else if (plan->parent) {
		/* tz() stands once, at the end: local times of a subquery are of it, too. */
		plan->window.zone = plan->parent->window.zone;
	}
	fold.zone = plan->window.zone;
	TRY(condition_split(&fold, plan->stmt->condition, &bounds, &plan->condition, check->diag));
	if (plan->condition)
		TRY(check_condition(check, plan->condition));
	TRY(check_dimensions(check));
	set_fill(plan);
	set_range(plan, &bounds);
	return OK;
}

/* What a subquery has of the statement around it. */
static int inherit(struct check *check)
{
	struct plan *plan = check->plan;
	const struct plan *parent = plan->parent;
	bool has_window = window_is_given(&plan->window);

	plan->is_descending = plan->stmt->sort.is_descending;
	if (!parent)
		return OK;
	if (plan->stmt->sort.is_given && plan->is_descending != parent->is_descending)
		return refuse(check, "subqueries must be ordered in the same direction as the "
				     "query itself");
	plan->is_descending = parent->is_descending;
	if (has_window || !window_is_given(&parent->window))
		return OK;
	plan->window.interval_ns = parent->window.interval_ns;
	plan->window.months = parent->window.months;
	plan->window.offset_ns = parent->window.offset_ns;
	plan->inherits_window = true;
	return OK;
}

static int check_source(struct plan *plan, struct source *source);

int plan_check(struct plan_context *context, struct select_stmt *stmt, struct plan *parent,
	       struct plan **out)
{
	struct plan *plan = arena_alloc(context->arena, sizeof(*plan));
	struct check check = { .plan = plan, .diag = context->diag };

	*out = plan;
	if (!plan)
		return ERR_LIMIT;
	plan->context = context;
	plan->stmt = stmt;
	plan->parent = parent;
	TRY(check_times(&check));
	TRY(inherit(&check));
	TRY(check_fields(&check));
	TRY(check_together(&check));
	plan->sources =
		arena_alloc(context->arena, (stmt->source_count + 1) * sizeof(*plan->sources));
	if (!plan->sources)
		return ERR_LIMIT;
	for (size_t i = 0; i < stmt->source_count; i++)
		TRY(check_source(plan, &stmt->sources[i]));
	return OK;
}

static int check_merge(struct plan *plan, const struct source *source)
{
	plan->is_merge = true;
	for (size_t i = 0; i < source->part_count; i++)
		if (source->parts[i].kind != SOURCE_MEASUREMENT)
			return diag_set(plan->context->diag, ERR_INVALID,
					"merge takes names and regular expressions of series only");
	return OK;
}

/* A plan without a text: its parts are known once names are looked up. */
static int check_join(struct plan *plan, const struct source *source, struct plan **out)
{
	struct arena *arena = plan->context->arena;
	struct plan *join = arena_alloc(arena, sizeof(*join));
	struct select_stmt *stmt = arena_alloc(arena, sizeof(*stmt));

	*out = join;
	if (!join || !stmt)
		return ERR_LIMIT;
	if (plan->stmt->source_count > 1)
		return diag_set(plan->context->diag, ERR_INVALID, "a join stands alone in FROM");
	for (size_t i = 0; i < source->part_count; i++)
		if (source->parts[i].kind != SOURCE_MEASUREMENT)
			return diag_set(plan->context->diag, ERR_INVALID,
					"join takes names and regular expressions of series only");
	stmt->is_old = true;
	*join = (struct plan){ .context = plan->context,
			       .stmt = stmt,
			       .parent = plan,
			       .join = source,
			       .has_first = plan->has_first,
			       .is_descending = plan->is_descending };
	join->window.time_first_ns = plan->window.time_first_ns;
	join->window.time_last_ns = plan->window.time_last_ns;
	join->window.zone = plan->window.zone;
	return OK;
}

/* Subqueries are checked when the statement around them is: they have of it what they lack. */
static int check_source(struct plan *plan, struct source *source)
{
	struct plan *inner;

	if (source->kind == SOURCE_MERGE)
		return check_merge(plan, source);
	if (source->kind == SOURCE_MEASUREMENT)
		return OK;
	TRY(source->kind == SOURCE_JOIN
		    ? check_join(plan, source, &inner)
		    : plan_check(plan->context, source->subquery, plan, &inner));
	plan->sources[plan->source_count++] =
		(struct plan_source){ .place = (size_t)(source - plan->stmt->sources),
				      .subquery = inner };
	return OK;
}
