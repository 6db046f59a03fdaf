/* Which shards are written anew, and when. */
#ifndef ENGINE_UPKEEP_COLD_H
#define ENGINE_UPKEEP_COLD_H

#include <stdint.h>

struct engine;

/*
 * Rewrite the shards below an object (a database, policy or group; 0 = all of them) into full
 * chunks now, whatever their age; returns when it is done. What is settled already, or has
 * a scratch file open, stays as it is. ERR_NOT_FOUND: no such object. ERR_SPACE, ERR_IO,
 * ERR_CORRUPT: of the first group that failed; others are done all the same.
 */
int engine_compact(struct engine *engine, uint32_t object_id);

/* Before any shard is opened: end what a crash interrupted. */
int cold_recover(struct engine *engine);
/* Write anew what is due. The rewriter's; cold_stop() ends it. */
void cold_look_around(struct engine *engine);
void cold_stop(struct engine *engine);

#endif
