/*
 * Why: to the statement around it a subquery is series like any other: a key,
 * and columns in time order. Its rows are kept, under the query's memory limit.
 */
#include "query/run/inner.h"

#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/bits.h"
#include "query/expression/target.h"

struct growing {
	struct inner_series series;
	size_t batch_capacity, row_capacity;
};

struct inner_result {
	struct plan *plan;
	struct run *run;
	struct arena arena;
	struct growing **series;
	size_t count, capacity;
	struct growing *open; /* the rows that come belong to it */
	/* where columns are dimensions: the series by their keys, and what a row's key is made of
	 */
	const struct series_key *key;
	struct idmap series_ids;
	struct slice *values;
	struct arena row; /* of the texts of its values */
};

static enum value_type column_type(enum data_type type)
{
	switch (type) {
	case DATA_FLOAT: return VALUE_FLOAT;
	case DATA_INTEGER: return VALUE_INTEGER;
	case DATA_UNSIGNED: return VALUE_UNSIGNED;
	case DATA_STRING:
	case DATA_TAG: return VALUE_STRING;
	case DATA_BOOLEAN: return VALUE_BOOLEAN;
	default: return VALUE_NONE;
	}
}

static struct growing *add_series(struct inner_result *inner, const struct series_key *key)
{
	struct growing *growing = arena_alloc(&inner->arena, sizeof(*growing));

	if (!growing)
		return NULL;
	if (!try_grow(&inner->series, inner->count, &inner->capacity))
		return NULL;
	growing->series.key = key;
	inner->series[inner->count++] = growing;
	return growing;
}

static int begin(void *arg, const struct series_key *key)
{
	struct inner_result *inner = arg;

	inner->key = key;
	if (!inner->plan->value_count)
		inner->open = add_series(inner, key);
	return inner->plan->value_count || inner->open ? OK : ERR_MEMORY;
}

/* --- columns as dimensions --------------------------------------------------------------- */

static const struct cell *value_cell(const struct inner_result *inner, struct slice name,
				     const struct cell *cells)
{
	const struct plan *plan = inner->plan;

	for (size_t i = 0; i < plan->value_count; i++)
		for (size_t k = 0; slice_equal(plan->values[i], name) && k < plan->column_count;
		     k++)
			if (slice_equal(plan->columns[k].name, name))
				return &cells[k];
	return NULL;
}

/* As a tag has it; "" where there is none. */
static struct slice text_of_value(struct arena *arena, const struct cell *cell)
{
	struct buf text = { 0 };
	struct slice copy;

	if (cell->type == CELL_STRING)
		return arena_copy(arena, cell->s);
	target_print_cell(&text, cell);
	copy = arena_copy(arena, buf_slice(&text));
	buf_release(&text);
	return copy;
}

/* The row's own series: what it has in the columns are values of its key. */
static int find_series(struct inner_result *inner, const struct cell *cells)
{
	const struct dimensions *dimensions = inner->plan->dimensions;
	const struct series_key *key;
	uint32_t found;

	arena_reset(&inner->row);
	for (size_t i = 0; i < dimensions->count; i++) {
		const struct cell *cell = value_cell(inner, dimensions->names[i], cells);

		inner->values[i] = cell ? text_of_value(&inner->row, cell)
					: key_value(inner->key, dimensions->names[i]);
	}
	key = key_ring_get(&inner->plan->ring, inner->key->name, dimensions, inner->values);
	if (!key)
		return ERR_LIMIT;
	found = idmap_find(&inner->series_ids, (uintptr_t)key);
	if (found == MAP_NONE) {
		found = (uint32_t)inner->count;
		TRY(run_take_bytes(inner->run, sizeof(struct growing)));
		if (!add_series(inner, key))
			return ERR_MEMORY;
		idmap_set(&inner->series_ids, (uintptr_t)key, found);
	}
	inner->open = inner->series[found];
	return OK;
}

/* Room for rows is made a batch at a time, small ones first: most series have a row or two. */
static int add_batch(struct inner_result *inner, struct growing *growing)
{
	struct inner_series *series = &growing->series;
	size_t columns = inner->plan->column_count;
	size_t rows = series->batch_count ? growing->row_capacity * 8 : BATCH_ROWS_MAX / 128;
	struct batch *batch;
	struct batch_column *list;

	if (rows > BATCH_ROWS_MAX)
		rows = BATCH_ROWS_MAX;
	growing->row_capacity = rows;
	TRY(run_take_bytes(inner->run, rows * (columns + 1) * sizeof(union value)));
	if (series->batch_count == 0) /* and most have no second one */
		series->batches =
			arena_alloc(&inner->arena, (growing->batch_capacity = 1) * sizeof(*batch));
	else
		series->batches = arena_grow(&inner->arena, series->batches, series->batch_count,
					     &growing->batch_capacity, sizeof(*batch));
	if (!series->batches)
		return ERR_MEMORY;
	batch = &series->batches[series->batch_count++];
	list = arena_alloc(&inner->arena, (columns + 1) * sizeof(*list));
	if (!list)
		return ERR_MEMORY;
	*batch = (struct batch){ .times_ns = arena_alloc(&inner->arena, rows * sizeof(int64_t)),
				 .columns = list,
				 .column_count = columns };
	for (size_t i = 0; i < columns; i++)
		list[i] = (struct batch_column){
			.type = column_type(inner->plan->columns[i].type),
			.values = arena_alloc(&inner->arena, rows * sizeof(union value)),
			.valid = arena_alloc(&inner->arena, (rows + 63) / 64 * sizeof(uint64_t)),
		};
	for (size_t i = 0; i < columns; i++)
		if (!list[i].values || !list[i].valid)
			return ERR_MEMORY;
	return batch->times_ns ? OK : ERR_MEMORY;
}

/* A cell as a value of the column; false: it has none of that type. */
static int value_of(struct inner_result *inner, enum data_type type, struct cell cell,
		    union value *out, bool *has)
{
	/* What was too large for the integers of the column is none of them. */
	if (!cell_fits(&cell, type))
		cell = cell_null();
	cell = cell_cast(cell, type);
	*has = cell.type == cell_type_of(type) && cell.type != CELL_NULL;
	out->u = 0;
	if (!*has)
		return OK;
	switch (cell.type) {
	case CELL_FLOAT: out->f = cell.f; break;
	case CELL_BOOLEAN: out->b = cell.b; break;
	case CELL_STRING:
		TRY(run_take_bytes(inner->run, cell.s.length + 8));
		out->s = text_copy(&inner->arena, cell.s);
		if (!out->s)
			return ERR_MEMORY;
		break;
	default: out->u = cell.u;
	}
	return OK;
}

static int row(void *arg, int64_t time_ns, const struct cell *cells)
{
	struct inner_result *inner = arg;
	struct inner_series *series;
	struct batch *batch;
	size_t place;

	if (inner->plan->value_count)
		TRY(find_series(inner, cells));
	series = &inner->open->series;
	if (series->batch_count == 0 ||
	    series->batches[series->batch_count - 1].row_count == inner->open->row_capacity)
		TRY(add_batch(inner, inner->open));
	batch = &series->batches[series->batch_count - 1];
	place = batch->row_count++;
	((int64_t *)batch->times_ns)[place] = time_ns;
	for (size_t i = 0; i < batch->column_count; i++) {
		struct batch_column *column = &batch->columns[i];
		bool has;

		TRY(value_of(inner, inner->plan->columns[i].type, cells[i],
			     (union value *)&column->values[place], &has));
		((uint64_t *)column->valid)[place / 64] |= (uint64_t)has << (place % 64);
	}
	return OK;
}

static int end(void *arg)
{
	return OK;
}

/* --- order -------------------------------------------------------------------------- */

static void swap_rows(struct batch *batch, size_t a, size_t b)
{
	int64_t *times = (int64_t *)batch->times_ns, time = times[a];

	times[a] = times[b];
	times[b] = time;
	for (size_t i = 0; i < batch->column_count; i++) {
		union value *values = (union value *)batch->columns[i].values, value = values[a];
		uint64_t *valid = (uint64_t *)batch->columns[i].valid;
		bool has_a = bit_is_set(valid, a), has_b = bit_is_set(valid, b);

		values[a] = values[b];
		values[b] = value;
		valid[a / 64] = (valid[a / 64] & ~(UINT64_C(1) << (a % 64))) | (uint64_t)has_b
										       << (a % 64);
		valid[b / 64] = (valid[b / 64] & ~(UINT64_C(1) << (b % 64))) | (uint64_t)has_a
										       << (b % 64);
	}
}

/* Rows came latest first; they are kept earliest first. */
static void turn(struct inner_series *series)
{
	for (size_t i = 0, k = series->batch_count; i + 1 < k; i++) {
		struct batch batch = series->batches[i];

		series->batches[i] = series->batches[--k];
		series->batches[k] = batch;
	}
	for (size_t i = 0; i < series->batch_count; i++)
		for (size_t a = 0, b = series->batches[i].row_count; a + 1 < b; a++)
			swap_rows(&series->batches[i], a, --b);
}

/* --- the face --------------------------------------------------------------------------- */

int inner_open(struct plan *plan, struct run *run, struct inner_result **out, struct row_sink *sink)
{
	struct inner_result *inner = calloc(1, sizeof(*inner));

	*out = inner;
	if (!inner)
		return ERR_MEMORY;
	*sink = (struct row_sink){ begin, row, end, inner };
	inner->plan = plan;
	inner->run = run;
	inner->values =
		arena_alloc(&inner->arena, (plan->dimensions->count + 1) * sizeof(*inner->values));
	return inner->values ? OK : ERR_MEMORY;
}

void inner_finish(struct inner_result *inner)
{
	for (size_t i = 0; inner->plan->is_descending && i < inner->count; i++)
		turn(&inner->series[i]->series);
}

void inner_close(struct inner_result *inner)
{
	if (!inner)
		return;
	arena_release(&inner->arena);
	idmap_release(&inner->series_ids);
	arena_release(&inner->row);
	free(inner->series);
	free(inner);
}

size_t inner_series_count(const struct inner_result *inner)
{
	return inner->count;
}

const struct inner_series *inner_series_at(const struct inner_result *inner, size_t number)
{
	return &inner->series[number]->series;
}
