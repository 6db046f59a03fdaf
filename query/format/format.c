/* Why: what all formats share is written once; what differs is a row of a table. */
#include "query/format/format.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"

static const struct format_kind *const format_kinds[] = {
	&format_csv, &format_json, &format_jsonl, &format_lp, &format_txt, &format_svg,
};
#define FORMAT_KIND_COUNT (sizeof(format_kinds) / sizeof(format_kinds[0]))

bool query_format_of(struct slice extension, enum query_format *out)
{
	for (size_t i = 0; i < FORMAT_KIND_COUNT; i++)
		if (slice_equal(extension, slice_of_text(format_kinds[i]->extension))) {
			*out = format_kinds[i]->format;
			return true;
		}
	return false;
}

static const struct format_kind *kind_of(enum query_format format)
{
	for (size_t i = 0; i < FORMAT_KIND_COUNT; i++)
		if (format_kinds[i]->format == format)
			return format_kinds[i];
	return &format_csv;
}

/* --- life ------------------------------------------------------------------ */

void format_open(struct format *format, const struct query_options *options,
		 const struct query_sink *sink)
{
	const struct format_kind *kind = kind_of(options->format);

	*format = (struct format){ .kind = kind, .options = options, .sink = sink };
	format->state = calloc(1, kind->state_bytes ? kind->state_bytes : 1);
	if (!format->state)
		log_out_of_memory(kind->state_bytes);
}

void format_close(struct format *format)
{
	if (format->kind->release)
		format->kind->release(format);
	free(format->state);
	buf_release(&format->out);
	arena_release(&format->arena);
}

static int give(struct format *format)
{
	struct memory_meter *meter;
	int err;

	if (format->out.length == 0)
		return OK;
	/* What is given is the reader's, who has limits of his own for what he keeps of it. */
	meter = memory_enter(NULL);
	err = format->sink->write(format->sink->arg, buf_slice(&format->out));
	memory_leave(meter);
	TRY(err);
	format->bytes_given += format->out.length;
	buf_reset(&format->out);
	return OK;
}

static int give_when_full(struct format *format)
{
	return format->out.length < FORMAT_BYTES_HELD ? OK : give(format);
}

int format_request_begin(struct format *format)
{
	return format->kind->request_begin ? format->kind->request_begin(format) : OK;
}

int format_request_end(struct format *format)
{
	if (format->kind->request_end)
		TRY(format->kind->request_end(format));
	return give(format);
}

int format_request_error(struct format *format, const char *error)
{
	if (format->kind->request_error)
		TRY(format->kind->request_error(format, error));
	return give(format);
}

/* --- the stream ------------------------------------------------------------ */

/* The executor's slices end with its call; the kinds want them at every row. */
static int copy_series(struct format *format, const struct result_series *from)
{
	struct arena *arena = &format->arena;
	struct result_series *to = &format->series;
	struct slice *columns;
	struct tag *tags;

	arena_reset(arena);
	*to = *from;
	to->name = arena_copy(arena, from->name);
	to->columns = columns = arena_alloc(arena, (from->column_count + 1) * sizeof(*columns));
	to->tags = tags = arena_alloc(arena, (from->tag_count + 1) * sizeof(*tags));
	if (!columns || !tags)
		return ERR_MEMORY;
	for (size_t i = 0; i < from->column_count; i++)
		columns[i] = arena_copy(arena, from->columns[i]);
	for (size_t i = 0; i < from->tag_count; i++)
		tags[i] = (struct tag){ arena_copy(arena, from->tags[i].key),
					arena_copy(arena, from->tags[i].value) };
	return OK;
}

static int on_statement_begin(void *arg, unsigned statement_id)
{
	struct format *format = arg;

	return format->kind->statement_begin ? format->kind->statement_begin(format, statement_id)
					     : OK;
}

static int on_series_begin(void *arg, const struct result_series *series)
{
	struct format *format = arg;

	TRY(copy_series(format, series));
	if (format->kind->series_begin)
		TRY(format->kind->series_begin(format));
	return give_when_full(format);
}

static int on_row(void *arg, const struct cell *cells)
{
	struct format *format = arg;

	TRY(format->kind->row(format, cells));
	return give_when_full(format);
}

static int on_series_end(void *arg)
{
	struct format *format = arg;

	return format->kind->series_end ? format->kind->series_end(format) : OK;
}

static int on_message(void *arg, const char *level, const char *text)
{
	struct format *format = arg;

	return format->kind->message ? format->kind->message(format, level, text) : OK;
}

static int on_statement_end(void *arg, const char *error)
{
	struct format *format = arg;

	return format->kind->statement_end ? format->kind->statement_end(format, error) : OK;
}

struct result format_result(struct format *format)
{
	static const struct result_ops ops = {
		on_statement_begin, on_series_begin, on_row,
		on_series_end,	    on_message,	     on_statement_end,
	};

	return (struct result){ &ops, format };
}
