/* From memory into shards, and what makes that durable. */
#ifndef ENGINE_UPKEEP_FLUSH_H
#define ENGINE_UPKEEP_FLUSH_H

#include <stdint.h>

struct engine;

/* Everything that writes returned for before is durable when this returns. */
int engine_sync(struct engine *engine);
/* Move everything from memory into shards now; returns when it is there. */
int engine_flush(struct engine *engine);

/*
 * The end of a run: everything is durable. What many groups have of a short log stays in the log,
 * which the next start replays: a shard that takes one point costs a dozen syncs.
 */
int flush_or_keep(struct engine *engine);
/* All up to `sequence` is durable: a start that finds less of the log knows that it is damaged. */
void flush_mark_log(struct engine *engine, uint64_t sequence);

/* Between these no shard gets anything, and the log is not trimmed. A flush waits. */
void flush_hold_off(struct engine *engine);
void flush_let_on(struct engine *engine);

#endif
