/* From memory into shards, and what makes that durable. */
#ifndef ENGINE_UPKEEP_FLUSH_H
#define ENGINE_UPKEEP_FLUSH_H

struct engine;

/* Everything that writes returned for before is durable when this returns. */
int engine_sync(struct engine *engine);
/* Move everything from memory into shards now; returns when it is there. */
int engine_flush(struct engine *engine);

/* Between these no shard gets anything, and the log is not trimmed. A flush waits. */
void flush_hold_off(struct engine *engine);
void flush_let_on(struct engine *engine);

#endif
