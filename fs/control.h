/* .seriesfs/ctl: an exec whose requests are words of the operator. */
#ifndef FS_CONTROL_H
#define FS_CONTROL_H

#include "fs/kind.h"

extern const struct kind_ops control_kind;

#endif
