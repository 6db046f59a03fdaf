/*
 * Prints names that users gave as text that only says what it is. Why: a user who may name a
 * database could forge lines of what an operator reads.
 */
#include "engine/base/clean.h"

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xC0) == 0x80;
}

size_t utf8_length(struct slice text)
{
	unsigned char lead = (unsigned char)text.data[0];
	unsigned char second = text.length > 1 ? (unsigned char)text.data[1] : 0;
	size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

	if (length == 1)
		return 1;
	if (lead < 0xC2 || lead > 0xF4 || text.length < length)
		return 0;
	for (size_t i = 1; i < length; i++)
		if (!is_continuation(text.data[i]))
			return 0;
	/* Longer than needed, a surrogate, or beyond U+10FFFF. */
	if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
	    (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F))
		return 0;
	return length;
}

/* A terminal obeys the characters U+0080 to U+009F as it does those below a blank. */
static bool is_control(struct slice text, size_t length)
{
	unsigned char c = (unsigned char)text.data[0];

	return (length == 1 && (c < 0x20 || c == 0x7F)) ||
	       (length == 2 && c == 0xC2 && (unsigned char)text.data[1] < 0xA0);
}

static size_t append_escape(struct buf *out, char byte)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char c = (unsigned char)byte;
	char letter = c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : 'x';
	char escape[4] = { '\\', letter, digits[c >> 4], digits[c & 15] };
	size_t length = letter == 'x' ? 4 : 2;

	buf_append(out, escape, length);
	return length;
}

size_t clean_append(struct buf *out, struct slice text, bool escapes_backslash)
{
	size_t characters = 0;

	while (text.length > 0) {
		size_t length = utf8_length(text);

		if (length == 0 || is_control(text, length)) {
			length = length ? length : 1;
			for (size_t i = 0; i < length; i++)
				characters += append_escape(out, text.data[i]);
		} else {
			if (text.data[0] == '\\' && escapes_backslash) {
				buf_append_byte(out, '\\');
				characters++;
			}
			buf_append(out, text.data, length);
			characters++;
		}
		text = slice_from(text, length);
	}
	return characters;
}
