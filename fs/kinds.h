/* The table of kinds: for main.c, which hands it to the mount. */
#ifndef FS_KINDS_H
#define FS_KINDS_H

#include "fs/kind.h"

extern const struct kind_ops *const kinds[KIND_COUNT];

#endif
