/*
 * The engine at work, for its own files: what is open, and the shard groups
 * that somebody has touched.
 *
 * Locks, in the order in which they are taken:
 *	engine.space_lock   one maker of room at a time, who flushes
 *	engine.flush_lock   one flush at a time
 *	the gate            writers within; closed for the instant of freeze.c
 *	engine.create_lock  one maker of policies and groups at a time
 *	engine.cold_lock    one cold rewrite at a time; taken before flush_lock
 *	group.lock          orders the log and the memtable of a group, so that a
 *	                    replay meets rows in the order of acceptance
 *	view.lock           what a view has acquired; group.lock is never taken below it
 *	group.shards_lock   which shards the group has
 *	engine.lock         the lists of groups and databases
 *	wal, shard, index, catalog have their own inside
 * None is held across a decode of stored chunks.
 */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/base/map.h"
#include "engine/base/when.h"
#include "engine/engine.h"
#include "engine/log/wal.h"
#include "engine/memory/memtable.h"
#include "engine/shard/shard.h"

#define ENGINE_PATH_BYTES_MAX 4096

/* What a series in a group was last seen to be as text; see series_text.c. */
struct text_info;

/* A shard group at work. Counted: the engine's list holds one reference until it is dropped. */
struct live_group {
	struct engine *engine;
	_Atomic unsigned references;
	uint32_t id, policy_id, database_id;
	struct index *index; /* the database's, held */
	struct group_window window;
	uint32_t shard_count;
	/* protected by shards_lock; also flush_lock, or lock, keeps them from changing */
	struct shard **shards;
	pthread_mutex_t shards_lock;

	pthread_mutex_t lock;
	_Atomic bool dropped;		  /* set under lock */
	struct memtable *active, *sealed; /* protected by lock; sealed: being flushed, or NULL */
	uint64_t sealed_generation;	  /* protected by lock */
	bool sealed_was_tried;		  /* under flush_lock; some of it may be in shards */
	uint64_t flushed_generation;	  /* protected by lock; of this run, 0 = none */
	uint64_t sequence_last;		  /* protected by lock; of this run, 0 = none */
	struct idmap types;		  /* protected by lock; field key -> enum value_type */
	bool is_typed;			  /* protected by lock; a writer has put one there */
	struct view *views;		  /* protected by lock; all that are open */
	_Atomic int64_t written_ns;	  /* monotonic; 0 = not in this run */
	uint64_t settled_version;	  /* protected by cold_lock; nothing to rewrite then */
	bool keeps_names; /* protected by cold_lock: ERR_LAYER, so that a rewrite is in vain */
	uint64_t *cuts;	  /* protected by lock; of scratch files, ascending */
	size_t cut_count, cut_capacity;
	_Atomic uint64_t version; /* changes with any point, mask or mtime */

	pthread_mutex_t text_lock;
	struct idmap text_ids; /* protected by text_lock; series -> index in texts */
	struct text_info **texts;
	size_t text_count, text_capacity;
	/* Series present at `present_version`, which is 0 before the first time. */
	struct present *present; /* protected by text_lock */
	uint64_t present_version;
};

struct live_database {
	uint32_t id;
	struct index *index;
	uint64_t index_records_kept; /* durable at the last flush */
	uint64_t index_records_lost; /* of those, and it is known what they named */
	bool has_lost_names;	     /* more of those were gone when it was opened */
	bool is_unjudged;	     /* a version flushed that did not keep it */
	_Atomic uint64_t version;
};

struct engine {
	char path[ENGINE_PATH_BYTES_MAX - 128];
	struct engine_options options;
	_Atomic uint64_t bytes_unchecked; /* taken since the disk was last looked at */
	_Atomic bool is_nearly_full;
	_Atomic uint64_t files_wanted; /* for shards that the next flush makes */
	pthread_mutex_t space_lock;    /* one maker of room at a time */
	int64_t space_failed_ns; /* protected by space_lock; when that failed last, 0 = it did not
				  */
	int lock_fd;
	uint64_t log_missing; /* set once: records that the log has lost */
	uint64_t log_marked;  /* the committer's */
	/* Set once: the next number by the catalog's records, before strangers on disk raised it.
	 */
	uint32_t catalog_id_told;
	bool catalog_has_lost; /* set once: there is what no record made and none removed */
	bool removed_in_log;   /* set once: records of dropped groups, so that drops must stay known
				*/
	struct buf kept;       /* what `clock` said, "" before the first flush */
	struct catalog *catalog;
	struct wal *wal;
	struct shard_env *shard_env;

	pthread_mutex_t lock;
	struct idmap group_ids; /* protected by lock; object id -> index in groups */
	struct live_group **groups;
	size_t group_count, group_capacity;
	struct live_database **databases; /* protected by lock, and so is what they point to */
	size_t database_count;

	engine_feed *feed; /* NULL = none */
	void *feed_arg;

	pthread_mutex_t create_lock;
	_Atomic int64_t arrival_ns;
	_Atomic int64_t known_offset_ns; /* of a clock that went on from what is stored (wall.c) */
	/* What the clock of retention goes by (retention.c). */
	_Atomic int64_t trusted_ns, trusted_elapsed_ns;
	_Atomic int64_t trusted_offset_ns;	     /* of the wall clock */
	_Atomic int64_t jumped_offset_ns, jumped_ns; /* where it jumped to, and when */
	_Atomic int64_t newest_ns;		     /* time of a point of this run */
	_Atomic uint64_t memtable_bytes; /* active and sealed, as of each group's last write */
	_Atomic uint64_t memtable_peak_bytes;

	pthread_mutex_t gate_lock;
	pthread_cond_t gate_changed;
	unsigned gate_inside; /* protected by gate_lock */
	bool gate_closed;     /* protected by gate_lock */

	pthread_mutex_t flush_lock;
	pthread_mutex_t wake_lock;
	pthread_cond_t wake,
		room; /* the flusher's; those who wait for room, in memory or on disk */
	bool stopping, flush_wanted; /* protected by wake_lock */
	_Atomic int flush_error;     /* of the last one */
	pthread_t flusher, committer, cleaner, freezer;
	bool started;
	pthread_mutex_t cold_lock;
	_Atomic bool is_stopping; /* a rewrite gives up */
	char **trash;		  /* protected by wake_lock; directories to delete */
	bool is_deleting;	  /* protected by wake_lock; one that is not in it any more */
	size_t trash_count, trash_capacity;
	pthread_cond_t trash_wake;
};

/* --- engine.c -------------------------------------------------------------- */

/* Catalog and indexes are on disk; no lock is held meanwhile that anybody else waits for. */
int engine_sync_names(struct engine *engine);
/* It was dropped: its index is let go, and its directory deleted. */
void engine_forget_database(struct engine *engine, uint32_t database_id);
void engine_touch(struct engine *engine, uint32_t database_id);
/* The log was synced up to this number: a start that finds less of it knows that it is damaged. */
void engine_mark_log(struct engine *engine, uint64_t sequence);
/*
 * Before a shard gets a generation, and before the log is trimmed: the last arrival and sequence
 * survive without it, and so does how much of the names is durable.
 */
int engine_write_clock(struct engine *engine);
void engine_note_arrival(struct engine *engine, int64_t arrival_ns);
/* --- space.c --- */
/* Would the disk hold that much more, beside what is kept free? */
bool engine_has_room(struct engine *engine, uint64_t bytes);
/* The same for what gives back more than it takes: it may take most of what is kept free. */
bool engine_has_room_to_shrink(struct engine *engine, uint64_t bytes);
/*
 * ERR_SPACE when taking `bytes` more would eat into what is kept free, so that a
 * full disk can still be read from (LevelDB writes when it opens), be flushed
 * to, and be freed by dropping what is old. Makes room first, unless within the gate.
 */
int engine_take_space(struct engine *engine, size_t bytes, struct diag *diag);
/* The same for the files of a new group, which a flush makes. */
int engine_take_shards(struct engine *engine, uint32_t shards);
void engine_flushed(struct engine *engine); /* the disk is looked at with the next write */
/*
 * After ERR_SPACE, with no lock held: what lies in the log goes into shards, and what was dropped
 * is deleted. True: it is worth another try. Within the gate nothing is done.
 */
bool engine_make_room(struct engine *engine);
/* The same where the disk is nearly full. */
void engine_make_room_after_drop(struct engine *engine);
/* --- wall.c --- */
void wall_open(struct engine *engine); /* once the last arrival is known */
/* For a line without a time. ERR_INVALID: the clock is years ahead of what is stored. */
int wall_arrival(struct engine *engine, int64_t *arrival_ns, struct diag *diag);
void engine_note_arrival(struct engine *engine, int64_t arrival_ns);
/* --- retention.c --- */
/* What of it is kept, the end of a line. */
void retention_print(struct engine *engine, struct buf *out);
void retention_read(struct engine *engine, const char *text);
void retention_trust(struct engine *engine);	 /* once it was read */
void retention_trust_now(struct engine *engine); /* somebody says that the clock is right */
int64_t retention_now(const struct engine *engine);
void retention_note(struct engine *engine, const struct memtable_row *rows, size_t count);
/* Waits while memory is over its budget. ERR_SPACE, ERR_IO, …: why flushing fails. */
int engine_wait_for_room(struct engine *engine);

/* --- live.c: groups ---------------------------------------------------------- */

/* The group at work, referenced; made at the first touch. ERR_NOT_FOUND: dropped. */
int live_group_get(struct engine *engine, uint32_t group_id, struct live_group **out);
/* The same from its catalog object. */
int live_group_of(struct engine *engine, const struct object *object, struct live_group **out);
void live_group_release(struct live_group *group);
/* Give it another number of shards, unless it had a point or somebody is writing its first. */
int live_group_spread(struct engine *engine, const struct object *object, uint32_t shards);
/* Groups of a policy (0: of all of the database) that overlap the closed range, by start; free()
 * the array after releasing each. */
int live_groups(struct engine *engine, uint32_t database_id, uint32_t policy_id,
		int64_t time_first_ns, int64_t time_last_ns, struct live_group ***out,
		size_t *count);
void live_groups_release(struct live_group **groups, size_t count);
/* All that are at work now, referenced. */
void live_groups_all(struct engine *engine, struct live_group ***out, size_t *count);
/* Take it off the list and move its shards to the trash; readers go on. */
int live_group_drop(struct live_group *group);
/* Which of the group's shards has a series: hash(key) mod their number. */
uint32_t live_group_shard_number(const struct live_group *group, uint32_t series_id);
struct shard *live_group_shard(const struct live_group *group, uint32_t series_id);
void live_group_shard_path(const struct live_group *group, uint32_t number, char *path);
/* For who holds none of the locks that keep it from changing: shard_close() it. */
struct shard *live_group_shard_reference(struct live_group *group, uint32_t number);
/*
 * Put another shard in the place of one, for good: views that are older than `generation`
 * keep the old one. Consumes a reference of `to`. ERR_STALE: the group was dropped.
 */
int live_group_replace_shard(struct live_group *group, uint32_t number, struct shard *to,
			     uint64_t generation);
bool live_group_holds(const struct live_group *group, int64_t time_ns);

/*
 * The type of a field, VALUE_NONE when it has none. Under the group's lock;
 * asks the shards the first time.
 */
int live_group_type(struct live_group *group, uint64_t field_key, enum value_type *type);
void live_group_set_type(struct live_group *group, uint64_t field_key, enum value_type type);
/*
 * Log a record and bring it into the memtable. A series that the group did not have changes the
 * group's mtime. ERR_STALE: dropped. On failure nothing happened.
 */
int live_group_apply(struct live_group *group, struct wal_record *record, uint64_t *sequence);
/* A series came or went: the group's mtime is now. */
void live_group_touch(struct live_group *group);
/* Into the memtable alone, for replay; under the group's lock. */
void live_group_replay(struct live_group *group, const struct wal_record *record,
		       uint64_t sequence);

/* --- flush.c ------------------------------------------------------------------- */

int flush_all(struct engine *engine);
int engine_start_threads(struct engine *engine);
void engine_stop_threads(struct engine *engine);
void engine_trash(struct engine *engine, const char *path); /* copies */
/* Rename into trash/ and have it deleted; what keeps its name (ERR_LAYER) is deleted where it is.
 */
int engine_trash_from(struct engine *engine, const char *from, const char *to);
/* Delete the directory that a shard was moved to, once nobody reads from it. */
void engine_trash_with(struct engine *engine, struct shard *shard, const char *path);

/* --- freeze.c ---------------------------------------------------------------------- */

/*
 * Between these lies what an instant has all of or nothing of. Not to be entered with a lock
 * held; within, nobody waits for a flush. A thread that is inside may enter again.
 */
void freeze_enter(struct engine *engine);
void freeze_leave(struct engine *engine);
/* This thread works for one that is inside whenever it works. */
void freeze_follow(void);
bool freeze_is_inside(void);
/* The snapshots of a database that was dropped, or of all that a record removed. */
int freeze_drop_database(struct engine *engine, uint32_t database_id);
int freeze_sweep(struct engine *engine);

/* --- cold.c, rewrite.c --------------------------------------------------------- */

/* Before any shard is opened: end what a crash interrupted. */
int cold_recover(struct engine *engine);
void *cold_thread(void *engine);
/*
 * Write one shard of a group anew unless it is settled, or (without `force`) little would
 * change. Under cold_lock. ERR_SPACE, ERR_IO, ERR_CORRUPT: it is as it was. ERR_BUSY: a
 * scratch file is open or a mask is not flushed yet. ERR_CANCELLED: the engine stops.
 */
int rewrite_shard(struct live_group *group, uint32_t number, bool force);

/* --- view.c: a group as one snapshot sees it -------------------------------------- */

struct view {
	struct live_group *group;
	struct memtable *sealed, *active; /* NULL or referenced */
	struct shard_version **versions;  /* of each shard; acquired at the first need */
	uint64_t sequence;
	uint64_t group_version;	 /* of the group that the view sees whole; 0: more came meanwhile */
	struct present *present; /* its series, once somebody asked (snapshot.c) */
	pthread_mutex_t lock;	 /* versions, present */
	struct view *previous, *next; /* of the group's */
};
/*
 * `sequence` is raised to what a flush has let go of meanwhile: rows that are
 * in no memtable any more lie in chunks of that generation. A view must not move
 * in memory while it is open.
 */
void view_init(struct view *view, struct live_group *group, uint64_t sequence);
void view_release(struct view *view);
/* Acquire a shard's version now. */
int view_pin(struct view *view, uint32_t number);
int view_version(struct view *view, uint32_t series_id, struct shard_version **out);

/*
 * What a series is in a view, without decoding. Two with the same version and mask_count have
 * the same rows.
 */
struct view_info {
	bool exists;	   /* something of it may be there: masks are not looked at */
	bool is_masked;	   /* whether points are left must be looked up */
	size_t mask_count; /* distinct ones so far, also those that a rewrite has settled */
	uint64_t version;  /* the last sequence that changed it */
	uint64_t rows_max; /* at most so many */
	uint64_t disk_bytes;
	int64_t mtime_ns, ctime_ns;
	int64_t time_first_ns, time_last_ns; /* bounds */
};
int view_info(struct view *view, uint32_t series_id, struct view_info *out);
/* Series with something in the view: ascending, free() the array. Masked ones too. */
int view_series(struct view *view, uint32_t **ids, size_t *count);

/*
 * The rows of one series in one view: merged, unmasked, in time order, in
 * pieces (`slab`s) that do not overlap.
 */
struct slab {
	size_t row_count;
	int64_t *times_ns;
	struct batch_column *columns; /* as many as were asked for */
};
struct scan;
struct scan_spec {
	struct view *view;
	uint32_t series_id;
	const uint32_t *field_ids;
	size_t field_count; /* 0: times only, every row */
	int64_t time_first_ns, time_last_ns;
	bool descending; /* pieces newest first; rows within one ascend all the same */
	const struct summary_taker *taker; /* NULL: rows alone */
	const struct value_bounds *bounds; /* rows that fail one may be left out */
	size_t bound_count;
	struct chunk_counts *counts; /* or NULL */
	size_t rows_max;	     /* as of a cursor */
};
int scan_open(const struct scan_spec *spec, struct scan **out);
/* OK with a slab that lives until the next call, or END. */
int scan_next(struct scan *scan, struct slab *out);
void scan_close(struct scan *scan);

/* --- snapshot.c ---------------------------------------------------------------------- */

struct snapshot {
	struct engine *engine;
	uint32_t database_id;
	struct index *index; /* held */
	uint64_t sequence, version;
	struct view *views; /* by policy, then start */
	size_t view_count;
};
void present_release(struct present *present);
/* Views of a policy that overlap a closed range: [first, end) in `views`. policy_id 0: all, and the
 * caller checks. */
bool view_overlaps(const struct view *view, uint32_t policy_id, int64_t time_first_ns,
		   int64_t time_last_ns);

#endif
