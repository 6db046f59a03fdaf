#ifndef FS_FROZEN_H
#define FS_FROZEN_H
#include "fs/mount.h"
int frozen_find(struct mount *mount, const struct place *dir, struct slice name, struct place *out);
#endif
