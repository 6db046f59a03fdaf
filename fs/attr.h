/* stat(2) and what changes it: chmod, chown, utimens, truncate. */
#ifndef FS_ATTR_H
#define FS_ATTR_H

#include "fs/handle.h"

/*
 * END: it takes time, and who calls has to wait (a series that grew under
 * cached pages, an answer that is not ready). ERR_NOT_FOUND: dropped.
 */
int attr_stat(struct mount *mount, struct node *node, struct stat *out);
/* How long the kernel may believe it, in seconds. */
double attr_timeout(struct mount *mount, const struct node *node);
/* From the attributes that the catalog keeps. */
void attr_fill(struct stat *out, enum kind kind, const struct attrs *attrs, uint64_t size);
void attr_set_time(struct timespec *out, int64_t time_ns);
int64_t attr_time(const struct timespec *time);

/* Answers GETATTR. */
void attr_get(fuse_req_t req, struct mount *mount, struct node *node);
/* Answers GETATTR of a series with what series_stat_node() gave. */
void attr_reply_series(fuse_req_t req, struct mount *mount, struct node *node, int err,
		       const struct series_stat *stat);
/* Change what `what` (FUSE_SET_ATTR_…) names; the table of calls was asked. */
int attr_apply(struct mount *mount, struct node *node, const struct stat *to, int what,
	       struct fuse_file_info *info);
/* Answers SETATTR. */
void attr_set(fuse_req_t req, struct mount *mount, struct node *node, const struct stat *to,
	      int what, struct fuse_file_info *info);
/* Answers LOOKUP with a node whose lookup is counted already; takes it back on failure. */
void attr_reply_entry(fuse_req_t req, struct mount *mount, struct node *node);
/* The same with CREATE. */
void attr_reply_create(fuse_req_t req, struct mount *mount, struct node *node,
		       struct fuse_file_info *info, struct handle *handle);

#endif
