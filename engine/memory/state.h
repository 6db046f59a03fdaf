/*
 * The engine at work: its parts, and the order in which their locks are taken. Each lock is taken
 * in one file; the files in that order:
 *
 *	upkeep/room.c        room.lock       one maker of room at a time; it flushes
 *	upkeep/cold.c        rewriter.lock   one rewrite at a time
 *	upkeep/flush.c       flusher.lock    one flush; freeze.c and rewrite.c hold flushes off
 *	memory/gate.c        the gate        writers within; closed for the instant of freeze.c
 *	names/names.c        names.making    one maker of policies and groups at a time
 *	holders of a group   group.lock      orders the log and the memtable, so that a replay
 *	                                     meets rows in the order of acceptance
 *	read/view.c          view.lock       what a view has; group.lock is not taken below it
 *	read/snapshot.c      group.present_lock
 *	memory/live_group.c  group.shards_lock (and view.c, for a rewritten one), then groups.lock
 *	names/names.c        names.lock      the list of databases
 *
 * wal, shard, index, catalog, text_cache, budget, trash and threads have theirs inside, and call
 * nothing above with them held. None is held across a decode of stored chunks.
 */
#ifndef ENGINE_MEMORY_STATE_H
#define ENGINE_MEMORY_STATE_H

#include "engine/directory/directory.h"
#include "engine/directory/space.h"
#include "engine/directory/trash.h"
#include "engine/memory/arrivals.h"
#include "engine/memory/budget.h"
#include "engine/memory/gate.h"
#include "engine/memory/live_group.h"
#include "engine/memory/options.h"
#include "engine/names/names.h"

/* What the log was found to lack, and what it told: set once, at the start. */
struct recovered {
	uint64_t log_missing; /* records that the log has lost */
	bool removed_in_log;  /* records of dropped groups, so that drops must stay known */
};

/* upkeep/room.c */
struct room {
	pthread_mutex_t lock;
	int64_t failed_ns; /* protected by lock; when a flush for room failed last, 0 = it did not
			    */
};

/* upkeep/flush.c */
struct flusher {
	pthread_mutex_t lock;
};

/* upkeep/cold.c */
struct rewriter {
	pthread_mutex_t lock;
	_Atomic bool is_stopping; /* a rewrite gives up */
};

/* upkeep/threads.c */
#define THREAD_COUNT 3
struct threads {
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool is_stopping; /* protected by lock */
	pthread_t ids[THREAD_COUNT];
	unsigned started; /* of them; before others use the engine */
};

struct stored; /* write/writer.h */
/* What continuous queries make of rows that were stored. */
struct feed {
	bool (*each)(void *arg, const struct stored *stored); /* NULL = rows are fed to no query */
	void *arg;
};

/*
 * Names are whole without points: a machine that has only them keeps `names`, and none of what
 * stands below.
 */
struct engine {
	struct engine_options options;
	struct directory directory;
	struct trash trash;
	struct names names;

	/* Points, and what looks after them. */
	struct arrivals arrivals;
	struct wal *wal;
	struct shard_env *shard_env;
	struct live_groups groups;
	struct gate gate;
	struct budget budget;
	struct space space;
	struct recovered recovered;
	struct room room;
	struct flusher flusher;
	struct rewriter rewriter;
	struct threads threads;
	struct feed feed;
};

#endif
