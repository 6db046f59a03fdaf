/*
 * Answers requests: errors, bytes, open files, and attributes, which the kind of the node
 * gives.
 */
#include "fs/nodes/reply.h"

#include <linux/fuse.h>
#include <stdatomic.h>

#include "fs/nodes/attr.h"
#include "fs/nodes/fault.h"
#include "fs/nodes/kind.h"

void reply_err(fuse_req_t req, int err)
{
	fuse_reply_err(req, fault_errno(err));
}

void reply_bytes(fuse_req_t req, struct slice bytes, size_t length, uint64_t offset)
{
	if (offset >= bytes.length) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	bytes = slice_from(bytes, (size_t)offset);
	fuse_reply_buf(req, bytes.data, bytes.length < length ? bytes.length : length);
}

void reply_taken(fuse_req_t req, struct handle *handle, size_t taken)
{
	atomic_fetch_add_explicit(&handle->bytes_accepted, taken, memory_order_relaxed);
	fuse_reply_write(req, taken);
}

/*
 * libfuse 3.14 has no field for FOPEN_STREAM, so its answer is put together here. Without the flag
 * the kernel holds the lock of the file's position while a read waits, and another process that
 * shares the open file hangs where no signal reaches it. Neither lseek nor pread may be asked:
 * reads go on where the last ended.
 */
static int reply_stream(fuse_req_t req, const struct fuse_file_info *info)
{
	struct fuse_open_out out = { .fh = info->fh, .open_flags = FOPEN_STREAM | FOPEN_DIRECT_IO };

	if (info->noflush)
		out.open_flags |= FOPEN_NOFLUSH;
	return fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

void reply_open(fuse_req_t req, struct fuse_file_info *info, struct handle *handle)
{
	int sent;

	info->fh = (uint64_t)(uintptr_t)handle;
	sent = info->nonseekable ? reply_stream(req, info) : fuse_reply_open(req, info);
	if (sent < 0)
		handle->ops->release(handle);
}

void reply_attr(fuse_req_t req, struct mount *mount, struct node *node)
{
	const struct kind_ops *ops = kind_ops(mount, &node->place);
	struct stat stat;
	int err = ops->check ? ops->check(req, mount, node) : OK;

	if (err == OK)
		err = attr_stat(mount, node, &stat);
	if (err == OK && ops->stat_for)
		ops->stat_for(req, mount, node, &stat);
	if (err == END)
		ops->wait(req, mount, node);
	else if (err < 0)
		reply_err(req, err);
	else
		fuse_reply_attr(req, &stat, attr_timeout(mount, node));
}

/* Never waits: where stat() gives END, what it has so far is an entry's attributes. */
static int stat_entry(fuse_req_t req, struct mount *mount, struct node *node,
		      struct fuse_entry_param *entry)
{
	const struct kind_ops *ops = kind_ops(mount, &node->place);
	int err;

	*entry = (struct fuse_entry_param){ .ino = node->id };
	entry->attr_timeout = attr_timeout(mount, node);
	entry->entry_timeout = attr_entry_timeout(mount, node);
	err = attr_stat(mount, node, &entry->attr);
	if (err == OK && ops->stat_for)
		ops->stat_for(req, mount, node, &entry->attr);
	return err == END ? OK : err;
}

void reply_entry(fuse_req_t req, struct mount *mount, struct node *node)
{
	struct fuse_entry_param entry;
	uint64_t id = node->id;
	int err = stat_entry(req, mount, node, &entry);

	if (err < 0) {
		reply_err(req, err);
		node_forget(mount->nodes, id, 1);
	} else if (fuse_reply_entry(req, &entry) < 0) {
		node_forget(mount->nodes, id, 1);
	}
}

void reply_create(fuse_req_t req, struct mount *mount, struct node *node,
		  struct fuse_file_info *info, struct handle *handle)
{
	struct fuse_entry_param entry;
	uint64_t id = node->id;
	int err = stat_entry(req, mount, node, &entry);

	info->fh = (uint64_t)(uintptr_t)handle;
	if (err == OK && fuse_reply_create(req, &entry, info) == 0)
		return;
	if (err < 0)
		reply_err(req, err);
	handle->ops->release(handle);
	node_forget(mount->nodes, id, 1);
}
