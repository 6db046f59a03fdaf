/*
 * What each kind of name does beyond what tree.def says of it: one row a kind in
 * place of a switch in each operation.
 *
 *	request ─► requests/: find the node, ask tree.def ─► mount->kinds[kind]->verb
 *
 * Each file of a kind fills one struct (answer_kind, series_kind …), and the row
 * of the kind in tree.def names it. What asks reaches the kinds through the mount
 * alone, so that what all kinds share includes none of them.
 *
 * A verb that is NULL does what its comment says. tree.def was asked before: a
 * call that a kind never takes does not come here.
 */
#ifndef FS_NODES_KIND_H
#define FS_NODES_KIND_H

#include "fs/nodes/handle.h"

/* How long the kernel may believe what it was told, in seconds. */
#define KIND_SECONDS_FOR_EVER  1e6
#define KIND_SECONDS_FIXED     1.0
#define KIND_SECONDS_SCRATCH   0.1 /* rsync asks nine times between making a file and renaming it */
#define KIND_SECONDS_DIRECTORY 0.1 /* expire.h takes back what changes meanwhile */

typedef void list_each(void *arg, const struct place *place, struct slice name);

struct kind_ops {
	/* --- as a directory ----------------------------------------------------------- */

	/* As place_find() (find.h), for names that are not in tree.def. NULL: there are none. */
	int (*find)(struct mount *mount, const struct node *dir, struct slice name,
		    struct place *out, struct buf *text, struct diag *diag);
	/* Calls `each` for every name that is listed. NULL: none is. */
	int (*list)(struct mount *mount, const struct place *dir, list_each *each, void *arg);
	/* Series behind those names, as an array that the caller frees. NULL: there are none. */
	int (*list_series)(struct mount *mount, const struct place *dir, uint32_t **ids,
			   size_t *count);
	/* OPENDIR, before anything is listed. NULL: fine. */
	int (*open_list)(fuse_req_t req, struct mount *mount, struct node *dir);
	/* These give a node whose lookup is counted. NULL: ERR_NOT_PERMITTED. */
	int (*mkdir)(struct mount *mount, struct node *dir, struct slice name,
		     const struct attrs *attrs, struct node **out);
	int (*create)(struct mount *mount, struct node *dir, struct slice name,
		      const struct attrs *attrs, int flags, struct node **out);

	/* --- as a name ------------------------------------------------------------------ */

	/* May this stand behind a name of tree.def (`?precision=s`)? OK, ERR_NOT_FOUND: it is
	 * another name, ERR_INVALID with diag. NULL: nothing may. */
	int (*check_rest)(struct mount *mount, uint32_t database_id, struct slice rest,
			  struct diag *diag);
	/*
	 * The node of a place, by the kind's own rule; the lookup is counted. END: it answers
	 * LOOKUP itself. ERR_NOT_FOUND. NULL: the node of the place and its text.
	 */
	int (*lookup)(fuse_req_t req, struct mount *mount, const struct place *place,
		      struct slice text, struct node **out);
	/* The name, for people, behind those of its database, policy and group. NULL: its text or
	 * its name in tree.def. */
	void (*print)(struct mount *mount, const struct place *place, struct slice text,
		      struct buf *out);
	/* rm and rmdir. NULL: ERR_NOT_PERMITTED. */
	int (*remove)(struct mount *mount, const struct place *place);

	/* --- attributes ------------------------------------------------------------------ */

	/*
	 * How long the kernel may remember attributes, and the name, in seconds: only while
	 * is_steady says so. NULL: always.
	 */
	double attr_seconds, entry_seconds;
	bool (*is_steady)(struct mount *mount, const struct node *node);
	/* As attr_stat() (attr.h). NULL: attributes that are lent (attr.h), and no size. */
	int (*stat)(struct mount *mount, struct node *node, struct stat *out);
	/* What of that differs by caller. NULL: nothing. */
	void (*stat_for)(fuse_req_t req, struct mount *mount, const struct node *node,
			 struct stat *out);
	/* GETATTR: may the caller be told? NULL: every caller with the nodeid may. */
	int (*check)(fuse_req_t req, struct mount *mount, struct node *node);
	/* Answers GETATTR, later, where stat() gave END. NULL: it never does. */
	void (*wait)(fuse_req_t req, struct mount *mount, struct node *node);
	/* SETATTR but for the size: what `what` (FUSE_SET_ATTR_…) names. NULL: nothing is kept. */
	int (*set)(struct mount *mount, struct node *node, const struct stat *to, int what);
	/* END: this is no truncation that the kind knows. NULL: it knows none. */
	int (*truncate)(struct mount *mount, struct node *node, uint64_t bytes);

	/* --- as a file -------------------------------------------------------------------- */

	/* NULL: EPERM */
	handle_open open;
	/* The open file was made by CREATE, with these attributes. NULL: nothing. */
	void (*created)(struct handle *handle, const struct attrs *attrs);
	/* The target of a link, appended. */
	int (*readlink)(struct mount *mount, struct node *node, struct buf *out);
};

/* A verb `lookup` for files whose writers must not meet in one inode: see node_intern_idle(). */
int kind_lookup_idle(fuse_req_t req, struct mount *mount, const struct place *place,
		     struct slice text, struct node **out);

static inline const struct kind_ops *kind_ops(const struct mount *mount, const struct place *place)
{
	return mount->kinds[place->kind];
}

#endif
