/*
 * Why: one object a row, for jq, log shippers and everything that reads a line
 * at a time.
 *
 *	{"name":"cpu","tags":{"host":"a"},"time":"2026-11-22T10:00:00Z","mean":0.5}
 */
#include "query/base/json.h"
#include "query/format/format.h"

struct jsonl_state {
	struct buf prefix; /* {"name":"cpu","tags":{"host":"a"} */
	struct json json;  /* as it stands behind the prefix */
};

static int jsonl_series_begin(struct format *format)
{
	const struct result_series *series = &format->series;
	struct jsonl_state *state = format->state;
	struct json *json = &state->json;

	buf_reset(&state->prefix);
	*json = (struct json){ .out = &state->prefix };
	json_begin(json, '{');
	if (series->name.length) {
		json_key(json, "name");
		json_string(json, series->name);
	}
	if (series->tag_count == 0)
		return OK;
	json_key(json, "tags");
	json_begin(json, '{');
	for (size_t i = 0; i < series->tag_count; i++) {
		json_key_slice(json, series->tags[i].key);
		json_string(json, series->tags[i].value);
	}
	json_end(json, '}');
	return OK;
}

static int jsonl_row(struct format *format, const struct cell *cells)
{
	struct jsonl_state *state = format->state;
	struct json json = state->json;

	json.out = &format->out;
	buf_append_slice(&format->out, buf_slice(&state->prefix));
	for (size_t i = 0; i < format->series.column_count; i++) {
		json_key_slice(&json, format->series.columns[i]);
		format_json_cell(format, &json, &cells[i]);
	}
	json_end(&json, '}');
	buf_append_byte(&format->out, '\n');
	return OK;
}

static void jsonl_release(struct format *format)
{
	struct jsonl_state *state = format->state;

	buf_release(&state->prefix);
}

const struct format_kind format_jsonl = {
	.format = QUERY_JSONL,
	.extension = "jsonl",
	.state_bytes = sizeof(struct jsonl_state),
	.series_begin = jsonl_series_begin,
	.row = jsonl_row,
	.release = jsonl_release,
};
