/*
 * What `status` and `metrics` say of databases, policies and continuous queries: to whom, and how
 * names that users gave are written, so that no name forges a line.
 */
#ifndef FS_NODES_PAGE_WORDS_H
#define FS_NODES_PAGE_WORDS_H

#include "fs/nodes/access.h"

/* The caller that reads a page. */
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

#endif
