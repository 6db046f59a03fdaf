/*
 * Makes and frees open files, and keeps a list of them: at the end of the mount those that the
 * kernel did not close are released, or their lines and memory would be lost without a word.
 */
#include "fs/nodes/handle.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/log.h"

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

/* Without the lock: the loop has ended, and releasing takes the lock itself. */
void handle_release_all(void)
{
	while (open_handles.first)
		open_handles.first->ops->release(open_handles.first);
}
