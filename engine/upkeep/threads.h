/*
 * What runs by itself:
 *
 *	flusher     memory into shards, when half of it is full
 *	committer   syncs the log every commit_seconds
 *	rewriter    looks for cold shards every cold_period_seconds
 *	cleaner     empties the trash (directory/trash.h)
 */
#ifndef ENGINE_UPKEEP_THREADS_H
#define ENGINE_UPKEEP_THREADS_H

struct engine;

void threads_init(struct engine *engine);
void threads_release(struct engine *engine);
/* None of an engine that only reads. ERR_MEMORY. */
int threads_start(struct engine *engine);
/* What is in the trash is deleted first. */
void threads_stop(struct engine *engine);

#endif
