/*
 * The queries that run at this moment: what SHOW QUERIES lists and KILL QUERY
 * ends. One list for the process, under a lock.
 */
#ifndef QUERY_RUNNING_H
#define QUERY_RUNNING_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/slice.h"

/* Lent by whoever runs it, from running_begin() to running_end(). */
struct running {
	uint64_t id; /* from 1, never reused; set by running_begin() */
	struct slice text, database;
	int64_t start_ns; /* monotonic */
	bool *cancelled;  /* set by running_kill(); NULL: it cannot be killed */
	bool is_killed;	  /* read after running_end() */
	struct running *next;
};

void running_begin(struct running *running);
void running_end(struct running *running);
/* Calls `each` for every one, oldest first, under the lock, until it fails. */
int running_list(int (*each)(void *arg, const struct running *running), void *arg);
/* False: there is none of that number. */
bool running_kill(uint64_t id);

#endif
