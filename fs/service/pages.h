/*
 * .seriesfs/{help,version,status,metrics}. The first two are text made at lookup, under a nodeid of
 * its own. The others are made at each open, for its caller: they tell of what it may read, and
 * sums over all; their size shows as 0.
 */
#ifndef FS_SERVICE_PAGES_H
#define FS_SERVICE_PAGES_H

#include "fs/nodes/kind.h"

#define SERIESFS_VERSION "1.0.0"

extern const struct kind_ops page_kind, service_kind;

#endif
