/* Series as file names, and back. */
#include "engine/name.h"

#include <stdlib.h>

#include "engine/base/map.h"
#include "engine/limits.h"

#define CUT_MARK_BYTES 17 /* ~ and 16 hex digits */

static const char upper_hex[] = "0123456789ABCDEF";
static const char lower_hex[] = "0123456789abcdef";

/* --- UTF-8 ------------------------------------------------------------------ */

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Bytes of the well-formed sequence at `p` (RFC 3629: no surrogates, no overlong form), or 0. */
static size_t utf8_length(const unsigned char *p, const unsigned char *end)
{
	size_t left = (size_t)(end - p);

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] < 0xe0)
		return left > 1 && is_continuation(p[1]) ? 2 : 0;
	if ((p[0] & 0xf0) == 0xe0) {
		if (left < 3 || !is_continuation(p[1]) || !is_continuation(p[2]))
			return 0;
		if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0))
			return 0;
		return 3;
	}
	if (p[0] < 0xf0 || p[0] > 0xf4 || left < 4 || !is_continuation(p[1]) ||
	    !is_continuation(p[2]) || !is_continuation(p[3]))
		return 0;
	if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	return 4;
}

/* --- printing ----------------------------------------------------------------- */

static void append_encoded(struct buf *out, unsigned char byte)
{
	buf_append_byte(out, '%');
	buf_append_byte(out, upper_hex[byte >> 4]);
	buf_append_byte(out, upper_hex[byte & 15]);
}

static bool must_encode(unsigned char byte)
{
	return byte < 0x20 || byte == 0x7f || strchr(",=/%", byte);
}

static void append_part(struct buf *out, struct slice part)
{
	const unsigned char *p = (const unsigned char *)part.data, *end = p + part.length;

	while (p < end) {
		size_t length = utf8_length(p, end);

		if (length == 0 || (length == 1 && must_encode(*p))) {
			append_encoded(out, *p++);
			continue;
		}
		buf_append(out, p, length);
		p += length;
	}
}

void name_print_full(struct buf *out, struct slice measurement, const struct tag *tags,
		     size_t tag_count)
{
	if (measurement.length && measurement.data[0] == '.') {
		append_encoded(out, '.');
		measurement = slice_from(measurement, 1);
	}
	append_part(out, measurement);
	for (size_t i = 0; i < tag_count; i++) {
		buf_append_byte(out, ',');
		append_part(out, tags[i].key);
		buf_append_byte(out, '=');
		append_part(out, tags[i].value);
	}
}

/* The longest prefix up to `limit` bytes that cuts neither a character nor a %XX. */
static size_t cut_length(const char *name, size_t limit)
{
	size_t length = limit;

	while (length > 0 && is_continuation((unsigned char)name[length]))
		length--;
	if (length > 0 && name[length - 1] == '%')
		length--;
	else if (length > 1 && name[length - 2] == '%')
		length -= 2;
	return length;
}

void name_print(struct buf *out, struct slice measurement, const struct tag *tags, size_t tag_count)
{
	size_t start = out->length;

	name_print_full(out, measurement, tags, tag_count);
	if (out->length - start <= NAME_BYTES_MAX)
		return;
	uint64_t hash = hash_bytes(slice_of(out->data + start, out->length - start));
	out->length = start + cut_length(out->data + start, NAME_BYTES_MAX - CUT_MARK_BYTES);
	buf_append_byte(out, '~');
	for (int shift = 60; shift >= 0; shift -= 4)
		buf_append_byte(out, lower_hex[hash >> shift & 15]);
}

/* A cut takes at most three bytes of a character, or two of a %XX, more than it must. */
bool name_is_cut(struct slice name)
{
	if (name.length < NAME_BYTES_MAX - 3 || name.length > NAME_BYTES_MAX ||
	    name.data[name.length - CUT_MARK_BYTES] != '~')
		return false;
	for (size_t i = name.length - CUT_MARK_BYTES + 1; i < name.length; i++)
		if (!strchr(lower_hex, name.data[i]) || name.data[i] == '\0')
			return false;
	return true;
}

/* --- parsing ------------------------------------------------------------------ */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int refuse(struct diag *diag, struct slice name, const char *at, const char *words)
{
	return diag_set_at(diag, ERR_INVALID, 0, (uint32_t)(at - name.data) + 1, "%s", words);
}

/* One part, its %XX resolved. What line protocol cannot spell is no name either. */
static int decode_part(struct arena *arena, struct slice name, struct slice raw, struct slice *out,
		       struct diag *diag)
{
	char *copy = arena_alloc_raw(arena, raw.length + 1, 1);
	size_t length = 0;

	if (!copy)
		return ERR_LIMIT;
	for (size_t i = 0; i < raw.length; i++) {
		char c = raw.data[i];

		if (c == '%') {
			int high = i + 2 < raw.length ? hex_value(raw.data[i + 1]) : -1;
			int low = i + 2 < raw.length ? hex_value(raw.data[i + 2]) : -1;

			if (high < 0 || low < 0)
				return refuse(diag, name, raw.data + i,
					      "expected two hex digits after %");
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\n' || c == '\0')
			return refuse(diag, name, raw.data + i,
				      "a newline or NUL cannot stand in a name");
		copy[length++] = c;
	}
	if (length && copy[length - 1] == '\\')
		return refuse(diag, name, raw.data, "a part cannot end in a backslash");
	*out = slice_of(copy, length);
	return OK;
}

static const char *find_byte(const char *p, const char *end, char byte)
{
	const char *found = memchr(p, byte, (size_t)(end - p));

	return found ? found : end;
}

/* tag := key "=" value */
static int parse_tag(struct arena *arena, struct slice name, struct slice raw, struct tag *tag,
		     struct diag *diag)
{
	const char *end = raw.data + raw.length;
	const char *equals = find_byte(raw.data, end, '=');

	if (equals == raw.data)
		return refuse(diag, name, raw.data, "missing tag key, expected key=value");
	if (equals == end || equals + 1 == end)
		return refuse(diag, name, equals, "missing tag value, expected key=value");
	if (find_byte(equals + 1, end, '=') != end)
		return refuse(diag, name, equals, "a = in a tag value is spelled %3D");
	TRY(decode_part(arena, name, slice_of(raw.data, (size_t)(equals - raw.data)), &tag->key,
			diag));
	TRY(decode_part(arena, name, slice_of(equals + 1, (size_t)(end - equals) - 1), &tag->value,
			diag));
	if (slice_equal(tag->key, SLICE("time")))
		return refuse(diag, name, raw.data, "a tag cannot be called time");
	return OK;
}

static int tag_compare(const void *a, const void *b)
{
	return slice_compare(((const struct tag *)a)->key, ((const struct tag *)b)->key);
}

static int sort_tags(struct slice name, struct tag *tags, size_t count, struct diag *diag)
{
	qsort(tags, count, sizeof(*tags), tag_compare);
	for (size_t i = 1; i < count; i++)
		if (slice_equal(tags[i].key, tags[i - 1].key))
			return refuse(diag, name, name.data, "duplicate tags");
	return OK;
}

/* name := measurement { "," tag } */
int name_parse(struct arena *arena, struct slice name, struct slice *measurement, struct tag *tags,
	       size_t *tag_count, struct diag *diag)
{
	const char *end = name.data + name.length;
	const char *stop = find_byte(name.data, end, ',');
	size_t count = 0;

	if (name.length > SERIES_KEY_BYTES_MAX)
		return diag_set(diag, ERR_TOO_LONG, "max key length exceeded: %zu > %u",
				name.length, SERIES_KEY_BYTES_MAX);
	if (stop == name.data)
		return refuse(diag, name, stop, "missing measurement, expected a name");
	TRY(decode_part(arena, name, slice_of(name.data, (size_t)(stop - name.data)), measurement,
			diag));
	while (stop < end) {
		const char *start = stop + 1;

		stop = find_byte(start, end, ',');
		if (count == TAGS_PER_SERIES_MAX)
			return diag_set(diag, ERR_LIMIT, "too many tags");
		TRY(parse_tag(arena, name, slice_of(start, (size_t)(stop - start)), &tags[count++],
			      diag));
	}
	*tag_count = count;
	return sort_tags(name, tags, count, diag);
}
