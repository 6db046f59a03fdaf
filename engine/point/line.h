/*
 * Line protocol, one line at a time: text in, borrowed slices out. Pure; knows
 * no database.
 *
 *	line  = measurement *("," key "=" value) 1*SP field *("," field) [1*SP time]
 *	field = key "=" ( float | int "i" | uint "u" | string | boolean )
 *	time  = integer [ "ns" | "u" | "us" | "ms" | "s" | "m" | "h" ] | RFC 3339
 *
 * Escapes: measurement `\,` `\ `; tag keys, tag values and field keys `\,`
 * `\ ` `\=`; a backslash before anything else stands for itself. Inside a
 * string `\"` and `\\`; a newline belongs to it. Quotes mean nothing outside
 * of field values. The words of errors are InfluxDB's (`missing fields`,
 * `invalid number`, …: reference table), followed by what was expected.
 */
#ifndef ENGINE_POINT_LINE_H
#define ENGINE_POINT_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/base/slice.h"
#include "engine/point/value.h"

struct line_field {
	struct slice key; /* unescaped; borrows the line, or the arena when it held escapes */
	enum value_type type;
	union value value; /* a string lies in the arena */
};

struct line {
	/*
	 * The bytes up to the first unescaped space, as typed: equal bytes mean
	 * the same series, so a cache over them spares parsing tags. Empty in a
	 * short form.
	 */
	struct slice raw_key;
	struct line_field
		*fields; /* in the order of the line; a repeated key stands for its last */
	size_t field_count;
	size_t guessed_count; /* the first of them have the guessed names, and their bytes */
	bool has_time;
	int64_t time_ns;
	struct slice text; /* what was parsed; empty when the point is not from text */
};

/* What a series file takes besides the full line (line_parse `forms`). */
enum line_forms {
	LINE_FULL = 1,	/* cpu,host=a value=1 [time] */
	LINE_SHORT = 2, /* value=0.64[,x=1i] [time], and a bare 0.64 [time] */
};

struct line_context {
	struct arena *arena;  /* strings and unescaped keys; the caller resets it between batches */
	int64_t time_unit_ns; /* of a bare number: 1 = ns, 1000000000 = s */
	unsigned forms;	      /* enum line_forms bits */
	struct line_field *fields; /* room that line_parse may use and regrow, kept between calls */
	size_t fields_capacity;
	/*
	 * Names that the fields are likely to have, in this order: costs one compare
	 * where it is right. Without escapes (line_key_is_plain), each once.
	 */
	const struct slice *guess;
	size_t guess_count;
};
void line_context_release(struct line_context *context);

/*
 * The length of the first line of `text`, its newline included: a newline
 * inside a quoted field value does not end a line, and comment lines and
 * blank ones count as lines. 0: there is no whole line yet.
 * ERR_TOO_LONG: LINE_BYTES_MAX passed without an end.
 */
int line_measure(struct slice text, size_t *length);
/*
 * The same where the forms are known: a quote in a key (`a="b v=1`) opens no
 * string when only full lines are taken. line_measure() takes every form.
 */
int line_measure_forms(struct slice text, unsigned forms, size_t *length);

/*
 * Parse one line (without its newline; one carriage return at its end is no part of it either).
 * END: a comment or blank, nothing there.
 * ERR_INVALID, ERR_RANGE (a time outside ±9223372036854775806) or ERR_TOO_LONG
 * with `diag` telling the column and what was expected. In a series file the
 * form is LINE_FULL when the second token (after the first unquoted,
 * unescaped space) holds an unquoted `=`.
 */
int line_parse(struct line_context *context, struct slice text, struct line *out,
	       struct diag *diag);

/*
 * For a caller that refuses a line which parses, the column of its time (of its end, when it has
 * none) or of a field; 1 where it is not spelled.
 */
uint32_t line_time_column(const struct line *line);
uint32_t line_field_column(const struct line *line, struct slice key);

/* The raw key of a full line before it is parsed; empty where there is none. */
struct slice line_raw_key(struct slice text);
/* A name that a line spells as it is, and that may be guessed. */
bool line_key_is_plain(struct slice name);

/* A tag of a key, unescaped. */
struct tag {
	struct slice key, value;
};
/*
 * Take a raw key apart: measurement and tags sorted by key. Slices borrow
 * `raw` or the arena. `tags` has room for TAGS_PER_SERIES_MAX.
 * ERR_INVALID (missing measurement, missing tag key, missing tag value,
 * duplicate tags, invalid tag format, tag named time), ERR_TOO_LONG.
 */
int line_parse_key(struct arena *arena, struct slice raw, struct slice *measurement,
		   struct tag *tags, size_t *tag_count, struct diag *diag);

/* Print a key as line protocol spells it (escapes as above), tags in the given order. */
void line_print_key(struct buf *out, struct slice measurement, const struct tag *tags,
		    size_t tag_count);
/* A field's name with its escapes. */
void line_print_field_key(struct buf *out, struct slice key);
/* `key=value` of one field: floats as float_print, 1i, 1u, "quoted", true. */
void line_print_field(struct buf *out, struct slice key, enum value_type type, union value value);

#endif
