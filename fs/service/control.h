/* .seriesfs/ctl: an exec whose requests are words of the operator. */
#ifndef FS_SERVICE_CONTROL_H
#define FS_SERVICE_CONTROL_H

#include "fs/nodes/kind.h"

extern const struct kind_ops control_kind;

#endif
