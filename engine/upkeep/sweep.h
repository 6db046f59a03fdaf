/* What a crash kept of what was dropped. */
#ifndef ENGINE_UPKEEP_SWEEP_H
#define ENGINE_UPKEEP_SWEEP_H

struct engine;

/* Into the trash: shards, indexes and snapshots that a record removed, and what lay there already.
 */
void sweep(struct engine *engine);

#endif
