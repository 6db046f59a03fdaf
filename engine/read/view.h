/*
 * A shard group as one snapshot sees it: two memtables, and a version of each shard.
 *
 *	| shards: generations up to `sequence` | sealed | active: rows up to `sequence` |
 *
 * Rows that a flush moves while the view is open are in a memtable of it and in a shard; those in
 * the shard have a generation past `sequence` and are passed over (I5).
 */
#ifndef ENGINE_READ_VIEW_H
#define ENGINE_READ_VIEW_H

#include "engine/memory/live_group.h"
#include "engine/memory/present.h"
#include "engine/shard/shard_version.h"

struct view {
	struct live_group *group;
	struct memtable *sealed, *active; /* NULL or referenced */
	struct shard_version **versions;  /* of each shard; acquired at the first need */
	uint64_t sequence;
	uint64_t group_version;	 /* of the group that the view sees whole; 0: more came meanwhile */
	struct present *present; /* its series, once a statement has asked (snapshot.c) */
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
/* Does its window overlap a closed range, and is it of the policy (0: any)? */
bool view_overlaps(const struct view *view, uint32_t policy_id, int64_t time_first_ns,
		   int64_t time_last_ns);

/*
 * Put another shard in the place of one, for good: views that are older than `generation`
 * keep the old one (I9). Consumes a reference of `to`. ERR_STALE: the group was dropped.
 */
int view_replace_shard(struct live_group *group, uint32_t number, struct shard *to,
		       uint64_t generation);

#endif
