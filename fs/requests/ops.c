/*
 * The functions that libfuse calls, in the order of fuse_lowlevel_ops. Each finds the node,
 * asks tree.def whether the kind takes the call, and calls the verb of the kind.
 */
#include "fs/requests/ops.h"

#include <errno.h>

#include "engine/base/log.h"
#include "fs/nodes/access.h"
#include "fs/nodes/reply.h"
#include "fs/requests/dir.h"
#include "fs/requests/entries.h"
#include "fs/requests/find.h"
#include "fs/requests/loop.h"
#include "fs/requests/setattr.h"
#include "fs/requests/xattr.h"
#include "fs/snapshots/frozen.h"

/* What other file systems take as one name. */
#define NAME_MAX_BYTES 255u

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	const struct mount *mount = userdata;

	conn->max_write = LOOP_WRITE_BYTES_MAX;
	conn->max_background = 64;
	if (mount->options.read_bytes_max)
		conn->max_read = mount->options.read_bytes_max;
	/* The kernel's writeback cache would ignore our sizes; splicing is slower than copying. */
	conn->want &= ~(unsigned)(FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_SPLICE_READ |
				  FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
}

/* --- lookup -------------------------------------------------------------------- */

static struct node *node_of(fuse_req_t req, fuse_ino_t ino)
{
	struct node *node = node_find(mount_of(req)->nodes, ino);

	if (!node)
		fuse_reply_err(req, ESTALE);
	return node;
}

/* END: the request is answered already, or will be. */
static void reply_node(fuse_req_t req, struct mount *mount, int err, struct node *node)
{
	if (err < 0)
		reply_err(req, err);
	else if (err == OK)
		reply_entry(req, mount, node);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *mount = mount_of(req);
	struct node *dir = node_of(req, parent), *node;
	int err;

	if (!dir)
		return;
	err = find_node(req, mount, dir, slice_of_text(name), &node);
	reply_node(req, mount, err, node);
}

/* The kernel forgets lookups of a nodeid: a node goes when all of them are forgotten and no file is
 * open. */
static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	node_forget(mount_of(req)->nodes, ino, count);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		node_forget(mount_of(req)->nodes, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

/* --- attributes ---------------------------------------------------------------- */

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct node *node = node_of(req, ino);

	if (node)
		reply_attr(req, mount_of(req), node);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *to, int what,
		       struct fuse_file_info *info)
{
	struct node *node = node_of(req, ino);

	if (node)
		setattr_reply(req, mount_of(req), node, to, what, info);
}

/* Views, and views in snapshots. */
static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct mount *mount = mount_of(req);
	struct node *node = node_of(req, ino);
	const struct kind_ops *ops;
	struct buf target = { 0 };
	int err;

	if (!node)
		return;
	ops = kind_ops(mount, &node->place);
	err = ops->readlink ? ops->readlink(mount, node, &target) : ERR_INVALID;
	if (err < 0)
		reply_err(req, err);
	else
		fuse_reply_readlink(req, buf_text(&target));
	buf_release(&target);
}

/* --- names ----------------------------------------------------------------------- */

/* 0, or the errno that a directory of this kind always gives. */
static int refusal(const struct node *dir, enum call call, const char *name)
{
	int refused = tree_call(dir->place.kind, call);

	if (!refused && strlen(name) > NAME_MAX_BYTES)
		return ENAMETOOLONG;
	return refused;
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	fuse_reply_err(req, EPERM);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	fuse_reply_err(req, EPERM);
}

static struct attrs attrs_of_caller(fuse_req_t req, mode_t mode)
{
	struct caller caller;

	caller_of(req, false, &caller);
	return caller_attrs(&caller, mode);
}

/* What has no object of its own in the catalog inherits here: a scratch file. */
static struct attrs attrs_in(fuse_req_t req, struct mount *mount, const struct node *dir,
			     mode_t mode, bool is_directory)
{
	struct attrs attrs = attrs_of_caller(req, mode);
	struct object parent;

	if (dir->place.object_id &&
	    catalog_get(mount->catalog, dir->place.object_id, &parent) == OK)
		attrs_inherit(&attrs, &parent.attrs, is_directory);
	return attrs;
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct mount *mount = mount_of(req);
	struct node *dir = node_of(req, parent), *node;
	struct attrs attrs;
	int refused, err;

	if (!dir)
		return;
	refused = refusal(dir, CALL_MKDIR, name);
	if (refused) {
		fuse_reply_err(req, refused);
		return;
	}
	attrs = attrs_in(req, mount, dir, mode, true);
	err = entries_mkdir(mount, dir, slice_of_text(name), &attrs, &node);
	err = engine_settle(mount->engine, err);
	reply_node(req, mount, err, node);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct mount *mount = mount_of(req);
	struct node *dir = node_of(req, parent), *node;
	struct attrs attrs = attrs_of_caller(req, 0777);
	int refused, err;

	if (!dir)
		return;
	refused = refusal(dir, CALL_SYMLINK, name);
	if (refused) {
		fuse_reply_err(req, refused);
		return;
	}
	err = entries_symlink(mount, dir, slice_of_text(name), slice_of_text(target), &attrs,
			      &node);
	err = engine_settle(mount->engine, err);
	reply_node(req, mount, err, node);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name,
			int (*remove)(struct mount *mount, const struct place *place))
{
	struct mount *mount = mount_of(req);
	struct node *dir = node_of(req, parent);
	struct buf text = { 0 };
	struct place place;
	int err, refused = 0;

	if (!dir)
		return;
	err = find_or_tell(req, mount, dir, slice_of_text(name), &place, &text);
	if (err == OK && tree_mode(place.kind) == MODE_FROZEN &&
	    frozen_is_being_removed(mount, &place, (uint32_t)fuse_req_ctx(req)->pid)) {
		reply_err(req, OK);
		buf_release(&text);
		return;
	}
	if (err == OK)
		refused = tree_call(place.kind, CALL_REMOVE);
	if (err == OK && !refused)
		err = engine_settle(mount->engine, remove(mount, &place));
	if (refused)
		fuse_reply_err(req, refused);
	else
		reply_err(req, err);
	buf_release(&text);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, entries_unlink);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, entries_rmdir);
}

/* A place of a series only says that the name could be one: RENAME_NOREPLACE asks whether points
 * are there. */
static bool exists(struct mount *mount, const struct place *place)
{
	struct series_stat stat;

	return !tree_is_series(place->kind) ||
	       (place->series_id != ID_NONE &&
		engine_series_stat(mount->engine, place->policy_id, place->group_id,
				   place->series_id, &stat) == OK);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		      const char *new_name, unsigned flags)
{
	struct mount *mount = mount_of(req);
	struct node *dir = node_of(req, parent);
	struct node *new_dir = dir ? node_of(req, new_parent) : NULL;
	struct slice to = slice_of_text(new_name);
	struct place place, target;
	struct buf text = { 0 };
	int err, refused = 0;
	bool taken;

	if (!dir || !new_dir)
		return;
	err = find_or_tell(req, mount, dir, slice_of_text(name), &place, &text);
	if (err == OK)
		refused = tree_call(place.kind, CALL_RENAME);
	if (err == OK && !refused && to.length > NAME_MAX_BYTES)
		refused = ENAMETOOLONG;
	if (err == OK && !refused) {
		taken = find_place(mount, new_dir, to, &target, &text, NULL) == OK &&
			exists(mount, &target);
		err = entries_rename(mount, &place, new_dir, to, taken ? &target : NULL, flags);
		err = engine_settle(mount->engine, err);
	}
	if (refused)
		fuse_reply_err(req, refused);
	else
		reply_err(req, err);
	buf_release(&text);
}

/* --- files -------------------------------------------------------------------------- */

static int check_open(const struct node *node, int flags)
{
	enum kind kind = node->place.kind;

	if (flags_write(flags) && tree_call(kind, CALL_WRITE))
		return tree_call(kind, CALL_WRITE);
	return flags_read(flags) ? tree_call(kind, CALL_READ) : 0;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct mount *mount = mount_of(req);
	struct node *node = node_of(req, ino);
	struct handle *handle;
	handle_open open;
	int refused, err;

	if (!node)
		return;
	refused = check_open(node, info->flags);
	open = kind_ops(mount, &node->place)->open;
	if (refused || !open) {
		fuse_reply_err(req, refused ? refused : EPERM);
		return;
	}
	err = open(req, mount, node, info, &handle);
	if (err == OK)
		node_opened(mount->nodes, node);
	if (err == OK)
		reply_open(req, info, handle);
	else if (err < 0)
		reply_err(req, err);
}

/* CREATE is LOOKUP and OPEN in one: when the open fails, the lookup is taken back, or the node
 * would stay for ever. */
static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *info)
{
	struct mount *mount = mount_of(req);
	struct node *dir = node_of(req, parent), *node;
	struct attrs attrs;
	struct handle *handle;
	int refused, err;

	if (!dir)
		return;
	refused = refusal(dir, CALL_CREATE, name);
	if (refused) {
		fuse_reply_err(req, refused);
		return;
	}
	attrs = attrs_in(req, mount, dir, mode, false);
	err = entries_create(mount, dir, slice_of_text(name), &attrs, info->flags, &node);
	if (err == OK) {
		const struct kind_ops *ops = kind_ops(mount, &node->place);

		err = ops->open(req, mount, node, info, &handle);
		if (err < 0)
			node_forget(mount->nodes, node->id, 1);
		else if (ops->created)
			ops->created(handle, &attrs);
	}
	if (err < 0)
		reply_err(req, err);
	else
		reply_create(req, mount, node, info, handle);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		    struct fuse_file_info *info)
{
	struct handle *handle = handle_of(info);

	if (handle->ops->read)
		handle->ops->read(req, handle, size, (uint64_t)offset);
	else
		fuse_reply_buf(req, NULL, 0);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
		     struct fuse_file_info *info)
{
	struct handle *handle = handle_of(info);

	if (handle->ops->write && !handle->write_refused)
		handle->ops->write(req, handle, slice_of(data, size), (uint64_t)offset);
	else
		fuse_reply_err(req, EPERM);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct handle *handle = handle_of(info);

	if (handle->ops->flush)
		handle->ops->flush(req, handle);
	else
		fuse_reply_err(req, 0);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct handle *handle = handle_of(info);

	handle->ops->release(handle);
	fuse_reply_err(req, 0);
}

/* All that was written before, by anybody: the log is one, so one file cannot be made durable
 * without the others. */
static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info)
{
	struct mount *mount = mount_of(req);
	int err = engine_sync(mount->engine);

	if (err == OK)
		err = catalog_sync(mount->catalog);
	reply_err(req, err);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
			 struct fuse_file_info *info)
{
	struct node *node = node_of(req, ino);

	/* FALLOC_FL_KEEP_SIZE alone: room for a scratch file, which needs none. */
	if (node)
		fuse_reply_err(req, node->place.kind == KIND_SCRATCH && mode == 1 ? 0 : EOPNOTSUPP);
}

/* --- directories ---------------------------------------------------------------------- */

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct node *node = node_of(req, ino);
	int err;

	if (!node)
		return;
	err = dir_open(req, mount_of(req), node, info);
	if (err < 0)
		reply_err(req, err);
	else if (fuse_reply_open(req, info) < 0)
		dir_close(info);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		       struct fuse_file_info *info)
{
	struct node *node = node_of(req, ino);

	if (node)
		dir_read(req, mount_of(req), node, size, offset, info);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	dir_close(info);
	fuse_reply_err(req, 0);
}

/* `df`: the disk of the data directory, without what the engine keeps back for dropping and
 * flushing. */
static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct env_disk disk;
	int err = engine_disk(mount_of(req)->engine, &disk);
	const unsigned block = 4096;
	struct statvfs out = {
		.f_bsize = block,
		.f_frsize = block,
		.f_blocks = disk.bytes / block,
		.f_bfree = disk.bytes_free / block,
		.f_bavail = disk.bytes_available / block,
		.f_files = disk.files,
		.f_ffree = disk.files_free,
		.f_favail = disk.files_free,
		.f_namemax = NAME_MAX_BYTES,
	};

	if (err < 0)
		reply_err(req, err);
	else
		fuse_reply_statfs(req, &out);
}

/* --- extended attributes ----------------------------------------------------------------- */

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct node *node = node_of(req, ino);

	if (node)
		xattr_get(req, mount_of(req), node, name, size);
}

/* Never listed: rsync -X and cp -a would copy facts about points as if they were attributes. */
static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, 0);
	else
		fuse_reply_buf(req, NULL, 0);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
			size_t size, int flags)
{
	struct node *node = node_of(req, ino);

	if (node)
		xattr_set(req, mount_of(req), node, name, slice_of(value, size));
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	fuse_reply_err(req, ENODATA);
}

const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.releasedir = op_releasedir,
	.fsyncdir = op_fsync,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.create = op_create,
	.fallocate = op_fallocate,
};
