/*
 * Reads and changes attributes that the catalog keeps: of directories, and of the small texts
 * in them.
 */
#include "fs/settings/object.h"

#include "fs/nodes/attr.h"

int object_of_node(struct mount *mount, const struct node *node, struct object *out)
{
	if (node->place.object_id)
		return catalog_get(mount->catalog, node->place.object_id, out);
	return catalog_find(mount->catalog, (uint32_t)node->place.unique, node_text(node), out);
}

int object_text(struct catalog *catalog, const struct object *object, struct buf *out)
{
	struct object policy;

	if (object->kind != OBJECT_POLICY_FILE) {
		buf_append_slice(out, object->payload);
		return OK;
	}
	TRY(catalog_get(catalog, object->parent_id, &policy));
	policy_print(out, &policy.policy);
	return OK;
}

int object_stat(struct mount *mount, struct node *node, struct stat *out)
{
	struct object object;
	struct buf text = { 0 };

	if (object_of_node(mount, node, &object) < 0) {
		/* Not written yet, and somebody is about to. */
		if (!node->place.unique || atomic_load(&node->handle_count) == 0)
			return ERR_NOT_FOUND;
		object = (struct object){
			.attrs = { .mode = 0644, .uid = mount->uid, .gid = mount->gid }
		};
	}
	if (tree_type(node->place.kind) != S_IFDIR && object.id)
		object_text(mount->catalog, &object, &text);
	attr_fill(out, node->place.kind, &object.attrs, text.length);
	out->st_ino = tree_ino(&node->place, node_text(node));
	if (object.id)
		out->st_ino = tree_ino(&(struct place){ .object_id = object.id }, slice_of("", 0));
	buf_release(&text);
	return OK;
}

int object_set(struct mount *mount, struct node *node, const struct stat *to, int what)
{
	struct object object;
	int err = object_of_node(mount, node, &object);

	if (err == ERR_NOT_FOUND && node->place.unique)
		return OK; /* not written yet: nothing to keep it in */
	if (err < 0)
		return err;
	if (what & FUSE_SET_ATTR_MODE)
		object.attrs.mode = to->st_mode & 07777;
	if (what & FUSE_SET_ATTR_UID)
		object.attrs.uid = to->st_uid;
	if (what & FUSE_SET_ATTR_GID)
		object.attrs.gid = to->st_gid;
	if (what & FUSE_SET_ATTR_ATIME)
		object.attrs.atime_ns =
			what & FUSE_SET_ATTR_ATIME_NOW ? env_now_ns() : attr_time(&to->st_atim);
	if (what & FUSE_SET_ATTR_MTIME)
		object.attrs.mtime_ns =
			what & FUSE_SET_ATTR_MTIME_NOW ? env_now_ns() : attr_time(&to->st_mtim);
	object.attrs.ctime_ns = env_now_ns();
	return engine_settle(mount->engine,
			     catalog_set_attrs(mount->catalog, object.id, &object.attrs));
}

int object_remove(struct mount *mount, const struct place *place)
{
	return catalog_remove(mount->catalog, place->object_id);
}
