/*
 * Why: what a spreadsheet, awk and pandas read without being told anything.
 *
 *	name,host,time,mean
 *	cpu,a,2026-11-22T10:00:00Z,0.5
 *
 * `name` is the series' (empty where an answer has none), then a column for
 * each tag it is grouped by, then the columns of the answer. The header stands
 * once; series with other columns follow after an empty line under a header of
 * their own. RFC 4180 quotes, but lines end with LF. Null is nothing, the empty
 * string is "". An answer without rows is an empty file.
 */
#include "query/format/format.h"

struct csv_state {
	struct buf header; /* the one that stands */
	struct buf next;   /* that of the open series */
	struct buf prefix; /* name and tags of the open series, as every row begins */
	bool has_header;   /* of the open series, in the answer */
};

static bool needs_quotes(struct slice text)
{
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] > ',')
			continue; /* most bytes, and none of them special */
		if (text.data[i] == ',' || text.data[i] == '"' || text.data[i] == '\n' ||
		    text.data[i] == '\r')
			return true;
	}
	return false;
}

static void print_quoted(struct buf *out, struct slice text)
{
	buf_append_byte(out, '"');
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] == '"')
			buf_append_byte(out, '"');
		buf_append_byte(out, text.data[i]);
	}
	buf_append_byte(out, '"');
}

static void print_text(struct buf *out, struct slice text)
{
	if (needs_quotes(text))
		print_quoted(out, text);
	else
		buf_append_slice(out, text);
}

static void print_header(struct buf *out, const struct result_series *series)
{
	buf_append_text(out, "name");
	for (size_t i = 0; i < series->tag_count; i++) {
		buf_append_byte(out, ',');
		print_text(out, series->tags[i].key);
	}
	for (size_t i = 0; i < series->column_count; i++) {
		buf_append_byte(out, ',');
		print_text(out, series->columns[i]);
	}
	buf_append_byte(out, '\n');
}

static int csv_series_begin(struct format *format)
{
	const struct result_series *series = &format->series;
	struct csv_state *state = format->state;

	buf_reset(&state->next);
	print_header(&state->next, series);
	state->has_header = slice_equal(buf_slice(&state->header), buf_slice(&state->next));
	buf_reset(&state->prefix);
	print_text(&state->prefix, series->name);
	for (size_t i = 0; i < series->tag_count; i++) {
		buf_append_byte(&state->prefix, ',');
		print_text(&state->prefix, series->tags[i].value);
	}
	return OK;
}

static void begin_table(struct format *format)
{
	struct csv_state *state = format->state;

	if (state->header.length)
		buf_append_byte(&format->out, '\n');
	buf_append_slice(&format->out, buf_slice(&state->next));
	buf_reset(&state->header);
	buf_append_slice(&state->header, buf_slice(&state->next));
	state->has_header = true;
}

static void print_string(struct buf *out, struct slice text)
{
	if (text.length == 0)
		buf_append_text(out, "\"\"");
	else
		print_text(out, text);
}

static int csv_row(struct format *format, const struct cell *cells)
{
	struct csv_state *state = format->state;
	struct buf *out = &format->out;

	if (!state->has_header)
		begin_table(format);
	buf_append_slice(out, buf_slice(&state->prefix));
	for (size_t i = 0; i < format->series.column_count; i++) {
		buf_append_byte(out, ',');
		if (cells[i].type == CELL_STRING)
			print_string(out, cells[i].s);
		else
			format_print_cell(format, out, &cells[i]);
	}
	buf_append_byte(out, '\n');
	return OK;
}

static void csv_release(struct format *format)
{
	struct csv_state *state = format->state;

	buf_release(&state->header);
	buf_release(&state->next);
	buf_release(&state->prefix);
}

const struct format_kind format_csv = {
	.format = QUERY_CSV,
	.extension = "csv",
	.state_bytes = sizeof(struct csv_state),
	.series_begin = csv_series_begin,
	.row = csv_row,
	.release = csv_release,
};
