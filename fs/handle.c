/* What all open files share. */
#include "fs/handle.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "fs/fault.h"

static struct {
	pthread_mutex_t lock;
	struct handle *first; /* protected by lock */
} open_handles = { .lock = PTHREAD_MUTEX_INITIALIZER };

void *handle_new(size_t bytes, const struct handle_ops *ops, struct mount *mount, struct node *node,
		 int flags)
{
	struct handle *handle = calloc(1, bytes);

	if (!handle)
		log_out_of_memory(bytes);
	*handle = (struct handle){ .ops = ops, .mount = mount, .node = node, .flags = flags };
	node_hold(node);
	pthread_mutex_lock(&open_handles.lock);
	handle->next = open_handles.first;
	if (handle->next)
		handle->next->previous = handle;
	open_handles.first = handle;
	pthread_mutex_unlock(&open_handles.lock);
	return handle;
}

void handle_free(struct handle *handle)
{
	pthread_mutex_lock(&open_handles.lock);
	if (handle->next)
		handle->next->previous = handle->previous;
	if (handle->previous)
		handle->previous->next = handle->next;
	else
		open_handles.first = handle->next;
	pthread_mutex_unlock(&open_handles.lock);
	node_let_go(handle->mount->nodes, handle->node);
	free(handle);
}

void handle_release_all(void)
{
	while (open_handles.first)
		open_handles.first->ops->release(open_handles.first);
}

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
	__atomic_fetch_add(&handle->bytes_accepted, taken, __ATOMIC_RELAXED);
	fuse_reply_write(req, taken);
}

/*
 * libfuse 3.14 has no field for FOPEN_STREAM, so its answer is put together here. Without the flag
 * the kernel holds the file's position while a read waits, and who else has the file open hangs,
 * where no signal reaches it.
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
	sent = handle->is_stream ? reply_stream(req, info) : fuse_reply_open(req, info);
	if (sent < 0)
		handle->ops->release(handle);
}
