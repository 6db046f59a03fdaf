/*
 * Rows of a column that compare with a number, as bits, and what stays of a column: WHERE without a
 * look at cells.
 */
#ifndef QUERY_QUICK_H
#define QUERY_QUICK_H

#include "engine/point/value.h"
#include "query/lexer.h"

struct quick_test {
	const struct batch_column *column; /* of floats or integers */
	enum token op;			   /* TOKEN_EQ, _NEQ, _LT, _LTE, _GT, _GTE */
	double number;			   /* for floats */
	int64_t integer;
};

/* Bits of rows that fail, or have no value, are taken out of `keep`. */
void quick_run(const struct quick_test *test, size_t row_count, uint64_t *keep);
/*
 * The words of rows whose bit is set, side by side, and their number. `to` has room for row_count
 * words, up to a multiple of 8; no bit behind them is set.
 */
size_t quick_keep(const uint64_t *words, size_t row_count, const uint64_t *keep, uint64_t *to);

#endif
