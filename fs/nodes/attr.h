/*
 * What stat(2) tells of a node: what all kinds share, and the attributes that are lent to kinds
 * without any of their own. What changes it is setattr.h.
 */
#ifndef FS_NODES_ATTR_H
#define FS_NODES_ATTR_H

#include "fs/nodes/handle.h"

/*
 * END: it takes time, and the caller has to wait (a series that grew under
 * cached pages, an answer that is not ready). ERR_NOT_FOUND: dropped.
 */
int attr_stat(struct mount *mount, struct node *node, struct stat *out);
/* How long the kernel may believe it, and the name, in seconds. */
double attr_timeout(struct mount *mount, const struct node *node);
double attr_entry_timeout(struct mount *mount, const struct node *node);

/* From the attributes that the catalog keeps. */
void attr_fill(struct stat *out, enum kind kind, const struct attrs *attrs, uint64_t size);
/* What stat(2) tells of a size: `bytes` take that many blocks. */
void attr_set_size(struct stat *out, uint64_t bytes);
blkcnt_t attr_blocks(uint64_t bytes);
void attr_set_time(struct timespec *out, int64_t time_ns);
int64_t attr_time(const struct timespec *time);
/*
 * Whose owner and permission bits a kind shows that has none of its own: its policy's, its
 * database's, or for what belongs to the service those of the mount.
 */
int attr_lend(struct mount *mount, const struct place *place, struct attrs *out);

#endif
