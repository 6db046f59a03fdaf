/*
 * JSON as Go's encoding/json writes it, byte for byte: the escapes, the shortest
 * floats, the four blanks of MarshalIndent.
 *
 *	json_begin(&j, '{'); json_key(&j, "name"); json_string(&j, name); json_end(&j, '}');
 *
 * What was written may be taken back: copy the struct and note the buffer's
 * length, set both again.
 */
#ifndef QUERY_JSON_H
#define QUERY_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/slice.h"

struct json {
	struct buf *out; /* borrowed */
	bool pretty;
	bool is_fresh; /* nothing stands yet between the innermost brackets */
	bool has_key;  /* the next value belongs to a key */
	unsigned depth;
};

/* `bracket` is '{' or '['. */
void json_begin(struct json *json, char bracket);
/* `bracket` is '}' or ']'. */
void json_end(struct json *json, char bracket);
void json_key(struct json *json, const char *key);
void json_key_slice(struct json *json, struct slice key);
void json_string(struct json *json, struct slice text);
/* One of which it is known that nothing in it needs an escape. */
void json_plain(struct json *json, struct slice text);
/* NaN and infinities, which JSON has not, are null. */
void json_float(struct json *json, double value);
void json_integer(struct json *json, int64_t value);
void json_unsigned(struct json *json, uint64_t value);
void json_boolean(struct json *json, bool value);
void json_null(struct json *json);

/*
 * The bytes of a string, quotes included: `<`, `>`, `&`, U+2028 and U+2029 as
 * \u escapes, each byte that is not UTF-8 as U+FFFD.
 */
void json_print_string(struct buf *out, struct slice text);

#endif
