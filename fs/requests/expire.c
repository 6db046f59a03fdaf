/*
 * Tells the kernel of names that it did not change itself. Expiring a name waits for the kernel's
 * lock of its directory, which the kernel holds while it waits for the loop: so the loop's own
 * thread only drops attributes, which waits for nothing. What that thread removed was a request of
 * the kernel, which knows.
 */
#include "fs/requests/expire.h"

#include <errno.h>

#include "fs/nodes/place.h"
#include "fs/requests/loop.h"

static int place_of_id(struct mount *mount, uint32_t id, struct place *out)
{
	struct object object;
	struct place parent;

	if (id == OBJECT_ROOT_ID) {
		*out = place_root;
		return OK;
	}
	TRY(catalog_get(mount->catalog, id, &object));
	TRY(place_of_id(mount, object.parent_id, &parent));
	*out = place_of_object(&parent, &object);
	return OK;
}

/* 0: the kernel does not know it. */
static uint64_t nodeid_of(struct mount *mount, uint32_t id)
{
	struct place place;
	struct node *node;
	uint64_t nodeid;

	if (place_of_id(mount, id, &place) < 0)
		return 0;
	node = node_take(mount->nodes, &place, slice_of("", 0));
	if (!node)
		return 0;
	nodeid = node->id;
	node_forget(mount->nodes, nodeid, 1);
	return nodeid;
}

static void expire_name(struct mount *mount, uint64_t nodeid, struct slice name)
{
	/* Kernels before 6.2 know only how to drop it. */
	if (fuse_lowlevel_notify_expire_entry(mount->session, nodeid, name.data, name.length,
					      FUSE_LL_EXPIRE_ONLY) == -ENOSYS)
		fuse_lowlevel_notify_inval_entry(mount->session, nodeid, name.data, name.length);
}

void expire_changed(void *arg, const struct object *object, bool is_gone)
{
	struct mount *mount = arg;
	uint64_t nodeid = nodeid_of(mount, object->parent_id);

	if (!nodeid)
		return;
	if (is_gone && loop_answers_meanwhile())
		expire_name(mount, nodeid, object->name);
	fuse_lowlevel_notify_inval_inode(mount->session, nodeid, -1, 0);
}
