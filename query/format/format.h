/*
 * Formats: the stream of result.h on one side, bytes on the other.
 *
 *	executor ─► result_ops ─► format.c (copies the series, holds bytes back)
 *	                            └─► a row of the table: format_json.c, format_csv.c, … ─► sink
 *
 * A kind fills `out`; bytes leave for the sink in pieces of FORMAT_BYTES_HELD,
 * so that an answer of any size needs little memory, and a short one can still
 * be taken back when its statement fails.
 */
#ifndef QUERY_FORMAT_H
#define QUERY_FORMAT_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "query/base/request.h"
#include "query/format/result.h"

#define FORMAT_BYTES_HELD (64u << 10)

struct format;

/*
 * A format. Functions that are NULL have nothing to say; all may append to
 * `format->out`. `format->series` is the open series from series_begin to
 * series_end.
 */
struct format_kind {
	enum query_format format;
	const char *extension;
	size_t state_bytes; /* of `format->state`, zeroed */
	int (*request_begin)(struct format *format);
	int (*statement_begin)(struct format *format, unsigned statement_id);
	int (*series_begin)(struct format *format);
	int (*row)(struct format *format, const struct cell *cells);
	int (*series_end)(struct format *format);
	int (*message)(struct format *format, const char *level, const char *text);
	int (*statement_end)(struct format *format, const char *error);
	int (*request_end)(struct format *format);
	/* Nothing ran: instead of all the others. */
	int (*request_error)(struct format *format, const char *error);
	void (*release)(struct format *format); /* what the state holds */
};

struct format {
	const struct format_kind *kind;
	const struct query_options *options; /* borrowed */
	const struct query_sink *sink;	     /* borrowed */
	struct buf out;			     /* not yet given to the sink */
	uint64_t bytes_given;
	struct arena arena; /* the series' name, tags and columns */
	struct result_series series;
	const char *problem; /* why a call of a kind failed, in words; NULL = nothing to add */
	void *state;
};

/* Borrows `options` and `sink` until format_close(). */
void format_open(struct format *format, const struct query_options *options,
		 const struct query_sink *sink);
void format_close(struct format *format);

/* What executors are given. */
struct result format_result(struct format *format);
int format_request_begin(struct format *format);
/* Gives the sink what is left. */
int format_request_end(struct format *format);
/* The whole answer is this error (the request could not be parsed). */
int format_request_error(struct format *format, const char *error);

/* --- for the kinds (format_cell.c) ------------------------------------------ */

/* A time as the options and the series' zone want it, without quotes. */
#define FORMAT_TIME_BYTES_MAX 48
size_t format_print_time(const struct format *format, char *out, int64_t time_ns);
/* Do times print as numbers? */
static inline bool format_has_epoch(const struct format *format)
{
	return format->options->epoch_unit_ns != 0;
}
/*
 * A cell as text without quotes or escapes, appended; nothing for null and for
 * floats that are no number.
 */
void format_print_cell(const struct format *format, struct buf *out, const struct cell *cell);
/* The same as a JSON value. */
struct json;
void format_json_cell(const struct format *format, struct json *json, const struct cell *cell);
/* Null, or a float that is no number, which no format has a spelling for. */
bool cell_is_null(const struct cell *cell);

extern const struct format_kind format_csv, format_json, format_jsonl, format_lp, format_txt,
	format_svg;

#endif
