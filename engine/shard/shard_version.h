/*
 * What a shard holds, in memory: runs of chunks sorted by series, oldest run first.
 *
 *	version -> [ run | run | run ]	each run: refs by series, origins, stamps by series
 *	        -> masks by series, generation numbers
 *
 * Chunks that lie beside each other mostly came with one write: what is the same of them is their
 * origin, which they share.
 *
 * A flush adds a run; a run that is not much larger than what came after it is
 * merged with that, so that a version has few runs and a chunk moves few
 * times. Runs, mask tables and versions never change once made, and are
 * counted: a new version shares what it can with the one before.
 */
#ifndef ENGINE_SHARD_SHARD_VERSION_H
#define ENGINE_SHARD_SHARD_VERSION_H

#include "engine/shard/shard.h"
#include "engine/shard/shard_record.h"

/* A chunk in memory. */
struct run_ref {
	int64_t time_first_ns, time_last_ns;
	uint32_t series_id, origin; /* its place in the run */
	uint32_t pack, bytes;
	uint32_t text_bytes;
	uint16_t row_count;
	uint16_t offset; /* a pack is closed before a chunk could begin beyond */
};
_Static_assert(sizeof(struct run_ref) == 40, "a million of them is 40 MB");

struct run_origin {
	uint64_t sequence_max;
	int64_t mtime_ns;    /* of its series, and ctime, unless a stamp tells another */
	uint32_t generation; /* the number's place in the version's list */
};

/*
 * What one generation brings, collected; zeroed = empty. The buffers hold
 * arrays of the structs named beside them.
 */
struct generation {
	uint64_t number, sequence_flushed;
	struct buf refs;    /* run_ref: by series, then by acceptance */
	struct buf origins; /* run_origin; generation not set */
	struct buf
		stamps;	  /* series_stamp, set by hand: in any order, the last of a series counts */
	struct buf masks; /* shard_mask: in any order */
	bool settled;	  /* of a rewrite */
};
/* One more chunk; all of its place in the run but the origin is in `ref`. */
void generation_add(struct generation *generation, const struct run_ref *ref, uint64_t sequence_max,
		    int64_t mtime_ns);
void generation_release(struct generation *generation);

/* The empty version of a shard, with one reference. */
struct shard_version *version_new(struct shard *shard);
/* A version with one more generation, with one reference; empties the generation's buffers. */
struct shard_version *version_add(const struct shard_version *before,
				  struct generation *generation);
void version_ref(struct shard_version *version);
void version_unref(struct shard_version *version);
struct shard *version_shard(const struct shard_version *version);
uint64_t version_sequence_flushed(const struct shard_version *version);
/* The first series at or above `*series_id` that has a mask; false: there is none. */
bool version_next_masked(const struct shard_version *version, uint32_t *series_id);

#endif
