/* Why: what a query computes is stored by the same road as what people write. */
#include "query/statement/into.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/number.h"
#include "query/expression/target.h"

#define BATCH_POINTS   4096u
#define HEAD_BYTES_MAX ((size_t)1 << 20)

enum column_role {
	COLUMN_FIELD,
	COLUMN_TAG,  /* of top(v, tag…) */
	COLUMN_NAME, /* stands in the target's name: a field only where none would be left */
	COLUMN_NONE, /* a tag of the series already */
	COLUMN_TIME, /* a field called time is left out, and refused where it is alone */
};

struct column {
	struct slice name;
	enum column_role role;
};

/* Where a [column] of the target's name is taken from. */
struct part_source {
	enum { PART_NOWHERE, PART_COLUMN, PART_TAG } kind;
	size_t index;
	struct slice value; /* PART_TAG */
};

/* What the rows of a series have in common. Lives in `heads`, with the names of points that wait.
 */
struct into_head {
	struct slice series_name;
	struct slice tags; /* as they stand in a key */
	struct column *columns;
	size_t column_count;
	struct part_source *part_sources; /* one for each part of the target */
};

/* The times that a target's series has already, where only gaps are to be filled. */
struct known_times {
	struct snapshot *snapshot; /* NULL: everything is written */
	uint32_t policy_id;
	struct buf key; /* of the series that they are of */
	int64_t *times_ns;
	size_t count, capacity;
};

struct into {
	struct task *task;
	const struct target *target;
	struct into_spec spec;
	bool is_old_raw; /* 0.8: a copy of points, tags as tags */
	struct writer *writer;
	struct arena heads;
	uint64_t epoch;		      /* of the heads: one more when they are gone */
	const struct into_head *head; /* of the open series */
	struct buf key, tags, name;
	struct arena batch; /* what the points that wait consist of */
	struct new_point *points;
	size_t point_count;
	const struct cell *cells;  /* of the open row */
	size_t tag_first, tag_end; /* the columns that are tags: of top(v, tag…) */
	struct known_times known;
	uint64_t written;
	int refused;
	struct diag refusal;
};

/* --- lines --------------------------------------------------------------------------- */

/* Names seldom have anything to escape: they are copied in one piece then. */
static void print_escaped(struct buf *out, struct slice text, const char *special)
{
	size_t start = 0;

	for (size_t i = 0; i < text.length; i++) {
		char byte = text.data[i];

		if (byte != ',' && byte != ' ' && (byte != '=' || !special[2]))
			continue;
		buf_append(out, text.data + start, i - start);
		buf_append_byte(out, '\\');
		start = i;
	}
	buf_append(out, text.data + start, text.length - start);
}

static struct line_field field_of(struct into *into, struct slice name, const struct cell *cell)
{
	struct line_field field = { .key = name };

	switch (cell->type) {
	case CELL_FLOAT:
		field.type = VALUE_FLOAT;
		field.value.f = cell->f;
		break;
	case CELL_INTEGER:
		field.type = VALUE_INTEGER;
		field.value.i = cell->i;
		break;
	case CELL_UNSIGNED:
		field.type = VALUE_UNSIGNED;
		field.value.u = cell->u;
		break;
	case CELL_BOOLEAN:
		field.type = VALUE_BOOLEAN;
		field.value.bits = 0;
		field.value.b = cell->b;
		break;
	default:
		field.type = VALUE_STRING;
		field.value.s = text_copy(&into->batch, cell->s);
		break;
	}
	return field;
}

static bool has_value(const struct cell *cell)
{
	return cell->type != CELL_NULL && (cell->type != CELL_FLOAT || isfinite(cell->f));
}

static int write_points(struct into *into)
{
	int err;

	if (into->point_count == 0)
		return OK;
	err = writer_put(into->writer, into->points, into->point_count, into->task->diag);
	into->point_count = 0;
	arena_reset(&into->batch);
	return err;
}

/* A row that the target does not take. What is too old for it is no news where gaps are filled. */
static void note_refused(void *arg, int err, const struct diag *diag, struct slice line)
{
	struct into *into = arg;

	into->written--;
	if (into->spec.gaps && err == ERR_RANGE)
		return;
	into->refused = err;
	into->refusal = *diag;
}

/* --- gaps ----------------------------------------------------------------------------- */

static int add_times(struct known_times *known, const struct batch *batch)
{
	if (known->count + batch->row_count > known->capacity) {
		size_t capacity = (known->count + batch->row_count) * 2;
		int64_t *times_ns = reallocarray(known->times_ns, capacity, sizeof(*times_ns));

		if (!times_ns)
			return ERR_MEMORY;
		known->times_ns = times_ns;
		known->capacity = capacity;
	}
	memcpy(known->times_ns + known->count, batch->times_ns,
	       batch->row_count * sizeof(*known->times_ns));
	known->count += batch->row_count;
	return memory_state();
}

static int load_times(struct into *into, struct slice key)
{
	struct known_times *known = &into->known;
	struct rows_spec spec = { .policy_id = known->policy_id,
				  .time_first_ns = into->spec.time_first_ns,
				  .time_last_ns = into->spec.time_last_ns,
				  .cancelled = into->task->env->cancelled };
	struct rows_stream *rows;
	struct batch batch;
	int err;

	known->count = 0;
	buf_reset(&known->key);
	buf_append_slice(&known->key, key);
	err = index_series(snapshot_index(known->snapshot), key, false, &spec.series_id, NULL);
	if (err < 0 || spec.series_id == ID_NONE)
		return err;
	TRY(rows_open(snapshot_rows(known->snapshot), &spec, &rows));
	while ((err = rows_next(rows, &batch)) == OK && (err = add_times(known, &batch)) == OK)
		;
	rows_close(rows);
	return err < 0 ? err : OK;
}

/* Is there a point in the window of this row? */
static bool has_time_in(const struct known_times *known, struct window window)
{
	size_t first = 0, end = known->count;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (known->times_ns[middle] < window.start_ns)
			first = middle + 1;
		else
			end = middle;
	}
	return first < known->count && known->times_ns[first] < window.end_ns;
}

static int is_taken(struct into *into, struct slice key, int64_t time_ns, bool *taken)
{
	struct known_times *known = &into->known;
	struct window window = { time_ns, time_ns + 1 };

	*taken = false;
	if (!known->snapshot)
		return OK;
	if (!slice_equal(key, buf_slice(&known->key)))
		TRY(load_times(into, key));
	if (window_is_given(into->spec.gaps))
		window = window_of(into->spec.gaps, time_ns);
	*taken = has_time_in(known, window);
	return OK;
}

/* --- a series ---------------------------------------------------------------------------- */

static void print_tag(struct buf *out, struct slice key, struct slice value)
{
	if (key.length == 0 || value.length == 0)
		return;
	buf_append_byte(out, ',');
	print_escaped(out, key, ", =");
	buf_append_byte(out, '=');
	print_escaped(out, value, ", =");
}

static enum column_role role_of(const struct into *into, size_t column, struct slice name,
				const struct result_series *series)
{
	if (column >= into->tag_first && column < into->tag_end)
		return COLUMN_TAG;
	if (slice_equal(name, SLICE("time")))
		return COLUMN_TIME;
	if (target_has_column(into->target, name))
		return COLUMN_NAME;
	for (size_t i = 0; into->is_old_raw && i < series->tag_count; i++)
		if (series->tags[i].value.length && slice_equal(series->tags[i].key, name))
			return COLUMN_NONE;
	return COLUMN_FIELD;
}

static void set_columns(struct into *into, const struct result_series *series,
			struct into_head *head)
{
	head->column_count = series->column_count;
	head->columns = arena_alloc(&into->heads, series->column_count * sizeof(*head->columns));
	for (size_t i = 0; i < series->column_count; i++) {
		struct slice name = arena_copy(&into->heads, series->columns[i]);

		head->columns[i] =
			(struct column){ .name = name, .role = role_of(into, i, name, series) };
		for (size_t k = 0; k < series->tag_count; k++)
			if (head->columns[i].role == COLUMN_TAG &&
			    slice_equal(name, series->tags[k].key))
				head->columns[i].role = COLUMN_NONE; /* it is in the key already */
	}
}

static struct part_source source_of(struct into *into, struct slice name,
				    const struct result_series *series,
				    const struct into_head *head)
{
	for (size_t i = 0; i < series->tag_count; i++)
		if (series->tags[i].value.length && slice_equal(series->tags[i].key, name))
			return (struct part_source){
				PART_TAG, i, arena_copy(&into->heads, series->tags[i].value)
			};
	for (size_t i = 0; i < head->column_count; i++)
		if (slice_equal(head->columns[i].name, name))
			return (struct part_source){ .kind = PART_COLUMN, .index = i };
	return (struct part_source){ .kind = PART_NOWHERE };
}

static void set_parts(struct into *into, const struct result_series *series, struct into_head *head)
{
	const struct target *target = into->target;

	head->part_sources =
		arena_alloc(&into->heads, (target->part_count + 1) * sizeof(*head->part_sources));
	for (size_t i = 0; i < target->part_count; i++)
		if (target->parts[i].kind == TARGET_COLUMN)
			head->part_sources[i] =
				source_of(into, target->parts[i].text, series, head);
}

static void set_tags(struct into *into, const struct result_series *series, struct into_head *head)
{
	buf_reset(&into->tags);
	for (size_t i = 0; i < series->tag_count; i++)
		if (!target_has_column(into->target, series->tags[i].key))
			print_tag(&into->tags, series->tags[i].key, series->tags[i].value);
	head->tags = arena_copy(&into->heads, buf_slice(&into->tags));
}

static int series_begin(void *arg, const struct result_series *series)
{
	struct into *into = arg;
	bool is_named = into->target->is_source_name || into->target->part_count;
	struct into_head *head;

	if (into->heads.bytes > HEAD_BYTES_MAX) {
		TRY(write_points(into));
		arena_reset(&into->heads);
		into->epoch++;
	}
	head = arena_alloc(&into->heads, sizeof(*head));
	into->head = head;
	head->series_name = arena_copy(&into->heads, is_named ? series->name : into->target->name);
	set_columns(into, series, head);
	set_parts(into, series, head);
	set_tags(into, series, head);
	return OK;
}

const struct into_head *into_head(const struct into *into, uint64_t *epoch)
{
	*epoch = into->epoch;
	return into->head;
}

bool into_reopen(struct into *into, const struct into_head *head, uint64_t epoch)
{
	if (!head || epoch != into->epoch)
		return false;
	into->head = head;
	return true;
}

/* --- a row --------------------------------------------------------------------------------- */

static struct cell part_value(const void *arg, size_t part)
{
	const struct into *into = arg;
	const struct part_source *source = &into->head->part_sources[part];

	switch (source->kind) {
	case PART_COLUMN: return into->cells[source->index];
	case PART_TAG: return cell_string(source->value);
	default: return (struct cell){ .type = CELL_NULL };
	}
}

/* The key of the row's series; false: it has none, and is left out. */
static bool make_key(struct into *into, const struct cell *cells)
{
	const struct into_head *head = into->head;
	struct target_row row = { head->series_name, part_value, into };

	into->cells = cells;
	buf_reset(&into->key);
	buf_reset(&into->name);
	if (into->target->part_count == 0)
		buf_append_slice(&into->name, head->series_name);
	else if (!target_print_name(&into->name, into->target, &row))
		return false;
	print_escaped(&into->key, buf_slice(&into->name), ", ");
	buf_append_slice(&into->key, head->tags);
	for (size_t i = into->tag_first; i < into->tag_end && i < head->column_count; i++)
		if (cells[i].type == CELL_STRING && head->columns[i].role == COLUMN_TAG)
			print_tag(&into->key, head->columns[i].name, cells[i].s);
	return true;
}

static size_t take_fields(struct into *into, const struct cell *cells, enum column_role role,
			  struct line_field *fields)
{
	const struct into_head *head = into->head;
	size_t count = 0;

	for (size_t i = 1; i < head->column_count; i++)
		if (has_value(&cells[i]) && head->columns[i].role == role)
			fields[count++] = field_of(into, head->columns[i].name, &cells[i]);
	return count;
}

static void add_point(struct into *into, const struct cell *cells)
{
	struct line_field *fields =
		arena_alloc_raw(&into->batch, into->head->column_count * sizeof(*fields), 8);
	size_t count = take_fields(into, cells, COLUMN_FIELD, fields);

	if (count == 0)
		count = take_fields(into, cells, COLUMN_NAME, fields);
	if (count == 0)
		count = take_fields(into, cells, COLUMN_TIME, fields);
	if (count == 0)
		return;
	into->points[into->point_count++] =
		(struct new_point){ .key = arena_copy(&into->batch, buf_slice(&into->key)),
				    .fields = fields,
				    .field_count = count,
				    .time_ns = cells[0].i };
	into->written++;
}

static int row(void *arg, const struct cell *cells)
{
	struct into *into = arg;
	bool taken;

	if (!make_key(into, cells))
		return OK;
	TRY(is_taken(into, buf_slice(&into->key), cells[0].i, &taken));
	if (taken)
		return OK;
	add_point(into, cells);
	return into->point_count == BATCH_POINTS ? write_points(into) : OK;
}

static int nothing(void *arg)
{
	return OK;
}

/* --- the face ---------------------------------------------------------------------------- */

/* What the target has before anything is written. */
static int open_known(struct into *into, uint32_t database_id, uint32_t policy_id)
{
	struct engine *engine = into->task->env->engine;
	struct object policy;

	if (!policy_id && catalog_default_policy(engine_catalog(engine), database_id, &policy) < 0)
		return OK;
	into->known.policy_id = policy_id ? policy_id : policy.id;
	return snapshot_open(engine, database_id, &into->known.snapshot);
}

static int open_writer(struct into *into)
{
	struct task *task = into->task;
	struct writer_options options = { .attrs = task->env->access.attrs,
					  .skip = into->spec.skip,
					  .on_bad = note_refused,
					  .on_bad_arg = into,
					  .feeds_nothing = into->spec.feeds_nothing,
					  .is_derived = true };
	struct object database, policy;
	int err;

	TRY(task_database(task, into->target->database, true, &database));
	options.database_id = database.id;
	if (into->target->policy.length) {
		TRY(task_policy(task, database.id, into->target->policy, &policy));
		TRY(task_policy_change(task, database.id, policy.id));
		options.policy_id = policy.id;
	}
	err = writer_open(task->env->engine, &options, &into->writer);
	if (err >= 0 && into->spec.gaps)
		err = open_known(into, database.id, options.policy_id);
	return err < 0 ? diag_set(task->diag, err, "cannot write to the target: %s", err_text(err))
		       : OK;
}

/* The tags of top() and bottom() stand behind it; nothing else may stand before it. */
static void find_tags(struct into *into, const struct select_stmt *select)
{
	const struct expr *first = select->field_count ? select->fields[0].expr : NULL;

	if (!first || (!expr_is_call(first, "top") && !expr_is_call(first, "bottom")) ||
	    first->call.arg_count < 3)
		return;
	into->tag_first = 2; /* behind time and the call */
	into->tag_end = into->tag_first + first->call.arg_count - 2;
}

static bool has_column(const struct select_stmt *select, struct slice name)
{
	for (size_t i = 0; i < select->field_count; i++) {
		const struct expr *expr = select->fields[i].expr;

		if (expr->kind == EXPR_WILDCARD || expr->kind == EXPR_REGEX ||
		    slice_equal(select->fields[i].alias, name) ||
		    (expr->kind == EXPR_VARREF && slice_equal(expr->varref.name, name)))
			return true;
	}
	return false;
}

/*
 * 0.8 copies whole points: what is a tag stays one, and a [column] that is not
 * asked for is read along. `select` is changed to say so.
 */
static int complete_select(struct task *task, struct select_stmt *select)
{
	const struct target *target = select->target;
	struct position position = select->position;
	struct field *fields;

	select->dimensions = arena_alloc(task->arena, sizeof(*select->dimensions));
	fields = arena_alloc(task->arena,
			     (select->field_count + target->part_count) * sizeof(*fields));
	if (!select->dimensions || !fields)
		return ERR_LIMIT;
	select->dimensions[0] = expr_new(task->arena, EXPR_WILDCARD, position);
	if (!select->dimensions[0])
		return ERR_LIMIT;
	select->dimension_count = 1;
	memcpy(fields, select->fields, select->field_count * sizeof(*fields));
	select->fields = fields;
	for (size_t i = 0; i < target->part_count; i++) {
		const struct target_part *part = &target->parts[i];

		if (part->kind != TARGET_COLUMN || has_column(select, part->text))
			continue;
		fields[select->field_count].expr =
			expr_new_varref(task->arena, part->text, DATA_UNKNOWN);
		if (!fields[select->field_count++].expr)
			return ERR_LIMIT;
	}
	return OK;
}

/* 0.8: does it copy points as they are, tags as tags? */
static bool copies_points(const struct select_stmt *select)
{
	return select->is_raw && select->dimension_count == 0 && select->target &&
	       (select->target->is_trailing || select->target->part_count);
}

int into_open(struct task *task, struct select_stmt *select, const struct into_spec *spec,
	      struct into **out, struct result *result)
{
	static const struct result_ops ops = { .series_begin = series_begin,
					       .row = row,
					       .series_end = nothing };
	struct into *into = calloc(1, sizeof(*into));

	*out = into;
	if (!into)
		log_out_of_memory(sizeof(*into));
	into->points = calloc(BATCH_POINTS, sizeof(*into->points));
	if (!into->points)
		log_out_of_memory(BATCH_POINTS * sizeof(*into->points));
	into->task = task;
	into->spec = *spec;
	into->target = select->target;
	into->is_old_raw = spec->copies_points || copies_points(select);
	find_tags(into, select);
	*result = (struct result){ &ops, into };
	if (into->is_old_raw && select->dimension_count == 0)
		TRY(complete_select(task, select));
	return open_writer(into);
}

int into_flush(struct into *into)
{
	return write_points(into);
}

uint64_t into_written(const struct into *into)
{
	return into->written;
}

int into_refused(struct into *into, struct diag *diag)
{
	int refused = into->refused;

	if (refused < 0)
		*diag = into->refusal;
	into->refused = OK;
	return refused;
}

int into_finish(struct into *into)
{
	static const struct slice columns[] = { { "time", 4 }, { "written", 7 } };
	struct cell cells[2] = { { .type = CELL_TIME, .i = 0 } };

	TRY(write_points(into));
	cells[1] = cell_integer((int64_t)into->written);
	TRY(task_series_begin(into->task, SLICE("result"), columns, COLUMN_COUNT(columns)));
	TRY(task_row(into->task, cells));
	return task_series_end(into->task);
}

void into_close(struct into *into)
{
	if (!into)
		return;
	if (into->writer)
		writer_close(into->writer);
	arena_release(&into->heads);
	arena_release(&into->batch);
	free(into->points);
	buf_release(&into->key);
	buf_release(&into->tags);
	buf_release(&into->name);
	buf_release(&into->known.key);
	free(into->known.times_ns);
	if (into->known.snapshot)
		snapshot_close(into->known.snapshot);
	free(into);
}
