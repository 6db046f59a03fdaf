/* In the order of fuse_lowlevel_ops; two tables by kind do the choosing. */
#include "fs/ops.h"

#include <errno.h>

#include "engine/base/log.h"
#include "fs/access.h"
#include "fs/answer.h"
#include "fs/attr.h"
#include "fs/dir.h"
#include "fs/exec.h"
#include "fs/frozen.h"
#include "fs/loop.h"
#include "fs/names.h"
#include "fs/pages.h"
#include "fs/place.h"
#include "fs/scratch.h"
#include "fs/series.h"
#include "fs/setting.h"
#include "fs/write.h"
#include "fs/xattr.h"

/* What other file systems take as one name. */
#define NAME_MAX_BYTES 255u

static int errors_open(fuse_req_t req, struct mount *mount, struct node *node,
		       struct fuse_file_info *info, struct handle **out);

static const handle_open opens[KIND_COUNT] = {
	[KIND_POLICY_FILE] = setting_open, [KIND_SERIES] = series_open,
	[KIND_SERIES_ALL] = series_open,   [KIND_CONTINUOUS_QUERY] = setting_open,
	[KIND_SCRATCH] = scratch_open,	   [KIND_HELP] = page_open,
	[KIND_VERSION] = page_open,	   [KIND_STATUS] = page_open,
	[KIND_METRICS] = page_open,	   [KIND_SERVICE_ERRORS] = errors_open,
	[KIND_SERVICE_EXEC] = exec_open,   [KIND_CONTROL] = exec_open,
	[KIND_ANSWER] = answer_open,	   [KIND_EXEC] = exec_open,
	[KIND_WRITE] = write_open,	   [KIND_ERRORS] = errors_open,
	[KIND_DOT_WRITE] = write_open,	   [KIND_FROZEN_FILE] = frozen_open,
};

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

/* --- the errors file, the smallest of all ---------------------------------- */

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

/* --- lookup -------------------------------------------------------------------- */

static struct node *node_of(fuse_req_t req, fuse_ino_t ino)
{
	struct node *node = node_find(mount_of(req)->nodes, ino);

	if (!node)
		fuse_reply_err(req, ESTALE);
	return node;
}

static void reply_node(fuse_req_t req, struct mount *mount, int err, struct node *node)
{
	if (err < 0)
		reply_err(req, err);
	else
		attr_reply_entry(req, mount, node);
}

/* The nodeid for a place, by the kind's own rule; the lookup is counted. */
static int lookup_place(struct mount *mount, const struct place *place, struct slice text,
			struct node **out)
{
	bool is_new;

	switch ((enum kind)place->kind) {
	case KIND_SERIES:
	case KIND_SERIES_ALL: return series_lookup(mount, place, text, out);
	case KIND_SCRATCH:
	case KIND_SCRATCH_DIR:
		*out = scratch_lookup(mount, place);
		return *out ? OK : ERR_NOT_FOUND;
	case KIND_HELP:
	case KIND_VERSION:
	case KIND_STATUS:
	case KIND_METRICS: *out = page_lookup(mount, place); return OK;
	case KIND_WRITE:
	case KIND_DOT_WRITE:
	case KIND_EXEC:
	case KIND_SERVICE_EXEC:
	case KIND_CONTROL: *out = node_intern_idle(mount->nodes, place, text); return OK;
	case KIND_FROZEN_DIR:
	case KIND_FROZEN_FILE:
	case KIND_FROZEN_LINK: return frozen_lookup(mount, place, out);
	default: *out = node_intern(mount->nodes, place, text, &is_new); return OK;
	}
}

/* A file that is created but not written yet has a node and no object. */
static int lookup_unborn(struct mount *mount, const struct node *dir, struct slice name,
			 struct node **out)
{
	struct place place;

	if (dir->place.kind != KIND_POLICY && dir->place.kind != KIND_CONTINUOUS)
		return ERR_NOT_FOUND;
	place = setting_place_unborn(&dir->place);
	*out = node_take(mount->nodes, &place, name);
	if (!*out)
		return ERR_NOT_FOUND;
	if (atomic_load(&(*out)->handle_count) > 0)
		return OK;
	node_forget(mount->nodes, (*out)->id, 1);
	return ERR_NOT_FOUND;
}

static int find_place(fuse_req_t req, struct mount *mount, const struct node *dir,
		      struct slice name, struct place *out, struct buf *text)
{
	struct diag diag = { 0 };
	int err = place_find(mount, dir, name, out, text, &diag);

	if (err < 0 && diag.text[0])
		place_tell_request(mount, &dir->place, node_text(dir), err, &diag, 0, name,
				   fuse_req_ctx(req)->uid);
	return err;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *mount = mount_of(req);
	struct node *dir = node_of(req, parent), *node;
	struct slice slice = slice_of_text(name);
	struct buf text = { 0 };
	struct place place;
	int err;

	if (!dir)
		return;
	err = find_place(req, mount, dir, slice, &place, &text);
	if (err == OK && place.kind == KIND_ANSWER) {
		answer_lookup(req, mount, &place, buf_slice(&text));
	} else {
		if (err == OK)
			err = lookup_place(mount, &place, buf_slice(&text), &node);
		if (err == ERR_NOT_FOUND)
			err = lookup_unborn(mount, dir, slice, &node);
		reply_node(req, mount, err, node);
	}
	buf_release(&text);
}

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
		attr_get(req, mount_of(req), node);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *to, int what,
		       struct fuse_file_info *info)
{
	struct node *node = node_of(req, ino);

	if (node)
		attr_set(req, mount_of(req), node, to, what, info);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct mount *mount = mount_of(req);
	struct node *node = node_of(req, ino);
	struct object object;
	struct buf target = { 0 };
	int err;

	if (!node)
		return;
	if (node->place.kind == KIND_FROZEN_LINK) {
		err = frozen_readlink(mount, node, &target);
	} else {
		err = catalog_get(mount->catalog, node->place.object_id, &object);
		if (err == OK)
			buf_append_slice(&target, object.payload);
	}
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
	err = names_mkdir(mount, dir, slice_of_text(name), &attrs, &node);
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
	err = names_symlink(mount, dir, slice_of_text(name), slice_of_text(target), &attrs, &node);
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
	err = find_place(req, mount, dir, slice_of_text(name), &place, &text);
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
	remove_name(req, parent, name, names_unlink);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, names_rmdir);
}

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
	err = find_place(req, mount, dir, slice_of_text(name), &place, &text);
	if (err == OK)
		refused = tree_call(place.kind, CALL_RENAME);
	if (err == OK && !refused && to.length > NAME_MAX_BYTES)
		refused = ENAMETOOLONG;
	if (err == OK && !refused) {
		taken = place_find(mount, new_dir, to, &target, &text, NULL) == OK &&
			exists(mount, &target);
		err = names_rename(mount, &place, new_dir, to, taken ? &target : NULL, flags);
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
	int refused, err;

	if (!node)
		return;
	refused = check_open(node, info->flags);
	if (refused || !opens[node->place.kind]) {
		fuse_reply_err(req, refused ? refused : EPERM);
		return;
	}
	err = opens[node->place.kind](req, mount, node, info, &handle);
	if (err == OK)
		node_opened(mount->nodes, node);
	if (err == OK)
		reply_open(req, info, handle);
	else if (err < 0)
		reply_err(req, err);
}

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
	err = names_create(mount, dir, slice_of_text(name), &attrs, info->flags, &node);
	if (err == OK) {
		err = opens[node->place.kind](req, mount, node, info, &handle);
		if (err < 0)
			node_forget(mount->nodes, node->id, 1);
		else if (opens[node->place.kind] == setting_open)
			setting_created(handle, &attrs);
	}
	if (err < 0)
		reply_err(req, err);
	else
		attr_reply_create(req, mount, node, info, handle);
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
	if (node->place.kind == KIND_FROZEN_DIR)
		frozen_listed(mount_of(req), &node->place, (uint32_t)fuse_req_ctx(req)->pid);
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
