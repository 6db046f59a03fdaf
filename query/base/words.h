/*
 * A regular expression that is a list of words, as dashboards write it when many values are chosen:
 *
 *	^(web-1|web-2|10\.0\.0\.1)$        is one of them, from its first byte to its last
 *	web-1|web-2                        holds one of them
 *
 * PCRE2 takes 64 KiB of such a list and tries one word after the other. Here the first kind is a
 * hash and a compare whatever the number of words; the second is
 * left to PCRE2 as long as it can take it.
 */
#ifndef QUERY_WORDS_H
#define QUERY_WORDS_H

#include <stdbool.h>

#include "engine/base/slice.h"

struct words;

/* False: it is another kind of expression, or no expression at all. Copies. */
bool words_open(struct slice pattern, struct words **out);
void words_close(struct words *words); /* NULL is fine */
bool words_find(const struct words *words, struct slice subject);

#endif
