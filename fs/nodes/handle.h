/*
 * An open file: a struct of its kind that begins with this one, behind
 * fuse_file_info.fh. The operations answer the request themselves, now or
 * later; a NULL one is what the comment says.
 */
#ifndef FS_NODES_HANDLE_H
#define FS_NODES_HANDLE_H

#include <fcntl.h>
#include <stdatomic.h>

#include "fs/nodes/mount.h"

struct handle;

struct handle_ops {
	/* NULL: the end of the file */
	void (*read)(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset);
	/* NULL: EPERM */
	void (*write)(fuse_req_t req, struct handle *handle, struct slice data, uint64_t offset);
	/* NULL: fine */
	void (*flush)(fuse_req_t req, struct handle *handle);
	/* Frees it. */
	void (*release)(struct handle *handle);
};

struct handle {
	const struct handle_ops *ops;
	struct mount *mount;
	struct node *node;
	int flags;
	bool write_refused;		 /* after a truncation that was refused */
	_Atomic uint64_t bytes_accepted; /* by its writes */
	struct handle *next, *previous;	 /* of all that are open; protected by handle.c's lock */
};

/*
 * Opens a node of some kind. Sets direct_io, keep_cache, noflush in `info`.
 * END: the request will be answered later.
 */
typedef int (*handle_open)(fuse_req_t req, struct mount *mount, struct node *node,
			   struct fuse_file_info *info, struct handle **out);

static inline struct handle *handle_of(const struct fuse_file_info *info)
{
	return (struct handle *)(uintptr_t)info->fh;
}
static inline bool flags_write(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}
static inline bool flags_read(int flags)
{
	return (flags & O_ACCMODE) != O_WRONLY;
}

/* Zeroed, `bytes` of it, with the common part filled; holds the node. */
void *handle_new(size_t bytes, const struct handle_ops *ops, struct mount *mount, struct node *node,
		 int flags);
/* Let go of the node and free it. */
void handle_free(struct handle *handle);
/* At the end: release what the kernel did not close. */
void handle_release_all(void);

#endif
