/*
 * A few threads that do what may take long, first come first served. Jobs are
 * linked through the caller's own struct, so that submitting cannot fail.
 */
#ifndef FS_NODES_POOL_H
#define FS_NODES_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct job {
	void (*run)(struct job *job); /* owns `job` from here on */
	struct job *next;
};

struct pool;

/* The threads block all signals. NULL: the system gave no thread. */
struct pool *pool_start(const char *name, size_t threads);
void pool_submit(struct pool *pool, struct job *job);
/* Take a job back that has not begun; false: it has, or is done. */
bool pool_take_back(struct pool *pool, struct job *job);
/* Jobs that wait. */
size_t pool_waiting(struct pool *pool);
/* Runs what waits, then ends. */
void pool_stop(struct pool *pool);

#endif
