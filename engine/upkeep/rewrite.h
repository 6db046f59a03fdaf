/* How one shard is written anew. */
#ifndef ENGINE_UPKEEP_REWRITE_H
#define ENGINE_UPKEEP_REWRITE_H

#include <stdbool.h>
#include <stdint.h>

struct live_group;

/*
 * Write one shard of a group anew unless it is settled, or (without `force`) little would
 * change. Under rewriter.lock (cold.c). ERR_SPACE, ERR_IO, ERR_CORRUPT: it is as it was. ERR_BUSY:
 * a scratch file is open or a mask is not flushed yet. ERR_CANCELLED: the engine stops.
 */
int rewrite_shard(struct live_group *group, uint32_t number, bool force);

#endif
