/*
 * What the kernel remembers of directories, taken back when it was not the kernel that changed
 * them: points make groups, statements and retention drop what they name. Thanks to this it may
 * remember their names and attributes for a while, and a path is walked without a LOOKUP for each
 * of its directories.
 */
#ifndef FS_REQUESTS_EXPIRE_H
#define FS_REQUESTS_EXPIRE_H

#include "fs/nodes/mount.h"

/* A catalog_watcher; `mount` has its session. */
void expire_changed(void *mount, const struct object *object, bool is_gone);

#endif
