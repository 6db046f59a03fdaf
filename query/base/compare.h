/*
 * Rows of a column that compare with a number, as bits, and what stays of a column: WHERE without a
 * look at cells.
 */
#ifndef QUERY_COMPARE_H
#define QUERY_COMPARE_H

#include "engine/point/value.h"

enum compare_op {
	COMPARE_EQ,
	COMPARE_NEQ,
	COMPARE_LT,
	COMPARE_LTE,
	COMPARE_GT,
	COMPARE_GTE,
};

struct comparison {
	const struct batch_column *column; /* of floats or integers */
	enum compare_op op;
	double number; /* for floats */
	int64_t integer;
};

/* Bits of rows that fail, or have no value, are taken out of `keep`. */
void compare_rows(const struct comparison *test, size_t row_count, uint64_t *keep);
/*
 * The words of rows whose bit is set, side by side, and their number. `to` has room for row_count
 * words, up to a multiple of 8; no bit behind them is set.
 */
size_t compare_keep(const uint64_t *words, size_t row_count, const uint64_t *keep, uint64_t *to);

#endif
