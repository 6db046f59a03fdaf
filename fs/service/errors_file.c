/*
 * Shows the log of a database or of the mount as a file. Entries about what the caller that opened
 * it may not read are missing from the bytes and from the size: a gap would tell that there are
 * some.
 */
#include "fs/service/errors_file.h"

#include "fs/nodes/access.h"
#include "fs/nodes/attr.h"

struct errors_handle {
	struct handle base;
	struct caller caller; /* who opened it, and so who reads */
};

static void errors_read(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	struct errors_handle *errors = (struct errors_handle *)handle;
	struct error_reader reader = { handle->mount, &errors->caller };
	struct buf out = { 0 };

	errors_log_read(handle->mount->errors, handle->node->place.database_id, error_reader_may,
			&reader, offset, length, &out);
	fuse_reply_buf(req, out.data, out.length);
	buf_release(&out);
}

static const struct handle_ops errors_handle_ops = {
	.read = errors_read,
	.release = handle_free,
};

static int errors_open(fuse_req_t req, struct mount *mount, struct node *node,
		       struct fuse_file_info *info, struct handle **out)
{
	struct errors_handle *errors;

	if (info->flags & O_TRUNC)
		errors_log_clear(mount->errors, node->place.database_id);
	errors = handle_new(sizeof(*errors), &errors_handle_ops, mount, node, info->flags);
	caller_of(req, true, &errors->caller);
	*out = &errors->base;
	info->direct_io = 1;
	info->noflush = 1;
	return OK;
}

/* `errors` has other bytes for each reader. */
static void errors_stat_for(fuse_req_t req, struct mount *mount, const struct node *node,
			    struct stat *stat)
{
	struct caller caller;
	struct error_reader reader = { mount, &caller };
	struct errors_stat errors;

	caller_of(req, true, &caller);
	errors = errors_log_stat(mount->errors, node->place.database_id, error_reader_may, &reader);
	attr_set_size(stat, errors.bytes);
	if (!errors.time_ns)
		return;
	attr_set_time(&stat->st_mtim, errors.time_ns);
	attr_set_time(&stat->st_ctim, errors.time_ns);
}

/* To nothing it is cleared; any other size is no truncation of this file's. */
static int errors_truncate(struct mount *mount, struct node *node, uint64_t bytes)
{
	if (bytes > 0)
		return END;
	errors_log_clear(mount->errors, node->place.database_id);
	return OK;
}

const struct kind_ops errors_kind = {
	.stat_for = errors_stat_for,
	.truncate = errors_truncate,
	.open = errors_open,
};
