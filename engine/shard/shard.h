/*
 * A shard: the flushed points of one shard group (or of shard N of it), in a
 * LevelDB directory of its own.
 *
 * What comes in one flush is a generation, and its number leads every key, so
 * that the tables of two flushes never overlap and LevelDB has nothing to
 * merge. Chunks (chunk.h) of neighbouring series lie together in packs.
 *
 *	key = generation: 8, big-endian | kind: 1 | ordinal: 4, big-endian
 *
 *	kind  value
 *	'a'   field types that are new
 *	'b'   masks: what was deleted
 *	'c'   mtime and ctime of series, where set by hand
 *	'd'   directory of pack `ordinal`: what chunks of which series it holds
 *	'e'   head of the generation: sequence_flushed, how many of each kind
 *	'p'   pack `ordinal`: chunks, one behind the other
 *
 * All but the packs is read at the first need and then stays in memory, 40
 * bytes a chunk, 24 a write that chunks came with and a time set by hand. The
 * LevelDB is opened when something must be read or written, and closed when
 * others need its place (shard_env).
 *
 * Any thread may read. One thread at a time has a batch on a shard. No call
 * holds a LevelDB open beyond its return.
 */
#ifndef ENGINE_SHARD_SHARD_H
#define ENGINE_SHARD_SHARD_H

#include "engine/chunk/chunk.h"
#include "engine/point/value.h"

struct shard;

/* --- what all shards of a data directory share ---------------------------- */

/*
 * At most `open_max` (0 = SHARDS_OPEN_MAX) LevelDB handles, fewer where there are few descriptors;
 * a shard that needs one more waits for one.
 */
struct shard_env *shard_env_open(uint32_t open_max);
/* All shards are closed and their versions released. */
/* From now on its shards are only read, and not even LevelDB changes a file in them. */
void shard_env_leave_alone(struct shard_env *env);
void shard_env_close(struct shard_env *env);
struct shard_env_counts {
	uint32_t open;		 /* handles now */
	uint64_t opened, closed; /* since the start */
};
void shard_env_count(struct shard_env *env, struct shard_env_counts *counts);
/* What the process holds in memory to find chunks, of every shard that was asked. */
size_t shard_directory_bytes(void);

/* --- life ----------------------------------------------------------------- */

/*
 * Touches no file: a shard whose directory does not exist is empty, and the
 * first commit creates it (not its parent). `path` is copied. Never NULL.
 */
struct shard *shard_open(struct shard_env *env, const char *path);
/*
 * The owner is done with it: no call on `shard` after this one. The LevelDB is
 * flushed into tables and closed, and the struct freed, here or when the last version is
 * released: versions may outlive shard_close and go on reading.
 */
void shard_close(struct shard *shard);
/* One more owner: each ends with shard_close(). */
void shard_reference(struct shard *shard);
/*
 * For dropping: rename the directory to `path` without opening LevelDB (waits
 * for reads under way). Versions go on reading from there; batches on it are
 * ERR_STALE from now on. A shard without a directory is moved by remembering.
 */
int shard_move(struct shard *shard, const char *path);
/* The same, and batches go on: a move that shall be taken back. */
int shard_rename(struct shard *shard, const char *path);
/* store_link() of its directory. */
int shard_link(struct shard *shard, const char *path);
/* Called once when the struct is freed (handle closed): the directory may be deleted. */
void shard_on_gone(struct shard *shard, void (*gone)(void *arg), void *arg);

/*
 * All rows at or before this sequence are in (0: nothing flushed yet).
 * Loads the shard's directory, so it may open LevelDB. ERR_CORRUPT, ERR_IO, ERR_SPACE.
 */
int shard_sequence_flushed(struct shard *shard, uint64_t *sequence);

/* The type of a field in this shard; VALUE_NONE: it has none yet. */
#define shard_field_key(measurement_id, field_id) ((uint64_t)(measurement_id) << 32 | (field_id))
int shard_field_type(struct shard *shard, uint64_t field_key, enum value_type *type);

/* --- writing -------------------------------------------------------------- */

struct shard_batch;

/*
 * The rows of one series with an upper bound of their sequences. All pointers
 * are borrowed during the call.
 */
struct shard_rows {
	size_t row_count;	 /* 1 to CHUNK_ROWS_MAX: one chunk */
	const int64_t *times_ns; /* strictly ascending */
	const struct chunk_write_column *columns;
	size_t column_count;
	uint64_t sequence_max; /* every row was accepted at or before it; <= generation */
	uint64_t text_bytes;   /* of the rows as lines; 0 = unknown (also kept so from 4 GiB on) */
	int64_t mtime_ns;      /* of the series from now on; its ctime as well */
};

/* Points of `series_id` in the closed range are gone if accepted at or before `sequence`. */
struct shard_mask {
	uint32_t series_id;
	int64_t time_first_ns, time_last_ns;
	uint64_t sequence;
	uint64_t generation; /* of a version's mask: the flush that brought it */
};

/* The newest generation of what is there now, whatever an earlier commit said; 0 = none. */
int shard_newest(struct shard *shard, uint64_t *generation);
/*
 * Begin the flush `generation`, the log's sequence at the flush: greater than
 * that of every batch committed before. ERR_EXISTS: a batch with this or a later
 * generation is in already. A commit that failed may have reached the disk all the same, and
 * then it is this one; or the log has forgotten numbers that it gave, and then it is another.
 * ERR_CORRUPT, ERR_IO, ERR_SPACE, ERR_STALE (moved).
 */
int shard_batch_begin(struct shard *shard, uint64_t generation, struct shard_batch **out);
/*
 * Series ascending; the chunks of one series in order of acceptance
 * (sequence_max never falls). Where rows of two chunks have the same time the
 * later chunk is the newer. ERR_LIMIT: the chunk would be over 1 GiB.
 */
int shard_batch_add(struct shard_batch *batch, uint32_t series_id, const struct shard_rows *rows);
void shard_batch_mask(struct shard_batch *batch, const struct shard_mask *mask);
/* Wins over the mtime_ns of rows of this batch, in whatever order they come. */
void shard_batch_set_mtime(struct shard_batch *batch, uint32_t series_id, int64_t mtime_ns,
			   int64_t ctime_ns);
/* A type, unless one is known: that stays. */
void shard_batch_set_type(struct shard_batch *batch, uint64_t field_key, enum value_type type);
/* A type in the place of the one that is known: no row is left that had that. */
void shard_batch_change_type(struct shard_batch *batch, uint64_t field_key, enum value_type type);
/* Bytes it will write, for the counters. */
size_t shard_batch_bytes(const struct shard_batch *batch);
/*
 * Before the first rows, of a batch that begins a shard which nobody else sees yet: its rows are
 * settled (of a series in order of time, no time twice, nothing masked), are encoded with the
 * effort for what is read often, and go to the disk as they come, so that memory stays bounded.
 * The shard is whole with the commit, and broken without it.
 */
void shard_batch_settle(struct shard_batch *batch);
/* The types that another shard has. */
int shard_batch_copy_types(struct shard_batch *batch, struct shard *from);
/*
 * Write all of it together with `sequence_flushed` (<= generation) in one synced
 * LevelDB batch, and free the batch whatever comes of it. OK: durable, and in
 * every version acquired from now on. Below 0 (ERR_SPACE, ERR_IO, ERR_CORRUPT,
 * ERR_STALE): nothing may be counted as written; the LevelDB is opened anew before
 * the next batch, what was committed before stays readable meanwhile.
 */
int shard_batch_commit(struct shard_batch *batch, uint64_t sequence_flushed);
void shard_batch_abandon(struct shard_batch *batch);
/* What was committed to `from` after a generation, as it lies, behind all that `to` has. */
int shard_copy_after(struct shard *from, struct shard *to, uint64_t generation);

/* --- reading -------------------------------------------------------------- */

/* What a shard holds at one instant; immutable, counted, for any thread. */
struct shard_version;

/* May load the directory. ERR_CORRUPT (the directory is damaged), ERR_IO, ERR_SPACE. */
int shard_version_acquire(struct shard *shard, struct shard_version **out);
void shard_version_release(struct shard_version *version);

/* Newest generation in it, 0 = empty: equal for two versions with the same content. */
uint64_t shard_version_generation(const struct shard_version *version);

/* How many distinct masks of a series ended with rewrites of this run. */
uint32_t shard_version_masks_settled(const struct shard_version *version, uint32_t series_id);
/* `to`, just opened, takes the place of the shard of `from`, whose masks end with that. */
void shard_settle_masks(struct shard *to, const struct shard_version *from);

/* Is all of it what one rewrite left? An empty one is not. */
bool shard_version_is_settled(const struct shard_version *version);
/* The same of what is stored, or that there is nothing, without loading the directory. */
int shard_is_settled(struct shard *shard, bool *settled);

struct chunk_ref {
	uint64_t generation;
	uint64_t sequence_max;
	int64_t time_first_ns, time_last_ns;
	uint64_t text_bytes; /* 0 = unknown */
	uint32_t series_id;
	uint32_t row_count;
	uint32_t bytes;	       /* on disk */
	uint32_t pack, offset; /* where: chunk of the pack of the generation */
};

/* A growable list of them; zeroed = empty; `items` is free()d by chunk_refs_release. */
struct chunk_refs {
	struct chunk_ref *items;
	size_t count, capacity;
};
void chunk_refs_release(struct chunk_refs *refs);

/* Append the chunks of a series in order of acceptance, masked ones too. */
void shard_version_chunks(const struct shard_version *version, uint32_t series_id,
			  struct chunk_refs *refs);
/* The masks of a series, by sequence; borrowed until release. */
void shard_version_masks(const struct shard_version *version, uint32_t series_id,
			 const struct shard_mask **masks, size_t *count);
/*
 * The series that have a chunk which no single mask of a flush up to
 * `generation_max` covers whole: ascending, free() the array. Conservative: a
 * series may be in it whose points are all deleted by several masks together, or
 * came with a later flush.
 */
void shard_version_series(const struct shard_version *version, uint64_t generation_max,
			  uint32_t **ids, size_t *count);
/* Is a series in that list? */
bool shard_version_lists(const struct shard_version *version, uint32_t series_id);
/* False: nothing known of the series. */
bool shard_version_mtime(const struct shard_version *version, uint32_t series_id, int64_t *mtime_ns,
			 int64_t *ctime_ns);
/* Every chunk, masked or not, in no order of use; ends with what `each` gives but OK. */
int shard_version_each(const struct shard_version *version,
		       int (*each)(void *arg, const struct chunk_ref *ref), void *arg);
/* Read all that is stored and let LevelDB verify its checksums. */
int shard_verify(struct shard *shard);
/* Sums over all chunks, masked ones too. */
struct shard_totals {
	uint64_t chunks, rows, bytes;
	uint64_t settled_rows, masks;	     /* rows that a rewrite settled; masks */
	int64_t time_first_ns, time_last_ns; /* meaningless without chunks */
};
void shard_version_totals(const struct shard_version *version, struct shard_totals *out);
/* False: its directory was not loaded yet, and is not for this. */
bool shard_known_totals(struct shard *shard, struct shard_totals *out);

/*
 * Decode a chunk (chunk_decode in chunk.h). `out` is zeroed or was read into before.
 * ERR_CORRUPT: damaged, other chunks may be fine. ERR_IO, ERR_SPACE (LevelDB needs room to open).
 */
int shard_version_read(struct shard_version *version, const struct chunk_ref *ref,
		       const struct chunk_wish *wish, struct chunk_data *out);
/* The same of what its head tells alone (chunk_outline in chunk.h). */
int shard_version_outline(struct shard_version *version, const struct chunk_ref *ref,
			  const struct outline_wish *wish, struct arena *arena,
			  struct chunk_outline *out);
/* Sums alone: 1, or 0 where rows are wanted (chunk_sums in chunk.h). */
int shard_version_sums(struct shard_version *version, const struct chunk_ref *ref,
		       const struct sums_wish *wish, struct arena *arena, struct window_sums *out);

#endif
