/*
 * Expressions over a row: their values and their types, as InfluxDB has them.
 *
 * Integers divide into floats; what no integer holds is a float, too; anything
 * divided by 0 is 0; null in, null out; what cannot be compared is not equal, and
 * not unequal either.
 */
#ifndef QUERY_EXPR_H
#define QUERY_EXPR_H

#include "query/format/result.h"
#include "query/language/ast.h"

/* The two calls that histogram(x, …) is made into. */
#define HISTOGRAM_START "histogram start"
#define HISTOGRAM_COUNT "histogram count"

/* What an evaluation is lent. */
struct eval {
	const struct cell *slots; /* by varref.slot; a reference with a slot below 0 is null */
	int err;		  /* ERR_LIMIT once a regex gave up */
};

struct cell expr_eval(const struct expr *expr, struct eval *eval);
/* Is it true, and not false, null or anything else? */
bool expr_is_true(const struct expr *expr, struct eval *eval);
/* One operator on two values. Durations are divided into whole ones. */
struct cell cell_binary(enum token op, struct cell left, struct cell right, bool divides_to_float);

/* --- values and types ------------------------------------------------------ */

static inline bool cell_is_nil(const struct cell *cell)
{
	return cell->type == CELL_NULL;
}
static inline struct cell cell_null(void)
{
	return (struct cell){ .type = CELL_NULL };
}
static inline struct cell cell_of_float(double value)
{
	return (struct cell){ .type = CELL_FLOAT, .f = value };
}
static inline struct cell cell_of_integer(int64_t value)
{
	return (struct cell){ .type = CELL_INTEGER, .i = value };
}
/* The type of integers of which it is one, if that holds it, or the other, else a float. */
struct cell cell_of_whole(__int128 value, bool is_unsigned);
static inline struct cell cell_of_boolean(bool value)
{
	return (struct cell){ .type = CELL_BOOLEAN, .b = value };
}
static inline struct cell cell_of_string(struct slice value)
{
	return (struct cell){ .type = CELL_STRING, .s = value };
}

/* CELL_NULL for types that no value has. A tag is a string. */
enum cell_type cell_type_of(enum data_type type);
enum data_type data_type_of_value(enum value_type type);
/*
 * A stored value; strings are borrowed. Inline: a result that comes back in memory is read wider
 * than it was written, and waiting for that was 5 % of a fan-out.
 */
static inline struct cell cell_of_value(enum value_type type, union value value)
{
	switch (type) {
	case VALUE_FLOAT: return cell_of_float(value.f);
	case VALUE_INTEGER: return cell_of_integer(value.i);
	case VALUE_UNSIGNED: return (struct cell){ .type = CELL_UNSIGNED, .u = value.u };
	case VALUE_STRING: return cell_of_string(text_slice(value.s));
	case VALUE_BOOLEAN: return cell_of_boolean(value.b);
	default: return cell_null();
	}
}
/*
 * Convert among numbers; floats are cut towards zero. What has no such value
 * (a string as a number) stays what it is.
 */
struct cell cell_cast(struct cell cell, enum data_type type);
/* As a float: false for what is no number. */
/* Does an integer of that type hold it, where it is a number and the type one of integers? */
bool cell_fits(const struct cell *cell, enum data_type type);
bool cell_float(const struct cell *cell, double *out);

/* Does `b` win over `a` when a column has both? float, integer, unsigned, string, boolean, tag. */
bool data_type_yields(enum data_type a, enum data_type b);

/*
 * The type of an expression whose references have their types. ERR_INVALID
 * `type error: …` when operands do not go together.
 */
int expr_type(const struct expr *expr, enum data_type *out, struct diag *diag);
/* The type of a call's result from its first argument's. */
enum data_type call_type(struct slice name, enum data_type argument);

/* --- functions of a row ----------------------------------------------------- */

/* abs, sin, …; 0 when it is none of them, else how many arguments it takes. */
int math_argument_count(struct slice name);
/* `arguments` as many as it takes. */
struct cell math_call(struct slice name, const struct cell *arguments);

#endif
