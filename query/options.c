/*
 * Why: a query is a path, so what belongs to the text, to the format and to the
 * options is told from its end (LANGUAGE, "Query text as a path").
 *
 *	TEXT [";"] ["." FORMAT] ["?" key "=" value { "&" key "=" value }]
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/base/number.h"
#include "engine/base/when.h"
#include "query/language/parser.h"
#include "query/query.h"

/* --- values ------------------------------------------------------------------------- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

static void decode_value(struct slice value, struct buf *out)
{
	for (size_t i = 0; i < value.length; i++) {
		bool is_code = value.data[i] == '%' && i + 2 < value.length &&
			       hex_value(value.data[i + 1]) >= 0 &&
			       hex_value(value.data[i + 2]) >= 0;

		if (!is_code) {
			buf_append_byte(out, value.data[i]);
			continue;
		}
		buf_append_byte(out, (char)(hex_value(value.data[i + 1]) << 4 |
					    hex_value(value.data[i + 2])));
		i += 2;
	}
}

struct setting {
	struct query_options *options;
	struct slice key, value;
	struct diag *diag;
};

static int refuse(const struct setting *setting, const char *expected)
{
	return diag_set(setting->diag, ERR_INVALID, "option %.*s=%.*s: expected %s",
			(int)setting->key.length, setting->key.data, (int)setting->value.length,
			setting->value.data, expected);
}

static int take_flag(const struct setting *setting, bool *out)
{
	*out = slice_equal(setting->value, SLICE("true")) ||
	       slice_equal(setting->value, SLICE("1"));
	if (*out || slice_equal(setting->value, SLICE("false")) ||
	    slice_equal(setting->value, SLICE("0")))
		return OK;
	return refuse(setting, "true, false, 1 or 0");
}

static int take_text(const struct setting *setting, char *out, size_t size)
{
	if (setting->value.length >= size)
		return refuse(setting, "a shorter text");
	memcpy(out, setting->value.data, setting->value.length);
	out[setting->value.length] = 0;
	return OK;
}

static int take_number(const struct setting *setting, uint64_t max, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < setting->value.length; i++) {
		char c = setting->value.data[i];

		if (c < '0' || c > '9' || *out > max / 10)
			return refuse(setting, "a number above 0");
		*out = *out * 10 + (uint64_t)(c - '0');
	}
	return *out > 0 && *out <= max ? OK : refuse(setting, "a number above 0");
}

/* --- keys ------------------------------------------------------------------------------ */

static int set_epoch(const struct setting *setting)
{
	int64_t unit_ns = unit_find(setting->value, UNIT_EPOCH);

	/* n, and what InfluxDB does not know, are nanoseconds */
	setting->options->epoch_unit_ns = unit_ns ? unit_ns : 1;
	return OK;
}
static int set_rp(const struct setting *setting)
{
	return take_text(setting, setting->options->rp, sizeof(setting->options->rp));
}
static int set_pretty(const struct setting *setting)
{
	return take_flag(setting, &setting->options->pretty);
}
static int set_chunked(const struct setting *setting)
{
	return take_flag(setting, &setting->options->chunked);
}
static int set_chunk_size(const struct setting *setting)
{
	return take_number(setting, UINT32_MAX, &setting->options->chunk_size);
}
static int set_params(const struct setting *setting)
{
	return take_text(setting, setting->options->params, sizeof(setting->options->params));
}
static int set_fresh(const struct setting *setting)
{
	return take_flag(setting, &setting->options->fresh);
}
static int set_exact(const struct setting *setting)
{
	return take_flag(setting, &setting->options->exact);
}
static int set_width(const struct setting *setting)
{
	uint64_t width;

	TRY(take_number(setting, 10000, &width));
	setting->options->width = (uint32_t)width;
	return OK;
}
static int set_height(const struct setting *setting)
{
	uint64_t height;

	TRY(take_number(setting, 10000, &height));
	setting->options->height = (uint32_t)height;
	return OK;
}
static int set_title(const struct setting *setting)
{
	return take_text(setting, setting->options->title, sizeof(setting->options->title));
}

static const struct option_row {
	const char *key;
	int (*set)(const struct setting *setting);
} option_rows[] = {
	{ "epoch", set_epoch },		  { "rp", set_rp },	    { "pretty", set_pretty },
	{ "chunked", set_chunked },	  { "params", set_params }, { "fresh", set_fresh },
	{ "chunk_size", set_chunk_size }, { "exact", set_exact },   { "width", set_width },
	{ "height", set_height },	  { "title", set_title },
};

static const struct option_row *find_row(struct slice key)
{
	for (size_t i = 0; i < sizeof(option_rows) / sizeof(option_rows[0]); i++)
		if (slice_equal(key, slice_of_text(option_rows[i].key)))
			return &option_rows[i];
	return NULL;
}

/* --- lists -------------------------------------------------------------------------------- */

/* Cuts the next `key=value` off; false: there is none of that shape. */
static bool next_pair(struct slice *list, struct slice *key, struct slice *value)
{
	const char *ampersand = slice_find(*list, '&');
	size_t length = ampersand ? (size_t)(ampersand - list->data) : list->length;
	const char *equals = memchr(list->data, '=', length);

	if (!equals)
		return false;
	*key = slice_of(list->data, (size_t)(equals - list->data));
	*value = slice_of(equals + 1, length - key->length - 1);
	*list = slice_from(*list, ampersand ? length + 1 : length);
	return true;
}

static bool is_option_list(struct slice list)
{
	struct slice key, value;

	if (list.length == 0)
		return false;
	while (list.length)
		if (!next_pair(&list, &key, &value) || !find_row(key))
			return false;
	return true;
}

int query_options_parse_list(struct slice list, struct query_options *options, struct diag *diag)
{
	struct setting setting = { .options = options, .diag = diag };

	while (list.length) {
		const struct option_row *row;
		struct buf decoded = { 0 };
		struct slice value;
		int err;

		if (!next_pair(&list, &setting.key, &value))
			return diag_set(diag, ERR_INVALID,
					"expected key=value in the options: %.*s", (int)list.length,
					list.data);
		row = find_row(setting.key);
		if (!row)
			return diag_set(diag, ERR_INVALID,
					"unknown option %.*s: expected epoch, rp, pretty, params, "
					"chunked, chunk_size, fresh, exact, width, height or title",
					(int)setting.key.length, setting.key.data);
		decode_value(value, &decoded);
		setting.value = slice_of(decoded.data ? decoded.data : "", decoded.length);
		err = row->set(&setting);
		buf_release(&decoded);
		TRY(err);
	}
	return OK;
}

/* --- paths ---------------------------------------------------------------------------------- */

/* `%2F`, `%2f` and `%25`, once; any other `%` is modulo. */
static void decode_text(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.length; i++) {
		struct slice rest = slice_from(text, i);

		if (slice_starts_with(rest, SLICE("%2F")) || slice_starts_with(rest, SLICE("%2f")))
			buf_append_byte(out, '/');
		else if (slice_starts_with(rest, SLICE("%25")))
			buf_append_byte(out, '%');
		else {
			buf_append_byte(out, text.data[i]);
			continue;
		}
		i += 2;
	}
}

/* Does the text end within quotes, a regex or a comment? */
static bool ends_inside(struct slice text)
{
	struct arena arena = { 0 };
	struct request request;
	struct parse_end end = { 0 };
	struct diag diag = { 0 };

	parse_request(text, NULL, &arena, &request, &end, &diag);
	arena_release(&arena);
	return end.is_inside;
}

static const char *last_char(struct slice text, char c)
{
	return text.length ? memrchr(text.data, c, text.length) : NULL;
}

/* The text before the options, decoded. Values of options are decoded by themselves. */
static void cut_options(struct slice path_text, struct buf *text, struct slice *list)
{
	const char *question = last_char(path_text, '?');
	size_t length = question ? (size_t)(question - path_text.data) : path_text.length;

	*list = slice_of("", 0);
	buf_reset(text);
	decode_text(slice_of(path_text.data, length), text);
	if (!question)
		return;
	*list = slice_from(path_text, length + 1);
	if (is_option_list(*list) && !ends_inside(buf_slice(text)))
		return;
	*list = slice_of("", 0);
	buf_reset(text);
	decode_text(path_text, text);
}

static struct slice cut_format(struct slice text, struct query_options *options)
{
	const char *dot = last_char(text, '.');
	enum query_format format;
	size_t length;

	if (!dot)
		return text;
	length = (size_t)(dot - text.data);
	if (!query_format_of(slice_from(text, length + 1), &format) ||
	    ends_inside(slice_of(text.data, length)))
		return text;
	options->format = format;
	options->has_format = true;
	return slice_of(text.data, length);
}

int query_options_parse(struct slice path_text, struct query_options *options, struct buf *buffer,
			struct slice *statement, struct diag *diag)
{
	struct slice list;

	*options = (struct query_options){ 0 };
	cut_options(path_text, buffer, &list);
	*statement =
		cut_format(slice_of(buffer->data ? buffer->data : "", buffer->length), options);
	options->has_rest = options->has_format || list.length;
	return query_options_parse_list(list, options, diag);
}

/* --- shapes ------------------------------------------------------------------------------------
 */

static bool ends_in_blank(struct slice text)
{
	char last = text.length ? text.data[text.length - 1] : ' ';

	return last == ' ' || last == '\t' || last == '\n';
}

static int parse_path(struct slice text, const struct query_options *options, struct parse_end *end,
		      struct diag *diag)
{
	struct arena arena = { 0 };
	struct params params = { 0 };
	struct request request;
	int err = OK;

	if (options->params[0])
		err = params_parse(slice_of_text(options->params), &arena, &params, diag);
	if (err >= 0)
		err = parse_request(text, &params, &arena, &request, end, diag);
	arena_release(&arena);
	return err;
}

enum query_shape query_shape(struct slice path_text, struct diag *diag)
{
	struct query_options options;
	struct parse_end end = { 0 };
	struct buf buffer = { 0 };
	struct diag own = { 0 };
	struct slice text;
	enum query_shape shape = QUERY_SHAPE_WHOLE;

	if (query_options_parse(path_text, &options, &buffer, &text, &own) < 0) {
		buf_release(&buffer);
		diag_set(diag, ERR_INVALID, "%s", own.text);
		return QUERY_SHAPE_WHOLE;
	}
	if (parse_path(text, &options, &end, &own) < 0) {
		if (end.is_inside || (end.is_end && !options.has_rest))
			shape = QUERY_SHAPE_PREFIX;
		diag_set(diag, ERR_INVALID, "error parsing query: %s%s", own.text,
			 end.is_in_regex ? " (to end a regular expression beyond doubt, write `;` "
					   "behind it)"
					 : "");
	}
	if (!options.has_rest && ends_in_blank(text))
		shape = QUERY_SHAPE_PREFIX;
	buf_release(&buffer);
	return shape;
}
