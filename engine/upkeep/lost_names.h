/*
 * Points whose series or fields the index does not name any more: after damage to it, and never
 * after a crash, since names are durable before what has them. Their numbers must not be given to
 * something else, which would then show these points as its own.
 */
#ifndef ENGINE_LOST_NAMES_H
#define ENGINE_LOST_NAMES_H

#include "engine/chunk/chunk.h"
#include "engine/names/index.h"

struct engine;

/* Does the index name the series of a chunk, and all its fields? */
bool lost_names_are_known(struct index *index, const struct chunk_data *data);
/* Give them names that are made up (index_reserve_series). */
int lost_names_reserve(struct index *index, const struct chunk_data *data);
/*
 * The same for all that a database has in its shards, when one of its series is not named.
 * Reads their directories, and in that case all chunks. What is damaged is passed over.
 */
void lost_names_search(struct engine *engine, uint32_t database_id);

#endif
