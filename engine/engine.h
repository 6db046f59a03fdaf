/*
 * The engine's face: a data directory of databases that takes lines of text
 * and gives back snapshots, cursors and series as text. Knows no path of the
 * mount, no query, no errno.
 *
 *	DATADIR/
 *	  lock               held while open; names the owner's pid and host
 *	  format             "seriesfs 2\n" (format.h)
 *	  catalog            journal (catalog.h); and catalog.copy
 *	  wal/NNNNNNNN       write-ahead log segments (wal.h); and mark, of what was synced
 *	  db/ID/index        series index journal of a database (index.h); and index.copy
 *	  shard/GROUPID.N/   LevelDB of shard N of a group (shard.h); also .tmp, .new (rewrite.c)
 *	  shard/GROUPID.N.mark   that it was there (store_files.h)
 *	  snapshot/ID/NAME/  a database as it was: a data directory by itself (freeze.c)
 *	  trash/             dropped, being deleted
 *	  set-aside/TIME/   what seriesfs-check --repair has moved aside
 *	  continuous         what continuous queries have done (fs/settings/continuous.c)
 *
 * Threads: any number may call anything, except where a handle (writer,
 * cursor, series_text) says that it belongs to one at a time.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/base/counters.h"
#include "engine/base/env.h"
#include "engine/base/err.h"
#include "engine/names/catalog.h"
#include "engine/names/index.h"
#include "engine/point/row.h"

struct engine;

struct engine_options {
	const char *path;
	bool read_only;
	bool leaves_alone;	     /* with read_only: changes no byte of the directory */
	bool sync_writes;	     /* every write durable before it returns */
	uint32_t commit_seconds;     /* 0 = default */
	uint64_t memtable_bytes_max; /* 0 = default; writers wait beyond it */
	uint32_t shards_open_max;    /* 0 = default */
	uint32_t series_max;	     /* per database; 0 = default */
	/* Groups past their window are rewritten after this long without a point; 0 = never. */
	uint32_t cold_seconds;
	bool trust_clock;	      /* it is a test's, or somebody looked */
	uint32_t cold_period_seconds; /* between looks for such groups; 0 = default */
};

/*
 * Lock, read the catalog and indexes, replay the log. Starts no thread and
 * opens no LevelDB, so that it may come before daemonising. ERR_BUSY: another
 * process has it (diag names its pid and host). ERR_INVALID: somebody else's directory
 * (directory.h), or a newer format.
 */
int engine_open(const struct engine_options *options, struct engine **out, struct diag *diag);
/* Start the threads (log commit, flush, deletion). */
int engine_start(struct engine *engine);
/* Those who wait for the lock may wait on: nothing new is taken, and it will be free soon. */
void engine_stopping(struct engine *engine);
/* Flush, sync, stop. Handles must be closed. */
int engine_close(struct engine *engine);

/* Everything that writes returned for before is durable when this returns. */
int engine_sync(struct engine *engine);
/*
 * With sync_writes, what was changed in the catalog is durable when this returns; else it is with
 * the next engine_sync(). Gives `err` when that is below 0: for the end of a call that changes it.
 */
int engine_settle(struct engine *engine, int err);
/* Move everything from memory into shards now; returns when it is there. */
int engine_flush(struct engine *engine);
/*
 * Rewrite the shards below an object (a database, policy or group; 0 = all of them) into full
 * chunks now, whatever their age; returns when it is done. What is settled already, or has
 * a scratch file open, stays as it is. ERR_NOT_FOUND: no such object. ERR_SPACE, ERR_IO,
 * ERR_CORRUPT: of the first group that failed; others are done all the same.
 */
int engine_compact(struct engine *engine, uint32_t object_id);

struct catalog *engine_catalog(struct engine *engine);
/*
 * The index of a database, which lives on though the database is dropped: index_let_go() it.
 * ERR_NOT_FOUND: no such database. ERR_SPACE, ERR_IO: it could not be made with the database, nor
 * can it now.
 */
int engine_find_index(struct engine *engine, uint32_t database_id, struct index **out);
struct index *engine_hold_index(struct engine *engine, uint32_t database_id); /* or NULL */
/* The same for who holds the database in some other way, or is alone. */
struct index *engine_index(struct engine *engine, uint32_t database_id);
int engine_disk(struct engine *engine, struct env_disk *out);
/*
 * A small text that is kept beside the data under a name, with a checksum in its last line: whole,
 * or as it was. ERR_NOT_FOUND, ERR_CORRUPT.
 */
int engine_keep(struct engine *engine, const char *name, struct slice text);
int engine_kept(struct engine *engine, const char *name, struct buf *out);
int engine_kept_read(const char *path, struct buf *out);
/*
 * A time of arrival: now, but later than any given out before, over restarts too. While the clock
 * is ahead, what it would be.
 */
int64_t engine_arrival_ns(struct engine *engine);

/* Of the wall clock, beside what is stored (wall.c): by years, not by less. */
enum clock_state { CLOCK_FINE, CLOCK_AHEAD, CLOCK_BEHIND };
/* `*expected_ns`: what it would show that went on from there. */
enum clock_state engine_clock(struct engine *engine, int64_t *expected_ns);
const char *clock_state_name(enum clock_state state);
/* Somebody says that the clock is right. Flushes. */
int engine_trust_clock(struct engine *engine);

/* --- objects that have points below them (the rest goes to the catalog) -- */

int engine_create_database(struct engine *engine, struct slice name, const struct attrs *attrs,
			   uint32_t *id);
int engine_create_policy(struct engine *engine, uint32_t database_id, struct slice name,
			 const struct policy_settings *settings, const struct attrs *attrs,
			 uint32_t *id);
/* Groups without a point get the policy's number of shards; a group's first point fixes it. */
int engine_set_policy(struct engine *engine, uint32_t policy_id,
		      const struct policy_settings *settings);
/* A group for exactly this window. ERR_INVALID when it overlaps another, ERR_EXISTS, ERR_RANGE
 * outside retention. */
int engine_create_group(struct engine *engine, uint32_t policy_id, int64_t start_s, int64_t end_s,
			const struct attrs *attrs, uint32_t *id);
/*
 * Drop a database, policy or group: gone for every later open when this
 * returns, also after a crash; open snapshots and texts keep what they had.
 * Does not open the shard; costs a catalog record and a rename per group.
 */
int engine_drop(struct engine *engine, uint32_t object_id);
/* Drop groups whose end is older than their policy keeps. Gives their number. */
int engine_retention(struct engine *engine, size_t *dropped);

/* --- writing ------------------------------------------------------------ */

struct writer;

enum write_scope {
	WRITE_ANY_SERIES, /* mydb/write, RP/.write */
	WRITE_ONE_SERIES, /* a series file: its key only; short forms are taken */
};

struct writer_options {
	uint32_t database_id;
	uint32_t policy_id; /* 0 = the default policy, autogen made when there is none */
	uint32_t group_id;  /* 0 = any window; else points outside it are ERR_RANGE */
	enum write_scope scope;
	uint32_t series_id; /* of WRITE_ONE_SERIES, when it exists already; else ID_NONE and: */
	struct slice series_key; /* canonical key (line_print_key); copied */
	int64_t time_unit_ns;	 /* of bare timestamps; 0 = 1 */
	size_t line_bytes_max;	 /* of a line that writer_write takes; 0 = LINE_BYTES_MAX */
	bool skip;		 /* bad lines are told to on_bad and passed over */
	bool feeds_nothing;	 /* engine_set_feed's function does not see the points */
	bool is_derived;	 /* made of other points: their times tell retention nothing */
	struct attrs attrs;	 /* for a policy or group that has to be made: mode, uid, gid */
	/* Called for each line passed over with `skip`. */
	void (*on_bad)(void *arg, int err, const struct diag *diag, struct slice line);
	void *on_bad_arg;
};

int writer_open(struct engine *engine, const struct writer_options *options, struct writer **out);
void writer_close(struct writer *writer);
/*
 * Store the complete lines at the start of `text`; belongs to one thread at a
 * time. `*consumed` tells the bytes of them (blank and comment lines count),
 * which are in the log and visible to every later open when this returns.
 * OK: all complete lines were stored; what is left, if anything, is the
 * unfinished last line. With `final` the last line needs no newline.
 * Below 0: the line at `*consumed` was refused and nothing from it on was
 * taken; diag tells line (counted from 1 within `text`), column, reason.
 *   ERR_INVALID bad line, ERR_TYPE, ERR_RANGE, ERR_TOO_LONG, ERR_LIMIT,
 *   ERR_SPACE, ERR_IO, ERR_STALE (the database or policy was dropped)
 */
int writer_write(struct writer *writer, struct slice text, bool final, size_t *consumed,
		 uint64_t *lines, struct diag *diag);
/*
 * The same from points that are no text: stores all of them, or those before the
 * one that is refused (with `skip`, on_bad gets its key). Everything is borrowed
 * for the call; strings lie anywhere. A field stands once in a point.
 */
struct new_point {
	struct slice key; /* as line protocol spells it */
	struct line_field *fields;
	size_t field_count; /* at least 1 */
	int64_t time_ns;
};
int writer_put(struct writer *writer, const struct new_point *points, size_t count,
	       struct diag *diag);
/* Points of the last writer_write() or writer_put() call that were stored. */
uint64_t writer_points(const struct writer *writer);

/*
 * Rows that a writer has just stored, and that are visible: for those who make
 * other points of them. Alive during the call.
 */
struct stored {
	uint32_t database_id, policy_id;
	struct index *index;
	const struct memtable_row *rows;
	size_t row_count;
	const struct layout *const *layouts; /* each of one measurement */
	size_t layout_count;
};
/*
 * Called without a lock, in order, before writer_write() returns, though not always in its thread;
 * may write to the engine itself, with `feeds_nothing`. False: nobody is fed at all. Set while
 * nobody writes.
 */
typedef bool engine_feed(void *arg, const struct stored *stored);
void engine_set_feed(struct engine *engine, engine_feed *feed, void *arg);

/*
 * Replace what a series had in a group up to sequence `cut` (engine_cut) with
 * the points of `text` (complete lines of that series only), atomically.
 */
int engine_series_replace(struct engine *engine, const struct writer_options *options, uint64_t cut,
			  struct slice text, struct diag *diag);
/* A mark in the order of acceptance: everything stored so far is at or before it. */
uint64_t engine_cut(struct engine *engine, uint32_t group_id);
void engine_cut_release(struct engine *engine, uint32_t group_id, uint64_t cut);

/* Delete the points of a series in one group, or (group_id 0) in all groups of a policy, in a
 * closed time range. */
int engine_series_remove(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			 uint32_t series_id, int64_t time_first_ns, int64_t time_last_ns);
/* utimens of a series in a group, or (group_id 0) in every group of the policy that has it. */
int engine_series_set_mtime(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			    uint32_t series_id, int64_t mtime_ns);

/* --- series as files ----------------------------------------------------- */

struct series_stat {
	uint64_t text_bytes; /* exact length of the series as text */
	uint64_t points;     /* rows */
	uint64_t disk_bytes; /* about, at least 1 when there is a point */
	int64_t time_first_ns, time_last_ns;
	int64_t mtime_ns, ctime_ns;
	uint64_t version; /* changes with the content */
};
/* group_id 0 = over all groups of the policy. ERR_NOT_FOUND: it has no point there. */
int engine_series_stat(struct engine *engine, uint32_t policy_id, uint32_t group_id,
		       uint32_t series_id, struct series_stat *out);
/* The series that have points in a group (or policy), ascending ids; free() the array. */
int engine_group_series(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			uint32_t **ids, size_t *count);
/* Cheap: does it have any? For rmdir. */
int engine_group_is_empty(struct engine *engine, uint32_t group_id, bool *empty);
struct group_stat {
	uint64_t series, points, disk_bytes;
	int64_t time_first_ns, time_last_ns;
};
int engine_group_stat(struct engine *engine, uint32_t group_id, struct group_stat *out);
/* Of a policy, at the cost of a look at its directories. */
struct policy_stat {
	uint64_t groups, disk_bytes;
	uint64_t points; /* rows stored: what was deleted or written twice counts until it is
			    rewritten */
	bool has_points; /* false: of shards that were not asked since the start nothing is known */
	int64_t first_end_s; /* of the oldest group */
};
/* `load`: read the directories of shards that were not asked yet. */
int engine_policy_stat(struct engine *engine, uint32_t policy_id, bool load,
		       struct policy_stat *out);

/*
 * A series as complete line protocol lines in time order, one per timestamp,
 * fields in name order: a snapshot that may only grow at its end. Any offset
 * can be read, by several threads.
 */
struct series_text;
int series_text_open(struct engine *engine, uint32_t policy_id, uint32_t group_id,
		     uint32_t series_id, struct series_text **out);
void series_text_close(struct series_text *text);
uint64_t series_text_bytes(struct series_text *text);
uint64_t series_text_version(struct series_text *text);
/* Appends up to `length` bytes from `offset` to `out`; fewer only at the end. ERR_CORRUPT, ERR_IO.
 */
int series_text_read(struct series_text *text, uint64_t offset, size_t length, struct buf *out);
/*
 * If the series only gained points after the last one here, take them in; else
 * stay, from then on for good. Never shrinks.
 */
int series_text_grow(struct series_text *text);

/* --- snapshots and cursors (for queries) --------------------------------- */

/* A consistent view of one database at one instant. Any thread may use it. */
struct snapshot;
int snapshot_open(struct engine *engine, uint32_t database_id, struct snapshot **out);
void snapshot_close(struct snapshot *snapshot);
struct index *snapshot_index(struct snapshot *snapshot);
/*
 * The series of a measurement that have a point (of any field) in a group of
 * the policy that overlaps the closed time range: ascending ids, free() the
 * array. policy_id 0 = any policy; measurement_id ID_NONE = any.
 */
int snapshot_series(struct snapshot *snapshot, uint32_t policy_id, uint32_t measurement_id,
		    int64_t time_first_ns, int64_t time_last_ns, uint32_t **ids, size_t *count);
/*
 * The types a field has in the groups of the policy overlapping the range, as
 * bits 1 << enum value_type; 0: it has none there. policy_id 0 = any.
 */
int snapshot_field_types(struct snapshot *snapshot, uint32_t policy_id, uint32_t measurement_id,
			 uint32_t field_id, int64_t time_first_ns, int64_t time_last_ns,
			 unsigned *types);
/* Number of groups of the policy that overlap the range. */
size_t snapshot_group_count(struct snapshot *snapshot, uint32_t policy_id, int64_t time_first_ns,
			    int64_t time_last_ns);
/* A number that is equal for two snapshots of a database when nothing changed between. */
uint64_t snapshot_version(struct snapshot *snapshot);
uint64_t engine_database_version(struct engine *engine, uint32_t database_id);

/*
 * One series, some fields, one closed time range: batches in time order over
 * all groups of the policy. Rows where none of the asked fields has a value
 * are left out (with field_count 0 every row of the series comes, times only).
 */
struct cursor_spec {
	uint32_t policy_id;
	uint32_t series_id;
	const uint32_t *field_ids; /* of the series' measurement; borrowed until close */
	size_t field_count;
	int64_t time_first_ns, time_last_ns;
	bool descending;
	const bool *cancelled; /* may be NULL; checked between batches, read atomically */
	/* Counted up by the time the cursor is closed; borrowed until then; NULL: nobody asks. */
	struct chunk_counts {
		uint64_t decoded, summarized, skipped; /* outside the range, or not reached */
	} * counts;
	/* One of many that are open at once: hold about so many rows, a vector of a chunk at least;
	 * 0: as many as there are. */
	size_t rows_max;
};
struct cursor;
int cursor_open(struct snapshot *snapshot, const struct cursor_spec *spec, struct cursor **out);
/*
 * Before the first batch, of an ascending cursor: offer `taker` (borrowed until close) what is
 * known of rows that come next, before they are decoded.
 */
void cursor_offer(struct cursor *cursor, const struct summary_taker *taker);
/*
 * Before the first batch: rows that fail one of the bounds (borrowed until close) may be left
 * out.
 */
void cursor_narrow(struct cursor *cursor, const struct value_bounds *bounds, size_t count);
/* OK with a batch that lives until the next call, END, ERR_CORRUPT, ERR_IO, ERR_CANCELLED. */
int cursor_next(struct cursor *cursor, struct batch *out);
void cursor_close(struct cursor *cursor);

/* --- databases kept as they were (files on disk, which outlive the engine) ---- */

/*
 * Keep a database as it is at one instant, under a name: durable when this returns. No write is
 * in it in part, whatever groups it went to. Costs links and small copies (freeze.c), and holds
 * writers up for two syncs. ERR_EXISTS, ERR_NOT_FOUND, ERR_READ_ONLY, ERR_SPACE, ERR_IO.
 */
int engine_freeze(struct engine *engine, uint32_t database_id, const char *name);
/* Let it go. It is not open. ERR_NOT_FOUND. */
int engine_thaw(struct engine *engine, uint32_t database_id, const char *name);
int engine_frozen(struct engine *engine, uint32_t database_id,
		  void (*each)(void *arg, uint32_t database_id, const char *name), void *arg);
/* A second, read-only engine over it, with the same ids. End it with engine_close_frozen(). */
int engine_open_frozen(struct engine *engine, uint32_t database_id, const char *name,
		       struct engine **out);
void engine_close_frozen(struct engine *frozen);

/* --- gauges -------------------------------------------------------------- */

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
