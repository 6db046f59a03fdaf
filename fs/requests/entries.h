/*
 * What changes names: create, mkdir, rmdir, unlink, rename, symlink. What a
 * kind never does was refused before (tree_call); these give rows of
 * errors.def.
 */
#ifndef FS_REQUESTS_ENTRIES_H
#define FS_REQUESTS_ENTRIES_H

#include "fs/nodes/kind.h"

/* These give a node whose lookup is counted. */
int entries_mkdir(struct mount *mount, struct node *dir, struct slice name,
		  const struct attrs *attrs, struct node **out);
int entries_symlink(struct mount *mount, struct node *dir, struct slice name, struct slice target,
		    const struct attrs *attrs, struct node **out);
int entries_create(struct mount *mount, struct node *dir, struct slice name,
		   const struct attrs *attrs, int flags, struct node **out);

/* `place` is what the name stands for. */
int entries_rmdir(struct mount *mount, const struct place *place);
int entries_unlink(struct mount *mount, const struct place *place);
/* `target` is what stands at the new name; NULL = nothing. */
int entries_rename(struct mount *mount, const struct place *place, const struct node *new_dir,
		   struct slice new_name, const struct place *target, unsigned flags);

#endif
