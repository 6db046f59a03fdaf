/* Objects that have points below them; the rest goes to the catalog. */
#ifndef ENGINE_MEMORY_OBJECTS_H
#define ENGINE_MEMORY_OBJECTS_H

#include "engine/names/catalog.h"

struct engine;

int engine_create_database(struct engine *engine, struct slice name, const struct attrs *attrs,
			   uint32_t *id);
int engine_create_policy(struct engine *engine, uint32_t database_id, struct slice name,
			 const struct policy_settings *settings, const struct attrs *attrs,
			 uint32_t *id);
/* Groups without a point get the policy's number of shards; a group's first point fixes it. */
int engine_set_policy(struct engine *engine, uint32_t policy_id,
		      const struct policy_settings *settings);
/* A group for exactly this window. ERR_INVALID when it overlaps another, ERR_EXISTS, ERR_RANGE
 * outside retention. */
int engine_create_group(struct engine *engine, uint32_t policy_id, int64_t start_s, int64_t end_s,
			const struct attrs *attrs, uint32_t *id);

#endif
