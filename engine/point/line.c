/*
 * Line protocol, one line at a time.
 *
 * One pass over a line: key up to the first bare space, then field after field,
 * then the time. Only what holds a backslash is copied (into the arena);
 * everything else stays where the text lies.
 */
#include "engine/point/line.h"

#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/limits.h"
#include "engine/base/number.h"
#include "engine/base/when.h"

/* A position in the line being parsed; `start` is for columns. */
struct scan {
	const char *start, *next, *end;
	struct diag *diag;
	bool newline; /* somewhere in the line; it may stand in strings only */
};

static int refuse(const struct scan *scan, const char *at, int err, const char *words)
{
	return diag_set_at(scan->diag, err, 1, (uint32_t)(at - scan->start) + 1, "%s", words);
}

/*
 * A newline in a string of a short form (`s="a\nb"`) is one in a key once more
 * follows that makes it a full line. A series of such a name could not be told.
 */
static int check_key(const struct scan *scan, struct slice key, const char *words)
{
	const char *newline = scan->newline ? slice_find(key, '\n') : NULL;

	return newline ? refuse(scan, newline, ERR_INVALID, words) : OK;
}

void line_context_release(struct line_context *context)
{
	free(context->fields);
	context->fields = NULL;
	context->fields_capacity = 0;
}

/* --- where a line ends ----------------------------------------------------- */

/* Behind the closing quote of a string that is opened at `open`; NULL: it is not closed. */
static const char *string_end(const char *open, const char *end)
{
	const char *p = open + 1, *quote = memchr(p, '"', (size_t)(end - p));

	/* Nearly always there is no escape before the first quote. */
	if (!quote || !memchr(p, '\\', (size_t)(quote - p)))
		return quote ? quote + 1 : NULL;
	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '"')
			return p + 1;
	}
	return NULL;
}

/*
 * The first line holds a quote: walk it to find out which newlines are inside a
 * string. Strings begin behind the `=` of a field; in a short form (`s="x"`,
 * `"x"`) also behind an `=` before any comma, and at once.
 */
static const char *quoted_line_end(const char *p, const char *end, bool short_forms)
{
	bool in_fields = false, comma = false, value_begins = short_forms;

	for (const char *first = p; p < end; p++) {
		char c = *p;

		if (c == '\n')
			return p;
		if (c == '"' && value_begins) {
			p = string_end(p, end);
			if (!p)
				return NULL;
			p--;
		}
		value_begins = false;
		/* Backslashes pair up in fields; a key looks one byte back (key_part_end). */
		if (in_fields && c == '\\' && p + 1 < end && p[1] != '\n') {
			p++;
		} else if (!in_fields && p > first && p[-1] == '\\') {
			continue;
		} else if (c == ' ') {
			in_fields = true;
		} else if (c == ',') {
			comma = true;
		} else if (c == '=') {
			in_fields |= short_forms && !comma;
			value_begins = in_fields;
		}
	}
	return NULL;
}

/*
 * Strings as nearly everybody writes them: no backslash in the line, each quote opens a value of a
 * field or closes it. Then the line ends where it seems to, which costs a tenth of a look at each
 * byte.
 */
static bool strings_are_plain(const char *p, const char *quote, const char *end)
{
	const char *space = memchr(p, ' ', (size_t)(quote - p));

	if (!space || memchr(p, '\\', (size_t)(end - p)))
		return false;
	while (quote) {
		if (quote[-1] != '=')
			return false;
		quote = memchr(quote + 1, '"', (size_t)(end - quote - 1));
		if (!quote)
			return false;
		quote = memchr(quote + 1, '"', (size_t)(end - quote - 1));
	}
	return true;
}

int line_measure_forms(struct slice text, unsigned forms, size_t *length)
{
	const char *p = text.data, *end = text.data + text.length;

	*length = 0;
	if (text.length == 0)
		return OK;
	while (p < end && *p == ' ')
		p++;
	const char *newline = memchr(p, '\n', (size_t)(end - p));
	const char *limit = newline ? newline : end;
	const char *quote = p < limit && *p != '#' ? memchr(p, '"', (size_t)(limit - p)) : NULL;
	if (quote && !strings_are_plain(p, quote, limit))
		newline = quoted_line_end(p, end, forms & LINE_SHORT);
	size_t bytes = newline ? (size_t)(newline - text.data) + 1 : text.length;
	if (bytes > LINE_BYTES_MAX)
		return ERR_TOO_LONG;
	if (newline)
		*length = bytes;
	return OK;
}

int line_measure(struct slice text, size_t *length)
{
	return line_measure_forms(text, LINE_FULL | LINE_SHORT, length);
}

/* --- escapes --------------------------------------------------------------- */

static bool is_special(char c, const char *specials)
{
	return c != '\0' && strchr(specials, c);
}

/* Up to the first of `stops` that no backslash makes literal; `end` when there is none. */
static const char *token_end(const char *p, const char *end, const char *stops, bool *escaped)
{
	for (; p < end; p++) {
		if (*p == '\\') {
			*escaped = true;
			if (p + 1 < end)
				p++;
		} else if (is_special(*p, stops)) {
			return p;
		}
	}
	return end;
}

/*
 * In keys InfluxDB looks one byte back: after two backslashes a comma is still
 * literal, and what follows a delimiter directly is never looked at (`k==v` has
 * the value `=v`). In fields backslashes pair up (token_end).
 */
static const char *key_part_end(const char *start, const char *end, const char *stops)
{
	for (const char *p = start + 1; p < end; p++)
		if (is_special(*p, stops) && p[-1] != '\\')
			return p;
	return end;
}

/* Take the backslashes away that stand before one of `specials`. */
static int unescape(struct arena *arena, struct slice raw, const char *specials, struct slice *out)
{
	char *copy = arena_alloc_raw(arena, raw.length + 1, 1);
	size_t length = 0;

	if (!copy)
		return ERR_LIMIT;
	for (size_t i = 0; i < raw.length; i++) {
		if (raw.data[i] == '\\' && i + 1 < raw.length &&
		    is_special(raw.data[i + 1], specials))
			i++;
		copy[length++] = raw.data[i];
	}
	*out = slice_of(copy, length);
	return OK;
}

/* --- the key --------------------------------------------------------------- */

#define KEY_SPECIALS ",= "

static int take_part(struct arena *arena, const char *start, const char *stop, const char *specials,
		     struct slice *out)
{
	*out = slice_of(start, (size_t)(stop - start));
	return memchr(start, '\\', out->length) ? unescape(arena, *out, specials, out) : OK;
}

/* tag := key "=" value */
static int parse_tag(struct scan *scan, struct arena *arena, struct tag *tag)
{
	const char *start = scan->next, *stop;

	if (start == scan->end || is_special(*start, KEY_SPECIALS))
		return refuse(scan, start, ERR_INVALID, "missing tag key, expected key=value");
	stop = key_part_end(start, scan->end, ",=");
	if (stop == scan->end || *stop == ',')
		return refuse(scan, stop, ERR_INVALID, "missing tag value, expected = and a value");
	TRY(take_part(arena, start, stop, KEY_SPECIALS, &tag->key));
	start = stop + 1;
	if (start == scan->end || *start == ',')
		return refuse(scan, start, ERR_INVALID, "missing tag value, expected a value");
	stop = key_part_end(start, scan->end, ",=");
	if (stop < scan->end && *stop == '=')
		return refuse(scan, stop, ERR_INVALID,
			      "invalid tag format, expected a comma or a space");
	scan->next = stop;
	return take_part(arena, start, stop, KEY_SPECIALS, &tag->value);
}

static int tag_compare(const void *a, const void *b)
{
	return slice_compare(((const struct tag *)a)->key, ((const struct tag *)b)->key);
}

static int check_tags(struct scan *scan, struct slice measurement, const struct tag *tags,
		      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && slice_equal(tags[i].key, tags[i - 1].key))
			return refuse(scan, scan->start, ERR_INVALID, "duplicate tags");
		if (slice_equal(tags[i].key, SLICE("time")))
			return diag_set_at(
				scan->diag, ERR_INVALID, 1, 1,
				"invalid tag key: input tag \"time\" on measurement "
				"\"%.*s\" is invalid",
				(int)(measurement.length < 200 ? measurement.length : 200),
				measurement.data);
	}
	return OK;
}

/* key := measurement { "," tag }, as it stands: neither sorted nor checked */
static int parse_parts(struct scan *scan, struct arena *arena, struct slice *measurement,
		       struct tag *tags, size_t *tag_count)
{
	const char *stop;
	size_t count = 0;

	if (scan->next == scan->end || *scan->next == ',')
		return refuse(scan, scan->next, ERR_INVALID,
			      "missing measurement, expected a name");
	stop = key_part_end(scan->next, scan->end, ",");
	TRY(take_part(arena, scan->next, stop, ", ", measurement));
	for (scan->next = stop; scan->next < scan->end; count++) {
		scan->next++;
		if (count == TAGS_PER_SERIES_MAX)
			return refuse(scan, scan->next, ERR_LIMIT, "too many tags");
		TRY(parse_tag(scan, arena, &tags[count]));
	}
	*tag_count = count;
	return OK;
}

static void sort_tags(struct tag *tags, size_t count)
{
	/* Clients mostly send them sorted. */
	for (size_t i = 1; i < count; i++)
		if (slice_compare(tags[i - 1].key, tags[i].key) >= 0) {
			qsort(tags, count, sizeof(*tags), tag_compare);
			return;
		}
}

int line_parse_key(struct arena *arena, struct slice raw, struct slice *measurement,
		   struct tag *tags, size_t *tag_count, struct diag *diag)
{
	struct scan scan = { raw.data, raw.data, raw.data + raw.length, diag, false };

	if (raw.length > SERIES_KEY_BYTES_MAX)
		return diag_set_at(diag, ERR_TOO_LONG, 1, 1, "max key length exceeded: %zu > %u",
				   raw.length, SERIES_KEY_BYTES_MAX);
	TRY(parse_parts(&scan, arena, measurement, tags, tag_count));
	sort_tags(tags, *tag_count);
	return check_tags(&scan, *measurement, tags, *tag_count);
}

/* --- field values ----------------------------------------------------------- */

static int parse_string(struct scan *scan, struct arena *arena, struct line_field *field)
{
	const char *start = scan->next, *stop = string_end(start, scan->end);
	struct slice content;

	if (!stop)
		return refuse(scan, start, ERR_INVALID, "unbalanced quotes, expected a closing \"");
	content = slice_of(start + 1, (size_t)(stop - start) - 2);
	if (slice_find(content, '\\'))
		TRY(unescape(arena, content, "\"\\", &content));
	field->type = VALUE_STRING;
	field->value.s = text_copy(arena, content);
	scan->next = stop;
	return field->value.s ? OK : ERR_LIMIT;
}

static int refuse_integer(const struct scan *scan, struct slice digits, const char *function)
{
	return diag_set_at(scan->diag, ERR_INVALID, 1, (uint32_t)(digits.data - scan->start) + 1,
			   "unable to parse integer %.*s: strconv.%s: parsing \"%.*s\": "
			   "value out of range",
			   (int)(digits.length < 100 ? digits.length : 100), digits.data, function,
			   (int)(digits.length < 100 ? digits.length : 100), digits.data);
}

/* InfluxDB's word for `1e` is another than for `1x`. */
static bool is_scientific(struct slice token)
{
	bool exponent = false;

	for (size_t i = 0; i < token.length; i++) {
		char c = token.data[i];

		exponent |= i > 0 && (c == 'e' || c == 'E');
		if (!is_special(c, "0123456789.eE+-"))
			return false;
	}
	return exponent;
}

/* number := float | digits "i" | digits "u" */
static int parse_number(struct scan *scan, struct slice token, struct line_field *field)
{
	char last = token.data[token.length - 1];
	struct slice digits = slice_of(token.data, token.length - 1);
	int err;

	if (last == 'i') {
		field->type = VALUE_INTEGER;
		err = integer_parse(digits, &field->value.i);
		if (err == ERR_RANGE)
			return refuse_integer(scan, digits, "ParseInt");
	} else if (last == 'u') {
		field->type = VALUE_UNSIGNED;
		err = unsigned_parse(digits, &field->value.u);
		if (err == ERR_RANGE)
			return refuse_integer(scan, digits, "ParseUint");
	} else {
		field->type = VALUE_FLOAT;
		err = float_parse(token, &field->value.f);
		if (err == ERR_RANGE || (err == ERR_INVALID && is_scientific(token)))
			return refuse(scan, token.data, ERR_INVALID,
				      "invalid float, expected a number that a double can hold");
	}
	return err == OK ? OK
			 : refuse(scan, token.data, ERR_INVALID,
				  "invalid number, expected 1, 1.5, 1i or 1u");
}

static int parse_boolean(struct scan *scan, struct slice token, struct line_field *field)
{
	static const char *const words[] = { "t", "T", "true",	"True",	 "TRUE",
					     "f", "F", "false", "False", "FALSE" };

	for (size_t i = 0; i < 10; i++) {
		if (!slice_equal(token, slice_of_text(words[i])))
			continue;
		field->type = VALUE_BOOLEAN;
		field->value.bits = 0;
		field->value.b = i < 5;
		return OK;
	}
	return refuse(scan, token.data, ERR_INVALID,
		      "invalid boolean, expected a number, true, false or a \"string\"");
}

static bool ends_value(const char *p, const char *end)
{
	return p == end || *p == ',' || *p == ' ';
}

/*
 * The numbers that nearly all clients send: up to 18 digits with a point or a
 * letter behind them. False: something else, nothing was taken.
 */
static bool parse_usual_number(struct scan *scan, struct line_field *field)
{
	const char *end = scan->end, *p = scan->next;
	bool negative = p < end && *p == '-';
	const char *first = p + negative, *point;
	uint64_t digits = 0;

	for (p = first; p < end && (unsigned char)(*p - '0') < 10; p++)
		digits = digits * 10 + (uint64_t)(*p - '0');
	point = p;
	if (p == first || p - first > 18)
		return false;
	if (p < end && *p == 'i') {
		p++;
		field->type = VALUE_INTEGER;
		field->value.i = negative ? -(int64_t)digits : (int64_t)digits;
	} else {
		if (p < end && *p == '.')
			for (p++; p < end && (unsigned char)(*p - '0') < 10; p++)
				digits = digits * 10 + (uint64_t)(*p - '0');
		if (p - first > 18 || digits > UINT64_C(1) << 53)
			return false;
		field->type = VALUE_FLOAT;
		field->value.f = float_of_digits(digits, p > point ? (unsigned)(p - point - 1) : 0);
		if (negative)
			field->value.f = -field->value.f;
	}
	if (!ends_value(p, end))
		return false;
	scan->next = p;
	return true;
}

/* value := string | number | boolean */
static int parse_value(struct scan *scan, struct arena *arena, struct line_field *field)
{
	const char *start = scan->next, *p = start;

	if (p < scan->end && *p == '"')
		return parse_string(scan, arena, field);
	if (parse_usual_number(scan, field))
		return OK;
	while (p < scan->end && *p != ',' && *p != ' ')
		p++;
	if (p == start)
		return refuse(scan, p, ERR_INVALID,
			      "missing field value, expected a value after =");
	struct slice token = slice_of(start, (size_t)(p - start));
	scan->next = p;
	if (*start == '-' || *start == '.' || (*start >= '0' && *start <= '9'))
		return parse_number(scan, token, field);
	return parse_boolean(scan, token, field);
}

/* field := key "=" value */
static int parse_field(struct scan *scan, struct arena *arena, struct line_field *field)
{
	const char *start = scan->next, *p = start;
	bool escaped = false;

	while (p < scan->end && *p != '=' && *p != ',' && *p != ' ' && *p != '\\')
		p++;
	if (p < scan->end && *p == '\\')
		p = token_end(p, scan->end, "=, ", &escaped);
	if (p == scan->end || *p != '=' || (escaped && p[-1] == '\\'))
		return refuse(scan, p, ERR_INVALID, "invalid field format, expected key=value");
	if (p == start)
		return refuse(scan, p, ERR_INVALID, "missing field key, expected a name before =");
	field->key = slice_of(start, (size_t)(p - start));
	TRY(check_key(scan, field->key, "invalid field format, expected key=value"));
	if (escaped)
		TRY(unescape(arena, field->key, KEY_SPECIALS, &field->key));
	scan->next = p + 1;
	return parse_value(scan, arena, field);
}

/* --- the field set ----------------------------------------------------------- */

static struct line_field *field_room(struct line_context *context, size_t count)
{
	return try_grow(&context->fields, count, &context->fields_capacity)
		       ? &context->fields[count]
		       : NULL;
}

/*
 * A repeated key stands for its last value. `seen` has a bit for a cheap hash of
 * each key, so that the list is searched only where a repetition is likely.
 */
static size_t keep_field(struct line_field *fields, size_t count, uint64_t *seen)
{
	struct line_field *field = &fields[count];
	struct slice key = field->key;
	unsigned hash = (unsigned)key.length * 7 + (unsigned char)key.data[0] * 31u +
			(unsigned char)key.data[key.length - 1] * 17u +
			(unsigned char)key.data[key.length / 2];
	uint64_t bit = UINT64_C(1) << (hash % 64);

	if (*seen & bit)
		for (size_t i = 0; i < count; i++)
			if (slice_equal(fields[i].key, key)) {
				fields[i] = *field;
				return count;
			}
	*seen |= bit;
	return count + 1;
}

/* A field called time cannot be asked for: InfluxDB drops it when others remain. */
static int drop_time_field(struct scan *scan, struct line *out, struct slice key)
{
	size_t kept = 0;

	for (size_t i = 0; i < out->field_count; i++)
		if (!slice_equal(out->fields[i].key, SLICE("time")))
			out->fields[kept++] = out->fields[i];
	out->field_count = kept;
	if (kept)
		return OK;
	const char *comma = slice_find(key, ',');
	return diag_set_at(
		scan->diag, ERR_INVALID, 1, 1,
		"invalid field name: input field \"time\" on measurement \"%.*s\" is invalid",
		(int)(comma ? comma - key.data : (ptrdiff_t)key.length), key.data);
}

/* Behind a value: END at the end of the fields, else past the comma. */
static int parse_comma(struct scan *scan)
{
	if (scan->next == scan->end || *scan->next == ' ')
		return END;
	if (*scan->next != ',')
		return refuse(scan, scan->next, ERR_INVALID,
			      "invalid field format, expected a comma or a space");
	scan->next++;
	return OK;
}

static bool next_is_guessed(const struct scan *scan, struct slice name)
{
	return (size_t)(scan->end - scan->next) > name.length && scan->next[name.length] == '=' &&
	       memcmp(scan->next, name.data, name.length) == 0;
}

/* As many fields as were guessed. END: these were all. */
static int parse_guessed(struct line_context *context, struct scan *scan, size_t *count)
{
	int err = OK;

	for (*count = 0; err == OK && *count < context->guess_count;) {
		struct slice name = context->guess[*count];
		struct line_field *field;

		if (!next_is_guessed(scan, name))
			return OK;
		field = field_room(context, *count);
		if (!field)
			return ERR_MEMORY;
		field->key = name;
		scan->next += name.length + 1;
		TRY(parse_value(scan, context->arena, field));
		++*count;
		err = parse_comma(scan);
	}
	return err;
}

/* fields := field { "," field } */
static int parse_fields(struct line_context *context, struct scan *scan, struct line *out)
{
	uint64_t seen = 0;
	size_t count = 0;
	bool has_time_field = false;
	int err = parse_guessed(context, scan, &count);

	if (err < 0)
		return err;
	out->guessed_count = count;
	for (size_t i = 0; err == OK && i < count; i++)
		keep_field(context->fields, i, &seen);
	while (err == OK) {
		struct line_field *field = field_room(context, count);

		if (!field)
			return ERR_MEMORY;
		if (count == FIELDS_PER_LINE_MAX)
			return refuse(scan, scan->next, ERR_LIMIT, "too many fields in one line");
		TRY(parse_field(scan, context->arena, field));
		has_time_field |= slice_equal(field->key, SLICE("time"));
		count = keep_field(context->fields, count, &seen);
		err = parse_comma(scan);
		if (err < 0)
			return err;
	}
	out->fields = context->fields;
	out->field_count = count;
	return has_time_field ? drop_time_field(scan, out, out->raw_key) : OK;
}

/* --- the time ----------------------------------------------------------------- */

static int refuse_range(struct scan *scan, const char *at)
{
	return refuse(scan, at, ERR_RANGE,
		      "time outside range -9223372036854775806 - 9223372036854775806");
}

/* time := integer [ unit ] | RFC 3339 */
static int parse_time(struct scan *scan, struct slice token, int64_t bare_unit_ns, int64_t *time_ns)
{
	size_t digits = token.length && token.data[0] == '-';
	int64_t unit_ns = 0;

	while (digits < token.length && token.data[digits] >= '0' && token.data[digits] <= '9')
		digits++;
	struct slice unit = slice_from(token, digits);
	if (unit.length == 0)
		unit_ns = bare_unit_ns ? bare_unit_ns : 1;
	else
		unit_ns = unit_find(unit, UNIT_LINE);
	int err = unit_ns ? integer_parse(slice_of(token.data, digits), time_ns)
			  : when_parse_rfc3339(token, time_ns);
	if (err == ERR_INVALID)
		return refuse(
			scan, token.data, ERR_INVALID,
			"bad timestamp, expected an integer, one with a unit (s, ms, us, ns) or "
			"2026-11-22T10:00:00Z");
	if (err == ERR_RANGE || (unit_ns && __builtin_mul_overflow(*time_ns, unit_ns, time_ns)) ||
	    *time_ns < TIME_MIN_NS || *time_ns > TIME_MAX_NS)
		return refuse_range(scan, token.data);
	return OK;
}

static void skip_spaces(struct scan *scan)
{
	while (scan->next < scan->end && *scan->next == ' ')
		scan->next++;
}

/* [ 1*SP time ] *SP */
static int parse_rest(struct line_context *context, struct scan *scan, struct line *out)
{
	skip_spaces(scan);
	out->has_time = scan->next < scan->end;
	if (!out->has_time)
		return OK;
	const char *start = scan->next;
	const char *stop = memchr(start, ' ', (size_t)(scan->end - start));
	scan->next = stop ? stop : scan->end;
	TRY(parse_time(scan, slice_of(start, (size_t)(scan->next - start)), context->time_unit_ns,
		       &out->time_ns));
	skip_spaces(scan);
	if (scan->next < scan->end)
		return refuse(scan, scan->next, ERR_INVALID,
			      "point is invalid, expected the end of the line");
	return OK;
}

/* --- the three forms ------------------------------------------------------------ */

/* 1*SP fields [ 1*SP time ] */
static int parse_behind_key(struct line_context *context, struct scan *scan, struct line *out)
{
	if (scan->next == scan->end)
		return refuse(scan, scan->next, ERR_INVALID,
			      "missing fields, expected a space and key=value");
	TRY(check_key(scan, out->raw_key, "missing fields, expected a space and key=value"));
	skip_spaces(scan);
	TRY(parse_fields(context, scan, out));
	return parse_rest(context, scan, out);
}

/* What is wrong with the key, where there were no fields its form alone. */
static int judge_key(struct line_context *context, struct scan *scan, bool has_fields)
{
	struct tag *tags = malloc(TAGS_PER_SERIES_MAX * sizeof(*tags));
	struct slice measurement;
	size_t count;
	int err;

	if (!tags)
		return ERR_MEMORY;
	err = parse_parts(scan, context->arena, &measurement, tags, &count);
	if (err == OK && has_fields) {
		sort_tags(tags, count);
		err = check_tags(scan, measurement, tags, count);
	}
	free(tags);
	return err;
}

/*
 * InfluxDB tells what is wrong with a key before what is wrong behind it. Keys
 * are parsed once a series, not once a line, so look now that the line is lost.
 */
static int refuse_line(struct line_context *context, struct scan *scan, struct slice key, int err)
{
	struct diag diag = { 0 };
	struct scan again = { scan->start, key.data, key.data + key.length, &diag, scan->newline };

	if (judge_key(context, &again, key.data + key.length < scan->end) != ERR_INVALID)
		return err;
	if (scan->diag)
		*scan->diag = diag;
	return ERR_INVALID;
}

/* Up to the first space without a backslash before it. The key's first byte is no space. */
static const char *key_end(const char *start, const char *end)
{
	const char *p = start;

	while ((p = memchr(p, ' ', (size_t)(end - p))) && p[-1] == '\\')
		p++;
	return p ? p : end;
}

struct slice line_raw_key(struct slice text)
{
	const char *p = text.data, *end = text.data + text.length;

	while (p < end && *p == ' ')
		p++;
	if (p == end || *p == '#')
		return slice_of(p, 0);
	return slice_of(p, (size_t)(key_end(p, end) - p));
}

bool line_key_is_plain(struct slice name)
{
	for (size_t i = 0; i < name.length; i++)
		if (name.data[i] <= ' ' || name.data[i] == '\\' ||
		    is_special(name.data[i], KEY_SPECIALS))
			return false;
	return name.length > 0 && !slice_equal(name, SLICE("time"));
}

/* line := key 1*SP fields [ 1*SP time ] */
static int parse_full(struct line_context *context, struct scan *scan, struct line *out)
{
	const char *start = scan->next;
	int err;

	scan->next = key_end(start, scan->end);
	out->raw_key = slice_of(start, (size_t)(scan->next - start));
	err = *start == ',' ? ERR_INVALID : parse_behind_key(context, scan, out);
	return err < 0 ? refuse_line(context, scan, out->raw_key, err) : err;
}

/* bare := value [ 1*SP time ], for the field `value` */
static int parse_bare(struct line_context *context, struct scan *scan, struct line *out)
{
	struct line_field *field = field_room(context, 0);

	if (!field)
		return ERR_MEMORY;
	field->key = SLICE("value");
	TRY(parse_value(scan, context->arena, field));
	if (scan->next < scan->end && *scan->next != ' ')
		return refuse(scan, scan->next, ERR_INVALID, "expected a space and a time");
	out->fields = context->fields;
	out->field_count = 1;
	return parse_rest(context, scan, out);
}

/*
 * Behind a token: the first space that neither quotes nor a backslash make
 * literal. A quote opens a string where a value begins: at once, and behind an
 * `=` unless a comma came first, for then it is one of a key (`m,t="x`).
 */
static const char *bare_token_end(const char *p, const char *end, bool *equals)
{
	bool comma = false, value_begins = true;

	for (; p < end && *p != ' '; p++) {
		char c = *p;

		if (c == '"' && value_begins) {
			const char *close = string_end(p, end);

			p = close ? close - 1 : end - 1;
		} else if (c == '\\' && p + 1 < end) {
			p++;
		}
		comma |= c == ',' && !*equals;
		value_begins = c == '=' && !comma;
		*equals |= c == '=';
	}
	return p;
}

/* The same, for the many in which nothing is literal: else two fifths of a restore. */
static const char *first_token_end(const char *p, const char *end, bool *equals)
{
	const char *space = memchr(p, ' ', (size_t)(end - p));
	size_t length = (size_t)((space ? space : end) - p);

	if (memchr(p, '"', length) || memchr(p, '\\', length))
		return bare_token_end(p, end, equals);
	*equals = memchr(p, '=', length) != NULL;
	return p + length;
}

uint32_t line_time_column(const struct line *line)
{
	size_t end = line->text.length;

	while (end > 0 && line->text.data[end - 1] == ' ')
		end--;
	while (line->has_time && end > 0 && line->text.data[end - 1] != ' ')
		end--;
	return (uint32_t)end + 1;
}

uint32_t line_field_column(const struct line *line, struct slice key)
{
	const char *start = line->text.data, *end = start + line->text.length, *p;
	struct buf spelled = { 0 };
	uint32_t column = 1;

	line_print_field_key(&spelled, key);
	buf_append_byte(&spelled, '=');
	p = line->raw_key.length ? line->raw_key.data + line->raw_key.length : start;
	while (line->text.length && p < end && column == 1) {
		if ((p == start || p[-1] == ' ' || p[-1] == ',') &&
		    slice_starts_with(slice_of(p, (size_t)(end - p)), buf_slice(&spelled)))
			column = (uint32_t)(p - start) + 1;
		/* A string holds no fields. */
		if (*p == '"' && p > start && p[-1] == '=')
			p = string_end(p, end) ? string_end(p, end) : end;
		else
			p++;
	}
	buf_release(&spelled);
	return column;
}

/* Has a token an `=` that is not in a string? Before the first one only its start opens one. */
static bool holds_equals(const char *p, const char *end)
{
	if (p < end && *p == '"') {
		const char *close = string_end(p, end);

		p = close ? close : end;
	}
	for (; p < end && *p != ' ' && *p != '='; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p < end && *p == '=';
}

static int parse_series_line(struct line_context *context, struct scan *scan, struct line *out)
{
	bool first_equals = false;
	const char *p = first_token_end(scan->next, scan->end, &first_equals);

	while (p < scan->end && *p == ' ')
		p++;
	if (holds_equals(p, scan->end))
		return parse_full(context, scan, out);
	if (!first_equals)
		return parse_bare(context, scan, out);
	TRY(parse_fields(context, scan, out));
	return parse_rest(context, scan, out);
}

int line_parse(struct line_context *context, struct slice text, struct line *out, struct diag *diag)
{
	struct scan scan = { text.data, text.data, NULL, diag, false };

	/* The carriage return of a CRLF belongs to the line's end. */
	if (text.length && text.data[text.length - 1] == '\r')
		text.length--;
	scan.end = text.data + text.length;
	scan.newline = slice_find(text, '\n');
	*out = (struct line){ .raw_key = slice_of(text.data, 0), .text = text };
	skip_spaces(&scan);
	if (scan.next == scan.end || *scan.next == '#')
		return END;
	if (context->forms & LINE_SHORT)
		return parse_series_line(context, &scan, out);
	return parse_full(context, &scan, out);
}

/* --- printing -------------------------------------------------------------------- */

/* Hardly anything needs an escape: what does not goes over in one piece. */
static void append_escaped(struct buf *out, struct slice text, const char *specials)
{
	size_t done = 0;

	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] > '=' && text.data[i] != '\\')
			continue; /* most bytes, and none of them special */
		if (!is_special(text.data[i], specials))
			continue;
		buf_append(out, text.data + done, i - done);
		buf_append_byte(out, '\\');
		done = i;
	}
	buf_append(out, text.data + done, text.length - done);
}

void line_print_key(struct buf *out, struct slice measurement, const struct tag *tags,
		    size_t tag_count)
{
	append_escaped(out, measurement, ", ");
	for (size_t i = 0; i < tag_count; i++) {
		buf_append_byte(out, ',');
		append_escaped(out, tags[i].key, KEY_SPECIALS);
		buf_append_byte(out, '=');
		append_escaped(out, tags[i].value, KEY_SPECIALS);
	}
}

static void append_value(struct buf *out, enum value_type type, union value value)
{
	char *room = buf_reserve(out, FLOAT_BYTES_MAX);

	switch (type) {
	case VALUE_FLOAT: out->length += float_print(room, value.f); break;
	case VALUE_INTEGER:
		out->length += integer_print(room, value.i);
		buf_append_byte(out, 'i');
		break;
	case VALUE_UNSIGNED:
		out->length += unsigned_print(room, value.u);
		buf_append_byte(out, 'u');
		break;
	case VALUE_STRING:
		buf_append_byte(out, '"');
		append_escaped(out, text_slice(value.s), "\"\\");
		buf_append_byte(out, '"');
		break;
	case VALUE_BOOLEAN: buf_append_text(out, value.b ? "true" : "false"); break;
	case VALUE_NONE: break;
	}
}

void line_print_field_key(struct buf *out, struct slice key)
{
	append_escaped(out, key, KEY_SPECIALS);
}

void line_print_field(struct buf *out, struct slice key, enum value_type type, union value value)
{
	line_print_field_key(out, key);
	buf_append_byte(out, '=');
	append_value(out, type, value);
}
