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
#ifndef FS_ANSWERS_EXEC_H
#define FS_ANSWERS_EXEC_H

#include "fs/nodes/kind.h"

extern const struct kind_ops exec_kind;

struct exec_handle;
/* Runs one request, whole. */
typedef int (*exec_run)(struct exec_handle *handle, struct slice text, struct diag *diag);
/*
 * Opens a file whose requests `run` does. With `ends_with_write` each write(2) ends one, so that
 * its error is never one of close(2).
 */
int exec_open_with(fuse_req_t req, struct mount *mount, struct node *node,
		   struct fuse_file_info *info, exec_run run, bool ends_with_write,
		   struct handle **out);
struct mount *exec_mount(const struct exec_handle *handle);
/* A few times a second: give up for callers that went away. */
void exec_tick(struct mount *mount);
bool exec_has_waiters(void);
void exec_cancel_all(struct mount *mount);

#endif
