/* opendir and readdir: what is listed is a snapshot, so that `rm -r` meets each name once. */
#ifndef FS_DIR_H
#define FS_DIR_H

#include "fs/handle.h"

int dir_open(struct mount *mount, struct node *node, struct fuse_file_info *info);
/* Answers READDIR. */
void dir_read(fuse_req_t req, struct mount *mount, struct node *node, size_t bytes, off_t offset,
	      struct fuse_file_info *info);
void dir_close(struct fuse_file_info *info);

#endif
