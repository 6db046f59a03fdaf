/*
 * Why: an answer in the very bytes of InfluxDB 1.x, so that everything that
 * reads those reads ours.
 *
 *	{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"h":"a"},
 *	  "columns":["time","v"],"values":[["1970-01-01T00:00:00Z",1]]}]}]}
 *
 * With `chunked` each piece of a series is a line of its own; a piece that goes
 * on says "partial", and so does every line but the last of its statement. (Of
 * SHOW InfluxDB cuts only what is a SELECT to it: `enum result_chunks`.)
 * Whether a line is the last is known only when the next one comes, so a line
 * stays open until then. A statement that fails takes back what it has said,
 * as long as that is still held here.
 */
#include "query/base/json.h"
#include "query/format/format.h"

#define CHUNK_ROWS_DEFAULT 10000u

struct json_state {
	struct json json;
	unsigned statement_id;
	size_t statement_count;
	bool in_line; /* chunked: a line is open */
	bool in_list; /* the list of series, or of messages, is open */
	bool in_messages;
	bool in_values; /* the open series has a row */
	uint64_t rows;	/* of the open series in this line */
	/* where the statement began, to go back to when it fails */
	struct json start_json;
	size_t start_length;
	uint64_t start_given;
};

static struct json_state *state_of(struct format *format)
{
	return format->state;
}

static bool is_chunked(const struct format *format)
{
	return format->options->chunked;
}

static uint64_t chunk_rows(const struct format *format)
{
	return format->options->chunk_size ? format->options->chunk_size : CHUNK_ROWS_DEFAULT;
}

/* {"results":[ */
static void begin_line(struct json *json)
{
	json_begin(json, '{');
	json_key(json, "results");
	json_begin(json, '[');
}

/* ]} */
static void end_line(struct json *json)
{
	json_end(json, ']');
	json_end(json, '}');
	buf_append_byte(json->out, '\n');
}

static int json_request_begin(struct format *format)
{
	state_of(format)->json =
		(struct json){ .out = &format->out, .pretty = format->options->pretty };
	return OK;
}

/* {"statement_id":0 */
static void begin_result(struct format *format)
{
	struct json_state *state = state_of(format);

	if (is_chunked(format) || state->statement_count == 0)
		begin_line(&state->json);
	json_begin(&state->json, '{');
	json_key(&state->json, "statement_id");
	json_unsigned(&state->json, state->statement_id);
	state->in_line = true;
	state->in_list = state->in_messages = false;
}

static int json_statement_begin(struct format *format, unsigned statement_id)
{
	struct json_state *state = state_of(format);

	state->statement_id = statement_id;
	state->start_json = state->json;
	state->start_length = format->out.length;
	state->start_given = format->bytes_given;
	state->in_line = false;
	if (!is_chunked(format))
		begin_result(format);
	return OK;
}

static void end_list(struct json_state *state)
{
	if (state->in_list)
		json_end(&state->json, ']');
	state->in_list = state->in_messages = false;
}

/* Chunked: the open line; is more to come of what it is a part of? */
static void end_chunk(struct json_state *state, bool is_partial)
{
	end_list(state);
	if (is_partial) {
		json_key(&state->json, "partial");
		json_boolean(&state->json, true);
	}
	json_end(&state->json, '}');
	end_line(&state->json);
	state->in_line = false;
}

static void print_tags(struct json *json, const struct result_series *series)
{
	if (series->tag_count == 0)
		return;
	json_key(json, "tags");
	json_begin(json, '{');
	for (size_t i = 0; i < series->tag_count; i++) {
		json_key_slice(json, series->tags[i].key);
		json_string(json, series->tags[i].value);
	}
	json_end(json, '}');
}

static int json_series_begin(struct format *format)
{
	const struct result_series *series = &format->series;
	struct json_state *state = state_of(format);
	struct json *json = &state->json;

	if (is_chunked(format) && state->in_line && series->chunks != CHUNKS_OF_STATEMENTS)
		end_chunk(state, series->chunks == CHUNKS_OF_ROWS);
	if (!state->in_line)
		begin_result(format);
	if (!state->in_list) {
		json_key(json, "series");
		json_begin(json, '[');
		state->in_list = true;
	}
	json_begin(json, '{');
	if (series->name.length) {
		json_key(json, "name");
		json_string(json, series->name);
	}
	print_tags(json, series);
	json_key(json, "columns");
	json_begin(json, '[');
	for (size_t i = 0; i < series->column_count; i++)
		json_string(json, series->columns[i]);
	json_end(json, ']');
	state->in_values = false;
	state->rows = 0;
	return OK;
}

static void end_series(struct json_state *state, bool is_partial)
{
	if (state->in_values)
		json_end(&state->json, ']');
	state->in_values = false;
	if (is_partial) {
		json_key(&state->json, "partial");
		json_boolean(&state->json, true);
	}
	json_end(&state->json, '}');
}

static void print_time(const struct format *format, struct json *json, int64_t time_ns)
{
	char text[FORMAT_TIME_BYTES_MAX];

	if (format_has_epoch(format))
		json_integer(json, time_ns / format->options->epoch_unit_ns);
	else
		json_plain(json, slice_of(text, format_print_time(format, text, time_ns)));
}

void format_json_cell(const struct format *format, struct json *json, const struct cell *cell)
{
	switch (cell->type) {
	case CELL_NULL: json_null(json); return;
	case CELL_TIME: print_time(format, json, cell->i); return;
	case CELL_FLOAT: json_float(json, cell->f); return;
	case CELL_INTEGER: json_integer(json, cell->i); return;
	case CELL_UNSIGNED: json_unsigned(json, cell->u); return;
	case CELL_STRING: json_string(json, cell->s); return;
	case CELL_BOOLEAN: json_boolean(json, cell->b); return;
	}
}

static int json_row(struct format *format, const struct cell *cells)
{
	struct json_state *state = state_of(format);
	struct json *json = &state->json;

	if (is_chunked(format) && format->series.chunks == CHUNKS_OF_ROWS &&
	    state->rows == chunk_rows(format)) {
		end_series(state, true);
		TRY(json_series_begin(format));
	}
	if (!state->in_values) {
		json_key(json, "values");
		json_begin(json, '[');
		state->in_values = true;
	}
	json_begin(json, '[');
	for (size_t i = 0; i < format->series.column_count; i++)
		format_json_cell(format, json, &cells[i]);
	json_end(json, ']');
	state->rows++;
	return OK;
}

static int json_series_end(struct format *format)
{
	end_series(state_of(format), false);
	return OK;
}

static int json_message(struct format *format, const char *level, const char *text)
{
	struct json_state *state = state_of(format);
	struct json *json = &state->json;

	if (!state->in_line)
		begin_result(format);
	if (!state->in_messages) {
		end_list(state);
		json_key(json, "messages");
		json_begin(json, '[');
		state->in_messages = state->in_list = true;
	}
	json_begin(json, '{');
	json_key(json, "level");
	json_string(json, slice_of_text(level));
	json_key(json, "text");
	json_string(json, slice_of_text(text));
	json_end(json, '}');
	return OK;
}

/* As if the statement had said nothing yet, or at least with all its brackets closed. */
static void take_back(struct format *format)
{
	struct json_state *state = state_of(format);

	if (format->bytes_given == state->start_given && !is_chunked(format)) {
		format->out.length = state->start_length;
		state->json = state->start_json;
		state->in_line = false;
		return;
	}
	if (!state->in_line)
		return;
	/* results, result, series, one series: an error may come with the series open */
	if (state->in_list && state->json.depth > 4)
		end_series(state, is_chunked(format));
	if (is_chunked(format))
		end_chunk(state, true);
}

static int json_statement_end(struct format *format, const char *error)
{
	struct json_state *state = state_of(format);

	if (error)
		take_back(format);
	if (!state->in_line)
		begin_result(format);
	end_list(state);
	if (error) {
		json_key(&state->json, "error");
		json_string(&state->json, slice_of_text(error));
	}
	json_end(&state->json, '}');
	if (is_chunked(format))
		end_line(&state->json);
	state->in_line = false;
	state->statement_count++;
	return OK;
}

static int json_request_end(struct format *format)
{
	struct json_state *state = state_of(format);

	if (is_chunked(format))
		return OK;
	if (state->statement_count)
		end_line(&state->json);
	else
		buf_append_text(&format->out, "{}\n");
	return OK;
}

static int json_request_error(struct format *format, const char *error)
{
	struct json json = { .out = &format->out, .pretty = format->options->pretty };

	json_begin(&json, '{');
	json_key(&json, "error");
	json_string(&json, slice_of_text(error));
	json_end(&json, '}');
	buf_append_byte(&format->out, '\n');
	return OK;
}

const struct format_kind format_json = {
	.format = QUERY_JSON,
	.extension = "json",
	.state_bytes = sizeof(struct json_state),
	.request_begin = json_request_begin,
	.statement_begin = json_statement_begin,
	.series_begin = json_series_begin,
	.row = json_row,
	.series_end = json_series_end,
	.message = json_message,
	.statement_end = json_statement_end,
	.request_end = json_request_end,
	.request_error = json_request_error,
};
