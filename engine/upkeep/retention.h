/* What is too old goes. */
#ifndef ENGINE_UPKEEP_RETENTION_H
#define ENGINE_UPKEEP_RETENTION_H

#include <stddef.h>

struct engine;

/* Drop groups whose end is older than their policy keeps. Gives their number. */
int engine_retention(struct engine *engine, size_t *dropped);
/* A person says that the clock is right. Flushes. */
int engine_trust_clock(struct engine *engine);

#endif
