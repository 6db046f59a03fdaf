/* Databases, policies and groups that go. */
#ifndef ENGINE_UPKEEP_DROP_H
#define ENGINE_UPKEEP_DROP_H

#include <stdint.h>

struct engine;

/*
 * Drop a database, policy or group: gone for every later open when this
 * returns, also after a crash; open snapshots and texts keep what they had.
 * Does not open the shard; costs a catalog record and a rename per group.
 */
int engine_drop(struct engine *engine, uint32_t object_id);

#endif
