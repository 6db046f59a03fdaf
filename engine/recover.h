/* What the log has that no shard has. */
#ifndef ENGINE_RECOVER_H
#define ENGINE_RECOVER_H

#include <stdint.h>

struct engine;

/* Into memory. `sequence`: the last that `clock` tells. Opens engine->wal. */
int recover(struct engine *engine, uint64_t sequence);

#endif
