/*
 * One thread receives; what is cheap it does itself, what may take long goes
 * with its buffer to the workers.
 *
 *	/dev/fuse ─► receive ─┬─ inline: lookups, attributes, small writes
 *	                      ├─ workers: bulk writes, reads of series, fsync, replaces
 *	                      └─ (answers and exec: inline, they wait as list entries)
 *
 * A second receiving thread would cost a wake-up on another CPU for each of
 * the small requests that make up a shell's `echo`.
 */
#ifndef FS_REQUESTS_LOOP_H
#define FS_REQUESTS_LOOP_H

#include "fs/nodes/mount.h"

#define LOOP_WRITE_BYTES_MAX (1u << 20) /* libfuse 3.14's buffer takes no more */

/* Until unmounted. OK, or ERR_IO, also when the kernel and libfuse did not agree. */
int loop_run(struct mount *mount);
/* Does another thread than the caller's answer the kernel meanwhile? Then it may wait for it. */
bool loop_answers_meanwhile(void);
/* What to call once, when INIT was answered: the mount answers. */
void loop_on_ready(void (*call)(void));

#endif
