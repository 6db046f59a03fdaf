/*
 * Series as file names, and back.
 *
 *	cpu,host=a b,path=%2Fvar%2Flog
 *
 * Measurement, then `,key=value` with keys sorted by byte order. Inside a part
 * the bytes , = / %, control bytes (0x00-0x1f, 0x7f), bytes of invalid UTF-8,
 * and a leading `.` of the whole name are percent-encoded in upper case. A
 * name over NAME_BYTES_MAX bytes is cut (never inside a character or a %XX)
 * and ends in `~` and 16 hex digits of XXH3-64 over the canonical full name;
 * whether such a name is an alias is the index's business.
 */
#ifndef ENGINE_POINT_NAME_H
#define ENGINE_POINT_NAME_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/point/line.h"

/* The whole name, however long. Tags must be sorted. */
void name_print_full(struct buf *out, struct slice measurement, const struct tag *tags,
		     size_t tag_count);
/* As listed: at most NAME_BYTES_MAX bytes. */
void name_print(struct buf *out, struct slice measurement, const struct tag *tags,
		size_t tag_count);
/* Does it end in ~ and 16 hex digits, at exactly the length a cut name has? */
bool name_is_cut(struct slice name);

/*
 * Any spelling: tags in any order, bytes encoded or not where that is
 * unambiguous, %XX in either case; a malformed %XX is ERR_INVALID. Gives
 * unescaped parts, tags sorted. ERR_INVALID: no measurement, an empty tag key
 * or value, a duplicate key, a key `time`. ERR_TOO_LONG: key over SERIES_KEY_BYTES_MAX.
 */
int name_parse(struct arena *arena, struct slice name, struct slice *measurement, struct tag *tags,
	       size_t *tag_count, struct diag *diag);

#endif
