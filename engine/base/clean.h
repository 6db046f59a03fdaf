/*
 * Bytes that users chose (names, lines, queries) as text that cannot be taken for anything else: in
 * one line, of whole UTF-8 characters, without a byte that a terminal or a parser would obey.
 *
 *	LF  TAB  CR    \n  \t  \r
 *	other control bytes, bytes that are no UTF-8    \xHH
 */
#ifndef ENGINE_BASE_CLEAN_H
#define ENGINE_BASE_CLEAN_H

#include <stdbool.h>

#include "engine/base/buf.h"

/* The length of the character at the start of `text`, which is not empty; 0: it is not UTF-8. */
size_t utf8_length(struct slice text);
/*
 * Appends `text`. `escapes_backslash`: one becomes two, so that different texts stay different;
 * without it a line looks as it was typed. Gives the characters that were appended.
 */
size_t clean_append(struct buf *out, struct slice text, bool escapes_backslash);

#endif
