/* .seriesfs/{help,version,status,metrics}: text made at lookup, under a nodeid of its own. */
#ifndef FS_PAGES_H
#define FS_PAGES_H

#include "fs/handle.h"

#define SERIESFS_VERSION "1.0.0"

/* The value of a metric's label. */
void print_label(struct buf *out, struct slice text);
/* A node with its text (one lookup). */
struct node *page_lookup(struct mount *mount, const struct place *place);
struct slice page_text(const struct node *node);
int64_t page_time_ns(const struct node *node);
int page_open(fuse_req_t req, struct mount *mount, struct node *node, struct fuse_file_info *info,
	      struct handle **out);

#endif
