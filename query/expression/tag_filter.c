/* Why: what a series is called is known without reading it, so asking by name is bits only. */
#include "query/expression/tag_filter.h"

#include <assert.h>

#include "engine/base/bits.h"
#include "query/base/pattern.h"
#include "query/language/print.h"

enum filter_kind {
	FILTER_CONSTANT,
	FILTER_TAG,  /* its value is one of a set */
	FILTER_SAME, /* `a = b` of two tags: has both, and they are one value, or not */
	FILTER_AND,
	FILTER_OR,
};

struct tag_filter {
	enum filter_kind kind;
	union {
		bool constant;
		struct {
			uint32_t key_id;
			uint32_t value_count;
			bool absent;	/* what a series without the tag answers */
			uint64_t *bits; /* by value id */
		} tag;
		struct {
			uint32_t first_id, second_id; /* ID_NONE: no such tag */
			bool is_equal;
		} pair;
		struct {
			struct tag_filter *left, *right;
		} both;
	};
};

/* A comparison with the column on the left. */
struct comparison {
	enum token op;
	struct expr *column, *value; /* column NULL: there is none */
};

static struct comparison comparison_of(struct expr *expr)
{
	struct expr *left = expr_unwrap(expr->binary.left);
	struct expr *right = expr_unwrap(expr->binary.right);

	if (left->kind == EXPR_VARREF)
		return (struct comparison){ expr->binary.op, left, right };
	if (right->kind == EXPR_VARREF)
		return (struct comparison){ expr->binary.op, right, left };
	return (struct comparison){ expr->binary.op, NULL, right };
}

static bool is_positive(enum token op)
{
	return op == TOKEN_EQ || op == TOKEN_EQ_REGEX;
}

static bool is_tag_operator(enum token op)
{
	return op == TOKEN_EQ || op == TOKEN_NEQ || op == TOKEN_EQ_REGEX || op == TOKEN_NEQ_REGEX;
}

static bool is_logic(const struct expr *expr)
{
	return expr->kind == EXPR_BINARY &&
	       (expr->binary.op == TOKEN_AND || expr->binary.op == TOKEN_OR);
}

/* --- regexes --------------------------------------------------------------- */

struct preparation {
	struct diag *diag;
	int err;
};

static bool prepare(void *arg, struct expr *expr)
{
	struct preparation *preparation = arg;
	struct pattern *pattern = NULL;

	if (preparation->err < 0 || expr->kind != EXPR_REGEX || expr->regex.program)
		return preparation->err >= 0;
	preparation->err = pattern_open(expr->regex.pattern, expr->regex.ignore_case, &pattern,
					preparation->diag);
	expr->regex.program = pattern;
	return true;
}

int tag_filter_prepare(struct expr *condition, struct diag *diag)
{
	struct preparation preparation = { diag, OK };

	if (condition)
		expr_walk(condition, prepare, &preparation);
	return preparation.err;
}

static bool release(void *arg, struct expr *expr)
{
	if (expr->kind == EXPR_REGEX) {
		pattern_close(expr->regex.program);
		expr->regex.program = NULL;
	}
	return true;
}

void tag_filter_release(struct expr *condition)
{
	if (condition)
		expr_walk(condition, release, NULL);
}

/* --- what is no condition ---------------------------------------------------- */

/* Calculating is an operator like others. */
static bool is_tag_comparison(const struct expr *expr)
{
	return is_tag_operator(expr->binary.op) &&
	       expr_unwrap(expr->binary.left)->kind != EXPR_BINARY &&
	       expr_unwrap(expr->binary.right)->kind != EXPR_BINARY;
}

static int refuse(const char *before, const struct expr *expr, struct diag *diag)
{
	struct buf text = { 0 };

	expr_print(&text, expr);
	diag_set(diag, ERR_INVALID, "%s%s", before, buf_text(&text));
	buf_release(&text);
	return ERR_INVALID;
}

/* InfluxDB shows the node as Go prints it. */
static int refuse_for_measurements(const struct expr *expr, struct diag *diag)
{
	switch (expr->kind) {
	case EXPR_BOOLEAN:
		return diag_set(diag, ERR_INVALID, "&influxql.BooleanLiteral{Val:%s}",
				expr->boolean ? "true" : "false");
	case EXPR_INTEGER:
		return diag_set(diag, ERR_INVALID, "&influxql.IntegerLiteral{Val:%lld}",
				(long long)expr->integer);
	case EXPR_STRING:
		return diag_set(diag, ERR_INVALID, "&influxql.StringLiteral{Val:\"%.*s\"}",
				(int)expr->string.length, expr->string.data);
	case EXPR_VARREF:
		return diag_set(diag, ERR_INVALID, "&influxql.VarRef{Val:\"%.*s\", Type:0}",
				(int)expr->varref.name.length, expr->varref.name.data);
	default: return refuse("invalid condition expression: ", expr, diag);
	}
}

/* SHOW MEASUREMENTS takes less: the tag stands on the left, a text or a regex on the right. */
static int check_for_measurements(struct expr *expr, struct diag *diag)
{
	struct expr *value = expr_unwrap(expr->binary.right);
	enum token op = expr->binary.op;

	if (!is_tag_operator(op))
		return diag_set(diag, ERR_INVALID, "invalid tag comparison operator");
	if (expr_unwrap(expr->binary.left)->kind != EXPR_VARREF)
		return diag_set(diag, ERR_INVALID, "left side of '%s' must be a tag key",
				token_spelling(op));
	if (value->kind != EXPR_STRING && value->kind != EXPR_REGEX)
		return diag_set(diag, ERR_INVALID, "right side of '%s' must be a tag value string",
				token_spelling(op));
	return OK;
}

int tag_filter_check(struct expr *condition, enum tag_filter_mode mode, struct diag *diag)
{
	struct expr *expr = condition ? expr_unwrap(condition) : NULL;

	if (!expr || expr_is_time_term(expr))
		return OK;
	if (mode == TAG_FILTER_MEASUREMENTS && expr->kind != EXPR_BINARY)
		return refuse_for_measurements(expr, diag);
	if (expr->kind == EXPR_BOOLEAN)
		return OK;
	if (expr->kind != EXPR_BINARY)
		return refuse("invalid condition expression: ", expr, diag);
	if (is_logic(expr)) {
		TRY(tag_filter_check(expr->binary.left, mode, diag));
		return tag_filter_check(expr->binary.right, mode, diag);
	}
	if (mode == TAG_FILTER_MEASUREMENTS)
		return check_for_measurements(expr, diag);
	if ((mode == TAG_FILTER_SHOW && !is_tag_comparison(expr)) ||
	    (mode == TAG_FILTER_KEYS && !is_tag_operator(expr->binary.op)))
		return diag_set(diag, ERR_INVALID, "invalid tag comparison operator");
	return OK;
}

/* --- binding --------------------------------------------------------------- */

static struct tag_filter *new_filter(struct arena *arena, enum filter_kind kind)
{
	struct tag_filter *filter = arena_alloc(arena, sizeof(*filter));

	if (filter)
		filter->kind = kind;
	return filter;
}

static int bind_constant(struct arena *arena, bool constant, struct tag_filter **out)
{
	*out = new_filter(arena, FILTER_CONSTANT);
	if (!*out)
		return ERR_LIMIT;
	(*out)->constant = constant;
	return OK;
}

/* Does a tag's value answer the comparison? */
static int answers(const struct comparison *c, struct slice value, bool *yes)
{
	if (c->value->kind == EXPR_REGEX)
		TRY(pattern_find(c->value->regex.program, value, yes));
	else
		*yes = slice_equal(value, c->value->string);
	*yes = *yes == is_positive(c->op);
	return OK;
}

static int bind_tag(struct arena *arena, struct index *index, uint32_t measurement_id,
		    const struct comparison *c, struct tag_filter **out)
{
	uint32_t key_id = index_tag_key_find(index, measurement_id, c->column->varref.name);
	uint32_t count = 0;
	struct tag_filter *filter;
	bool absent;

	TRY(answers(c, SLICE(""), &absent));
	if (key_id == ID_NONE)
		return bind_constant(arena, absent, out);
	count = index_tag_value_count(index, measurement_id, key_id);
	*out = filter = new_filter(arena, FILTER_TAG);
	if (!filter)
		return ERR_LIMIT;
	filter->tag.key_id = key_id;
	filter->tag.value_count = count;
	filter->tag.absent = absent;
	filter->tag.bits = arena_alloc(arena, (count / 64 + 1) * sizeof(uint64_t));
	if (!filter->tag.bits)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < count; i++) {
		bool yes;

		TRY(answers(c, index_tag_value_name(index, measurement_id, key_id, i), &yes));
		filter->tag.bits[i / 64] |= (uint64_t)yes << i % 64;
	}
	return OK;
}

static int bind_pair(struct arena *arena, struct index *index, uint32_t measurement_id,
		     const struct comparison *c, struct tag_filter **out)
{
	struct tag_filter *filter = *out = new_filter(arena, FILTER_SAME);

	if (!filter)
		return ERR_LIMIT;
	filter->pair.first_id = index_tag_key_find(index, measurement_id, c->column->varref.name);
	filter->pair.second_id = index_tag_key_find(index, measurement_id, c->value->varref.name);
	filter->pair.is_equal = c->op == TOKEN_EQ;
	return OK;
}

/* To SELECT a name that is a tag and a field is the field; SHOW knows tags. */
static bool is_field(struct index *index, uint32_t measurement_id, const struct expr *column,
		     enum tag_filter_mode mode)
{
	struct slice name = column->varref.name;
	uint32_t field_id = ID_NONE;

	if (column->varref.type != DATA_UNKNOWN)
		return column->varref.type != DATA_TAG;
	if (mode != TAG_FILTER_REMOVE && index_tag_key_find(index, measurement_id, name) != ID_NONE)
		return false;
	return index_field(index, measurement_id, name, false, &field_id) >= 0 &&
	       field_id != ID_NONE;
}

/* What is no tag against text: a field, a number. */
static int bind_other(struct arena *arena, enum tag_filter_mode mode, struct tag_filter **out,
		      struct diag *diag)
{
	if (mode == TAG_FILTER_REMOVE)
		return diag_set(diag, ERR_INVALID,
				"fields not supported in WHERE clause during deletion");
	return bind_constant(arena, mode != TAG_FILTER_SELECT, out);
}

static bool literals_equal(const struct expr *a, const struct expr *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case EXPR_INTEGER: return a->integer == b->integer;
	case EXPR_NUMBER: return a->number == b->number;
	case EXPR_BOOLEAN: return a->boolean == b->boolean;
	case EXPR_STRING: return slice_equal(a->string, b->string);
	default: return false;
	}
}

/* comparison := column ( = | != | =~ | !~ ) value */
static int bind_comparison(struct arena *arena, struct index *index, uint32_t measurement_id,
			   struct expr *expr, enum tag_filter_mode mode, struct tag_filter **out,
			   struct diag *diag)
{
	struct comparison c = comparison_of(expr);
	bool yes;

	if (!is_tag_comparison(expr))
		return bind_other(arena, mode, out, diag);
	if (!c.column)
		return bind_constant(arena,
				     literals_equal(expr_unwrap(expr->binary.left), c.value) ==
					     is_positive(c.op),
				     out);
	if (mode != TAG_FILTER_REMOVE && slice_equal(c.column->varref.name, SLICE("_name")) &&
	    (c.value->kind == EXPR_STRING || c.value->kind == EXPR_REGEX)) {
		TRY(answers(&c, index_measurement_name(index, measurement_id), &yes));
		return bind_constant(arena, yes, out);
	}
	if (is_field(index, measurement_id, c.column, mode))
		return bind_other(arena, mode, out, diag);
	if (c.value->kind == EXPR_STRING || c.value->kind == EXPR_REGEX)
		return bind_tag(arena, index, measurement_id, &c, out);
	if (c.value->kind == EXPR_VARREF && !is_field(index, measurement_id, c.value, mode))
		return bind_pair(arena, index, measurement_id, &c, out);
	return bind_other(arena, mode, out, diag);
}

static int bind(struct arena *arena, struct index *index, uint32_t measurement_id,
		struct expr *expr, enum tag_filter_mode mode, struct tag_filter **out,
		struct diag *diag)
{
	struct tag_filter *filter;

	expr = expr_unwrap(expr);
	if (expr->kind == EXPR_BOOLEAN)
		return bind_constant(arena, expr->boolean, out);
	assert(expr->kind == EXPR_BINARY); /* tag_filter_check() said so */
	if (!is_logic(expr))
		return bind_comparison(arena, index, measurement_id, expr, mode, out, diag);
	*out = filter = new_filter(arena, expr->binary.op == TOKEN_AND ? FILTER_AND : FILTER_OR);
	if (!filter)
		return ERR_LIMIT;
	TRY(bind(arena, index, measurement_id, expr->binary.left, mode, &filter->both.left, diag));
	return bind(arena, index, measurement_id, expr->binary.right, mode, &filter->both.right,
		    diag);
}

int tag_filter_bind(struct arena *arena, struct index *index, uint32_t measurement_id,
		    struct expr *condition, enum tag_filter_mode mode, struct tag_filter **out,
		    struct diag *diag)
{
	*out = NULL;
	return condition ? bind(arena, index, measurement_id, condition, mode, out, diag) : OK;
}

/* --- asking ---------------------------------------------------------------- */

static bool has_tag(struct index *index, uint32_t series_id, uint32_t key_id)
{
	return key_id != ID_NONE && index_series_tag(index, series_id, key_id) != ID_NONE;
}

static bool is_same(struct index *index, uint32_t series_id, uint32_t first_id, uint32_t second_id)
{
	uint32_t measurement_id = index_series_measurement(index, series_id);

	return slice_equal(index_tag_value_name(index, measurement_id, first_id,
						index_series_tag(index, series_id, first_id)),
			   index_tag_value_name(index, measurement_id, second_id,
						index_series_tag(index, series_id, second_id)));
}

bool tag_filter_takes(const struct tag_filter *f, struct index *index, uint32_t series_id)
{
	uint32_t value_id;

	if (!f)
		return true;
	switch (f->kind) {
	case FILTER_CONSTANT: return f->constant;
	case FILTER_TAG:
		value_id = index_series_tag(index, series_id, f->tag.key_id);
		if (value_id >= f->tag.value_count)
			return f->tag.absent;
		return bit_is_set(f->tag.bits, value_id);
	case FILTER_SAME:
		return has_tag(index, series_id, f->pair.first_id) &&
		       has_tag(index, series_id, f->pair.second_id) &&
		       is_same(index, series_id, f->pair.first_id, f->pair.second_id) ==
			       f->pair.is_equal;
	case FILTER_AND:
		return tag_filter_takes(f->both.left, index, series_id) &&
		       tag_filter_takes(f->both.right, index, series_id);
	case FILTER_OR:
		return tag_filter_takes(f->both.left, index, series_id) ||
		       tag_filter_takes(f->both.right, index, series_id);
	}
	return false;
}
