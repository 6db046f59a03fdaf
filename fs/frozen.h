#ifndef FS_FROZEN_H
#define FS_FROZEN_H
#include "fs/mount.h"
int frozen_find(struct mount *mount, const struct place *dir, struct slice name, struct place *out);
int frozen_stat(struct mount *mount, struct node *node, struct stat *out);
#endif
