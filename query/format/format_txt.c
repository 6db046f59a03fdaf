/*
 * Why: an answer for people: a table for each series, columns aligned, numbers
 * to the right.
 *
 *	cpu host=a
 *	time                  mean
 *	--------------------  ----
 *	2026-11-22T10:00:00Z   0.5
 *
 * Widths need the rows before the header, so rows are held back, up to
 * HELD_BYTES_MAX; those after them are printed with the widths found so far,
 * which only grow. Control characters show as \n, \t, \xNN, lest a value
 * repaints a terminal.
 */
#include "query/format/format.h"

#define HELD_BYTES_MAX (256u << 10)
#define WIDTH_MAX      80u /* longer values run over */
#define GAP	       2u

struct txt_column {
	size_t width; /* in characters */
	bool is_number;
};

struct txt_state {
	struct buf held; /* cells as text, one after the other, row by row */
	struct buf ends; /* size_t each: where in `held` a cell ends */
	struct buf cell;
	struct txt_column *columns; /* in the format's arena */
	bool has_header;
	bool has_table;
};

/* Characters, not bytes; wide ones count as one. */
static size_t characters_of(struct slice text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.length; i++)
		count += (text.data[i] & 0xc0) != 0x80;
	return count;
}

static void print_visible(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.length; i++) {
		unsigned char byte = (unsigned char)text.data[i];

		if (byte == '\n')
			buf_append_text(out, "\\n");
		else if (byte == '\t')
			buf_append_text(out, "\\t");
		else if (byte < 0x20 || byte == 0x7f)
			buf_printf(out, "\\x%02x", byte);
		else
			buf_append_byte(out, (char)byte);
	}
}

static void begin_table(struct txt_state *state, struct buf *out)
{
	if (state->has_table)
		buf_append_byte(out, '\n');
	state->has_table = true;
}

static int txt_series_begin(struct format *format)
{
	const struct result_series *series = &format->series;
	struct txt_state *state = format->state;

	begin_table(state, &format->out);
	print_visible(&format->out, series->name);
	for (size_t i = 0; i < series->tag_count; i++) {
		if (series->name.length || i)
			buf_append_byte(&format->out, ' ');
		print_visible(&format->out, series->tags[i].key);
		buf_append_byte(&format->out, '=');
		print_visible(&format->out, series->tags[i].value);
	}
	if (series->name.length || series->tag_count)
		buf_append_byte(&format->out, '\n');
	state->columns =
		arena_alloc(&format->arena, (series->column_count + 1) * sizeof(*state->columns));
	if (!state->columns)
		return ERR_MEMORY;
	for (size_t i = 0; i < series->column_count; i++)
		state->columns[i] = (struct txt_column){ characters_of(series->columns[i]), true };
	state->has_header = false;
	buf_reset(&state->held); /* of a series that failed */
	buf_reset(&state->ends);
	return OK;
}

static void print_padded(struct buf *out, struct slice text, const struct txt_column *column,
			 bool is_last)
{
	size_t used = characters_of(text);
	size_t blanks = column->width > used ? column->width - used : 0;

	if (column->is_number)
		buf_printf(out, "%*s", (int)blanks, "");
	buf_append_slice(out, text);
	if (!is_last)
		buf_printf(out, "%*s", (int)(GAP + (column->is_number ? 0 : blanks)), "");
}

static void print_header(struct format *format)
{
	struct txt_state *state = format->state;
	size_t count = format->series.column_count;
	struct buf *out = &format->out;

	for (size_t i = 0; i < count; i++)
		print_padded(out, format->series.columns[i], &state->columns[i], i + 1 == count);
	buf_append_byte(out, '\n');
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < state->columns[i].width; k++)
			buf_append_byte(out, '-');
		buf_append_text(out, i + 1 == count ? "\n" : "  ");
	}
	state->has_header = true;
}

/* Blanks that only reach for a cell that is empty are cut off. */
static void end_row(struct buf *out)
{
	while (out->length && out->data[out->length - 1] == ' ')
		out->length--;
	buf_append_byte(out, '\n');
}

static void print_held(struct format *format)
{
	struct txt_state *state = format->state;
	size_t count = format->series.column_count, start = 0;
	const size_t *ends = (const size_t *)(const void *)state->ends.data;

	if (!state->has_header)
		print_header(format);
	for (size_t k = 0; k < state->ends.length / sizeof(*ends); k++) {
		size_t i = k % count;
		struct slice text = slice_of(state->held.data + start, ends[k] - start);

		print_padded(&format->out, text, &state->columns[i], i + 1 == count);
		if (i + 1 == count)
			end_row(&format->out);
		start = ends[k];
	}
	buf_reset(&state->held);
	buf_reset(&state->ends);
}

static bool is_number(const struct format *format, const struct cell *cell)
{
	switch (cell->type) {
	case CELL_STRING:
	case CELL_BOOLEAN: return false;
	case CELL_TIME: return format_has_epoch(format);
	default: return true;
	}
}

static int txt_row(struct format *format, const struct cell *cells)
{
	struct txt_state *state = format->state;

	for (size_t i = 0; i < format->series.column_count; i++) {
		struct txt_column *column = &state->columns[i];
		size_t start = state->held.length, width;

		buf_reset(&state->cell);
		format_print_cell(format, &state->cell, &cells[i]);
		print_visible(&state->held, buf_slice(&state->cell));
		width = characters_of(slice_from(buf_slice(&state->held), start));
		if (width > column->width)
			column->width = width < WIDTH_MAX ? width : WIDTH_MAX;
		column->is_number &= is_number(format, &cells[i]);
		buf_append(&state->ends, &state->held.length, sizeof(size_t));
	}
	if (state->held.length >= HELD_BYTES_MAX)
		print_held(format);
	return OK;
}

static int txt_series_end(struct format *format)
{
	print_held(format);
	return OK;
}

static int txt_message(struct format *format, const char *level, const char *text)
{
	begin_table(format->state, &format->out);
	buf_printf(&format->out, "%s: %s\n", level, text);
	return OK;
}

static int txt_statement_end(struct format *format, const char *error)
{
	return error ? txt_message(format, "error", error) : OK;
}

static int txt_request_error(struct format *format, const char *error)
{
	return txt_message(format, "error", error);
}

static void txt_release(struct format *format)
{
	struct txt_state *state = format->state;

	buf_release(&state->held);
	buf_release(&state->ends);
	buf_release(&state->cell);
}

const struct format_kind format_txt = {
	.format = QUERY_TXT,
	.extension = "txt",
	.state_bytes = sizeof(struct txt_state),
	.series_begin = txt_series_begin,
	.row = txt_row,
	.series_end = txt_series_end,
	.message = txt_message,
	.statement_end = txt_statement_end,
	.request_error = txt_request_error,
	.release = txt_release,
};
