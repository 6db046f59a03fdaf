/* The FUSE operations: thin, each finds a node or a place, asks the table, and hands on. */
#ifndef FS_REQUESTS_OPS_H
#define FS_REQUESTS_OPS_H

#include "fs/nodes/mount.h"

extern const struct fuse_lowlevel_ops ops;

#endif
