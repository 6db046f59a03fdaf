/* opendir and readdir: what is listed is a snapshot, so that `rm -r` meets each name once. */
#ifndef FS_REQUESTS_DIR_H
#define FS_REQUESTS_DIR_H

#include "fs/nodes/handle.h"

int dir_open(fuse_req_t req, struct mount *mount, struct node *node, struct fuse_file_info *info);
/*
 * `rm -r` goes on with rmdir(2) where opendir(3) failed. Then a group goes though nobody can tell
 * what is in it; rmdir(2) alone takes nothing that it has not seen to be empty.
 */
bool dir_was_refused(struct mount *mount, const struct place *place);
/* Answers READDIR. */
void dir_read(fuse_req_t req, struct mount *mount, struct node *node, size_t bytes, off_t offset,
	      struct fuse_file_info *info);
void dir_close(struct fuse_file_info *info);

#endif
