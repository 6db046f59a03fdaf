/*
 * .seriesfs/{help,version,status,metrics}. The first two are text made at lookup, under a nodeid of
 * its own. The others are made at each open, for who opens: they tell of what it may read, and sums
 * over all; their size shows as 0.
 */
#ifndef FS_PAGES_H
#define FS_PAGES_H

#include "fs/access.h"
#include "fs/handle.h"

#define SERIESFS_VERSION "1.0.0"

/* Who reads a page. */
struct page_reader {
	struct mount *mount;
	const struct caller *caller;
};
/* May it read of that database, and of the object in it (a policy, a continuous query)? */
bool page_tells(const struct page_reader *reader, uint32_t database_id, uint32_t object_id);
/* The value of a metric's label: different names stay different. */
void print_label(struct buf *out, struct slice text);
/* A name as a word of a line, as ctl takes it: in double quotes where it has to be. */
void print_word(struct buf *out, struct slice text);
bool page_is_kept(enum kind kind); /* made at lookup */
/* A node with its text (one lookup). */
struct node *page_lookup(struct mount *mount, const struct place *place);
struct slice page_text(const struct node *node);
int64_t page_time_ns(const struct node *node);
int page_open(fuse_req_t req, struct mount *mount, struct node *node, struct fuse_file_info *info,
	      struct handle **out);

#endif
