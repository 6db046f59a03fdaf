/*
 * Regular expressions: PCRE2 kept to what RE2 has, since the language is
 * InfluxDB's: no look-around, no back-references, no recursion, and limits
 * instead of endless backtracking.
 */
#ifndef QUERY_PATTERN_H
#define QUERY_PATTERN_H

#include <stdbool.h>

#include "engine/base/err.h"
#include "engine/base/slice.h"

struct pattern;

/* ERR_INVALID with diag: not an expression, or one that RE2 has not. */
int pattern_open(struct slice text, bool ignore_case, struct pattern **out, struct diag *diag);
/* Whether it is one, in RE2's words; as pattern_open() but for its limits. */
int pattern_check(struct slice text, struct diag *diag);
/* NULL is fine. */
void pattern_close(struct pattern *pattern);
/*
 * Is it found anywhere in `subject` (any bytes)? Belongs to one thread at a
 * time. ERR_LIMIT: gave up.
 */
int pattern_find(struct pattern *pattern, struct slice subject, bool *found);

#endif
