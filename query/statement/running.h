/*
 * The queries that run at this moment: what SHOW QUERIES lists and KILL QUERY
 * ends. One list for the process, under a lock.
 */
#ifndef QUERY_RUNNING_H
#define QUERY_RUNNING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "query/statement/task.h"

/* Lent by whoever runs it, from running_begin() to running_end(). */
struct running {
	uint64_t id; /* from 1, never reused; set by running_begin() */
	struct slice text, database;
	/* What the statement names besides: its text is for those who may read all of them. */
	const struct slice *named;
	size_t named_count;
	uint32_t uid;		/* whose it is */
	int64_t start_ns;	/* monotonic */
	atomic_bool *cancelled; /* set by running_kill(); NULL: it cannot be killed */
	bool is_killed;		/* read after running_end() */
	struct running *next;
};

void running_begin(struct running *running);
void running_end(struct running *running);

/* One that ran when it was asked for: rows are given without the lock. */
struct running_copy {
	struct running running;
	bool is_killed;
	struct running_copy *next;
};
/* All of them, oldest first, in the arena. */
int running_copy_all(struct arena *arena, struct running_copy **out);
/* The caller's own, or one whose databases the caller may all read. */
bool running_is_shown(struct task *task, const struct running_copy *copy);
/* The caller's own, or one whose database the caller may change. */
bool running_may_be_killed(struct task *task, const struct running_copy *copy);
/* False: there is none of that number. */
bool running_kill(uint64_t id);

#endif
