/*
 * mydb/.snapshot/NAME: a database as it was at one instant, read-only: its tree, and query/ in it.
 * Kept on disk by the engine (engine_freeze), over restarts.
 */
#ifndef FS_SNAPSHOTS_FROZEN_H
#define FS_SNAPSHOTS_FROZEN_H

#include "fs/nodes/kind.h"

extern const struct kind_ops snapshots_kind, frozen_dir_kind, frozen_file_kind, frozen_link_kind;

/* Is this a name in a snapshot that `rm -r` of the whole removes (frozen_engine.h)? */
bool frozen_is_being_removed(struct mount *mount, const struct place *place, uint32_t pid);

#endif
