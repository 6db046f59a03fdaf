/*
 * A store: a LevelDB directory that is open only while something needs it.
 *
 * All stores of a pool share a few handles. One that is wanted is opened, and
 * the one that was not used for longest is closed for it. What was learnt about
 * LevelDB 1.23 the hard way is kept here and nowhere else:
 *
 *   - After one failed write, later writes that say OK can be lost. So a handle
 *     that failed once takes no more: it serves reads until the next write comes,
 *     which closes it and opens a new one.
 *   - Every batch is synced: a synced write does not cover earlier ones that were not.
 *   - Opening replays the log into a table. So what lies in the log is moved into a
 *     table when it is much, and before a handle is closed.
 *   - Without CURRENT a directory of tables would be taken for a new one and
 *     emptied. That is ERR_CORRUPT here; and where CURRENT was seen LevelDB may not make one,
 *     since it takes a look that fails for one that found nothing.
 *   - A full disk keeps LevelDB from opening, so a handle that reads is not given
 *     up for one that could write while there is no room.
 */
#ifndef ENGINE_SHARD_STORE_H
#define ENGINE_SHARD_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/slice.h"

struct store_pool;
struct store;

/* At most `open_max` (at least 1) handles at once; a caller that needs one more waits for one. */
struct store_pool *store_pool_open(uint32_t open_max);
/* From now on its stores are only read, and not even LevelDB changes a file in them. */
void store_pool_leave_alone(struct store_pool *pool);
/* All its stores are closed. */
void store_pool_close(struct store_pool *pool);
struct store_pool_counts {
	uint32_t open;		 /* now */
	uint64_t opened, closed; /* since the start */
};
void store_pool_count(struct store_pool *pool, struct store_pool_counts *counts);

/* Touches no file. Never NULL. */
struct store *store_open(struct store_pool *pool, const char *path);
/* Nothing else uses it any more. What lies in the log is moved into a table first. */
void store_close(struct store *store);
/*
 * Rename the directory, once nobody reads from it; the handle is closed, and opened
 * there when needed. A directory that does not exist is moved by remembering.
 */
int store_move(struct store *store, const char *path);
/*
 * A second directory of the same content, once nobody reads from it; the handle is closed.
 * Tables, which never change, are linked; the rest, which is small, is copied. Synced, but for
 * the parent of `path`. Of nothing a second nothing is made.
 */
int store_link(struct store *store, const char *path);
/* The same from a directory that no handle is open on. */
int store_link_directory(const char *from, const char *to);
/* Is there a LevelDB? ERR_CORRUPT: the remains of one. Does not open it. */
int store_exists(struct store *store, bool *exists);
/* For tests: give the handle up as a crash would, without moving the log into a table. */
void store_abandon(struct store *store);

/* --- writing --- */

struct store_batch;
struct store_batch *store_batch_new(void);
void store_batch_free(struct store_batch *batch);
void store_batch_put(struct store_batch *batch, struct slice key, struct slice value);

/*
 * Write the batch, all or nothing, durable when this is OK. Creates the
 * directory (not its parent). On ERR_SPACE, ERR_IO, ERR_CORRUPT the batch may
 * still turn up when LevelDB is next opened.
 */
int store_write(struct store *store, const struct store_batch *batch);
/*
 * Make sure that what is read is what would be read after a restart: after a failed
 * write, open anew. `*reopened` tells whether something may have turned up.
 */
int store_settle(struct store *store, bool *reopened);

/* --- reading --- */

/*
 * Hand the value of `key` to `with`, which borrows it; its result is given back.
 * LevelDB's own checksum is not computed: values carry their own. ERR_NOT_FOUND,
 * ERR_CORRUPT, ERR_IO, ERR_SPACE.
 */
int store_read(struct store *store, struct slice key, int (*with)(void *arg, struct slice value),
	       void *arg);
/*
 * Hand pairs in key order to `each`, checksums verified, until it gives END or fails. To go on
 * elsewhere it fills `seek` (STORE_KEY_BYTES_MAX of room) and `*seek_bytes`: the next pair is
 * the first at or after that key. END: there is no LevelDB.
 */
#define STORE_KEY_BYTES_MAX 64
struct store_pair {
	struct slice key, value; /* borrowed during the call */
	char *seek;
	size_t *seek_bytes;
};
int store_scan(struct store *store, int (*each)(void *arg, const struct store_pair *pair),
	       void *arg);

/*
 * How many pairs were ever put, once something was read: as many as there are, where no key was put
 * twice. LevelDB may tell more after a write that failed, never fewer.
 */
uint64_t store_sequence(struct store *store);

/* --- after damage --- */

/* To the operator, with its path; at most one line a second of each store. */
void store_tell(struct store *store, const char *text);

/* Does it open? ERR_NOT_FOUND: there is none. */
int store_open_now(struct store *store);

/* As store_scan(), over all that can be read. ERR_CORRUPT in the end: something was left out. */
int store_scan_readable(struct store *store, int (*each)(void *arg, const struct store_pair *pair),
			void *arg);
/*
 * Make a LevelDB again of a directory that does not open, out of the tables and logs that are in
 * it. Changes no file that it did not make, so that the directory may be one of links.
 */
int store_repair(struct store_pool *pool, const char *path);

#endif
