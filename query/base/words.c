/* Words without their escapes in one buffer, found by a hash of their bytes. */
#include "query/base/words.h"

#include <stdint.h>
#include <stdlib.h>

#include "engine/base/buf.h"
#include "engine/base/clean.h"
#include "engine/base/log.h"
#include "engine/base/map.h"

/* A list without ^ and $ is PCRE2's up to here: of longer ones it may say that they are too large.
 */
#define SEARCHED_BYTES_MIN ((size_t)16 << 10)

struct word {
	uint32_t offset, length;
};

struct words {
	struct buf bytes; /* of all words, one behind the other */
	struct word *items;
	uint32_t count, capacity;
	struct map map;
	bool is_whole; /* ^(…)$: the subject is a word; else it holds one */
	/* The words of a search by their first byte: a list each, by index + 1. */
	uint32_t first[256], *next;
};

static struct slice word_at(const void *owner, uint32_t index)
{
	const struct words *words = owner;

	return slice_of(words->bytes.data + words->items[index].offset, words->items[index].length);
}

/* --- reading the pattern --------------------------------------------------------------- */

static bool is_special(char byte)
{
	return byte && strchr("\\.+*?()|[]{}^$", byte);
}

/* An escape that stands for the byte behind it, as Go's QuoteMeta and dashboards write it. */
static bool is_quoted(char byte)
{
	return byte > ' ' && byte < 0x7f && !(byte >= '0' && byte <= '9') &&
	       !(byte >= 'A' && byte <= 'Z') && !(byte >= 'a' && byte <= 'z');
}

static void end_word(struct words *words, size_t offset)
{
	struct word *word;

	if (words->count == words->capacity) {
		words->capacity = words->capacity ? words->capacity * 2 : 16;
		words->items = reallocarray(words->items, words->capacity, sizeof(*words->items));
		if (!words->items)
			log_out_of_memory(words->capacity * sizeof(*words->items));
	}
	word = &words->items[words->count];
	*word = (struct word){ (uint32_t)offset, (uint32_t)(words->bytes.length - offset) };
	words->count++;
}

/* One character of a word goes over; 0: it stands for something else. */
static size_t take_character(struct words *words, struct slice rest)
{
	size_t length;

	if (rest.data[0] == '\\') {
		if (rest.length < 2 || !is_quoted(rest.data[1]))
			return 0;
		buf_append_byte(&words->bytes, rest.data[1]);
		return 2;
	}
	if (is_special(rest.data[0]) || rest.data[0] == 0)
		return 0;
	length = utf8_length(rest);
	buf_append(&words->bytes, rest.data, length);
	return length;
}

/* words := word { "|" word } */
static bool read_words(struct words *words, struct slice list)
{
	size_t offset = 0;

	while (list.length) {
		size_t length;

		if (list.data[0] == '|') {
			end_word(words, offset);
			offset = words->bytes.length;
			list = slice_from(list, 1);
			continue;
		}
		length = take_character(words, list);
		if (length == 0)
			return false;
		list = slice_from(list, length);
	}
	end_word(words, offset);
	return true;
}

static bool ends_with(struct slice text, const char *end)
{
	size_t length = strlen(end);

	return text.length >= length && memcmp(text.data + text.length - length, end, length) == 0;
}

/* pattern := "^(" words ")$" | "^(?:" words ")$" | "^" word "$" | words */
static bool read_pattern(struct words *words, struct slice text)
{
	bool is_single = true;

	words->is_whole =
		text.length > 1 && text.data[0] == '^' && text.data[text.length - 1] == '$';
	if (!words->is_whole)
		return text.length >= SEARCHED_BYTES_MIN && read_words(words, text);
	text = slice_of(text.data + 1, text.length - 2);
	if (slice_starts_with(text, SLICE("(?:")) && ends_with(text, ")")) {
		text = slice_of(text.data + 3, text.length - 4);
		is_single = false;
	} else if (slice_starts_with(text, SLICE("(")) && ends_with(text, ")")) {
		text = slice_of(text.data + 1, text.length - 2);
		is_single = false;
	}
	/* `^a|b$` is two expressions; a backslash takes what it stands before for itself. */
	return read_words(words, text) && (!is_single || words->count == 1);
}

/* --- finding ------------------------------------------------------------------------------ */

static void make_map(struct words *words)
{
	map_init(&words->map, word_at, words);
	for (uint32_t i = 0; i < words->count; i++) {
		struct slice word = word_at(words, i);
		uint64_t hash = hash_bytes(word);

		if (map_find(&words->map, word, hash) == MAP_NONE)
			map_add(&words->map, hash, i);
	}
}

static void make_lists(struct words *words)
{
	words->next = calloc(words->count, sizeof(*words->next));
	if (!words->next)
		log_out_of_memory(words->count * sizeof(*words->next));
	for (uint32_t i = 0; i < words->count; i++) {
		struct slice word = word_at(words, i);
		uint32_t *head = &words->first[word.length ? (unsigned char)word.data[0] : 0];

		words->next[i] = *head;
		*head = i + 1;
	}
}

bool words_open(struct slice pattern, struct words **out)
{
	struct words *words = calloc(1, sizeof(*words));

	if (!words)
		log_out_of_memory(sizeof(*words));
	*out = NULL;
	if (pattern.length > UINT32_MAX / 2 || !read_pattern(words, pattern)) {
		words_close(words);
		return false;
	}
	if (words->is_whole)
		make_map(words);
	else
		make_lists(words);
	*out = words;
	return true;
}

void words_close(struct words *words)
{
	if (!words)
		return;
	map_release(&words->map);
	buf_release(&words->bytes);
	free(words->items);
	free(words->next);
	free(words);
}

static bool holds_word(const struct words *words, struct slice subject)
{
	/* An empty word stands in every subject. */
	for (uint32_t at = words->first[0]; at; at = words->next[at - 1])
		if (words->items[at - 1].length == 0)
			return true;
	for (; subject.length; subject = slice_from(subject, 1))
		for (uint32_t at = words->first[(unsigned char)subject.data[0]]; at;
		     at = words->next[at - 1])
			if (slice_starts_with(subject, word_at(words, at - 1)))
				return true;
	return false;
}

bool words_find(const struct words *words, struct slice subject)
{
	return words->is_whole ? map_find(&words->map, subject, hash_bytes(subject)) != MAP_NONE
			       : holds_word(words, subject);
}
