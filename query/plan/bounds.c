/* Why: chunks in which nothing can match need not be decoded. */
#include "query/plan/bounds.h"

#include <math.h>

static bool integer_bounds(enum token op, int64_t number, struct value_bounds *out)
{
	out->type = VALUE_INTEGER;
	out->min.i = INT64_MIN;
	out->max.i = INT64_MAX;
	switch (op) {
	case TOKEN_EQ: out->min.i = out->max.i = number; return true;
	case TOKEN_LT: out->max.i = number > INT64_MIN ? number - 1 : number; return true;
	case TOKEN_LTE: out->max.i = number; return true;
	case TOKEN_GT: out->min.i = number < INT64_MAX ? number + 1 : number; return true;
	case TOKEN_GTE: out->min.i = number; return true;
	default: return false;
	}
}

static bool float_bounds(enum token op, double number, struct value_bounds *out)
{
	out->type = VALUE_FLOAT;
	out->min.f = -INFINITY;
	out->max.f = INFINITY;
	switch (op) {
	case TOKEN_EQ: out->min.f = out->max.f = number; return true;
	case TOKEN_LT: out->max.f = nextafter(number, -INFINITY); return true;
	case TOKEN_LTE: out->max.f = number; return true;
	case TOKEN_GT: out->min.f = nextafter(number, INFINITY); return true;
	case TOKEN_GTE: out->min.f = number; return true;
	default: return false;
	}
}

bool bounds_of(const struct plan *plan, const struct plan_source *source,
	       const struct expr *condition, struct value_bounds *out)
{
	const struct expr *left, *right;
	struct plan_bound bound;
	enum data_type type;

	if (condition->kind != EXPR_BINARY)
		return false;
	left = condition->binary.left;
	right = condition->binary.right;
	if (left->kind != EXPR_VARREF || left->varref.slot < 0)
		return false;
	bound = source->bounds[left->varref.slot];
	type = plan->slots[left->varref.slot].type;
	if (bound.kind != BOUND_FIELD)
		return false;
	out->field = bound.index;
	if (type == DATA_INTEGER && right->kind == EXPR_INTEGER)
		return integer_bounds(condition->binary.op, right->integer, out);
	if (type == DATA_FLOAT && right->kind == EXPR_INTEGER)
		return float_bounds(condition->binary.op, (double)right->integer, out);
	return type == DATA_FLOAT && right->kind == EXPR_NUMBER &&
	       float_bounds(condition->binary.op, right->number, out);
}
