/*
 * Text to statements: InfluxQL 1.x, and the 0.8 forms where 1.x has a parse
 * error (the grammar is recursive descent, one function a clause).
 *
 *	request := statement { ";" statement } [";"]
 */
#ifndef QUERY_PARSER_H
#define QUERY_PARSER_H

#include "engine/base/err.h"
#include "query/language/ast.h"

/* How a text that could not be parsed ended: what the mount makes a directory of. */
struct parse_end {
	bool is_inside; /* within a string, quoted name, regex or comment */
	bool is_in_regex;
	bool is_end; /* only its end was unexpected: more text could make it whole */
};

/*
 * Values of bound parameters: `$name` becomes the literal. Beside STRING,
 * NUMBER, INTEGER and BOOLEAN there are VARREF (a name), REGEX and DURATION
 * (all three as text), and NIL: no value, its use fails with the text.
 */
struct param {
	struct slice name; /* without the dollar sign */
	enum expr_kind kind;
	struct slice string;
	double number;
	int64_t integer;
	bool boolean;
};
struct params {
	const struct param *items;
	size_t count;
};

/*
 * Everything is made in `arena`; names and literals may point into `text`.
 * ERR_INVALID with InfluxDB's words, without "error parsing query: ", in diag;
 * ERR_LIMIT: too deep, too high, or the arena's budget. `params` and `end` may
 * be NULL.
 */
int parse_request(struct slice text, const struct params *params, struct arena *arena,
		  struct request *out, struct parse_end *end, struct diag *diag);
/* The text of a file in `continuous/` (stored.h): a CREATE without its name and place. */
int parse_continuous_text(struct slice text, struct arena *arena, struct continuous_stmt *out,
			  struct diag *diag);
/*
 * The JSON object of `params=`. ERR_INVALID: it is none. As in InfluxDB a value
 * of another kind fails where it is used.
 */
int params_parse(struct slice json, struct arena *arena, struct params *out, struct diag *diag);

#endif
