/*
 * The catalog's objects in memory, and the records that change them. Private
 * to catalog.c, which adds the lock and the file.
 *
 *	record  = change*                          all of them or none
 *	change  = 1 object                         make it, or replace what it says
 *	        | 2 id attrs                       its attributes alone
 *	        | 3 id                             gone, with all below it
 *	        | 4 id_next number_next            the counters
 *	object  = id parent_id database_id kind:1 attrs name kind's part payload
 *	attrs   = mode uid gid ~atime ~mtime ~ctime
 *	policy  = ~duration ~shard_duration shards replication default:1
 *	group   = ~start ~end shards number
 *
 * Numbers are varints, ~ marks zigzag; name and payload have their length in
 * front. database_id is said although the parent tells it: when the record of a
 * parent is damaged, a stand-in named `recovered.ID` is made in its place, so
 * that what lies below is not lost with it.
 *
 * A live change and a replayed one go the same road, tree_apply().
 */
#ifndef ENGINE_NAMES_CATALOG_TREE_H
#define ENGINE_NAMES_CATALOG_TREE_H

#include "engine/base/arena.h"
#include "engine/base/map.h"
#include "engine/names/catalog.h"

struct node {
	struct object object;
	struct node *parent;
	struct node *first, *last;    /* children but groups, in order of creation */
	struct node *previous, *next; /* siblings */
	struct node **groups;	      /* of a policy, by start */
	size_t group_count, group_capacity;
	size_t child_count; /* all of them */
	struct slice key;   /* parent's id: 4, name: the key of by_name */
	uint32_t slot;
};

struct tree {
	struct arena arena;  /* names and payloads, for ever */
	struct node **slots; /* NULL where one was removed */
	size_t slot_count, slot_capacity;
	uint32_t *free_slots;
	size_t free_count, free_capacity;
	struct idmap by_id; /* id -> slot */
	struct map by_name; /* key -> slot */
	struct node *root;
	uint32_t id_next, number_next;
	uint64_t bytes;		     /* about what a journal would say in one record an object */
	uint64_t recovered, refused; /* stand-ins made, changes that made no sense */
	/* Databases and groups that a record removed: what is theirs on the disk may be deleted. */
	struct idmap removed; /* id -> 1 */
};

void tree_init(struct tree *tree, const struct attrs *root_attrs);
void tree_release(struct tree *tree);

struct node *tree_get(const struct tree *tree, uint32_t id);
struct node *tree_find(const struct tree *tree, uint32_t parent_id, struct slice name);
struct node *tree_find_group(const struct node *policy, int64_t time_s);
bool tree_group_is_free(const struct node *policy, int64_t start_s, int64_t end_s,
			const struct node *except);
/* OK, ERR_INVALID, ERR_TOO_LONG. */
int tree_check_name(struct slice name);
/* The kind that takes `kind` as a child; 0: none. */
enum object_kind tree_parent_kind(enum object_kind kind);

void change_put(struct buf *record, const struct tree *tree, const struct object *object);
void change_attrs(struct buf *record, uint32_t id, const struct attrs *attrs);
void change_remove(struct buf *record, uint32_t id);
/* All that tree->removed has. */
void change_removed(struct buf *record, const struct tree *tree);
void change_counters(struct buf *record, const struct tree *tree);
/*
 * Apply the changes of a record. ERR_CORRUPT: the bytes are none, from there
 * on nothing was applied; changes that do not fit what is there are passed
 * over and counted in `refused`. ERR_MEMORY.
 */
int tree_apply(struct tree *tree, struct slice record);

#endif
