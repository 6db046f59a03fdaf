/* Why: what a query computes is stored by the same road as what people write. */
#include "query/into.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/number.h"

#define BATCH_BYTES (256u << 10)

struct into {
	struct task *task;
	const struct target *target;
	struct writer *writer;
	struct arena arena;
	struct buf lines, key;
	struct slice *columns; /* of the open series */
	size_t column_count;
	size_t tag_first, tag_end; /* the columns that are tags: of top(v, tag…) */
	uint64_t written;
};

/* --- lines --------------------------------------------------------------------------- */

static void print_escaped(struct buf *out, struct slice text, const char *special)
{
	for (size_t i = 0; i < text.length; i++) {
		if (strchr(special, text.data[i]) && text.data[i])
			buf_append_byte(out, '\\');
		buf_append_byte(out, text.data[i]);
	}
}

static void print_string(struct buf *out, struct slice text)
{
	buf_append_byte(out, '"');
	print_escaped(out, text, "\"\\");
	buf_append_byte(out, '"');
}

static void print_value(struct buf *out, const struct cell *cell)
{
	char *room = buf_reserve(out, FLOAT_BYTES_MAX + INTEGER_BYTES_MAX);

	switch (cell->type) {
	case CELL_FLOAT: out->length += float_print(room, cell->f); return;
	case CELL_INTEGER:
		out->length += integer_print(room, cell->i);
		buf_append_byte(out, 'i');
		return;
	case CELL_UNSIGNED:
		out->length += unsigned_print(room, cell->u);
		buf_append_byte(out, 'u');
		return;
	case CELL_STRING: print_string(out, cell->s); return;
	case CELL_BOOLEAN: buf_append_text(out, cell->b ? "true" : "false"); return;
	default: return;
	}
}

static bool has_value(const struct cell *cell)
{
	return cell->type != CELL_NULL && (cell->type != CELL_FLOAT || isfinite(cell->f));
}

static int write_lines(struct into *into)
{
	size_t consumed;
	uint64_t lines;
	int err;

	if (into->lines.length == 0)
		return OK;
	err = writer_write(into->writer, buf_slice(&into->lines), true, &consumed, &lines,
			   into->task->diag);
	buf_reset(&into->lines);
	return err;
}

/* --- rows ----------------------------------------------------------------------------- */

static void print_tag(struct buf *out, struct slice key, struct slice value)
{
	if (key.length == 0 || value.length == 0)
		return;
	buf_append_byte(out, ',');
	print_escaped(out, key, ", =");
	buf_append_byte(out, '=');
	print_escaped(out, value, ", =");
}

static int series_begin(void *arg, const struct result_series *series)
{
	struct into *into = arg;
	struct slice name = into->target->is_source_name ? series->name : into->target->name;

	arena_reset(&into->arena);
	into->column_count = series->column_count;
	into->columns = arena_alloc(&into->arena, series->column_count * sizeof(*into->columns));
	for (size_t i = 0; i < series->column_count; i++)
		into->columns[i] = arena_copy(&into->arena, series->columns[i]);
	buf_reset(&into->key);
	print_escaped(&into->key, name, ", ");
	for (size_t i = 0; i < series->tag_count; i++) {
		print_tag(&into->key, series->tags[i].key, series->tags[i].value);
		for (size_t k = into->tag_first; k < into->tag_end && k < into->column_count; k++)
			if (slice_equal(into->columns[k], series->tags[i].key))
				into->columns[k] = SLICE(""); /* it is in the key already */
	}
	return OK;
}

static bool is_tag(const struct into *into, size_t column)
{
	return column >= into->tag_first && column < into->tag_end;
}

static void print_key(struct into *into, const struct cell *cells)
{
	buf_append_slice(&into->lines, buf_slice(&into->key));
	for (size_t i = into->tag_first; i < into->tag_end && i < into->column_count; i++)
		if (cells[i].type == CELL_STRING)
			print_tag(&into->lines, into->columns[i], cells[i].s);
}

static int row(void *arg, const struct cell *cells)
{
	struct into *into = arg;
	struct buf *out = &into->lines;
	size_t start = out->length;
	char separator = ' ';
	char *room;

	print_key(into, cells);
	for (size_t i = 1; i < into->column_count; i++) {
		if (!has_value(&cells[i]) || is_tag(into, i))
			continue;
		buf_append_byte(out, separator);
		separator = ',';
		print_escaped(out, into->columns[i], ", =");
		buf_append_byte(out, '=');
		print_value(out, &cells[i]);
	}
	if (separator == ' ') {
		out->length = start;
		return OK;
	}
	buf_append_byte(out, ' ');
	room = buf_reserve(out, INTEGER_BYTES_MAX);
	out->length += integer_print(room, cells[0].i);
	buf_append_byte(out, '\n');
	into->written++;
	return out->length < BATCH_BYTES ? OK : write_lines(into);
}

static int nothing(void *arg)
{
	return OK;
}

/* --- the face ---------------------------------------------------------------------------- */

static int open_writer(struct into *into)
{
	struct task *task = into->task;
	struct writer_options options = { .attrs = task->env->access.attrs };
	struct object database, policy;
	int err;

	TRY(task_database(task, into->target->database, true, &database));
	options.database_id = database.id;
	if (into->target->policy.length) {
		TRY(task_policy(task, database.id, into->target->policy, &policy));
		options.policy_id = policy.id;
	}
	err = writer_open(task->env->engine, &options, &into->writer);
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

int into_open(struct task *task, const struct select_stmt *select, struct into **out,
	      struct result *result)
{
	static const struct result_ops ops = { .series_begin = series_begin,
					       .row = row,
					       .series_end = nothing };
	struct into *into = calloc(1, sizeof(*into));

	*out = into;
	if (!into)
		log_out_of_memory(sizeof(*into));
	into->task = task;
	into->target = select->target;
	find_tags(into, select);
	*result = (struct result){ &ops, into };
	if (select->target->part_count)
		return diag_set(task->diag, ERR_INVALID,
				"a target made of [columns] and :series_name is not there yet");
	return open_writer(into);
}

int into_finish(struct into *into)
{
	static const struct slice columns[] = { { "time", 4 }, { "written", 7 } };
	struct cell cells[2] = { { .type = CELL_TIME, .i = 0 } };

	TRY(write_lines(into));
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
	arena_release(&into->arena);
	buf_release(&into->lines);
	buf_release(&into->key);
	free(into);
}
