/* What changes attributes: chmod, chown, utimens, truncate. */
#ifndef FS_REQUESTS_SETATTR_H
#define FS_REQUESTS_SETATTR_H

#include "fs/nodes/handle.h"

/* Change what `what` (FUSE_SET_ATTR_…) names; the table of calls was asked. */
int setattr_apply(struct mount *mount, struct node *node, const struct stat *to, int what,
		  struct fuse_file_info *info);
/* Answers SETATTR. */
void setattr_reply(fuse_req_t req, struct mount *mount, struct node *node, const struct stat *to,
		   int what, struct fuse_file_info *info);

#endif
