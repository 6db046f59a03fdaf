/*
 * Continuous queries as text: what a file in `continuous/` holds, and the
 * CREATE statement that says the same.
 *
 *	RESAMPLE EVERY 1m FOR 1h SELECT mean(v) INTO "5m".cpu FROM cpu GROUP BY time(5m)
 *	'---- may be missing ---'
 */
#ifndef QUERY_CONTINUOUS_H
#define QUERY_CONTINUOUS_H

#include "engine/base/buf.h"
#include "query/ast.h"

/* The two parts of a stored text; `resample` is "" when it says nothing. Borrows. */
void continuous_split(struct slice text, struct slice *resample, struct slice *select);
/* The stored text of a CREATE CONTINUOUS QUERY, appended: what stands in BEGIN … END. */
void continuous_print_stored(struct buf *out, const struct statement *create);
/* CREATE CONTINUOUS QUERY name ON database [RESAMPLE …] BEGIN select END, appended. */
void continuous_print_create(struct buf *out, struct slice name, struct slice database,
			     struct slice text);

#endif
