/*
 * Writes names that users gave into lines of status and labels of metrics, and judges which
 * reader may see them. A name may hold quotes, newlines and colour codes: unescaped it would
 * forge lines.
 */
#include "fs/nodes/page_words.h"

#include "engine/base/clean.h"

static bool has_any(struct slice text, const char *bytes)
{
	for (size_t i = 0; i < text.length; i++)
		if (strchr(bytes, text.data[i]))
			return true;
	return false;
}

static void print_escaped(struct buf *out, struct slice text, const char *escaped)
{
	for (size_t i = 0; i < text.length; i++) {
		if (strchr(escaped, text.data[i]))
			buf_append_byte(out, '\\');
		buf_append_byte(out, text.data[i]);
	}
}

void print_label(struct buf *out, struct slice text)
{
	struct buf clean = { 0 };

	clean_append(&clean, text, true);
	print_escaped(out, buf_slice(&clean), "\"\\");
	buf_release(&clean);
}

void print_word(struct buf *out, struct slice text)
{
	struct buf clean = { 0 };
	struct slice word;

	clean_append(&clean, text, true);
	word = buf_slice(&clean);
	if (word.length && !has_any(word, " \"")) {
		buf_append_slice(out, word);
	} else {
		buf_append_byte(out, '"');
		print_escaped(out, word, "\"");
		buf_append_byte(out, '"');
	}
	buf_release(&clean);
}

bool page_tells(const struct page_reader *reader, uint32_t database_id, uint32_t object_id)
{
	struct catalog *catalog = reader->mount->catalog;

	return caller_is_owner(reader->mount, reader->caller) ||
	       (caller_check_object(catalog, reader->caller, database_id, false) == OK &&
		(!object_id ||
		 caller_check_object(catalog, reader->caller, object_id, false) == OK));
}
