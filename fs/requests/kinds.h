/* The table of kinds: for main.c, which hands it to the mount. */
#ifndef FS_REQUESTS_KINDS_H
#define FS_REQUESTS_KINDS_H

#include "fs/nodes/kind.h"

extern const struct kind_ops *const kinds[KIND_COUNT];

#endif
