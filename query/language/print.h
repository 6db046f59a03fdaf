/*
 * The tree as text, spelled as InfluxQL prints it: what SHOW QUERIES, stored
 * continuous queries and error texts show. Parsing the print gives the tree
 * again.
 */
#ifndef QUERY_PRINT_H
#define QUERY_PRINT_H

#include "engine/base/buf.h"
#include "query/language/ast.h"

/* Appended to `out`. */
void expr_print(struct buf *out, const struct expr *expr);
void source_print(struct buf *out, const struct source *source);
void select_print(struct buf *out, const struct select_stmt *select);
void statement_print(struct buf *out, const struct statement *statement);
/* A duration as InfluxQL prints it: 90m, 0s, 1w. */
void print_duration(struct buf *out, int64_t duration_ns);
/*
 * A number without an exponent, which the language has not; at least so many
 * decimals, and as many as read back the same.
 */
void print_decimal(struct buf *out, double value, int decimals);
/* A name in quotes when it needs them. */
void print_ident(struct buf *out, struct slice name);

#endif
