/* The words of .seriesfs/ctl. */
#ifndef FS_CONTROL_H
#define FS_CONTROL_H

#include "fs/mount.h"

/* One line. ERR_INVALID with diag: not a word, or not its arguments. */
int control_run(struct mount *mount, struct slice line, struct diag *diag);

#endif
