/*
 * The struct behind catalog.h, and what its three files do for each other. Private to catalog.c
 * (looks and changes), catalog_file.c (writes the journal anew) and catalog_open.c (reads it).
 */
#ifndef ENGINE_NAMES_CATALOG_INNER_H
#define ENGINE_NAMES_CATALOG_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/log/journal.h"
#include "engine/names/catalog.h"
#include "engine/names/catalog_tree.h"

struct catalog {
	char *path;
	bool read_only;
	bool was_damaged; /* set once */
	pthread_rwlock_t lock;
	struct tree tree;      /* protected by lock */
	struct buf record;     /* protected by lock: the change that is being made */
	uint64_t sequence;     /* protected by lock: of the last record */
	_Atomic uint64_t kept; /* of the last that is durable for sure */
	_Atomic uint64_t version;
	pthread_mutex_t sync_lock; /* taken inside lock */
	struct journal *journal;   /* replaced under both; NULL when read-only */
	bool rename_unsafe;	   /* protected by sync_lock: the directory could not be synced */
	catalog_watcher *_Atomic watcher; /* NULL: none */
	void *watcher_arg;
};

/*
 * Under the lock for changes. Writes a journal that says what the tree says beside the old one, and
 * puts it in its place. After a failure the old one goes on, but for ERR_IO of the directory:
 * then nobody knows which of the two a crash would leave, and `rename_unsafe` stops all changes.
 */
int catalog_rewrite(struct catalog *catalog);
/* Under the lock for changes, after each: the journal grows no further than four times the tree. */
void catalog_rewrite_when_grown(struct catalog *catalog);
/* Under the lock for changes, or by the last user. A failure is no error: the old one says the
 * same. */
void catalog_compact_locked(struct catalog *catalog);

#endif
