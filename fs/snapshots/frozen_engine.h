/*
 * The snapshots that there are, and the engine that each is read through: a snapshot is a data
 * directory of its own (engine_freeze), whose engine opens when somebody first looks into it and
 * stays open until the snapshot is let go.
 */
#ifndef FS_SNAPSHOTS_FROZEN_ENGINE_H
#define FS_SNAPSHOTS_FROZEN_ENGINE_H

#include <pthread.h>

#include "fs/snapshots/frozen_names.h"

struct frozen {
	uint32_t number, database_id;
	char *name;
	atomic_int references; /* the table's, the files', and queries' */
	pthread_mutex_t lock;
	struct engine *engine;	   /* protected by lock; once there, it stays */
	struct frozen_names names; /* there when the engine is */
	/* The process that listed its top, and when it last went on; protected by the table's lock
	 */
	uint32_t remover_pid;
	int64_t remover_ns; /* monotonic */
	struct frozen *next;
};

struct frozen_table;

/* With what the engine has kept. */
struct frozen_table *frozen_table_new(struct mount *mount);
/* Before the engine closes. */
void frozen_table_free(struct frozen_table *table);
/* Lets go of the snapshots that dropped databases took along. Now and then. */
void frozen_tick(struct mount *mount);

/* Make one. ERR_EXISTS, ERR_LIMIT: snapshots_max. */
int frozen_make(struct mount *mount, uint32_t database_id, struct slice name, uint32_t *number);
/* Let it go; what the kernel still knows of it stays readable. ERR_NOT_FOUND. */
int frozen_thaw(struct mount *mount, uint32_t number);
/* The number of one by its name. ERR_NOT_FOUND. */
int frozen_number(struct mount *mount, uint32_t database_id, struct slice name, uint32_t *number);
/* Calls `each` for every snapshot of a database. Holds the table's lock meanwhile. */
void frozen_each(struct mount *mount, uint32_t database_id,
		 void (*each)(void *arg, uint32_t number, struct slice name), void *arg);

/* With a reference, its engine and its names. ERR_NOT_FOUND: it was let go. */
int frozen_take(struct mount *mount, uint32_t number, struct frozen **out);
void frozen_unref(struct frozen *frozen);
/* The series of a group of it are there afterwards. */
int frozen_fill_series(struct frozen *frozen, struct frozen_entry *group);
/*
 * The engine that answers below a query/: a snapshot's by its number, with a reference to end, or
 * for number 0 the mount's own and NULL. ERR_NOT_FOUND: it was let go.
 */
int frozen_take_engine(struct mount *mount, uint32_t number, struct frozen **frozen,
		       struct engine **engine);
void frozen_release_engine(struct frozen *frozen); /* NULL: nothing */

/*
 * rm -r lists the top of a snapshot, then removes name after name, and the top at the end. In a
 * snapshot nothing is removed but the whole: to the process that began at the top, its names go
 * without a word, until the rmdir that lets go of all. Others get EROFS for each.
 */
void frozen_note_listing(struct mount *mount, uint32_t number, uint32_t pid);
/* Does the process go on with that? */
bool frozen_goes_on(struct mount *mount, uint32_t number, uint32_t pid);

#endif
