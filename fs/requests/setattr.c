/*
 * Changes attributes: the table of calls is asked for each part of the request, then the verbs
 * of the kind do it. Truncation is a change as well, and never deletes points.
 */
#include "fs/requests/setattr.h"

#include <stdatomic.h>

#include "fs/nodes/attr.h"
#include "fs/nodes/kind.h"
#include "fs/nodes/reply.h"

/* The calls of one SETATTR, as the table knows them. */
static int check_calls(enum kind kind, int what)
{
	static const struct {
		int bits;
		enum call call;
	} rows[] = {
		{ FUSE_SET_ATTR_MODE, CALL_CHMOD },
		{ FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID, CALL_CHOWN },
		{ FUSE_SET_ATTR_SIZE, CALL_TRUNCATE },
		{ FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
			  FUSE_SET_ATTR_MTIME_NOW,
		  CALL_TIMES },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* With truncate(2) and O_TRUNC the kernel sets the times along. */
		if (rows[i].call == CALL_TIMES && what & FUSE_SET_ATTR_SIZE)
			continue;
		if (what & rows[i].bits && tree_call(kind, rows[i].call))
			return tree_call(kind, rows[i].call);
	}
	return 0;
}

/*
 * Truncation never deletes: to the size it has, or to what came through this
 * handle, it is nothing; to any other it is refused, and so is what follows.
 */
static int truncate_nothing(struct mount *mount, struct node *node, uint64_t bytes,
			    struct fuse_file_info *info)
{
	struct handle *handle = info ? handle_of(info) : NULL;
	struct stat stat;

	if (handle && bytes == atomic_load_explicit(&handle->bytes_accepted, memory_order_relaxed))
		return OK;
	if (attr_stat(mount, node, &stat) == OK && bytes == (uint64_t)stat.st_size)
		return OK;
	if (handle)
		handle->write_refused = true;
	return ERR_NOT_PERMITTED;
}

static int truncate_node(struct mount *mount, struct node *node, uint64_t bytes,
			 struct fuse_file_info *info)
{
	const struct kind_ops *ops = kind_ops(mount, &node->place);
	int err = ops->truncate ? ops->truncate(mount, node, bytes) : END;

	return err == END ? truncate_nothing(mount, node, bytes, info) : err;
}

int setattr_apply(struct mount *mount, struct node *node, const struct stat *to, int what,
		  struct fuse_file_info *info)
{
	const struct kind_ops *ops = kind_ops(mount, &node->place);

	if (what & FUSE_SET_ATTR_SIZE)
		TRY(truncate_node(mount, node, (uint64_t)to->st_size, info));
	return ops->set ? ops->set(mount, node, to, what) : OK;
}

void setattr_reply(fuse_req_t req, struct mount *mount, struct node *node, const struct stat *to,
		   int what, struct fuse_file_info *info)
{
	int refused = check_calls(node->place.kind, what), err;

	if (refused) {
		fuse_reply_err(req, refused);
		return;
	}
	err = setattr_apply(mount, node, to, what, info);
	if (err < 0)
		reply_err(req, err);
	else
		reply_attr(req, mount, node);
}
