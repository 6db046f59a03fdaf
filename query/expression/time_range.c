/* Why: dropping and listing by time needs the range alone, not a plan. */
#include "query/expression/time_range.h"

#include <math.h>

#include "engine/base/when.h"

/* A time, or a distance between times. */
struct moment {
	int64_t ns;
	int32_t months; /* calendar distance, added with the day clamped */
	bool is_time;
};

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

static int64_t clamp(__int128 ns)
{
	if (ns < TIME_MIN_NS)
		return TIME_MIN_NS;
	return ns > TIME_MAX_NS ? TIME_MAX_NS : (int64_t)ns;
}

static int64_t add_months(int64_t ns, int32_t months)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t seconds = floor_div(ns, NS_PER_SECOND);
	struct civil civil = civil_of_seconds(seconds);
	int64_t month = civil.year * 12 + civil.month - 1 + months;
	int64_t year = floor_div(month, 12);
	int index = (int)floor_mod(month, 12), last = days[index];

	if (index == 1 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		last = 29;
	if (civil.day > last)
		civil.day = last;
	return clamp(((__int128)days_from_civil(year, index + 1, civil.day) * 86400 +
		      floor_mod(seconds, 86400)) *
			     NS_PER_SECOND +
		     floor_mod(ns, NS_PER_SECOND));
}

static bool is_digits(struct slice text, size_t at, size_t count)
{
	for (size_t i = at; i < at + count; i++)
		if (i >= text.length || text.data[i] < '0' || text.data[i] > '9')
			return false;
	return true;
}

/* Does it look like a date (\d{4}-\d{2}-\d{2}…)? Whether it is one comes later. */
static bool has_date_shape(struct slice text)
{
	return text.length >= 10 && is_digits(text, 0, 4) && text.data[4] == '-' &&
	       is_digits(text, 5, 2) && text.data[7] == '-' && is_digits(text, 8, 2);
}

/* '2000-01-01', '2000-01-01 00:00:00[.frac]', RFC 3339 */
static int parse_time_string(struct slice text, int64_t *ns, struct diag *diag)
{
	char room[64];
	size_t length = text.length;

	if (!has_date_shape(text))
		return diag_set(diag, ERR_INVALID,
				"invalid operation: time and *influxql.StringLiteral are not "
				"compatible");
	if (when_parse_rfc3339(text, ns) >= 0)
		return OK;
	if (length < sizeof(room) - 12) {
		memcpy(room, text.data, length);
		if (length == 10) {
			memcpy(room + length, "T00:00:00", 9);
			length += 9;
		} else if (room[10] == ' ') {
			room[10] = 'T';
		} else {
			length = 0;
		}
		room[length] = 'Z';
		if (length && when_parse_rfc3339(slice_of(room, length + 1), ns) >= 0)
			return OK;
	}
	return diag_set(diag, ERR_INVALID, "invalid timestamp string");
}

static int value_of(struct expr *expr, int64_t now_ns, struct moment *out, struct diag *diag);

static int value_of_sum(struct expr *expr, int64_t now_ns, struct moment *out, struct diag *diag)
{
	enum token op = expr->binary.op;
	int sign = op == TOKEN_SUB ? -1 : 1;
	struct moment left, right;

	if (op != TOKEN_ADD && op != TOKEN_SUB)
		return diag_set(diag, ERR_INVALID, "invalid operation on a time: %s",
				token_spelling(op));
	TRY(value_of(expr->binary.left, now_ns, &left, diag));
	TRY(value_of(expr->binary.right, now_ns, &right, diag));
	out->is_time = left.is_time || right.is_time;
	out->months = left.months + sign * right.months;
	out->ns = clamp((__int128)left.ns + (__int128)sign * right.ns);
	if (out->is_time && out->months) {
		out->ns = add_months(out->ns, out->months);
		out->months = 0;
	}
	return OK;
}

static int value_of(struct expr *expr, int64_t now_ns, struct moment *out, struct diag *diag)
{
	expr = expr_unwrap(expr);
	*out = (struct moment){ .is_time = true };
	switch (expr->kind) {
	case EXPR_INTEGER: out->ns = clamp(expr->integer); return OK;
	case EXPR_DURATION: *out = (struct moment){ .ns = expr->duration_ns }; return OK;
	case EXPR_CALENDAR: *out = (struct moment){ .months = expr->calendar.months }; return OK;
	case EXPR_TIME: out->ns = clamp(expr->time_ns); return OK;
	case EXPR_NUMBER:
		if (fabs(expr->number) > 9.2e18)
			return diag_set(diag, ERR_INVALID, "invalid timestamp string");
		out->ns = clamp((__int128)expr->number);
		return OK;
	case EXPR_STRING: return parse_time_string(expr->string, &out->ns, diag);
	case EXPR_CALL:
		if (!expr_is_call(expr, "now") || expr->call.arg_count)
			break;
		out->ns = now_ns;
		return OK;
	case EXPR_BINARY: return value_of_sum(expr, now_ns, out, diag);
	default: break;
	}
	return diag_set(diag, ERR_INVALID, "invalid operation: time and %s are not compatible",
			expr_kind_go_name(expr->kind));
}

/* `5 < time` is `time > 5`. */
static enum token mirrored(enum token op)
{
	switch (op) {
	case TOKEN_LT: return TOKEN_GT;
	case TOKEN_LTE: return TOKEN_GTE;
	case TOKEN_GT: return TOKEN_LT;
	case TOKEN_GTE: return TOKEN_LTE;
	default: return op;
	}
}

static int narrow(struct time_range *range, enum token op, int64_t ns, struct diag *diag)
{
	int64_t first = TIME_MIN_NS, last = TIME_MAX_NS;

	switch (op) {
	case TOKEN_EQ: first = last = ns; break;
	case TOKEN_LT: last = ns - 1; break;
	case TOKEN_LTE: last = ns; break;
	case TOKEN_GT: first = ns + 1; break;
	case TOKEN_GTE: first = ns; break;
	default:
		return diag_set(diag, ERR_INVALID, "invalid time comparison operator: %s",
				token_spelling(op));
	}
	if (first > range->first_ns)
		range->first_ns = first;
	if (last < range->last_ns)
		range->last_ns = last;
	return OK;
}

static int take_term(struct expr *expr, int64_t now_ns, struct time_range *range, struct diag *diag)
{
	bool is_left = expr_is_time(expr_unwrap(expr->binary.left));
	struct expr *value = is_left ? expr->binary.right : expr->binary.left;
	enum token op = is_left ? expr->binary.op : mirrored(expr->binary.op);
	struct moment moment = { 0 };

	range->is_given = true;
	TRY(narrow(&(struct time_range){ 0 }, op, 0, diag));
	TRY(value_of(value, now_ns, &moment, diag));
	if (moment.months)
		return diag_set(diag, ERR_INVALID, "invalid duration");
	return narrow(range, op, moment.ns, diag);
}

static int take_terms(struct expr *expr, int64_t now_ns, struct time_range *range,
		      struct diag *diag)
{
	expr = expr_unwrap(expr);
	if (expr->kind != EXPR_BINARY)
		return OK;
	if (expr_is_time_term(expr))
		return take_term(expr, now_ns, range, diag);
	TRY(take_terms(expr->binary.left, now_ns, range, diag));
	return take_terms(expr->binary.right, now_ns, range, diag);
}

int time_range_of(struct expr *condition, int64_t now_ns, struct time_range *out, struct diag *diag)
{
	*out = (struct time_range){ TIME_MIN_NS, TIME_MAX_NS, false };
	return condition ? take_terms(condition, now_ns, out, diag) : OK;
}
