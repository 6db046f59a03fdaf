/*
 * The name of a source, decided.
 *
 * Why one place: FROM of a SELECT, of SHOW and DELETE, and of a continuous query must mean the same
 * measurement by the same text.
 */
#include "query/language/source.h"

bool source_is_path(struct catalog *catalog, uint32_t database_id, const struct source *source)
{
	struct object found;

	if (source->database.length)
		return catalog_find(catalog, OBJECT_ROOT_ID, source->database, &found) >= 0;
	return source->policy.length &&
	       catalog_find(catalog, database_id, source->policy, &found) >= 0 &&
	       found.kind == OBJECT_POLICY;
}

enum dotted_kind source_resolve(struct catalog *catalog, struct index *index, uint32_t database_id,
				const struct source *source, bool is_old)
{
	if (source->whole_name.length == 0 || source_is_path(catalog, database_id, source))
		return DOTTED_PATH;
	if (is_old)
		return DOTTED_NAME;
	return index && index_measurement_find(index, source->whole_name) != ID_NONE ? DOTTED_NAME
										     : DOTTED_PATH;
}
