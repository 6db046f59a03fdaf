/*
 * Directories that the catalog keeps: the root, databases, policies, shard
 * groups, continuous/ and views/. What is found and listed in each, and what
 * can be made in it.
 */
#ifndef FS_REQUESTS_DIRECTORIES_H
#define FS_REQUESTS_DIRECTORIES_H

#include "fs/nodes/kind.h"

extern const struct kind_ops root_kind, database_kind, policy_kind, group_kind, continuous_kind,
	views_kind;

/* The node of an object in `dir`, one more lookup. */
int directory_intern(struct mount *mount, const struct node *dir, const struct object *object,
		     struct node **out);
/* Does the name begin with a dot? No database and no policy has such a name. */
bool directory_is_dotted(struct slice name);

#endif
