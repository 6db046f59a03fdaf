/*
 * The names of the types, and strings in arenas. Why strings are pointers: a value is eight bytes
 * then, whatever its type, and a column is an array.
 */
#include "engine/point/value.h"

const char *value_type_name(enum value_type type)
{
	static const char *const names[VALUE_TYPE_COUNT] = { "none",	 "float",  "integer",
							     "unsigned", "string", "boolean" };

	return (unsigned)type < VALUE_TYPE_COUNT ? names[type] : "unknown";
}

const struct text *text_copy(struct arena *arena, struct slice bytes)
{
	struct text *text = arena_alloc_raw(arena, sizeof(*text) + bytes.length, 8);

	if (!text)
		return NULL;
	text->length = (uint32_t)bytes.length;
	if (bytes.length)
		memcpy(text->bytes, bytes.data, bytes.length);
	return text;
}
