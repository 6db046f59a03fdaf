/*
 * What happens by the clock: callers that went away, memory that gets tight,
 * scratch files that were left lying, retention.
 */
#ifndef FS_REQUESTS_CLOCK_H
#define FS_REQUESTS_CLOCK_H

#include "fs/nodes/mount.h"

struct clock *clock_start(struct mount *mount);
void clock_stop(struct clock *clock);

#endif
