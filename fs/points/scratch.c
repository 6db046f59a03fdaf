/*
 * Scratch files as the kernel sees them: nodes, attributes, and open files whose bytes become a
 * series as soon as the first full line says so (scratch_decide.c).
 */
#include "fs/points/scratch.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/point/name.h"
#include "fs/nodes/attr.h"
#include "fs/nodes/place.h"
#include "fs/nodes/reply.h"
#include "fs/points/scratch_state.h"
#include "fs/points/series.h"
#include "fs/points/write.h"

#define SCRATCH_COUNT_MAX 65536u
/* How long after its last close a file that is still there counts as left behind. */
#define LEFT_BEHIND_NS NS_PER_SECOND

/* --- nodes ------------------------------------------------------------------ */

static void payload_release(void *payload)
{
	scratch_unref(payload);
}

static struct scratch *scratch_of(const struct node *node)
{
	return node->payload;
}

/* A node for it; takes over a reference. */
static struct node *add_node(struct mount *mount, struct scratch *scratch)
{
	struct place place = scratch_place(scratch);
	struct node *node = node_add(mount->nodes, &place, slice_of("", 0));

	node->payload = scratch;
	node->payload_release = payload_release;
	node_key(mount->nodes, node);
	return node;
}

static int scratch_lookup(fuse_req_t req, struct mount *mount, const struct place *place,
			  struct slice text, struct node **out)
{
	struct scratch *scratch;

	*out = node_take(mount->nodes, place, slice_of("", 0));
	if (*out)
		return OK;
	scratch = scratch_take(mount->scratches, place->unique);
	if (!scratch)
		return ERR_NOT_FOUND;
	*out = add_node(mount, scratch);
	return OK;
}

bool scratch_takes(const struct place *dir, struct slice name, int flags)
{
	bool dotted = name.length && name.data[0] == '.';

	switch ((enum kind)dir->kind) {
	case KIND_CONTINUOUS: return dotted;
	/* sed -i of .policy begins with a name like sedXy12Zz. */
	case KIND_POLICY:
	/* tar puts an empty file where a link will be, until all else is there. */
	case KIND_VIEWS: return dotted || flags & O_EXCL;
	case KIND_GROUP: return dotted || flags & O_EXCL || name_is_cut(name);
	default: return false;
	}
}

static int create(struct mount *mount, const struct place *dir, struct slice name,
		  const struct attrs *attrs, bool is_directory, struct node **out)
{
	struct scratch *scratch;

	if (mount->scratches->count >= SCRATCH_COUNT_MAX)
		return ERR_LIMIT;
	scratch = calloc(1, sizeof(*scratch));
	if (!scratch)
		log_out_of_memory(sizeof(*scratch));
	scratch->dir = *dir;
	scratch->is_directory = is_directory;
	scratch->mount = mount;
	scratch->name = strndup(name.data, name.length);
	scratch->attrs = *attrs;
	scratch->attrs.atime_ns = scratch->attrs.mtime_ns = scratch->attrs.ctime_ns = env_now_ns();
	atomic_init(&scratch->references, 2); /* the table's and the node's */
	pthread_mutex_init(&scratch->lock, NULL);
	if (dir->group_id && !is_directory) {
		scratch->cut = engine_cut(mount->engine, dir->group_id);
		scratch->has_cut = true;
	}
	if (!is_directory)
		scratch_decide_by_name(mount, scratch);
	scratch_link(mount->scratches, scratch);
	*out = add_node(mount, scratch);
	scratch_touch_dir(scratch);
	return OK;
}

int scratch_create(struct mount *mount, const struct place *dir, struct slice name,
		   const struct attrs *attrs, struct node **out)
{
	return create(mount, dir, name, attrs, false, out);
}

int scratch_mkdir(struct mount *mount, const struct place *dir, struct slice name,
		  const struct attrs *attrs, struct node **out)
{
	struct place other;

	if (scratch_find(mount, dir, name, &other) == OK)
		return ERR_EXISTS;
	return create(mount, dir, name, attrs, true, out);
}

static void scratch_print(struct mount *mount, const struct place *place, struct slice text,
			  struct buf *out)
{
	struct scratch *scratch = scratch_take(mount->scratches, place->unique);

	if (!scratch)
		return;
	if (scratch->dir.kind == KIND_CONTINUOUS || scratch->dir.kind == KIND_VIEWS)
		buf_append_byte(out, '/'), buf_append_text(out, tree_word(scratch->dir.kind));
	buf_append_byte(out, '/');
	buf_append_text(out, scratch->name);
	scratch_unref(scratch);
}

/* Is there any scratch file? */
static bool any_linked(struct scratch_table *table)
{
	pthread_mutex_lock(&table->lock);
	bool any = table->first;
	pthread_mutex_unlock(&table->lock);
	return any;
}

/* Has it lines, and has nobody touched it for a while? Then once. */
static bool is_left_behind(struct scratch *scratch)
{
	bool left;

	/* In use: then it is not left behind; and the table's lock is not to wait for it. */
	if (pthread_mutex_trylock(&scratch->lock) != 0)
		return false;
	left = !scratch->told && scratch->closed_ns && scratch->writer_count == 0 &&
	       scratch->bytes.length > 0 &&
	       env_monotonic_ns() - scratch->closed_ns > LEFT_BEHIND_NS;
	scratch->told |= left;
	pthread_mutex_unlock(&scratch->lock);
	return left;
}

/* The first that has something to be said or done about, with a reference; NULL. */
static struct scratch *take_next_due(struct mount *mount, bool *orphan)
{
	struct scratch_table *table = mount->scratches;
	struct scratch *scratch;
	struct object object;

	pthread_mutex_lock(&table->lock);
	for (scratch = table->first; scratch; scratch = scratch->next) {
		*orphan = catalog_get(mount->catalog, scratch->dir.object_id, &object) < 0;
		if (*orphan || is_left_behind(scratch))
			break;
	}
	if (scratch)
		atomic_fetch_add(&scratch->references, 1);
	pthread_mutex_unlock(&table->lock);
	return scratch;
}

void scratch_remind(struct mount *mount)
{
	struct scratch *scratch;
	bool orphan;

	if (!any_linked(mount->scratches))
		scratch_table_drop_spare(mount->scratches);
	while ((scratch = take_next_due(mount, &orphan))) {
		struct diag diag = { 0 };
		struct place place = scratch_place(scratch);

		if (orphan) {
			scratch_unlink(mount->scratches, scratch);
		} else {
			diag_set(&diag, ERR_INCOMPLETE,
				 "a scratch file was closed with %zu bytes and not renamed onto a "
				 "series: no query sees them",
				 scratch->bytes.length);
			place_tell(mount, &place, slice_of("", 0), ERR_INCOMPLETE, &diag, 0,
				   slice_of("", 0));
		}
		scratch_unref(scratch);
	}
}

/* --- attributes -------------------------------------------------------------- */

bool scratch_became(struct mount *mount, const struct node *node, struct place *series)
{
	struct scratch *scratch = scratch_of(node);
	bool became;

	pthread_mutex_lock(&scratch->lock);
	became = scratch->became;
	if (became) {
		scratch_learn_number(mount, scratch);
		*series = scratch->series;
	}
	pthread_mutex_unlock(&scratch->lock);
	return became;
}

/*
 * A dot file in a group: until it is renamed, only the kernel changes it, which so may remember its
 * name and attributes for a while. After it, the kernel asks for attributes, and an open is
 * ERR_STALE.
 */
static bool scratch_is_steady(struct mount *mount, const struct node *node)
{
	struct scratch *scratch = scratch_of(node);

	pthread_mutex_lock(&scratch->lock);
	bool steady =
		scratch->dir.kind == KIND_GROUP && scratch->name[0] == '.' && !scratch->became;
	pthread_mutex_unlock(&scratch->lock);
	return steady;
}

static int stat_bytes(struct mount *mount, struct node *node, struct stat *out)
{
	struct scratch *scratch = scratch_of(node);

	pthread_mutex_lock(&scratch->lock);
	attr_fill(out, node->place.kind, &scratch->attrs, scratch->bytes.length);
	pthread_mutex_unlock(&scratch->lock);
	out->st_ino = tree_ino(&node->place, slice_of("", 0));
	return OK;
}

/* A scratch file that became a series goes on as that under its old nodeid. */
static int scratch_stat(struct mount *mount, struct node *node, struct stat *out)
{
	struct series_stat series;
	struct place place;
	int err;

	if (!scratch_became(mount, node, &place))
		return stat_bytes(mount, node, out);
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
	return err == OK ? series_fill_stat(mount, &place, &series, out) : err;
}

static int64_t time_given(const struct timespec *time, bool now)
{
	return now ? env_now_ns() : attr_time(time);
}

static int scratch_set(struct mount *mount, struct node *node, const struct stat *to, int what)
{
	struct scratch *scratch = scratch_of(node);
	struct attrs *attrs = &scratch->attrs;
	struct place series;

	if (scratch_became(mount, node, &series))
		return series_set_place(mount, &series, to, what);

	pthread_mutex_lock(&scratch->lock);
	if (what & FUSE_SET_ATTR_MODE)
		attrs->mode = to->st_mode & 07777;
	if (what & FUSE_SET_ATTR_UID)
		attrs->uid = to->st_uid;
	if (what & FUSE_SET_ATTR_GID)
		attrs->gid = to->st_gid;
	if (what & FUSE_SET_ATTR_ATIME)
		attrs->atime_ns = time_given(&to->st_atim, what & FUSE_SET_ATTR_ATIME_NOW);
	if (what & FUSE_SET_ATTR_MTIME) {
		attrs->mtime_ns = time_given(&to->st_mtim, what & FUSE_SET_ATTR_MTIME_NOW);
		scratch->mtime_given = true;
	}
	attrs->ctime_ns = env_now_ns();
	pthread_mutex_unlock(&scratch->lock);
	return OK;
}

static int scratch_truncate(struct mount *mount, struct node *node, uint64_t bytes)
{
	struct scratch *scratch = scratch_of(node);
	int err = OK;

	pthread_mutex_lock(&scratch->lock);
	if (!scratch->became) {
		err = scratch_resize(scratch, bytes, bytes);
		scratch->attrs.mtime_ns = scratch->attrs.ctime_ns = env_now_ns();
	}
	pthread_mutex_unlock(&scratch->lock);
	return err;
}

int scratch_remove(struct mount *mount, const struct place *place)
{
	struct scratch *scratch = scratch_take(mount->scratches, place->unique);

	if (!scratch)
		return ERR_NOT_FOUND;
	scratch_unlink(mount->scratches, scratch);
	node_retire_place(mount->nodes, place, slice_of("", 0));
	scratch_touch_dir(scratch);
	scratch_unref(scratch);
	return OK;
}

/* --- open files -------------------------------------------------------------- */

struct scratch_handle {
	struct handle base;
	struct write_stream *stream; /* once the file became a series */
};

static void scratch_read(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	struct scratch *scratch = scratch_of(handle->node);

	pthread_mutex_lock(&scratch->lock);
	reply_bytes(req, buf_slice(&scratch->bytes), length, offset);
	pthread_mutex_unlock(&scratch->lock);
}

static int store(struct scratch *scratch, struct slice data, uint64_t offset)
{
	if (offset > INT64_MAX - data.length)
		return ERR_LIMIT;
	if (offset != scratch->bytes.length)
		scratch->undecided = false; /* not written from front to back */
	if (offset + data.length > scratch->bytes.length)
		TRY(scratch_resize(scratch, offset + data.length, offset));
	memcpy(scratch->bytes.data + offset, data.data, data.length);
	scratch->attrs.mtime_ns = scratch->attrs.ctime_ns = env_now_ns();
	return OK;
}

static int open_stream(struct scratch_handle *handle, struct scratch *scratch)
{
	if (handle->stream)
		return OK;
	scratch_learn_number(handle->base.mount, scratch);
	return write_stream_open(handle->base.mount, &scratch->series,
				 buf_slice(&scratch->series_key), &handle->stream);
}

/* It has just become a series: what was kept goes in, and `*taken` tells how much of the last
 * `length` bytes. */
static int pour(struct scratch_handle *handle, struct scratch *scratch, size_t length,
		size_t *taken)
{
	size_t all = scratch->bytes.length, poured = 0;
	int err = open_stream(handle, scratch);

	if (err == OK)
		err = write_stream_write(handle->stream, buf_slice(&scratch->bytes), 0, &poured);
	scratch_drop_bytes(scratch);
	*taken = poured > all - length ? poured - (all - length) : 0;
	if (err == OK && *taken == 0 && length > 0)
		err = ERR_INVALID;
	return err;
}

/* The table forgets a file that became a series; the lookup of its name then finds that. */
static void leave_table(struct mount *mount, struct scratch *scratch)
{
	scratch_unlink(mount->scratches, scratch);
}

static int write_locked(struct scratch_handle *handle, struct scratch *scratch, struct slice data,
			uint64_t offset, size_t *taken)
{
	*taken = 0;
	if (scratch->became) {
		TRY(open_stream(handle, scratch));
		return write_stream_write(handle->stream, data, offset, taken);
	}
	TRY(store(scratch, data, offset));
	scratch_decide(scratch, false);
	if (scratch->became)
		return pour(handle, scratch, data.length, taken);
	*taken = data.length;
	return OK;
}

static void scratch_write(fuse_req_t req, struct handle *handle, struct slice data, uint64_t offset)
{
	struct scratch *scratch = scratch_of(handle->node);
	size_t taken;
	bool became;
	int err;

	pthread_mutex_lock(&scratch->lock);
	err = write_locked((struct scratch_handle *)handle, scratch, data, offset, &taken);
	became = scratch->became;
	pthread_mutex_unlock(&scratch->lock);
	if (became)
		leave_table(handle->mount, scratch);
	if (err < 0)
		reply_err(req, err);
	else
		reply_taken(req, handle, taken);
}

static int flush_locked(struct scratch_handle *handle, struct scratch *scratch)
{
	size_t taken;

	scratch_decide(scratch, true);
	if (!scratch->became)
		return OK;
	if (scratch->bytes.length)
		TRY(pour(handle, scratch, 0, &taken));
	return handle->stream ? write_stream_flush(handle->stream) : OK;
}

static void scratch_flush(fuse_req_t req, struct handle *handle)
{
	struct scratch *scratch = scratch_of(handle->node);
	bool became;
	int err = OK;

	pthread_mutex_lock(&scratch->lock);
	if (flags_write(handle->flags))
		err = flush_locked((struct scratch_handle *)handle, scratch);
	became = scratch->became;
	pthread_mutex_unlock(&scratch->lock);
	if (became)
		leave_table(handle->mount, scratch);
	reply_err(req, err);
}

/* A series over all groups that got no line has no name: gives whether it was one. */
static bool close_locked(struct scratch *scratch)
{
	if (--scratch->writer_count > 0)
		return false;
	scratch->closed_ns = env_monotonic_ns();
	return scratch->undecided && scratch->dir.kind == KIND_POLICY;
}

static void scratch_release(struct handle *handle)
{
	struct scratch_handle *mine = (struct scratch_handle *)handle;
	struct scratch *scratch = scratch_of(handle->node);
	bool is_nothing;

	if (mine->stream)
		write_stream_close(mine->stream);
	if (flags_write(handle->flags)) {
		pthread_mutex_lock(&scratch->lock);
		is_nothing = close_locked(scratch);
		pthread_mutex_unlock(&scratch->lock);
		if (is_nothing)
			scratch_remove(handle->mount, &handle->node->place);
	}
	handle_free(handle);
}

static const struct handle_ops scratch_handle_ops = {
	.read = scratch_read,
	.write = scratch_write,
	.flush = scratch_flush,
	.release = scratch_release,
};

static int scratch_open(fuse_req_t req, struct mount *mount, struct node *node,
			struct fuse_file_info *info, struct handle **out)
{
	struct scratch *scratch = scratch_of(node);
	struct scratch_handle *handle;

	pthread_mutex_lock(&scratch->lock);
	if (scratch->became) {
		pthread_mutex_unlock(&scratch->lock);
		return ERR_STALE; /* the kernel looks its name up and opens the series */
	}
	if (flags_write(info->flags)) {
		scratch->writer_count++;
		if (info->flags & O_TRUNC)
			scratch_resize(scratch, 0, 0);
	}
	pthread_mutex_unlock(&scratch->lock);
	handle = handle_new(sizeof(*handle), &scratch_handle_ops, mount, node, info->flags);
	info->direct_io = 1;
	info->noflush = !flags_write(info->flags);
	*out = &handle->base;
	return OK;
}

/* --- the kinds --------------------------------------------------------------- */

static int find_in_dir(struct mount *mount, const struct node *dir, struct slice name,
		       struct place *out, struct buf *text, struct diag *diag)
{
	return scratch_find(mount, &dir->place, name, out);
}

static int create_in_dir(struct mount *mount, struct node *dir, struct slice name,
			 const struct attrs *attrs, int flags, struct node **out)
{
	return scratch_create(mount, &dir->place, name, attrs, out);
}

static int remove_dir(struct mount *mount, const struct place *place)
{
	return scratch_count(mount, place) > 0 ? ERR_NOT_EMPTY : scratch_remove(mount, place);
}

const struct kind_ops scratch_kind = {
	.lookup = scratch_lookup,
	.print = scratch_print,
	.remove = scratch_remove,
	.attr_seconds = KIND_SECONDS_SCRATCH,
	.entry_seconds = KIND_SECONDS_SCRATCH,
	.is_steady = scratch_is_steady,
	.stat = scratch_stat,
	.set = scratch_set,
	.truncate = scratch_truncate,
	.open = scratch_open,
};

const struct kind_ops scratch_dir_kind = {
	.find = find_in_dir,
	.list = scratch_list,
	.create = create_in_dir,
	.lookup = scratch_lookup,
	.print = scratch_print,
	.remove = remove_dir,
	.attr_seconds = KIND_SECONDS_DIRECTORY,
	.stat = scratch_stat,
	.set = scratch_set,
};
