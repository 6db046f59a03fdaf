/*
 * Why: an answer that can be written back: `cat …lp > write` stores it.
 *
 *	cpu,host=a mean=0.5 1763805600000000000
 *
 * Tags of the grouping are tags, columns are fields, nulls are left out, and a
 * row of nulls altogether. Answers without times (SHOW) have none here either;
 * those without a name are called `result`.
 */
#include "engine/point/line.h"

#include "engine/base/number.h"
#include "query/format/format.h"

struct lp_state {
	struct buf key; /* of the open series */
	struct arena arena;
};

static int lp_series_begin(struct format *format)
{
	const struct result_series *series = &format->series;
	struct lp_state *state = format->state;
	size_t count = 0;
	struct tag *tags;

	arena_reset(&state->arena);
	tags = arena_alloc(&state->arena, (series->tag_count + 1) * sizeof(*tags));
	if (!tags)
		return ERR_MEMORY;
	for (size_t i = 0; i < series->tag_count; i++)
		if (series->tags[i].value.length)
			tags[count++] = series->tags[i];
	buf_reset(&state->key);
	line_print_key(&state->key, series->name.length ? series->name : SLICE("result"), tags,
		       count);
	return OK;
}

static const enum value_type value_types[] = {
	[CELL_FLOAT] = VALUE_FLOAT,   [CELL_INTEGER] = VALUE_INTEGER,
	[CELL_STRING] = VALUE_STRING, [CELL_UNSIGNED] = VALUE_UNSIGNED,
	[CELL_TIME] = VALUE_INTEGER,  [CELL_BOOLEAN] = VALUE_BOOLEAN,
};

static int value_of(struct arena *arena, const struct cell *cell, union value *out)
{
	*out = (union value){ .bits = 0 };
	if (cell->type == CELL_STRING)
		out->s = text_copy(arena, cell->s);
	else if (cell->type == CELL_BOOLEAN)
		out->b = cell->b;
	else
		out->u = cell->u;
	return cell->type == CELL_STRING && !out->s ? ERR_MEMORY : OK;
}

static int lp_row(struct format *format, const struct cell *cells)
{
	struct lp_state *state = format->state;
	struct buf *out = &format->out;
	size_t start = out->length, count = 0;
	bool has_time = format->series.column_count > 0 && cells[0].type == CELL_TIME;

	buf_append_slice(out, buf_slice(&state->key));
	for (size_t i = has_time; i < format->series.column_count; i++) {
		union value value;

		if (cell_is_null(&cells[i]))
			continue;
		arena_reset(&state->arena);
		TRY(value_of(&state->arena, &cells[i], &value));
		buf_append_byte(out, count++ ? ',' : ' ');
		line_print_field(out, format->series.columns[i], value_types[cells[i].type], value);
	}
	if (count == 0) {
		out->length = start;
		return OK;
	}
	if (has_time) {
		buf_append_byte(out, ' ');
		out->length += integer_print(buf_reserve(out, INTEGER_BYTES_MAX), cells[0].i);
	}
	buf_append_byte(out, '\n');
	return OK;
}

static void lp_release(struct format *format)
{
	struct lp_state *state = format->state;

	buf_release(&state->key);
	arena_release(&state->arena);
}

const struct format_kind format_lp = {
	.format = QUERY_LP,
	.extension = "lp",
	.state_bytes = sizeof(struct lp_state),
	.series_begin = lp_series_begin,
	.row = lp_row,
	.release = lp_release,
};
