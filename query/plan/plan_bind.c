/*
 * Why: after this, running needs no names: every reference is a cell, every
 * call a row of the function table with its numbers taken out of its arguments.
 *
 *	cells   [slot 0 … slot_count)[call 0 … call_count)
 */
#include <inttypes.h>

#include "query/expression/tag_filter.h"
#include "query/language/print.h"
#include "query/plan/plan.h"

/* --- slots ------------------------------------------------------------------------ */

struct binding {
	struct plan *plan;
	bool is_filter;	 /* within WHERE */
	bool is_in_call; /* within an argument */
	int err;
};

/* Slots of one name and another type are other keys. */
#define SLOT_HASH_STEP UINT64_C(0x9e3779b97f4a7c15)

static struct slice slot_name(const void *owner, uint32_t number)
{
	const struct plan *plan = owner;

	return plan->slots[number].name;
}

static int add_slot(struct plan *plan, struct slice name, enum data_type type, bool is_filter,
		    int32_t *number)
{
	uint64_t hash = hash_bytes(name) + ((uint64_t)type * 2 + is_filter) * SLOT_HASH_STEP;
	uint32_t found = map_find(&plan->slot_map, name, hash);

	*number = (int32_t)found;
	if (found != MAP_NONE && plan->slots[found].type == type &&
	    plan->slots[found].is_filter == is_filter)
		return OK;
	plan->slots = arena_grow(plan->context->arena, plan->slots, plan->slot_count,
				 &plan->slot_capacity, sizeof(*plan->slots));
	if (!plan->slots)
		return ERR_LIMIT;
	*number = (int32_t)plan->slot_count;
	plan->slots[plan->slot_count++] =
		(struct plan_slot){ .name = name, .type = type, .is_filter = is_filter };
	map_add(&plan->slot_map, hash, (uint32_t)*number);
	return OK;
}

static bool has_subquery(const struct plan *plan)
{
	for (size_t i = 0; i < plan->source_count; i++)
		if (plan->sources[i].subquery)
			return true;
	return false;
}

static int bind_reference(struct binding *binding, struct expr *expr)
{
	struct plan *plan = binding->plan;

	if (expr->varref.type == DATA_UNKNOWN || expr->varref.type == DATA_FIELD) {
		enum data_type type;

		TRY(plan_type_of(plan, expr->varref.name, &type));
		if (type == DATA_TAG && expr->varref.type == DATA_FIELD)
			type = DATA_UNKNOWN;
		else if (binding->is_filter && (type == DATA_TAG || type == DATA_UNKNOWN) &&
			 plan_has_field(plan, expr->varref.name))
			type = DATA_UNKNOWN;
		else if (type == DATA_UNKNOWN && binding->is_filter)
			type = DATA_TAG;
		if (type == DATA_TAG && binding->is_in_call && has_subquery(plan))
			type = DATA_STRING;
		expr->varref.type = type;
	}
	TRY(add_slot(plan, expr->varref.name, expr->varref.type, binding->is_filter,
		     &expr->varref.slot));
	if (!binding->is_filter && !binding->is_in_call)
		plan->slots[expr->varref.slot].is_selected = true;
	return OK;
}

static bool bind_node(void *arg, struct expr *expr)
{
	struct binding *binding = arg;

	if (binding->err < 0)
		return false;
	if (expr->kind == EXPR_VARREF) {
		binding->err = bind_reference(binding, expr);
	} else if (expr->kind == EXPR_DISTINCT) {
		struct slice name = expr->distinct;
		struct expr *argument =
			expr_new_varref(binding->plan->context->arena, name, DATA_UNKNOWN);
		struct expr **arguments =
			arena_alloc(binding->plan->context->arena, sizeof(*arguments));

		if (!argument || !arguments) {
			binding->err = ERR_LIMIT;
			return false;
		}
		arguments[0] = argument;
		expr->kind = EXPR_CALL;
		expr->call.name = SLICE("distinct");
		expr->call.args = arguments;
		expr->call.arg_count = 1;
	}
	if (expr->kind == EXPR_CALL && !math_argument_count(expr->call.name)) {
		struct binding inner = *binding;

		inner.is_in_call = true;
		for (size_t i = 0; i < expr->call.arg_count; i++)
			expr_walk(expr->call.args[i], bind_node, &inner);
		binding->err = inner.err;
		return false;
	}
	return binding->err >= 0;
}

static int bind_references(struct plan *plan)
{
	struct binding binding = { .plan = plan };

	map_init(&plan->slot_map, slot_name, plan);
	for (size_t i = 0; i < plan->field_count; i++)
		expr_walk(plan->fields[i].expr, bind_node, &binding);
	binding.is_filter = true;
	if (plan->condition && binding.err >= 0)
		expr_walk(plan->condition, bind_node, &binding);
	return binding.err;
}

/* --- calls -------------------------------------------------------------------------- */

/* What Go calls an iterator of the type, in error texts. */
static const char *iterator_name(enum data_type type)
{
	switch (type) {
	case DATA_FLOAT: return "float";
	case DATA_INTEGER: return "integer";
	case DATA_UNSIGNED: return "unsigned";
	case DATA_BOOLEAN: return "boolean";
	default: return "string";
	}
}

/* The function's name in such a text. */
static struct slice iterated_name(struct slice name)
{
	static const char *const rows[][2] = {
		{ "non_negative_difference", "difference" },
		{ "non_negative_derivative", "derivative" },
		{ "moving_average", "moving average" },
		{ "cumulative_sum", "cumulative sum" },
		{ "exponential_moving_average", "exponential moving average" },
		{ "double_exponential_moving_average", "double exponential moving average" },
		{ "triple_exponential_moving_average", "triple exponential moving average" },
		{ "triple_exponential_derivative", "triple exponential derivative" },
		{ "relative_strength_index", "relative strength index" },
		{ "kaufmans_efficiency_ratio", "kaufmans efficiency ratio" },
		{ "kaufmans_adaptive_moving_average", "kaufmans adaptive moving average" },
		{ "chande_momentum_oscillator", "chande momentum oscillator" },
		{ "holt_winters", "elapsed" },
		{ "holt_winters_with_fit", "elapsed" },
		{ HISTOGRAM_START, "histogram" },
		{ HISTOGRAM_COUNT, "histogram" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (slice_equal(name, slice_of_text(rows[i][0])))
			return slice_of_text(rows[i][1]);
	return name;
}

static int check_type(struct plan *plan, const struct plan_call *call)
{
	struct slice name = iterated_name(call->name);

	if (call->type == DATA_UNKNOWN || call->type == DATA_TAG ||
	    call->function->types >> call->type & 1)
		return OK;
	return diag_set(plan->context->diag, ERR_INVALID,
			"unsupported %.*s iterator type: *query.%sInterruptIterator",
			(int)name.length, name.data, iterator_name(call->type));
}

static int64_t default_unit(const struct plan *plan, const struct plan_call *call)
{
	if (slice_equal(call->name, SLICE("elapsed")))
		return 1;
	if (call->inner)
		return window_length_ns(&plan->window);
	return NS_PER_SECOND;
}

static int bind_tags(struct plan *plan, struct plan_call *call, const struct expr *expr)
{
	size_t count = expr->call.arg_count - 2;

	call->has_tags = count > 0;
	call->tag_slots = arena_alloc(plan->context->arena, (count + 1) * sizeof(*call->tag_slots));
	if (!call->tag_slots)
		return ERR_LIMIT;
	for (size_t i = 1; i <= count; i++)
		if (plan_is_tag(plan, expr->call.args[i]->varref.name))
			call->tag_slots[call->tag_count++] = expr->call.args[i]->varref.slot;
	return OK;
}

static bool is_indicator(struct slice name)
{
	static const char *const names[] = {
		"exponential_moving_average",	     "double_exponential_moving_average",
		"triple_exponential_moving_average", "triple_exponential_derivative",
		"relative_strength_index",	     "chande_momentum_oscillator",
		"kaufmans_efficiency_ratio",	     "kaufmans_adaptive_moving_average",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_equal(name, slice_of_text(names[i])))
			return true;
	return false;
}

/* name(x, period[, hold[, 'warmup']]) */
static void bind_indicator(struct plan_call *call, const struct expr *expr)
{
	struct expr *const *args = expr->call.args;

	call->count = args[1]->integer;
	call->hold = expr->call.arg_count > 2 ? args[2]->integer : -1;
	call->warmup = slice_equal(call->name, SLICE("chande_momentum_oscillator"))
			       ? WARMUP_NONE
			       : WARMUP_EXPONENTIAL;
	if (expr->call.arg_count < 4)
		return;
	if (slice_equal(args[3]->string, SLICE("simple")))
		call->warmup = WARMUP_SIMPLE;
	else if (slice_equal(args[3]->string, SLICE("exponential")))
		call->warmup = WARMUP_EXPONENTIAL;
}

/* The numbers among the arguments. */
static int bind_arguments(struct plan *plan, struct plan_call *call, const struct expr *expr)
{
	const struct expr *last = expr->call.args[expr->call.arg_count - 1];

	if (expr->call.arg_count > 1 && last->kind == EXPR_DURATION)
		call->unit_ns = last->duration_ns;
	else if (call->function->shape == SHAPE_TRANSFORM)
		call->unit_ns = default_unit(plan, call);
	if (expr->call.arg_count > 1 && last->kind == EXPR_INTEGER) {
		call->count = last->integer;
		call->number = (double)last->integer;
	} else if (last->kind == EXPR_NUMBER) {
		call->number = last->number;
	}
	if (is_indicator(call->name))
		bind_indicator(call, expr);
	if (slice_starts_with(call->name, SLICE("histogram")))
		call->histogram = plan_histogram(expr);
	if (slice_starts_with(call->name, SLICE("holt_winters"))) {
		call->count = expr->call.args[1]->integer;
		call->season = last->integer;
	}
	if (call->function->keeps_times && !slice_equal(call->name, SLICE("sample")))
		return bind_tags(plan, call, expr);
	return OK;
}

static int add_leaf(struct plan *plan, struct plan_call *call)
{
	size_t capacity = plan->leaf_count; /* small numbers: grown one by one */
	struct plan_call **leaves =
		arena_alloc(plan->context->arena, (capacity + 1) * sizeof(*leaves));

	if (!leaves)
		return ERR_LIMIT;
	if (plan->leaf_count)
		memcpy(leaves, plan->leaves, plan->leaf_count * sizeof(*leaves));
	call->number_of_leaf = (uint32_t)plan->leaf_count;
	leaves[plan->leaf_count++] = call;
	plan->leaves = leaves;
	return OK;
}

static int bind_call(struct plan *plan, struct expr *expr, struct plan_call **out);

static int bind_read(struct plan *plan, struct plan_call *call, const struct expr *argument)
{
	call->slot = argument->varref.slot;
	call->type = argument->varref.type;
	TRY(check_type(plan, call));
	call->result = call_type(call->name, call->type);
	return add_leaf(plan, call);
}

static int bind_call(struct plan *plan, struct expr *expr, struct plan_call **out)
{
	struct plan_call *call = arena_alloc(plan->context->arena, sizeof(*call));
	struct expr *argument = expr->call.args[0];

	*out = call;
	if (!call)
		return ERR_LIMIT;
	call->name = expr->call.name;
	call->slot = -1;
	if (expr_is_call(expr, "count") && expr_is_call(argument, "distinct")) {
		call->function = function_find(SLICE("count distinct"));
		return bind_read(plan, call, argument->call.args[0]);
	}
	call->function = function_find(call->name);
	if (!call->function)
		return diag_set(plan->context->diag, ERR_INVALID, "undefined function %.*s()",
				(int)call->name.length, call->name.data);
	if (argument->kind == EXPR_CALL) {
		TRY(bind_call(plan, argument, &call->inner));
		call->type = call->inner->result;
		TRY(check_type(plan, call));
		call->result = call_type(call->name, call->type);
		return bind_arguments(plan, call, expr);
	}
	TRY(bind_arguments(plan, call, expr));
	return bind_read(plan, call, argument);
}

struct call_binding {
	struct plan *plan;
	int err;
};

static struct slice print_call(struct plan *plan, const struct expr *expr)
{
	struct buf text = { 0 };
	struct slice copy;

	expr_print(&text, expr);
	copy = arena_copy(plan->context->arena, buf_slice(&text));
	buf_release(&text);
	return copy;
}

/* The number of the call; the same one for the same text, as in InfluxDB. */
static int number_call(struct plan *plan, struct expr *expr, size_t *number)
{
	struct slice text = print_call(plan, expr);
	struct plan_call **calls;

	if (!text.data)
		return ERR_LIMIT;
	for (*number = 0; *number < plan->call_count; (*number)++)
		if (slice_equal(plan->calls[*number]->text, text))
			return OK;
	calls = arena_alloc(plan->context->arena, (plan->call_count + 1) * sizeof(*calls));
	if (!calls)
		return ERR_LIMIT;
	if (plan->call_count)
		memcpy(calls, plan->calls, plan->call_count * sizeof(*calls));
	TRY(bind_call(plan, expr, &calls[plan->call_count]));
	calls[plan->call_count++]->text = text;
	plan->calls = calls;
	return OK;
}

/* Every call of many rows becomes a reference to its cell. */
static bool replace_call(void *arg, struct expr *expr)
{
	struct call_binding *binding = arg;
	struct plan *plan = binding->plan;
	size_t number;

	if (binding->err < 0)
		return false;
	if (expr->kind != EXPR_CALL || math_argument_count(expr->call.name))
		return true;
	binding->err = number_call(plan, expr, &number);
	if (binding->err < 0)
		return false;
	expr->kind = EXPR_VARREF;
	expr->varref.name = plan->calls[number]->name;
	expr->varref.type = plan->calls[number]->result;
	expr->varref.slot = (int32_t)(plan->slot_count + number);
	return false;
}

/* No line brings a NaN, but a calculation does, and its place among the others is no key's. */
static bool may_read_nan(const struct plan *plan, const struct plan_call *call)
{
	bool has_subquery = false;

	for (size_t i = 0; i < plan->source_count; i++)
		has_subquery |= plan->sources[i].subquery != NULL;
	return has_subquery && call->type == DATA_FLOAT;
}

/* Where neither the time of a sample nor the rest of its row is shown, keys will do. */
static void choose_keys(struct plan *plan)
{
	for (size_t i = 0; i < plan->leaf_count; i++) {
		struct plan_call *call = plan->leaves[i];
		bool shows_time = call->function->is_selector && plan->call_count == 1 &&
				  plan->calls[0] == call && !window_is_given(&plan->window);

		call->wants_keys = call->function->takes_keys && !shows_time && !plan->has_aux &&
				   (TYPES_COMPARABLE >> call->type & 1) &&
				   !may_read_nan(plan, call);
	}
}

static int bind_calls(struct plan *plan)
{
	struct call_binding binding = { plan, OK };

	for (size_t i = 0; i < plan->field_count; i++)
		expr_walk(plan->fields[i].expr, replace_call, &binding);
	choose_keys(plan);
	return binding.err;
}

/* --- the rest --------------------------------------------------------------------------- */

static size_t count_conjuncts(const struct expr *expr)
{
	if (expr->kind == EXPR_PAREN)
		return count_conjuncts(expr->paren);
	if (expr->kind == EXPR_BINARY && expr->binary.op == TOKEN_AND)
		return count_conjuncts(expr->binary.left) + count_conjuncts(expr->binary.right);
	return 1;
}

static void add_conjuncts(struct plan *plan, struct expr *expr)
{
	if (expr->kind == EXPR_PAREN) {
		add_conjuncts(plan, expr->paren);
	} else if (expr->kind == EXPR_BINARY && expr->binary.op == TOKEN_AND) {
		add_conjuncts(plan, expr->binary.left);
		add_conjuncts(plan, expr->binary.right);
	} else {
		plan->conjuncts[plan->conjunct_count++] = expr;
	}
}

/* Where InfluxDB wants a truth, arithmetic is one, whatever its value. */
static void settle_truths(struct expr *expr)
{
	if (expr->kind == EXPR_PAREN) {
		settle_truths(expr->paren);
	} else if (expr->kind == EXPR_BINARY &&
		   (expr->binary.op == TOKEN_AND || expr->binary.op == TOKEN_OR)) {
		settle_truths(expr->binary.left);
		settle_truths(expr->binary.right);
	} else if (expr->kind == EXPR_BINARY && expr->binary.op >= TOKEN_ADD &&
		   expr->binary.op <= TOKEN_BITWISE_XOR) {
		expr->kind = EXPR_BOOLEAN;
		expr->boolean = true;
	}
}

static int split_condition(struct plan *plan)
{
	if (!plan->condition)
		return OK;
	settle_truths(plan->condition);
	plan->conjuncts = arena_alloc(plan->context->arena, (count_conjuncts(plan->condition) + 1) *
								    sizeof(*plan->conjuncts));
	if (!plan->conjuncts)
		return ERR_LIMIT;
	add_conjuncts(plan, plan->condition);
	return tag_filter_prepare(plan->condition, plan->context->diag);
}

/* top(v, tag, 2) shows the tags as well; INTO writes them as tags. */
static int show_best_tags(struct plan *plan)
{
	struct arena *arena = plan->context->arena;
	struct field *fields;
	size_t count = 0, extra = 0;

	if (!plan->top_name.length)
		return OK;
	for (size_t i = 0; i < plan->field_count; i++)
		if (plan->fields[i].expr->kind == EXPR_CALL &&
		    slice_equal(plan->fields[i].expr->call.name, plan->top_name))
			extra += plan->fields[i].expr->call.arg_count;
	fields = arena_alloc(arena, (plan->field_count + extra + 1) * sizeof(*fields));
	if (!fields)
		return ERR_LIMIT;
	for (size_t i = 0; i < plan->field_count; i++) {
		const struct expr *call = plan->fields[i].expr;

		fields[count++] = plan->fields[i];
		if (call->kind != EXPR_CALL || !slice_equal(call->call.name, plan->top_name))
			continue;
		plan->best_first = count;
		plan->best_end = count + call->call.arg_count - 2;
		for (size_t k = 1; k + 1 < call->call.arg_count; k++) {
			fields[count] =
				(struct field){ .expr = expr_copy(arena, call->call.args[k]) };
			if (!fields[count++].expr)
				return ERR_LIMIT;
			plan->has_aux = true;
		}
	}
	plan->fields = fields;
	plan->field_count = count;
	return OK;
}

/* One of the two columns of histogram(): as another function, and named after the field's alias. */
static int add_histogram(struct plan *plan, const struct field *field, const char *function,
			 const char *name, struct field *out)
{
	struct arena *arena = plan->context->arena;
	const char *alias = field->alias.length
				    ? arena_printf(arena, "%.*s_%s", (int)field->alias.length,
						   field->alias.data, name)
				    : name;

	*out = (struct field){ .expr = expr_copy(arena, field->expr), .position = field->position };
	if (!out->expr || !alias)
		return ERR_LIMIT;
	out->expr->call.name = slice_of_text(function);
	out->alias = slice_of_text(alias);
	return OK;
}

/* It stands alone, but there may be several of it once `*` was expanded. */
static int split_histograms(struct plan *plan)
{
	struct field *fields;

	if (!plan->has_histogram)
		return OK;
	fields = arena_alloc(plan->context->arena, (2 * plan->field_count + 1) * sizeof(*fields));
	if (!fields)
		return ERR_LIMIT;
	for (size_t i = 0; i < plan->field_count; i++) {
		const struct field *field = &plan->fields[i];

		TRY(add_histogram(plan, field, HISTOGRAM_START, "bucket_start", &fields[2 * i]));
		TRY(add_histogram(plan, field, HISTOGRAM_COUNT, "count", &fields[2 * i + 1]));
	}
	plan->fields = fields;
	plan->field_count *= 2;
	return OK;
}

static int type_columns(struct plan *plan)
{
	for (size_t i = 0; i < plan->field_count; i++) {
		plan->columns[i].expr = plan->fields[i].expr;
		TRY(expr_type(plan->fields[i].expr, &plan->columns[i].type, plan->context->diag));
	}
	plan->column_count = plan->field_count;
	return OK;
}

/* Is there any column that could have a value? Rows of a subquery are there with tags alone, too.
 */
static bool has_values(const struct plan *plan, bool takes_tags)
{
	for (size_t i = 0; i < plan->slot_count; i++)
		if (!plan->slots[i].is_filter && plan->slots[i].type != DATA_UNKNOWN &&
		    (takes_tags || plan->slots[i].type != DATA_TAG))
			return true;
	return false;
}

/* --- looking back --------------------------------------------------------------------- */

static int64_t look_back_of(const struct expr *expr)
{
	int64_t count = 0;

	if (expr->kind != EXPR_CALL || math_argument_count(expr->call.name) ||
	    !expr->call.arg_count || expr->call.args[0]->kind != EXPR_CALL ||
	    expr_is_call(expr, "count"))
		return 0;
	if (expr->call.arg_count > 1 && expr->call.args[1]->kind == EXPR_INTEGER)
		count = expr->call.args[1]->integer;
	return plan_looks_back(expr->call.name, true, count) + look_back_of(expr->call.args[0]);
}

static bool find_look_back(void *arg, struct expr *expr)
{
	int64_t *windows = arg, found = look_back_of(expr);

	if (found > *windows)
		*windows = found;
	return true;
}

/* What any call may read: sources are looked up over all of it. */
static void set_reach(struct plan *plan)
{
	int64_t windows = 0;

	for (size_t i = 0; i < plan->field_count; i++)
		expr_walk(plan->fields[i].expr, find_look_back, &windows);
	plan->reach = plan_widened(plan, windows);
}

int plan_inner(struct plan *plan, struct select_stmt *stmt, struct plan **out)
{
	TRY(plan_check(plan->context, stmt, plan, out));
	return plan_bind(*out);
}

int plan_bind(struct plan *plan)
{
	set_reach(plan);
	if (plan->join)
		return plan_bind_join(plan);
	for (size_t i = 0; i < plan->source_count; i++)
		TRY(plan_bind(plan->sources[i].subquery));
	TRY(plan_bind_sources(plan));
	TRY(plan_group_by_values(plan));
	TRY(plan_expand_wildcards(plan));
	TRY(show_best_tags(plan));
	TRY(split_histograms(plan));
	plan->columns =
		arena_alloc(plan->context->arena, (plan->field_count + 1) * sizeof(*plan->columns));
	if (!plan->columns)
		return ERR_LIMIT;
	TRY(bind_references(plan));
	TRY(plan_name_columns(plan));
	TRY(type_columns(plan));
	TRY(bind_calls(plan));
	TRY(plan_bind_slots(plan));
	TRY(split_condition(plan));
	plan->is_empty = plan->column_count == 0 || !has_values(plan, has_subquery(plan)) ||
			 plan->reach.time_first_ns > plan->reach.time_last_ns;
	return OK;
}
