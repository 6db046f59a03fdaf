/*
 * Continuous queries as text: what a file in `continuous/` holds, and the
 * CREATE statement that says the same.
 *
 *	RESAMPLE EVERY 1m FOR 1h SELECT mean(v) INTO "5m".cpu FROM cpu GROUP BY time(5m)
 *	'---- may be missing ---'
 */
#ifndef QUERY_STORED_H
#define QUERY_STORED_H

#include "engine/names/catalog.h"
#include "query/language/ast.h"

/* The stored text of a CREATE CONTINUOUS QUERY, appended: what stands in BEGIN … END. */
void stored_print(struct buf *out, const struct statement *create);
/*
 * CREATE CONTINUOUS QUERY … BEGIN select END, appended, as InfluxDB shows it: the tree of what is
 * stored, its paths named whole; a statement of 0.8 keeps its names. ERR_INVALID, ERR_LIMIT.
 */
int stored_print_create(struct buf *out, struct catalog *catalog, const struct object *database,
			const struct object *query);

#endif
