/* Databases kept as they were: directories on disk, which outlive the engine. */
#ifndef ENGINE_UPKEEP_FREEZE_H
#define ENGINE_UPKEEP_FREEZE_H

#include <stdint.h>

struct engine;

/*
 * Keep a database as it is at one instant, under a name: durable when this returns. No write is
 * in it in part, whatever groups it went to. Costs links and small copies (freeze.c), and holds
 * writers up for two syncs. ERR_EXISTS, ERR_NOT_FOUND, ERR_READ_ONLY, ERR_SPACE, ERR_IO.
 */
int engine_freeze(struct engine *engine, uint32_t database_id, const char *name);
/* Let it go. It is not open. ERR_NOT_FOUND. */
int engine_thaw(struct engine *engine, uint32_t database_id, const char *name);
int engine_frozen(struct engine *engine, uint32_t database_id,
		  void (*each)(void *arg, uint32_t database_id, const char *name), void *arg);

/* The snapshots of a database that was dropped, or of all that a record removed. */
int freeze_drop_database(struct engine *engine, uint32_t database_id);
int freeze_sweep(struct engine *engine);

#endif
