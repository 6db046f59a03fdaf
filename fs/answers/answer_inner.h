/*
 * What the files of answers share: an answer, those that wait for it, and the table of them.
 *
 *	answer.c ─► answer_evaluate.c ─► bytes, and what they depend on
 *	    └─────► answer_table.c    ─► which answer holds, and which has to go
 *
 * Why: which answer may be shared is a question of versions and rights (answer_table.c), what it
 * depends on is noted while the query runs (answer_evaluate.c), and only answer.c replies to the
 * kernel. For nobody outside of the room.
 */
#ifndef FS_ANSWERS_ANSWER_INNER_H
#define FS_ANSWERS_ANSWER_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "fs/answers/answer.h"
#include "fs/nodes/access.h"
#include "fs/nodes/place.h"

#define ANSWER_DATABASES_MAX 16u

enum answer_state {
	ANSWER_RUNNING,
	ANSWER_READY,
	ANSWER_FAILED,
	ANSWER_LARGE, /* over the budget: streamed */
	ANSWER_GONE,  /* cancelled, or its memory was needed: look up again */
};

enum wait_kind { WAIT_LOOKUP, WAIT_ATTR, WAIT_OPEN };

struct wait {
	enum wait_kind kind;
	fuse_req_t req;
	struct node *node;
	struct fuse_file_info info; /* WAIT_OPEN */
	int64_t deadline_ns;	    /* WAIT_LOOKUP, monotonic */
	struct wait *next;
};

/* A database that the query reads, and its state when it did. */
struct used_database {
	uint32_t id;
	uint64_t version;
};

struct answer {
	struct job job;
	struct mount *mount;
	uint64_t number;
	struct place place;
	struct buf text; /* as below query/ */
	/* Whose LOOKUP began it: what it may is what the query may. Its groups are read when they
	 * are asked for, at the latest when that LOOKUP is answered; protected by the table's lock.
	 */
	struct caller caller;
	atomic_int references; /* the table's, the job's, the nodes' */
	atomic_bool cancelled; /* read by the query */

	/* set by the evaluation, read when it is over */
	struct buf bytes;
	struct used_database databases[ANSWER_DATABASES_MAX];
	size_t database_count;
	bool databases_overflow;
	uint64_t catalog_version;
	struct notes notes; /* for whom else it holds */
	bool keeps;	    /* holds as long as nothing changes */
	bool too_large;
	int64_t time_ns;  /* wall clock, its mtime */
	int64_t ready_ns; /* monotonic */
	int err;

	/* protected by the table's lock */
	enum answer_state state;
	struct wait *waits;
	unsigned open_count;
	bool linked;
	struct answer *next; /* newest first */
};

struct answer_table {
	pthread_mutex_t lock;
	struct answer *first; /* protected by lock */
	size_t count;	      /* protected by lock */
	uint64_t number_next; /* protected by lock */
	uint64_t bytes;	      /* of ready answers; protected by lock */
	uint64_t bytes_max;
	atomic_int wait_count;
};

/* Without the table's lock, or with it. The last one frees the answer. */
void answer_unref(struct answer *answer);

/* With the table's lock: */

/* Out of the list, and its bytes out of the sum. Whoever holds a reference still reads it. */
void answer_unlink(struct answer_table *table, struct answer *answer);
/* Drops the oldest answers until bytes and count are within their limits. */
void answer_table_make_room(struct answer_table *table);
/* Reads the groups of the caller whose LOOKUP began the answer, while it waits. */
void answer_learn_groups(struct answer *answer);
/* An answer of the text that still holds, and that this caller may have; NULL: none. */
struct answer *answer_find(struct answer_table *table, const struct place *place, struct slice text,
			   fuse_req_t req, struct caller *caller);
/* A new one; two references, of the table and of the job that will make it. */
struct answer *answer_add(struct mount *mount, const struct place *place, struct slice text,
			  const struct caller *caller);

/*
 * Without the lock, in the pool: run the query into the answer's bytes, and note what they depend
 * on. Below 0: `diag` tells why; with `too_large` the answer is to be streamed.
 */
int answer_evaluate(struct answer *answer, struct engine *engine, struct diag *diag);

#endif
