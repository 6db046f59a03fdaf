/* One function a way of keeping attributes, chosen by the kind's mode. */
#include "fs/attr.h"

#include <errno.h>

#include "engine/base/when.h"
#include "fs/access.h"
#include "fs/answer.h"
#include "fs/fault.h"
#include "fs/frozen.h"
#include "fs/pages.h"
#include "fs/place.h"
#include "fs/scratch.h"
#include "fs/series.h"
#include "fs/setting.h"

#define BLOCK_BYTES 512u

#define FOR_EVER_SECONDS  1e6
#define FIXED_SECONDS	  1.0
#define SCRATCH_SECONDS	  0.1 /* rsync asks nine times between making a file and renaming it */
#define DIRECTORY_SECONDS 0.1 /* of their names too; expire.h takes back what changes meanwhile */

void attr_set_time(struct timespec *out, int64_t time_ns)
{
	out->tv_sec = (time_t)floor_div(time_ns, NS_PER_SECOND);
	out->tv_nsec = (long)floor_mod(time_ns, NS_PER_SECOND);
}

/* What nanoseconds cannot tell becomes the nearest that they can. */
int64_t attr_time(const struct timespec *time)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)time->tv_sec, NS_PER_SECOND, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)time->tv_nsec, &ns))
		return time->tv_sec < 0 ? TIME_MIN_NS : TIME_MAX_NS;
	return ns;
}

void attr_fill(struct stat *out, enum kind kind, const struct attrs *attrs, uint64_t size)
{
	*out = (struct stat){
		.st_mode = tree_type(kind) | tree_bits(tree_mode(kind), attrs->mode),
		.st_nlink = 1,
		.st_uid = attrs->uid,
		.st_gid = attrs->gid,
		.st_size = (off_t)size,
		.st_blocks = (blkcnt_t)((size + BLOCK_BYTES - 1) / BLOCK_BYTES),
		.st_blksize = 4096,
	};
	if (tree_type(kind) == S_IFLNK)
		out->st_mode = S_IFLNK | 0777;
	attr_set_time(&out->st_atim, attrs->atime_ns);
	attr_set_time(&out->st_mtim, attrs->mtime_ns);
	attr_set_time(&out->st_ctim, attrs->ctime_ns);
}

double attr_timeout(struct mount *mount, const struct node *node)
{
	enum kind kind = node->place.kind;

	if (kind == KIND_ANSWER)
		return answer_is_settled(mount, node) ? FOR_EVER_SECONDS : 0;
	if (kind == KIND_FROZEN_FILE)
		return frozen_is_measured(node) ? FOR_EVER_SECONDS : 0;
	if (tree_type(kind) == S_IFDIR)
		return DIRECTORY_SECONDS;
	if (kind == KIND_SCRATCH)
		return scratch_is_steady(node) ? SCRATCH_SECONDS : 0;
	if (tree_mode(kind) == MODE_OWN || tree_is_series(kind) || kind == KIND_ERRORS ||
	    kind == KIND_SERVICE_ERRORS)
		return 0;
	return FIXED_SECONDS;
}

/* Those in snapshots and prefixes of queries come and go unseen. */
static double entry_timeout(const struct node *node)
{
	switch ((enum kind)node->place.kind) {
	case KIND_DATABASE:
	case KIND_POLICY:
	case KIND_GROUP:
	case KIND_CONTINUOUS:
	case KIND_VIEWS:
	case KIND_QUERY:
	case KIND_SERVICE: return DIRECTORY_SECONDS;
	case KIND_SCRATCH: return scratch_is_steady(node) ? SCRATCH_SECONDS : 0;
	default: return 0;
	}
}

static int stat_object(struct mount *mount, struct node *node, struct stat *out)
{
	struct object object;
	struct buf text = { 0 };

	if (setting_object(mount, node, &object) < 0) {
		/* Not written yet, and somebody is about to. */
		if (!node->place.unique || atomic_load(&node->handle_count) == 0)
			return ERR_NOT_FOUND;
		object = (struct object){
			.attrs = { .mode = 0644, .uid = mount->uid, .gid = mount->gid }
		};
	}
	if (tree_type(node->place.kind) != S_IFDIR && object.id)
		setting_text(mount->catalog, &object, &text);
	attr_fill(out, node->place.kind, &object.attrs, text.length);
	out->st_ino = tree_ino(&node->place, node_text(node));
	if (object.id)
		out->st_ino = tree_ino(&(struct place){ .object_id = object.id }, slice_of("", 0));
	buf_release(&text);
	return OK;
}

/* Who lends a kind its owner and permission bits; the mount's owner when it is the service. */
static int lender(struct mount *mount, const struct place *place, struct attrs *out)
{
	enum tree_mode mode = tree_mode(place->kind);
	struct object object;
	uint32_t id = mode == MODE_POLICY_DATA || mode == MODE_POLICY_WRITE ? place->policy_id
									    : place->database_id;

	if (!id) {
		*out = (struct attrs){ .uid = mount->uid, .gid = mount->gid };
		out->atime_ns = out->mtime_ns = out->ctime_ns = mount->started_ns;
		return OK;
	}
	TRY(catalog_get(mount->catalog, id, &object));
	*out = object.attrs;
	return OK;
}

static int fill_series(struct mount *mount, const struct place *place,
		       const struct series_stat *series, struct stat *out)
{
	struct attrs attrs;

	TRY(lender(mount, place, &attrs));
	attrs.mtime_ns = attrs.atime_ns = series->mtime_ns;
	attrs.ctime_ns = series->ctime_ns;
	attr_fill(out, place->kind, &attrs, series->text_bytes);
	out->st_blocks = (blkcnt_t)((series->disk_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES);
	if (series->text_bytes > 0 && out->st_blocks == 0)
		out->st_blocks = 1;
	out->st_ino = tree_ino(place, slice_of("", 0));
	return OK;
}

/* The place with the number that it has by now. */
static struct place numbered(struct mount *mount, struct node *node)
{
	struct place place = node->place;

	place.series_id = series_number(mount, node);
	return place;
}

static int stat_series(struct mount *mount, struct node *node, struct stat *out)
{
	struct place place = numbered(mount, node);
	struct series_stat series;
	int err = series_stat_node(mount, node, &series);

	if (err >= OK)
		TRY(fill_series(mount, &place, &series, out));
	return err;
}

/* A scratch file that became a series goes on as that under its old nodeid. */
static int stat_scratch(struct mount *mount, struct node *node, struct stat *out)
{
	struct series_stat series;
	struct place place;
	int err;

	if (!scratch_became(mount, node, &place))
		return scratch_stat(mount, node, out);
	err = place.series_id == ID_NONE
		      ? ERR_NOT_FOUND
		      : engine_series_stat(mount->engine, place.policy_id, place.group_id,
					   place.series_id, &series);
	if (err == ERR_NOT_FOUND && atomic_load(&node->handle_count) == 0)
		return ERR_STALE;
	if (err == ERR_NOT_FOUND) {
		series = (struct series_stat){ .mtime_ns = env_now_ns() };
		series.ctime_ns = series.mtime_ns;
		err = OK;
	}
	return err == OK ? fill_series(mount, &place, &series, out) : err;
}

/* Fixed names: no attributes of their own. */
static int stat_fixed(struct mount *mount, struct node *node, struct stat *out)
{
	enum kind kind = node->place.kind;
	struct attrs attrs;
	uint64_t size = 0;

	TRY(lender(mount, &node->place, &attrs));
	if (tree_mode(kind) == MODE_PUBLIC && !page_is_kept(kind))
		attrs.mtime_ns = attrs.ctime_ns = env_now_ns();
	else if (tree_mode(kind) == MODE_PUBLIC) {
		size = page_text(node).length;
		attrs.mtime_ns = attrs.ctime_ns = page_time_ns(node);
	}
	attr_fill(out, kind, &attrs, size);
	out->st_ino = tree_ino(&node->place, node_text(node));
	return OK;
}

int attr_stat(struct mount *mount, struct node *node, struct stat *out)
{
	enum kind kind = node->place.kind;

	if (kind == KIND_ANSWER)
		return answer_stat(mount, node, out);
	switch (tree_mode(kind)) {
	case MODE_OWN: return stat_object(mount, node, out);
	case MODE_SCRATCH: return stat_scratch(mount, node, out);
	case MODE_FROZEN: return frozen_stat(mount, node, out);
	case MODE_POLICY_DATA: return stat_series(mount, node, out);
	default: return stat_fixed(mount, node, out);
	}
}

/* `errors` has other bytes for each reader. */
static void fill_for_caller(fuse_req_t req, struct mount *mount, const struct node *node,
			    struct stat *stat)
{
	struct caller caller;
	struct error_reader reader = { mount, &caller };
	struct errors_stat errors;

	if (node->place.kind != KIND_ERRORS && node->place.kind != KIND_SERVICE_ERRORS)
		return;
	caller_of(req, true, &caller);
	errors = errors_log_stat(mount->errors, node->place.database_id, error_reader_may, &reader);
	stat->st_size = (off_t)errors.bytes;
	stat->st_blocks = (blkcnt_t)((errors.bytes + BLOCK_BYTES - 1) / BLOCK_BYTES);
	if (!errors.time_ns)
		return;
	attr_set_time(&stat->st_mtim, errors.time_ns);
	attr_set_time(&stat->st_ctim, errors.time_ns);
}

void attr_reply_series(fuse_req_t req, struct mount *mount, struct node *node, int err,
		       const struct series_stat *series)
{
	struct place place = numbered(mount, node);
	struct stat stat;

	if (err == OK)
		err = fill_series(mount, &place, series, &stat);
	if (err < 0)
		reply_err(req, err);
	else
		fuse_reply_attr(req, &stat, attr_timeout(mount, node));
}

void attr_get(fuse_req_t req, struct mount *mount, struct node *node)
{
	struct stat stat;
	int err = node->place.kind == KIND_ANSWER ? answer_check(req, mount, node) : OK;

	if (err == OK)
		err = attr_stat(mount, node, &stat);
	if (err == OK)
		fill_for_caller(req, mount, node, &stat);
	if (err == END && node->place.kind == KIND_FROZEN_FILE) {
		err = frozen_measure(mount, node);
		if (err == OK)
			err = attr_stat(mount, node, &stat);
	}
	if (err == END && node->place.kind == KIND_ANSWER)
		answer_wait_attr(req, mount, node);
	else if (err == END)
		series_answer_grown(req, mount, node);
	else if (err < 0)
		reply_err(req, err);
	else
		fuse_reply_attr(req, &stat, attr_timeout(mount, node));
}

/* A series lookup never waits: what it finds has no grown text under cached pages. */
static int stat_entry(fuse_req_t req, struct mount *mount, struct node *node,
		      struct fuse_entry_param *entry)
{
	int err;

	*entry = (struct fuse_entry_param){ .ino = node->id };
	entry->attr_timeout = attr_timeout(mount, node);
	entry->entry_timeout = entry_timeout(node);
	err = attr_stat(mount, node, &entry->attr);
	if (err == OK)
		fill_for_caller(req, mount, node, &entry->attr);
	return err == END ? OK : err;
}

void attr_reply_entry(fuse_req_t req, struct mount *mount, struct node *node)
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

void attr_reply_create(fuse_req_t req, struct mount *mount, struct node *node,
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

static int set_object(struct mount *mount, struct node *node, const struct stat *to, int what)
{
	struct object object;
	int err = setting_object(mount, node, &object);

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

static int set_series(struct mount *mount, const struct place *place, const struct stat *to,
		      int what)
{
	uint32_t id = place->series_id;
	int64_t mtime_ns = what & FUSE_SET_ATTR_MTIME_NOW ? env_now_ns() : attr_time(&to->st_mtim);
	int err;

	if (!(what & FUSE_SET_ATTR_MTIME) || id == ID_NONE)
		return OK;
	err = engine_series_set_mtime(mount->engine, place->policy_id, place->group_id, id,
				      mtime_ns);
	return err == ERR_NOT_FOUND ? OK : err;
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

	if (handle && bytes == __atomic_load_n(&handle->bytes_accepted, __ATOMIC_RELAXED))
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
	enum kind kind = node->place.kind;

	if (kind == KIND_SCRATCH)
		return scratch_truncate(mount, node, bytes);
	if ((kind == KIND_ERRORS || kind == KIND_SERVICE_ERRORS) && bytes == 0) {
		errors_log_clear(mount->errors, node->place.database_id);
		return OK;
	}
	return truncate_nothing(mount, node, bytes, info);
}

int attr_apply(struct mount *mount, struct node *node, const struct stat *to, int what,
	       struct fuse_file_info *info)
{
	enum kind kind = node->place.kind;
	struct place place;

	if (what & FUSE_SET_ATTR_SIZE)
		TRY(truncate_node(mount, node, (uint64_t)to->st_size, info));
	if (tree_mode(kind) == MODE_OWN)
		return set_object(mount, node, to, what);
	if (kind == KIND_SCRATCH_DIR)
		return scratch_set(mount, node, to, what);
	if (kind == KIND_SCRATCH)
		return scratch_became(mount, node, &place) ? set_series(mount, &place, to, what)
							   : scratch_set(mount, node, to, what);
	if (!tree_is_series(kind))
		return OK;
	place = numbered(mount, node);
	return set_series(mount, &place, to, what);
}

void attr_set(fuse_req_t req, struct mount *mount, struct node *node, const struct stat *to,
	      int what, struct fuse_file_info *info)
{
	int refused = check_calls(node->place.kind, what), err;

	if (refused) {
		fuse_reply_err(req, refused);
		return;
	}
	err = attr_apply(mount, node, to, what, info);
	if (err < 0)
		reply_err(req, err);
	else
		attr_get(req, mount, node);
}
