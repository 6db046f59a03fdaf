/* Why: WHERE and types are settled once here, so that what computes sees plain columns. */
#include "query/run/feed.h"

#include <stdlib.h>

#include "engine/base/bits.h"
#include "query/base/compare.h"
#include "query/base/metering.h"
#include "query/plan/bounds.h"

#define VALID_WORDS (BATCH_ROWS_MAX / 64)
#define LARGE_BYTES ((size_t)64 << 10)

/* --- tags ----------------------------------------------------------------------------- */

static struct slice tag_of(const struct group_series *series, const struct plan_slot *slot,
			   struct plan_bound bound)
{
	const struct plan_source *source = series->source;
	uint32_t value;

	if (series->inner)
		return key_value(series->inner->key, slot->name);
	value = index_series_tag(source->index, series->series_id, bound.index);
	if (value == ID_NONE)
		return slice_of("", 0);
	return index_tag_value_name(source->index, source->measurement_id, bound.index, value);
}

struct cell feed_constant(const struct plan *plan, const struct group_series *series, size_t number)
{
	const struct plan_slot *slot = &plan->slots[number];
	struct plan_bound bound = series->source->bounds[number];
	struct slice tag = slice_of("", 0);

	if (bound.kind == BOUND_FIELD)
		return cell_null();
	if (bound.kind == BOUND_TAG)
		tag = tag_of(series, slot, bound);
	else if (bound.kind == BOUND_NAME)
		tag = series->source->name;
	if (tag.length || (slot->is_filter && slot->type != DATA_UNKNOWN) ||
	    (series->inner && bound.kind == BOUND_TAG))
		return cell_of_string(tag);
	return cell_null();
}

static void set_constants(const struct plan *plan, const struct group_series *series,
			  struct cell *constants)
{
	for (size_t i = 0; i < plan->slot_count; i++)
		constants[i] = feed_constant(plan, series, i);
}

struct reading {
	const struct plan_source *source;
	bool reads;
};

static bool find_field(void *arg, struct expr *expr)
{
	struct reading *reading = arg;

	if (expr->kind == EXPR_VARREF && expr->varref.slot >= 0 &&
	    reading->source->bounds[expr->varref.slot].kind == BOUND_FIELD)
		reading->reads = true;
	return !reading->reads;
}

static bool reads_fields(const struct plan_source *source, struct expr *expr)
{
	struct reading reading = { .source = source };

	expr_walk(expr, find_field, &reading);
	return reading.reads;
}

/* The conjuncts that tags alone decide; the others are put into `rest` (may be NULL). */
static int test_tags(const struct plan *plan, const struct group_series *series,
		     const struct cell *constants, const struct expr **rest, size_t *rest_count,
		     bool *takes)
{
	struct eval eval = { .slots = constants };

	*takes = true;
	*rest_count = 0;
	for (size_t i = 0; i < plan->conjunct_count; i++) {
		if (reads_fields(series->source, plan->conjuncts[i])) {
			if (rest)
				rest[*rest_count] = plan->conjuncts[i];
			(*rest_count)++;
		} else if (!expr_is_true(plan->conjuncts[i], &eval)) {
			*takes = false;
			return eval.err;
		}
	}
	return eval.err;
}

int feed_takes(const struct plan *plan, const struct group_series *series, bool *takes)
{
	struct cell *constants;
	size_t rest_count;
	int err;

	*takes = true;
	if (plan->conjunct_count == 0)
		return OK;
	constants = malloc((plan->slot_count + 1) * sizeof(*constants));
	if (!constants)
		return ERR_MEMORY;
	set_constants(plan, series, constants);
	err = test_tags(plan, series, constants, NULL, &rest_count, takes);
	free(constants);
	return err;
}

/* --- opening ------------------------------------------------------------------------------ */

/* At least one; NULL: the limit, or there is none. */
static void *allocate(size_t count, size_t bytes)
{
	if (count * bytes > LARGE_BYTES && !memory_fits(count * bytes))
		return NULL;
	return calloc(count ? count : 1, bytes);
}

/* Of what allocate() did not give. */
static int refused(void)
{
	return memory_state() == ERR_LIMIT ? ERR_LIMIT : ERR_MEMORY;
}

/* Tell the cursor what WHERE wants of fields. */
static int narrow(struct feed *feed)
{
	size_t count = 0;

	feed->bounds = allocate(feed->row_test_count, sizeof(*feed->bounds));
	if (!feed->bounds)
		return refused();
	for (size_t i = 0; i < feed->row_test_count; i++)
		count += bounds_of(feed->plan, feed->series->source, feed->row_tests[i],
				   &feed->bounds[count]);
	rows_narrow(feed->rows, feed->bounds, count);
	return OK;
}

int feed_open(struct feed *feed, const struct plan *plan, const struct group_series *series,
	      const struct window_spec *window, bool descending, size_t rows_max, struct run *run)
{
	const struct plan_source *source = series->source;
	struct rows_spec spec = { .policy_id = source->policy_id,
				  .series_id = series->series_id,
				  .field_ids = source->field_ids,
				  .field_count = source->field_count,
				  .time_first_ns = window->time_first_ns,
				  .time_last_ns = window->time_last_ns,
				  .descending = descending,
				  .cancelled = run->env->cancelled,
				  .counts = &run->chunks,
				  .rows_max = rows_max };
	bool takes;

	*feed = (struct feed){
		.plan = plan, .series = series, .run = run, .descending = descending
	};
	feed->constants = allocate(plan->slot_count, sizeof(*feed->constants));
	feed->cells = allocate(plan->slot_count, sizeof(*feed->cells));
	feed->columns = allocate(plan->slot_count, sizeof(*feed->columns));
	feed->row_tests = allocate(plan->conjunct_count, sizeof(*feed->row_tests));
	if (!feed->constants || !feed->cells || !feed->columns || !feed->row_tests)
		return refused();
	set_constants(plan, series, feed->constants);
	TRY(test_tags(plan, series, feed->constants, feed->row_tests, &feed->row_test_count,
		      &takes));
	if (!takes)
		feed->batch = series->inner ? series->inner->batch_count : 0;
	if (!takes || series->inner || source->field_count == 0)
		return OK;
	TRY(rows_open(snapshot_rows(source->snapshot), &spec, &feed->rows));
	return narrow(feed);
}

void feed_close(struct feed *feed)
{
	if (feed->rows)
		rows_close(feed->rows);
	free(feed->constants);
	free(feed->cells);
	free(feed->columns);
	free(feed->row_tests);
	free(feed->bounds);
	free(feed->cast_values);
	free(feed->cast_valid);
	free(feed->kept_values);
	free(feed->kept_valid);
	free(feed->kept_times);
	free(feed->turned_times);
	free(feed->turned_values);
	free(feed->turned_valid);
	free(feed->turned_columns);
	arena_release(&feed->tags);
	*feed = (struct feed){ 0 };
}

/* --- types --------------------------------------------------------------------------------- */

static enum value_type value_type_of(enum data_type type)
{
	switch (type) {
	case DATA_FLOAT: return VALUE_FLOAT;
	case DATA_INTEGER: return VALUE_INTEGER;
	case DATA_UNSIGNED: return VALUE_UNSIGNED;
	case DATA_STRING: return VALUE_STRING;
	case DATA_BOOLEAN: return VALUE_BOOLEAN;
	default: return VALUE_NONE;
	}
}

static bool is_number(enum value_type type)
{
	return type == VALUE_FLOAT || type == VALUE_INTEGER || type == VALUE_UNSIGNED;
}

static union value value_of_cell(const struct cell *cell)
{
	union value value = { .u = 0 };

	if (cell->type == CELL_FLOAT)
		value.f = cell->f;
	else
		value.u = cell->u;
	return value;
}

/*
 * A shard group has other types than the statement took: numbers convert, all
 * else is null. What a cast cannot convert of a subquery's rows stays as it is.
 */
static struct batch_column cast_column(struct feed *feed, size_t slot, size_t row_count,
				       const struct batch_column *from)
{
	enum data_type type = feed->plan->slots[slot].type;
	union value *values;

	if (!is_number(from->type) || !is_number(value_type_of(type)))
		return feed->series->inner && plan_is_raw(feed->plan)
			       ? *from
			       : (struct batch_column){ .type = VALUE_NONE };
	if (!feed->cast_values)
		feed->cast_values = allocate(feed->plan->slot_count * BATCH_ROWS_MAX,
					     sizeof(*feed->cast_values));
	if (!feed->cast_values)
		return (struct batch_column){ .type = VALUE_NONE };
	values = feed->cast_values + slot * BATCH_ROWS_MAX;
	for (size_t row = 0; row < row_count; row++) {
		struct cell cell = cell_cast(cell_of_value(from->type, from->values[row]), type);

		values[row] = value_of_cell(&cell);
	}
	return (struct batch_column){ value_type_of(type), values, from->valid };
}

/* A tag of a subquery's series as a column: that is how calls see it. */
static struct batch_column tag_column(struct feed *feed, size_t slot)
{
	const struct text *text;
	union value *values;

	if (!feed->cast_values)
		feed->cast_values = allocate(feed->plan->slot_count * BATCH_ROWS_MAX,
					     sizeof(*feed->cast_values));
	if (!feed->cast_values)
		return (struct batch_column){ .type = VALUE_NONE };
	values = feed->cast_values + slot * BATCH_ROWS_MAX;
	if (!values[0].s) {
		text = text_copy(&feed->tags, feed->constants[slot].s);
		for (size_t row = 0; text && row < BATCH_ROWS_MAX; row++)
			values[row].s = text;
	}
	return (struct batch_column){ values[0].s ? VALUE_STRING : VALUE_NONE, values, NULL };
}

static void set_columns(struct feed *feed, const struct batch *batch)
{
	const struct plan *plan = feed->plan;

	for (size_t slot = 0; slot < plan->slot_count; slot++) {
		struct plan_bound bound = feed->series->source->bounds[slot];
		const struct batch_column *from;

		feed->columns[slot] = (struct batch_column){ .type = VALUE_NONE };
		if (bound.kind == BOUND_TAG && feed->series->inner &&
		    plan->slots[slot].type == DATA_STRING)
			feed->columns[slot] = tag_column(feed, slot);
		if (bound.kind != BOUND_FIELD)
			continue;
		from = &batch->columns[bound.index];
		if (from->type == VALUE_NONE || from->type == value_type_of(plan->slots[slot].type))
			feed->columns[slot] = *from;
		else
			feed->columns[slot] = cast_column(feed, slot, batch->row_count, from);
	}
}

/* --- WHERE ------------------------------------------------------------------------------------ */

/* Which comparison of a column an operator is, if it is one. */
static bool compare_op_of(enum token token, enum compare_op *op)
{
	switch (token) {
	case TOKEN_EQ: *op = COMPARE_EQ; return true;
	case TOKEN_NEQ: *op = COMPARE_NEQ; return true;
	case TOKEN_LT: *op = COMPARE_LT; return true;
	case TOKEN_LTE: *op = COMPARE_LTE; return true;
	case TOKEN_GT: *op = COMPARE_GT; return true;
	case TOKEN_GTE: *op = COMPARE_GTE; return true;
	default: return false;
	}
}

/* `field < number` is decided for a whole column at a time; false: it is another condition. */
static bool make_comparison(const struct feed *feed, const struct expr *expr,
			    struct comparison *out)
{
	const struct expr *left, *right;

	if (expr->kind != EXPR_BINARY || !compare_op_of(expr->binary.op, &out->op))
		return false;
	left = expr->binary.left;
	right = expr->binary.right;
	if (left->kind != EXPR_VARREF || left->varref.slot < 0)
		return false;
	out->column = &feed->columns[left->varref.slot];
	if (right->kind == EXPR_INTEGER) {
		out->integer = right->integer;
		out->number = (double)right->integer;
		return out->column->type == VALUE_INTEGER || out->column->type == VALUE_FLOAT;
	}
	out->number = right->number;
	return right->kind == EXPR_NUMBER && out->column->type == VALUE_FLOAT;
}

static int run_slow(struct feed *feed, const struct block *block, const struct expr *expr,
		    uint64_t *keep)
{
	struct eval eval = { .slots = feed->cells };

	for (size_t row = 0; row < block->row_count; row++) {
		if (!bit_is_set(keep, row))
			continue;
		for (size_t slot = 0; slot < feed->plan->slot_count; slot++)
			if (feed->plan->slots[slot].is_filter)
				feed->cells[slot] = feed_cell(feed, block, slot, row);
		if (!expr_is_true(expr, &eval))
			keep[row / 64] &= ~(UINT64_C(1) << (row % 64));
		if (eval.err < 0)
			return diag_set(feed->run->diag, eval.err,
					"a regular expression needs too many steps");
	}
	return OK;
}

static int test_rows(struct feed *feed, const struct block *block, uint64_t *keep)
{
	for (size_t word = 0; word < VALID_WORDS; word++)
		keep[word] = UINT64_MAX;
	if (block->row_count % 64)
		keep[block->row_count / 64] = (UINT64_C(1) << (block->row_count % 64)) - 1;
	for (size_t i = 0; i < feed->row_test_count; i++) {
		struct comparison comparison = { 0 };

		if (make_comparison(feed, feed->row_tests[i], &comparison))
			compare_rows(&comparison, block->row_count, keep);
		else
			TRY(run_slow(feed, block, feed->row_tests[i], keep));
	}
	return OK;
}

/* Rows that stay move together, so that whoever computes sees dense columns. */
static void keep_column(struct feed *feed, size_t slot, size_t row_count, const uint64_t *keep)
{
	struct batch_column *column = &feed->columns[slot];
	union value *values = feed->kept_values + slot * BATCH_ROWS_MAX;
	uint64_t *valid = feed->kept_valid + slot * VALID_WORDS;
	size_t count = 0;

	compare_keep(&column->values->bits, row_count, keep, &values->bits);
	column->values = values;
	if (!column->valid)
		return;
	memset(valid, 0, VALID_WORDS * sizeof(*valid));
	for (size_t word = 0; word < (row_count + 63) / 64; word++)
		for (uint64_t left = keep[word]; left; left &= left - 1, count++)
			valid[count / 64] |= (column->valid[word] >> __builtin_ctzll(left) & 1)
					     << (count % 64);
	column->valid = valid;
}

static size_t rows_kept(const uint64_t *keep, size_t row_count)
{
	size_t count = 0;

	for (size_t word = 0; word < (row_count + 63) / 64; word++)
		count += (size_t)__builtin_popcountll(keep[word]);
	return count;
}

static int keep_rows(struct feed *feed, struct block *block, const uint64_t *keep)
{
	size_t slots = feed->plan->slot_count, count = rows_kept(keep, block->row_count);

	if (count == block->row_count || count == 0) {
		block->row_count = count;
		return OK;
	}
	if (!feed->kept_times) {
		feed->kept_values = allocate(slots * BATCH_ROWS_MAX, sizeof(*feed->kept_values));
		feed->kept_valid = allocate(slots * VALID_WORDS, sizeof(*feed->kept_valid));
		if (!feed->kept_values || !feed->kept_valid)
			return refused();
		feed->kept_times = allocate(BATCH_ROWS_MAX, sizeof(*feed->kept_times));
		if (!feed->kept_times)
			return refused();
	}
	for (size_t slot = 0; slot < slots; slot++)
		if (feed->columns[slot].type != VALUE_NONE)
			keep_column(feed, slot, block->row_count, keep);
	compare_keep((const uint64_t *)block->times_ns, block->row_count, keep,
		     (uint64_t *)feed->kept_times);
	block->times_ns = feed->kept_times;
	block->row_count = count;
	return OK;
}

/* --- summaries ---------------------------------------------------------------------- */

void feed_offer(struct feed *feed, const struct summary_taker *taker)
{
	if (feed->row_test_count == 0 && feed->rows)
		rows_offer(feed->rows, taker);
}

const struct column_summary *feed_summary(const struct feed *feed, size_t slot,
					  const struct rows_summary *rows)
{
	static const struct column_summary none = { .type = VALUE_NONE };
	struct plan_bound bound = feed->series->source->bounds[slot];
	const struct column_summary *column;

	if (bound.kind != BOUND_FIELD)
		return &none;
	column = &rows->columns[bound.index];
	return column->type == VALUE_NONE ||
			       column->type == value_type_of(feed->plan->slots[slot].type)
		       ? column
		       : NULL;
}

bool feed_sums(const struct feed *feed, size_t slot, const struct window_sums *sums, size_t *column)
{
	struct plan_bound bound = feed->series->source->bounds[slot];
	enum value_type type =
		bound.kind == BOUND_FIELD ? sums->columns[bound.index].type : VALUE_NONE;

	*column = type == VALUE_NONE ? SIZE_MAX : bound.index;
	return type == VALUE_NONE || type == value_type_of(feed->plan->slots[slot].type);
}

int feed_count(struct feed *feed, const struct rows_summary *rows)
{
	feed->run->summaries++;
	return run_count_points(feed->run, rows->row_count);
}

/* --- blocks -------------------------------------------------------------------------------------
 */

/* An inner batch with its rows the other way round. */
static int turn_batch(struct feed *feed, const struct batch *batch, struct batch *out)
{
	size_t last = batch->row_count - 1, columns = batch->column_count;

	if (!feed->turned_columns) {
		feed->turned_times = allocate(BATCH_ROWS_MAX, sizeof(*feed->turned_times));
		feed->turned_values =
			allocate(columns * BATCH_ROWS_MAX, sizeof(*feed->turned_values));
		feed->turned_valid = allocate(columns * VALID_WORDS, sizeof(*feed->turned_valid));
		if (!feed->turned_times || !feed->turned_values || !feed->turned_valid)
			return refused();
		feed->turned_columns = allocate(columns, sizeof(*feed->turned_columns));
		if (!feed->turned_columns)
			return refused();
	}
	for (size_t row = 0; row <= last; row++)
		feed->turned_times[row] = batch->times_ns[last - row];
	for (size_t i = 0; i < columns; i++) {
		const struct batch_column *from = &batch->columns[i];
		union value *values = feed->turned_values + i * BATCH_ROWS_MAX;
		uint64_t *valid = feed->turned_valid + i * VALID_WORDS;

		memset(valid, 0, VALID_WORDS * sizeof(*valid));
		for (size_t row = 0; from->type != VALUE_NONE && row <= last; row++) {
			values[row] = from->values[last - row];
			valid[row / 64] |= (uint64_t)column_has(from, last - row) << (row % 64);
		}
		feed->turned_columns[i] = (struct batch_column){ from->type, values, valid };
	}
	*out = (struct batch){ .row_count = batch->row_count,
			       .times_ns = feed->turned_times,
			       .columns = feed->turned_columns,
			       .column_count = columns };
	return OK;
}

static int next_inner(struct feed *feed, struct batch *out)
{
	const struct inner_series *inner = feed->series->inner;

	if (feed->batch == inner->batch_count)
		return END;
	if (feed->descending)
		return turn_batch(feed, &inner->batches[inner->batch_count - ++feed->batch], out);
	*out = inner->batches[feed->batch++];
	return OK;
}

static int next_timed(struct feed *feed, struct batch *out)
{
	int64_t start_ns = env_monotonic_ns();
	int err = rows_next(feed->rows, out);

	feed->run->read_ns += env_monotonic_ns() - start_ns;
	return err;
}

static int next_batch(struct feed *feed, struct batch *out)
{
	if (feed->series->inner)
		return next_inner(feed, out);
	if (!feed->rows)
		return END;
	return feed->run->is_timed ? next_timed(feed, out) : rows_next(feed->rows, out);
}

void feed_return(struct feed *feed, int64_t time_ns)
{
	while (feed->batch_rows &&
	       (feed->descending ? feed->batch_times_ns[feed->batch_rows - 1] < time_ns
				 : feed->batch_times_ns[feed->batch_rows - 1] > time_ns)) {
		feed->batch_rows--;
		feed->run->points--;
	}
}

int feed_next(struct feed *feed, struct block *out)
{
	for (;;) {
		uint64_t keep[VALID_WORDS];
		struct batch batch;
		int err = next_batch(feed, &batch);

		if (err != OK)
			return err;
		TRY(run_count_points(feed->run, batch.row_count));
		feed->batch_rows = batch.row_count;
		feed->batch_times_ns = batch.times_ns;
		set_columns(feed, &batch);
		/* A column that there was no memory for is not one without values. */
		TRY(query_memory(feed->run->env, feed->run->diag));
		*out = (struct block){ batch.row_count, batch.times_ns, feed->columns,
				       batch.group_id };
		if (feed->row_test_count) {
			TRY(test_rows(feed, out, keep));
			TRY(keep_rows(feed, out, keep));
		}
		if (out->row_count)
			return OK;
	}
}
