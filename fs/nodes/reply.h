/*
 * Answers to the kernel. A request is answered once, by one of these or by the
 * operation of an open file, now or later.
 */
#ifndef FS_NODES_REPLY_H
#define FS_NODES_REPLY_H

#include "fs/nodes/handle.h"

/* With the errno of `err`. */
void reply_err(fuse_req_t req, int err);
/* READ out of memory: up to `length` bytes of `bytes` from `offset` on. */
void reply_bytes(fuse_req_t req, struct slice bytes, size_t length, uint64_t offset);
/* `taken` bytes of a write were accepted by this handle. */
void reply_taken(fuse_req_t req, struct handle *handle, size_t taken);
/* An open file: hands the handle to the kernel, or releases it when the caller has gone. */
void reply_open(fuse_req_t req, struct fuse_file_info *info, struct handle *handle);
/* GETATTR, later when the kind has to wait. */
void reply_attr(fuse_req_t req, struct mount *mount, struct node *node);
/* LOOKUP with a node whose lookup is counted already; takes it back on failure. */
void reply_entry(fuse_req_t req, struct mount *mount, struct node *node);
/* The same with CREATE. */
void reply_create(fuse_req_t req, struct mount *mount, struct node *node,
		  struct fuse_file_info *info, struct handle *handle);

#endif
