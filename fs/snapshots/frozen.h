/*
 * mydb/.snapshot/NAME: a database as it was at one instant, read-only: its tree, and query/ in it.
 * Kept on disk by the engine (engine_freeze), over restarts.
 */
#ifndef FS_SNAPSHOTS_FROZEN_H
#define FS_SNAPSHOTS_FROZEN_H

#include "fs/nodes/kind.h"

extern const struct kind_ops snapshots_kind, frozen_dir_kind, frozen_file_kind, frozen_link_kind;

struct frozen;
struct frozen_table;

/* With what the engine has kept. */
struct frozen_table *frozen_table_new(struct mount *mount);
/* Before the engine closes. */
void frozen_table_free(struct frozen_table *table);

/*
 * rm -r lists the top of a snapshot, then removes name after name, and the top at the end. In a
 * snapshot nothing is removed but the whole: to the process that began at the top, its names go
 * without a word, until the rmdir that lets go of all. Others get EROFS for each.
 */
bool frozen_is_being_removed(struct mount *mount, const struct place *place, uint32_t pid);
/* Lets go of the snapshots that dropped databases took along. Now and then. */
void frozen_tick(struct mount *mount);
/*
 * The engine that answers below a query/: a snapshot's by its number, with a reference to end, or
 * for number 0 the mount's own and NULL. ERR_NOT_FOUND: it was let go.
 */
int frozen_take_engine(struct mount *mount, uint32_t number, struct frozen **frozen,
		       struct engine **engine);
void frozen_release_engine(struct frozen *frozen); /* NULL: nothing */
#endif
