/*
 * A shard group at work: what it is as long as anybody has it, whether it is dropped or not.
 *
 *	point ─► log ─► active memtable ─► sealed memtable ─► shard
 *	        '---- group.lock ----'    '--- upkeep/flush.c ---'
 */
#ifndef ENGINE_MEMORY_LIVE_GROUP_H
#define ENGINE_MEMORY_LIVE_GROUP_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/base/map.h"
#include "engine/directory/paths.h"
#include "engine/log/wal.h"
#include "engine/memory/cuts.h"
#include "engine/memory/memtable.h"
#include "engine/memory/text_cache.h"
#include "engine/names/catalog.h"
#include "engine/names/index.h"
#include "engine/shard/shard.h"

struct engine;

/* A shard group at work. Counted: the engine's list holds one reference until it is dropped. */
struct live_group {
	struct engine *engine;
	_Atomic unsigned references;
	uint32_t id, policy_id, database_id;
	struct index *index; /* the database's, held */
	struct group_window window;
	uint32_t shard_count;
	/* protected by shards_lock; also flusher.lock, or lock, keeps them from changing */
	struct shard **shards;
	pthread_mutex_t shards_lock;

	pthread_mutex_t lock;
	_Atomic bool dropped;		  /* set under lock */
	struct memtable *active, *sealed; /* protected by lock; sealed: being flushed, or NULL */
	uint64_t sealed_generation;	  /* protected by lock */
	bool sealed_was_tried;		  /* under flusher.lock; some of it may be in shards */
	uint64_t flushed_generation;	  /* protected by lock; of this run, 0 = none */
	uint64_t sequence_last;		  /* protected by lock; of this run, 0 = none */
	struct idmap types;		  /* protected by lock; field key -> enum value_type */
	bool is_typed;			  /* protected by lock; a writer has put one there */
	bool is_retyped;		  /* protected by lock; shards may tell other types */
	struct idmap sealed_types;	  /* under flush_lock; `types` when it was sealed */
	_Atomic uint64_t types_epoch;	  /* changed under lock, when a type is forgotten */
	/* protected by lock; of fields whose type somebody asks for, those that rows have met */
	struct idmap met;
	uint32_t question_count;
	struct idmap witnesses;	    /* protected by lock; field key -> a series that had it last */
	struct view *views;	    /* protected by lock; all that are open */
	_Atomic int64_t written_ns; /* monotonic; 0 = not in this run */
	uint64_t settled_version;   /* protected by rewriter.lock; nothing to rewrite then */
	bool keeps_names; /* protected by rewriter.lock: ERR_LAYER, so that a rewrite is in vain */
	struct cuts cuts; /* protected by lock; of scratch files */
	_Atomic uint64_t version; /* changes with any point, mask or mtime */

	struct text_cache texts; /* of its series */

	pthread_mutex_t present_lock;
	/* Series present at `present_version`, which is 0 before the first time. */
	struct present *present; /* protected by present_lock */
	uint64_t present_version;
};

/* The groups that a reader or a writer has touched since the start. */
struct live_groups {
	pthread_mutex_t lock;
	struct idmap ids; /* protected by lock; object id -> index in items */
	struct live_group **items;
	size_t count, capacity;
};
void live_groups_init(struct live_groups *groups);
void live_groups_close(struct live_groups *groups);
size_t live_groups_count(struct live_groups *groups);

/* The group at work, referenced; made at the first touch. ERR_NOT_FOUND: dropped. */
int live_group_get(struct engine *engine, uint32_t group_id, struct live_group **out);
/* The same from its catalog object. */
int live_group_of(struct engine *engine, const struct object *object, struct live_group **out);
struct live_group *live_group_reference(struct live_group *group);
void live_group_release(struct live_group *group);
/* Referenced, or NULL: it is not in memory. */
struct live_group *live_group_find(struct engine *engine, uint32_t group_id);
/* Give it another number of shards, unless it had a point or a writer is storing its first. */
int live_group_spread(struct engine *engine, const struct object *object, uint32_t shards);
/* Groups of a policy (0: of all of the database) that overlap the closed range, by start; free()
 * the array after releasing each. */
int live_groups(struct engine *engine, uint32_t database_id, uint32_t policy_id,
		int64_t time_first_ns, int64_t time_last_ns, struct live_group ***out,
		size_t *count);
/* One group, or (group_id 0) the groups of a policy that overlap the range. */
int live_groups_or_one(struct engine *engine, uint32_t policy_id, uint32_t group_id,
		       int64_t time_first_ns, int64_t time_last_ns, struct live_group ***out,
		       size_t *count);
void live_groups_release(struct live_group **groups, size_t count);
/* All that are at work now, referenced. */
void live_groups_all(struct engine *engine, struct live_group ***out, size_t *count);
/* Take it off the list and move its shards to the trash; readers go on. */
int live_group_drop(struct live_group *group);
/* Delete the directory that a shard was moved to, once its last reader has closed it. */
void live_group_delete_with(struct live_group *group, struct shard *shard, const char *path);
/* Which of the group's shards has a series: hash(key) mod their number. */
uint32_t live_group_shard_number(const struct live_group *group, uint32_t series_id);
struct shard *live_group_shard(const struct live_group *group, uint32_t series_id);
struct path live_group_shard_path(const struct live_group *group, uint32_t number);
/* For a caller without the locks that keep it from changing: shard_close() it. */
struct shard *live_group_shard_reference(struct live_group *group, uint32_t number);
bool live_group_holds(const struct live_group *group, int64_t time_ns);

/*
 * The type of a field, VALUE_NONE when it has none. Under the group's lock;
 * asks the shards the first time.
 */
int live_group_type(struct live_group *group, uint64_t field_key, enum value_type *type);
void live_group_set_type(struct live_group *group, uint64_t field_key, enum value_type type);
/*
 * I15: a field has one type in the rows of a group that are not deleted. So its type is forgotten
 * only when no row has it. Looking for one takes time; rows that come meanwhile are noted from
 * live_group_ask() on. What writers agreed to before `types_epoch` changed is looked at again
 * when it is applied.
 */
void live_group_ask(struct live_group *group);
/* `is_there`: a row with the field was found. True: the type is forgotten. */
bool live_group_answer(struct live_group *group, uint64_t field_key, bool is_there);
/*
 * Log a record and bring it into the memtable. A series that the group did not have changes the
 * group's mtime. ERR_STALE: dropped. ERR_TYPE: what was agreed to at `types_epoch` holds no more.
 * On failure nothing happened.
 */
int live_group_apply(struct live_group *group, struct wal_record *record, uint64_t *sequence);
/* A series came or went: the group's mtime is now. */
void live_group_touch(struct live_group *group);
/* Into the memtable alone, for replay; under the group's lock. */
void live_group_replay(struct live_group *group, const struct wal_record *record,
		       uint64_t sequence);

#endif
