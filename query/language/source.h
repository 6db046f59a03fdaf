/* What a raw dotted name in FROM is: `a.b` may be a path, or the name of a measurement. */
#ifndef QUERY_SOURCE_H
#define QUERY_SOURCE_H

#include "engine/names/catalog.h"
#include "engine/names/index.h"
#include "query/language/ast.h"

/* Is the database that the source names there, or else its policy in the database of the request?
 */
bool source_is_path(struct catalog *catalog, uint32_t database_id, const struct source *source);
/*
 * A path, or a name: that of a measurement of `index` (NULL: there is no default database), or of
 * any in a statement of 0.8. A source without a whole name is a path.
 */
enum dotted_kind source_resolve(struct catalog *catalog, struct index *index, uint32_t database_id,
				const struct source *source, bool is_old);

#endif
