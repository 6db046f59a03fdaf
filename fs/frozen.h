/*
 * mydb/.snapshot/NAME: a database as it was at one instant, read-only: its tree, and query/ in it.
 * Kept on disk by the engine (engine_freeze), over restarts.
 */
#ifndef FS_FROZEN_H
#define FS_FROZEN_H

#include "fs/handle.h"

struct frozen;
struct frozen_table;

/* With what the engine has kept. */
struct frozen_table *frozen_table_new(struct mount *mount);
/* Before the engine closes. */
void frozen_table_free(struct frozen_table *table);

/* In KIND_SNAPSHOTS or KIND_FROZEN_DIR. ERR_NOT_FOUND. */
int frozen_find(struct mount *mount, const struct place *dir, struct slice name, struct place *out);
/* The node of a place that frozen_find() gave, one more lookup. ERR_NOT_FOUND. */
int frozen_lookup(struct mount *mount, const struct place *place, struct node **out);
int frozen_list(struct mount *mount, const struct place *dir,
		void (*each)(void *arg, const struct place *place, struct slice name), void *arg);
int frozen_mkdir(struct mount *mount, struct node *dir, struct slice name, struct node **out);
/* Only a whole snapshot; what the kernel still knows stays readable. */
/*
 * rm -r lists the top of a snapshot, then removes name after name, and the top at the end. In a
 * snapshot nothing is removed but the whole: to the process that began at the top, its names go
 * without a word, until the rmdir that lets go of all. Others get EROFS for each.
 */
void frozen_listed(struct mount *mount, const struct place *place, uint32_t pid);
bool frozen_is_being_removed(struct mount *mount, const struct place *place, uint32_t pid);
int frozen_rmdir(struct mount *mount, const struct place *place);
/* Lets go of the snapshots that dropped databases took along. Now and then. */
void frozen_tick(struct mount *mount);
/*
 * The engine that answers below a query/: a snapshot's by its number, with a reference to end, or
 * for number 0 the mount's own and NULL. ERR_NOT_FOUND: it was let go.
 */
int frozen_take_engine(struct mount *mount, uint32_t number, struct frozen **frozen,
		       struct engine **engine);
void frozen_release_engine(struct frozen *frozen); /* NULL: nothing */
/* END: the size of a series is not known before frozen_measure(), which may take long. */
int frozen_stat(struct mount *mount, struct node *node, struct stat *out);
int frozen_measure(struct mount *mount, struct node *node);
bool frozen_is_measured(const struct node *node);
int frozen_readlink(struct mount *mount, struct node *node, struct buf *out);
int frozen_open(fuse_req_t req, struct mount *mount, struct node *node, struct fuse_file_info *info,
		struct handle **out);

#endif
