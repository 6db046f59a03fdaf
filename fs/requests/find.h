/* What a name means in a directory: LOOKUP, and the first half of rename and rm. */
#ifndef FS_REQUESTS_FIND_H
#define FS_REQUESTS_FIND_H

#include "fs/nodes/kind.h"

/*
 * The place of `name` in a directory; its text is appended to `text`.
 * ERR_NOT_FOUND; ERR_INVALID with diag: options of `write` or `exec` that are
 * not understood. Series without a number (index) are ERR_NOT_FOUND; a
 * scratch file of that name hides a series.
 */
int find_place(struct mount *mount, const struct node *dir, struct slice name, struct place *out,
	       struct buf *text, struct diag *diag);
/* The same; what the diag says is told in `errors`. */
int find_or_tell(fuse_req_t req, struct mount *mount, const struct node *dir, struct slice name,
		 struct place *out, struct buf *text);
/*
 * The node of a name, one more lookup. END: its kind answers the request itself.
 * ERR_NOT_FOUND, and what find_place() says.
 */
int find_node(fuse_req_t req, struct mount *mount, const struct node *dir, struct slice name,
	      struct node **out);

#endif
