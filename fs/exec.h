/*
 * `exec` and `.seriesfs/ctl`: what is written are requests, what is read is the
 * answer of the last one.
 *
 *	write ─ each newline ends a request, which runs before write(2) returns
 *	read  ─ ends an unfinished one; gives the answer, from the offset after the last write on
 *	close ─ of a write-only file ends one as well
 *
 * A write to ctl ends a request, with a newline or without.
 *
 * Requests run in the pool for queries; the kernel's request waits as an entry
 * of a list, so that an interrupted one is answered and its query cancelled.
 */
#ifndef FS_EXEC_H
#define FS_EXEC_H

#include "fs/handle.h"

/* Judge what stands behind `exec`: `.json?epoch=ns`. */
int exec_check_options(struct mount *mount, uint32_t database_id, struct slice rest,
		       struct diag *diag);
int exec_open(fuse_req_t req, struct mount *mount, struct node *node, struct fuse_file_info *info,
	      struct handle **out);

/* A few times a second: give up for callers that went away. */
void exec_tick(struct mount *mount);
bool exec_has_waiters(void);
void exec_cancel_all(struct mount *mount);

#endif
