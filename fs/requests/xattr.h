/*
 * user.seriesfs.{points,first,last,fields,bytes} on series, groups and
 * policies: gettable, never listed (rsync -X and cp -a would copy them).
 */
#ifndef FS_REQUESTS_XATTR_H
#define FS_REQUESTS_XATTR_H

#include "fs/nodes/handle.h"

/* Answers GETXATTR; `size` 0 asks for the length. */
void xattr_get(fuse_req_t req, struct mount *mount, struct node *node, const char *name,
	       size_t size);

/*
 * Answers SETXATTR: accepted and forgotten, but for the ACL by which `cp -a` sets
 * the mode: of that the mode is kept.
 */
void xattr_set(fuse_req_t req, struct mount *mount, struct node *node, const char *name,
	       struct slice value);

#endif
