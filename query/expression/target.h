/*
 * INTO's names that are made from each row, and the cleaning that makes a value
 * fit to stand in one.
 *
 *	into events.[user].[type]     user="a/b c", type=7     events.a.b_c.7
 *
 * In a value `/` becomes `.` and a space `_`; control characters, and bytes that
 * are no UTF-8, are removed.
 */
#ifndef QUERY_TARGET_H
#define QUERY_TARGET_H

#include "engine/base/buf.h"
#include "query/format/result.h"
#include "query/language/ast.h"

/* A value as a part of a name, appended: "" for null. Booleans are `true` and `false`. */
void target_print_cell(struct buf *out, const struct cell *cell);

/* Is it one of the [columns] of the name? */
bool target_has_column(const struct target *target, struct slice column);

/* Where the value for a part that is a [column] comes from; null when the row has none. */
struct target_row {
	struct slice series_name;
	struct cell (*value)(const void *arg, size_t part);
	const void *arg;
};
/*
 * The name for a row, appended; false (and what was appended is to be dropped)
 * when the value of a column is empty: such a row has no target.
 */
bool target_print_name(struct buf *out, const struct target *target, const struct target_row *row);

#endif
