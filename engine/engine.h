/*
 * The engine's face: a data directory of databases that takes lines of text
 * and gives back snapshots, cursors and series as text. Knows no path of the
 * mount, no query, no errno.
 *
 *	DATADIR/
 *	  lock               held while open; names the owner's pid and host
 *	  format             "seriesfs 2\n" (directory/format.h)
 *	  catalog            journal (names/catalog.h); and catalog.copy
 *	  wal/NNNNNNNN       write-ahead log segments (log/wal.h); and mark, of what was synced
 *	  db/ID/index        series index journal of a database (names/index.h); and index.copy
 *	  shard/GROUPID.N/   LevelDB of shard N of a group (shard/shard.h)
 *	  shard/GROUPID.N.{tmp,new}   being written anew (upkeep/rewrite.c)
 *	  shard/GROUPID.N.mark   that it was there (shard/store_files.h)
 *	  snapshot/ID/NAME/  a database as it was: a data directory by itself (upkeep/freeze.c)
 *	  trash/             dropped, being deleted
 *	  set-aside/TIME/    what seriesfs-check --repair has moved aside
 *	  clock              what the log told last, once it is trimmed (memory/arrivals.c)
 *	  continuous         what continuous queries have done (query/continuous/runner.c)
 *
 * Threads: any number may call anything, except where a handle (writer,
 * rows_stream, series_text) says that it belongs to one at a time.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/base/counters.h"
#include "engine/base/env.h"
#include "engine/base/err.h"
#include "engine/memory/arrivals.h"
#include "engine/memory/cuts.h"
#include "engine/memory/objects.h"
#include "engine/memory/options.h"
#include "engine/names/catalog.h"
#include "engine/names/index.h"
#include "engine/read/census.h"
#include "engine/read/group_stat.h"
#include "engine/read/series_text.h"
#include "engine/read/snapshot.h"
#include "engine/upkeep/cold.h"
#include "engine/upkeep/drop.h"
#include "engine/upkeep/flush.h"
#include "engine/upkeep/freeze.h"
#include "engine/upkeep/retention.h"
#include "engine/write/change.h"
#include "engine/write/writer.h"

/*
 * Lock, read the catalog and indexes, replay the log. Starts no thread and
 * opens no LevelDB, so that it may come before daemonising. ERR_BUSY: another
 * process has it (diag names its pid and host). ERR_INVALID: a foreign directory
 * (directory/directory.h), or a newer format.
 */
int engine_open(const struct engine_options *options, struct engine **out, struct diag *diag);
/* Start the threads (log commit, flush, deletion). */
int engine_start(struct engine *engine);
/* Tells processes that wait for the lock to wait on: nothing new is taken, it will be free soon. */
void engine_stopping(struct engine *engine);
/* Flush, sync, stop. Handles must be closed. */
int engine_close(struct engine *engine);

/*
 * With sync_writes, what was changed in the catalog is durable when this returns; else it is with
 * the next engine_sync(). Gives `err` when that is below 0: for the end of a call that changes it.
 */
int engine_settle(struct engine *engine, int err);

struct catalog *engine_catalog(struct engine *engine);
/*
 * The index of a database, which lives on though the database is dropped: index_let_go() it.
 * ERR_NOT_FOUND: no such database. ERR_SPACE, ERR_IO: it could not be made with the database, nor
 * can it now.
 */
int engine_find_index(struct engine *engine, uint32_t database_id, struct index **out);
struct index *engine_hold_index(struct engine *engine, uint32_t database_id); /* or NULL */
/* Not held: for a caller that keeps the database from being dropped, or is alone. */
struct index *engine_index(struct engine *engine, uint32_t database_id);
/* Equal numbers: nothing changed in the database between, nor in the catalog. */
uint64_t engine_database_version(struct engine *engine, uint32_t database_id);
int engine_disk(struct engine *engine, struct env_disk *out);
/*
 * A small text that is kept beside the data under a name, with a checksum in its last line: whole,
 * or as it was. ERR_NOT_FOUND, ERR_CORRUPT.
 */
int engine_keep(struct engine *engine, const char *name, struct slice text);
int engine_kept(struct engine *engine, const char *name, struct buf *out);

/* A second, read-only engine over a database that was kept (upkeep/freeze.h), with the same ids.
 * End it with engine_close_frozen(). */
int engine_open_frozen(struct engine *engine, uint32_t database_id, const char *name,
		       struct engine **out);
void engine_close_frozen(struct engine *frozen);

/* Gauges of the moment. */
struct engine_gauges {
	uint64_t memtable_bytes, memtable_peak_bytes; /* now, and the most so far */
	uint64_t index_bytes;	    /* names, series, postings, of all databases */
	uint64_t directory_bytes;   /* where the chunks of the shards are */
	uint64_t series_text_bytes; /* what is known of series as text */
	uint64_t wal_bytes, series, groups, shards_open;
};
void engine_gauges(struct engine *engine, struct engine_gauges *out);

#endif
