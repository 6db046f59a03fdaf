/*
 * Series as file names, and back.
 *
 *	measurement  tag          tag
 *	cpu         ,host=a b    ,path=%2Fvar%2Flog
 *
 * Printing has one spelling, reading takes every one that has one meaning. A
 * series that line protocol cannot spell is refused: its file could not be
 * printed.
 */
#include "engine/point/name.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/clean.h"
#include "engine/base/limits.h"
#include "engine/base/map.h"

#define HASH_DIGITS    16
#define CUT_TAIL_BYTES (1 + HASH_DIGITS) /* ~ and the hash */
#define CUT_BYTES_MAX  (NAME_BYTES_MAX - CUT_TAIL_BYTES)
#define UTF8_BYTES_MAX 4

/* --- printing ---------------------------------------------------------- */

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xC0) == 0x80;
}

static bool is_plain(char byte)
{
	unsigned char c = (unsigned char)byte;

	return c >= 0x20 && c != 0x7F && c != ',' && c != '=' && c != '/' && c != '%';
}

static void append_encoded(struct buf *out, char byte)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char c = (unsigned char)byte;
	char encoded[3] = { '%', digits[c >> 4], digits[c & 15] };

	buf_append(out, encoded, sizeof(encoded));
}

static void append_part(struct buf *out, struct slice part)
{
	while (part.length > 0) {
		size_t length = utf8_length(part);

		if (length > 1 || (length == 1 && is_plain(part.data[0])))
			buf_append(out, part.data, length);
		else
			append_encoded(out, part.data[0]);
		part = slice_from(part, length ? length : 1);
	}
}

void name_print_full(struct buf *out, struct slice measurement, const struct tag *tags,
		     size_t tag_count)
{
	if (measurement.length > 0 && measurement.data[0] == '.') {
		append_encoded(out, '.');
		measurement = slice_from(measurement, 1);
	}
	append_part(out, measurement);
	for (size_t i = 0; i < tag_count; i++) {
		assert(i == 0 || slice_compare(tags[i - 1].key, tags[i].key) < 0);
		buf_append_byte(out, ',');
		append_part(out, tags[i].key);
		buf_append_byte(out, '=');
		append_part(out, tags[i].value);
	}
}

/* The most of `name` that a cut one keeps: never half a character, never half a %XX. */
static size_t cut_length(struct slice name)
{
	size_t length = CUT_BYTES_MAX;

	while (is_continuation(name.data[length]))
		length--;
	for (size_t back = 1; back <= 2; back++)
		if (name.data[length - back] == '%')
			return length - back;
	return length;
}

void name_print(struct buf *out, struct slice measurement, const struct tag *tags, size_t tag_count)
{
	size_t start = out->length;
	struct slice name;

	name_print_full(out, measurement, tags, tag_count);
	name = slice_of(out->data + start, out->length - start);
	if (name.length <= NAME_BYTES_MAX)
		return;
	uint64_t hash = hash_bytes(name);

	out->length = start + cut_length(name);
	buf_printf(out, "~%0*llx", HASH_DIGITS, (unsigned long long)hash);
}

static bool is_hash_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool name_is_cut(struct slice name)
{
	/* A character or a %XX that did not fit leaves up to three bytes unused. */
	if (name.length > NAME_BYTES_MAX || name.length < NAME_BYTES_MAX - (UTF8_BYTES_MAX - 1) ||
	    name.data[name.length - CUT_TAIL_BYTES] != '~')
		return false;
	for (size_t i = name.length - HASH_DIGITS; i < name.length; i++)
		if (!is_hash_digit(name.data[i]))
			return false;
	return true;
}

/* --- reading ----------------------------------------------------------- */

struct name_reader {
	struct arena *arena;
	struct slice name;
	size_t next;
	struct diag *diag;
};

static int refuse(const struct name_reader *reader, size_t at, const char *words)
{
	return diag_set_at(reader->diag, ERR_INVALID, 1, (uint32_t)at + 1, "%s", words);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* The byte that `%XX` stands for; below 0 when it is malformed. */
static int encoded_byte(struct slice text)
{
	int high, low;

	if (text.length < 3)
		return -1;
	high = hex_value(text.data[1]);
	low = hex_value(text.data[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static int decode(const struct name_reader *reader, struct slice raw, struct slice *out)
{
	char *copy;
	size_t length = 0;

	*out = raw;
	if (raw.length == 0 || !slice_find(raw, '%'))
		return OK;
	copy = arena_alloc_raw(reader->arena, raw.length, 1);
	if (!copy)
		return ERR_LIMIT;
	for (size_t i = 0; i < raw.length; i++) {
		int byte = (unsigned char)raw.data[i];

		if (byte == '%') {
			byte = encoded_byte(slice_from(raw, i));
			if (byte < 0)
				return refuse(reader, (size_t)(raw.data + i - reader->name.data),
					      "malformed %XX, expected two hex digits (a percent "
					      "sign is %25)");
			i += 2;
		}
		copy[length++] = (char)byte;
	}
	*out = slice_of(copy, length);
	return OK;
}

static bool is_special(char c, const char *specials)
{
	return c != '\0' && strchr(specials, c);
}

/* Can line protocol spell it? There a backslash at the end would swallow the delimiter behind it.
 */
static bool is_expressible(struct slice part)
{
	return part.length == 0 || (part.data[part.length - 1] != '\\' && !slice_find(part, '\n'));
}

/* part := { any byte but "," (and "=" where `stops` has it) } */
static int read_part(struct name_reader *reader, const char *stops, struct slice *part)
{
	size_t start = reader->next, end = start;

	while (end < reader->name.length && !is_special(reader->name.data[end], stops))
		end++;
	reader->next = end;
	TRY(decode(reader, slice_of(reader->name.data + start, end - start), part));
	if (!is_expressible(*part))
		return refuse(reader, start,
			      "line protocol cannot spell this name: a newline, or a backslash at "
			      "the end of a part");
	return OK;
}

static bool at_byte(const struct name_reader *reader, char byte)
{
	return reader->next < reader->name.length && reader->name.data[reader->next] == byte;
}

/* tag := "," key "=" value */
static int read_tag(struct name_reader *reader, struct tag *tag)
{
	size_t start = ++reader->next;

	TRY(read_part(reader, ",=", &tag->key));
	if (tag->key.length == 0)
		return refuse(reader, start, "missing tag key, expected key=value");
	if (!at_byte(reader, '='))
		return refuse(reader, reader->next, "missing tag value, expected = and a value");
	start = ++reader->next;
	TRY(read_part(reader, ",=", &tag->value));
	if (tag->value.length == 0)
		return refuse(reader, start, "missing tag value, expected a value");
	if (at_byte(reader, '='))
		return refuse(reader, reader->next,
			      "invalid tag format, expected a comma or the end (%3D is a =)");
	return OK;
}

static int read_measurement(struct name_reader *reader, struct slice *measurement)
{
	TRY(read_part(reader, ",", measurement));
	if (measurement->length == 0)
		return refuse(reader, 0, "missing measurement, expected a name");
	if (measurement->data[0] == '#')
		return refuse(reader, 0, "line protocol takes a # in front for a comment");
	return OK;
}

static int tag_compare(const void *a, const void *b)
{
	return slice_compare(((const struct tag *)a)->key, ((const struct tag *)b)->key);
}

static int check_tags(const struct name_reader *reader, struct slice measurement,
		      const struct tag *tags, size_t tag_count)
{
	for (size_t i = 0; i < tag_count; i++) {
		if (i > 0 && slice_equal(tags[i - 1].key, tags[i].key))
			return refuse(reader, 0, "duplicate tags");
		if (slice_equal(tags[i].key, SLICE("time")))
			return diag_set_at(
				reader->diag, ERR_INVALID, 1, 1,
				"invalid tag key: input tag \"time\" on measurement \"%.*s\" is "
				"invalid",
				(int)(measurement.length < 200 ? measurement.length : 200),
				measurement.data);
	}
	return OK;
}

static size_t escaped_length(struct slice part, const char *specials)
{
	size_t length = part.length;

	for (size_t i = 0; i < part.length; i++)
		length += is_special(part.data[i], specials);
	return length;
}

/* As line protocol spells the key, which is what the limit is about. */
static int check_length(const struct name_reader *reader, struct slice measurement,
			const struct tag *tags, size_t tag_count)
{
	size_t length = escaped_length(measurement, ", ");

	for (size_t i = 0; i < tag_count; i++)
		length += 2 + escaped_length(tags[i].key, ",= ") +
			  escaped_length(tags[i].value, ",= ");
	if (length <= SERIES_KEY_BYTES_MAX)
		return OK;
	return diag_set(reader->diag, ERR_TOO_LONG, "max key length exceeded: %zu > %u", length,
			SERIES_KEY_BYTES_MAX);
}

int name_parse(struct arena *arena, struct slice name, struct slice *measurement, struct tag *tags,
	       size_t *tag_count, struct diag *diag)
{
	struct name_reader reader = { arena, name, 0, diag };
	size_t count = 0;

	TRY(read_measurement(&reader, measurement));
	for (; reader.next < name.length; count++) {
		if (count == TAGS_PER_SERIES_MAX)
			return diag_set_at(diag, ERR_LIMIT, 1, (uint32_t)reader.next + 1,
					   "too many tags, expected at most %u",
					   TAGS_PER_SERIES_MAX);
		TRY(read_tag(&reader, &tags[count]));
	}
	qsort(tags, count, sizeof(*tags), tag_compare);
	*tag_count = count;
	TRY(check_tags(&reader, *measurement, tags, count));
	return check_length(&reader, *measurement, tags, count);
}
