/*
 * An answer too large to keep: one evaluation for each open file, in a thread
 * of its own, that runs ahead of its reader by at most STREAM_BYTES.
 *
 *	query ─► | ring | ─► read(2), in order, once
 *
 * To the kernel it is a stream (FOPEN_STREAM), as a pipe: no offsets, so no lseek and no pread, and
 * several who have it open share its bytes, each read(2) the next of them.
 */
#ifndef FS_ANSWERS_STREAM_H
#define FS_ANSWERS_STREAM_H

#include "fs/nodes/handle.h"

#define STREAM_BYTES ((size_t)1 << 20)

/* ERR_LIMIT: streams_max are open. */
int stream_open(fuse_req_t req, struct mount *mount, struct node *node, struct fuse_file_info *info,
		struct handle **out);
/* A few times a second: answer readers that were interrupted. */
void stream_tick(struct mount *mount);
bool stream_any(void);
/* Cancel all, and wait until their threads have gone. */
void stream_cancel_all(struct mount *mount);

#endif
