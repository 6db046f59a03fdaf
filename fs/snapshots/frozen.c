/*
 * A snapshot as a tree: its names (frozen_names.h) as places, its series and
 * settings as files whose bytes never change.
 *
 *	place.unique = | snapshot number: 32 | entry index: 32 |    and series_id for a series
 */
#include "fs/snapshots/frozen.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "fs/nodes/attr.h"
#include "fs/nodes/place.h"
#include "fs/nodes/reply.h"
#include "fs/snapshots/frozen_engine.h"

/* A name in a snapshot that the kernel knows. */
struct frozen_file {
	struct frozen *frozen;
	pthread_mutex_t lock;
	/* protected by lock */
	bool is_measured;
	struct series_stat stat;  /* of a series */
	struct series_text *text; /* while it is open */
	unsigned open_count;
};

/* Of a place in a snapshot: which snapshot, and which of its entries. */
static uint32_t number_of(const struct place *place)
{
	return (uint32_t)(place->unique >> 32);
}

static uint32_t index_of(const struct place *place)
{
	return (uint32_t)place->unique;
}

static struct place place_of_top(uint32_t database_id, uint32_t number)
{
	return (struct place){ .kind = KIND_FROZEN_DIR,
			       .database_id = database_id,
			       .unique = (uint64_t)number << 32 };
}

/* The place of an entry: a directory, a file, or a view's link. */
static struct place place_of_entry(const struct frozen *frozen, uint32_t index)
{
	const struct frozen_entry *entry = &frozen_entries(&frozen->names, NULL)[index];
	struct place place = place_of_top(frozen->database_id, frozen->number);

	place.policy_id = entry->policy_id;
	place.group_id = entry->group_id;
	place.unique |= index;
	if (entry->object.kind == OBJECT_VIEW)
		place.kind = KIND_FROZEN_LINK;
	else if (entry->object.kind == OBJECT_POLICY_FILE ||
		 entry->object.kind == OBJECT_CONTINUOUS_QUERY)
		place.kind = KIND_FROZEN_FILE;
	return place;
}

static struct frozen_entry *entry_of(const struct frozen *frozen, const struct place *place)
{
	return &frozen_entries(&frozen->names, NULL)[index_of(place)];
}

/* --- names ------------------------------------------------------------------------ */

/* The database of a snapshot goes on, and its numbers mean the same. */
static int find_series(struct mount *mount, struct frozen *frozen, const struct place *dir,
		       struct slice name, struct place *out)
{
	struct frozen_entry *group = entry_of(frozen, dir);
	struct place live = { .kind = KIND_GROUP,
			      .database_id = dir->database_id,
			      .policy_id = dir->policy_id,
			      .group_id = dir->group_id };
	struct place series;
	struct buf key = { 0 };
	int err = place_of_series(mount, &live, name, &series, &key, NULL);

	buf_release(&key);
	if (err < 0 || series.series_id == ID_NONE)
		return ERR_NOT_FOUND;
	TRY(frozen_fill_series(frozen, group));
	if (!frozen_has_series(group, series.series_id))
		return ERR_NOT_FOUND;
	*out = *dir;
	out->kind = KIND_FROZEN_FILE;
	out->series_id = series.series_id;
	return OK;
}

static bool is_query(const struct place *dir, struct slice name)
{
	return index_of(dir) == 0 && slice_equal(name, SLICE("query"));
}

static int find_entry(struct mount *mount, struct frozen *frozen, const struct place *dir,
		      struct slice name, struct place *out)
{
	uint32_t index;

	if (entry_of(frozen, dir)->object.kind == OBJECT_GROUP)
		return find_series(mount, frozen, dir, name, out);
	if (frozen_names_find(&frozen->names, index_of(dir), name, &index) == OK) {
		*out = place_of_entry(frozen, index);
		return OK;
	}
	if (!is_query(dir, name))
		return ERR_NOT_FOUND;
	*out = (struct place){ .kind = KIND_QUERY,
			       .database_id = frozen->database_id,
			       .object_id = frozen->number };
	return OK;
}

/* In .snapshot a snapshot by its name, in a directory of a snapshot an entry, a series, or query/.
 */
static int frozen_find(struct mount *mount, const struct node *node, struct slice name,
		       struct place *out, struct buf *text, struct diag *diag)
{
	const struct place *dir = &node->place;
	struct frozen *frozen;
	uint32_t number;
	int err;

	if (dir->kind == KIND_SNAPSHOTS) {
		TRY(frozen_number(mount, dir->database_id, name, &number));
		*out = place_of_top(dir->database_id, number);
		return OK;
	}
	TRY(frozen_take(mount, number_of(dir), &frozen));
	err = find_entry(mount, frozen, dir, name, out);
	frozen_unref(frozen);
	return err;
}

static int list_series(struct frozen *frozen, const struct place *dir, list_each *each, void *arg)
{
	struct frozen_entry *group = entry_of(frozen, dir);
	struct index *index = engine_index(frozen->engine, frozen->database_id);
	struct place place = *dir;
	struct buf name = { 0 };

	TRY(frozen_fill_series(frozen, group));
	place.kind = KIND_FROZEN_FILE;
	for (size_t i = 0; i < group->series_count; i++) {
		place.series_id = group->series_ids[i];
		buf_reset(&name);
		index_series_name(index, place.series_id, &name);
		each(arg, &place, buf_slice(&name));
	}
	buf_release(&name);
	return OK;
}

static int list_entries(struct frozen *frozen, const struct place *dir, list_each *each, void *arg)
{
	uint32_t parent = index_of(dir);
	size_t count;
	const struct frozen_entry *entries = frozen_entries(&frozen->names, &count);

	if (entries[parent].object.kind == OBJECT_GROUP)
		return list_series(frozen, dir, each, arg);
	for (uint32_t i = 1; i < count; i++)
		if (entries[i].parent_index == parent) {
			struct place place = place_of_entry(frozen, i);

			each(arg, &place, entries[i].object.name);
		}
	return OK;
}

struct top_list {
	uint32_t database_id;
	list_each *each;
	void *arg;
};

static void list_top(void *arg, uint32_t number, struct slice name)
{
	const struct top_list *list = arg;
	struct place place = place_of_top(list->database_id, number);

	list->each(list->arg, &place, name);
}

static int list_tops(struct mount *mount, const struct place *dir, list_each *each, void *arg)
{
	struct top_list list = { dir->database_id, each, arg };

	frozen_each(mount, dir->database_id, list_top, &list);
	return OK;
}

static int frozen_list(struct mount *mount, const struct place *dir, list_each *each, void *arg)
{
	struct frozen *frozen;
	int err = frozen_take(mount, number_of(dir), &frozen);

	if (err < 0)
		return err == ERR_NOT_FOUND ? ERR_STALE : err;
	err = list_entries(frozen, dir, each, arg);
	frozen_unref(frozen);
	return err;
}

/* --- nodes ---------------------------------------------------------------------------- */

static void file_release(void *payload)
{
	struct frozen_file *file = payload;

	frozen_unref(file->frozen);
	pthread_mutex_destroy(&file->lock);
	free(file);
}

static int take_node(struct mount *mount, const struct place *place, struct node **out)
{
	struct frozen_file *file;
	struct frozen *frozen;

	*out = node_take(mount->nodes, place, slice_of("", 0));
	if (*out)
		return OK;
	TRY(frozen_take(mount, number_of(place), &frozen));
	file = calloc(1, sizeof(*file));
	if (!file)
		log_out_of_memory(sizeof(*file));
	file->frozen = frozen;
	pthread_mutex_init(&file->lock, NULL);
	*out = node_add(mount->nodes, place, slice_of("", 0));
	(*out)->payload = file;
	(*out)->payload_release = file_release;
	node_key(mount->nodes, *out);
	return OK;
}

static int frozen_lookup(fuse_req_t req, struct mount *mount, const struct place *place,
			 struct slice text, struct node **out)
{
	return take_node(mount, place, out);
}

static int frozen_mkdir(struct mount *mount, struct node *dir, struct slice name,
			const struct attrs *attrs, struct node **out)
{
	struct place place;
	uint32_t number;

	TRY(frozen_make(mount, dir->place.database_id, name, &number));
	place = place_of_top(dir->place.database_id, number);
	return take_node(mount, &place, out);
}

static int frozen_open_list(fuse_req_t req, struct mount *mount, struct node *dir)
{
	if (index_of(&dir->place) == 0)
		frozen_note_listing(mount, number_of(&dir->place),
				    (uint32_t)fuse_req_ctx(req)->pid);
	return OK;
}

/* Not the top of the snapshot itself: its rmdir is what lets the snapshot go. */
bool frozen_is_being_removed(struct mount *mount, const struct place *place, uint32_t pid)
{
	return (place->series_id || index_of(place)) &&
	       frozen_goes_on(mount, number_of(place), pid);
}

static int frozen_rmdir(struct mount *mount, const struct place *place)
{
	if (index_of(place))
		return ERR_READ_ONLY; /* a directory within it */
	return frozen_thaw(mount, number_of(place));
}

static struct frozen_file *file_of(const struct node *node)
{
	return node->payload;
}

/* The place of a series has its group's entry. */
static bool is_series(const struct node *node)
{
	return node->place.kind == KIND_FROZEN_FILE &&
	       entry_of(file_of(node)->frozen, &node->place)->object.kind == OBJECT_GROUP;
}

/* --- attributes ------------------------------------------------------------------------ */

static int measure(struct node *node)
{
	struct frozen_file *file = file_of(node);
	const struct place *place = &node->place;
	int err = OK;

	pthread_mutex_lock(&file->lock);
	if (!file->is_measured)
		err = engine_series_stat(file->frozen->engine, place->policy_id, place->group_id,
					 place->series_id, &file->stat);
	file->is_measured |= err == OK;
	pthread_mutex_unlock(&file->lock);
	return err;
}

static int stat_series(struct node *node, struct attrs *attrs, uint64_t *bytes)
{
	struct frozen_file *file = file_of(node);
	bool known;

	pthread_mutex_lock(&file->lock);
	known = file->is_measured;
	*bytes = file->stat.text_bytes;
	attrs->mtime_ns = attrs->atime_ns = file->stat.mtime_ns;
	attrs->ctime_ns = file->stat.ctime_ns;
	pthread_mutex_unlock(&file->lock);
	attrs->mode &= 0666;
	return known ? OK : END;
}

static int frozen_stat(struct mount *mount, struct node *node, struct stat *out)
{
	struct frozen *frozen = file_of(node)->frozen;
	const struct frozen_entry *entry = entry_of(frozen, &node->place);
	struct attrs attrs = entry->object.attrs;
	uint64_t bytes = 0;
	int err = OK;

	if (is_series(node)) {
		attrs = frozen_entries(&frozen->names, NULL)[entry->parent_index].object.attrs;
		err = stat_series(node, &attrs, &bytes);
	} else if (tree_type(node->place.kind) != S_IFDIR) {
		bytes = entry->payload.length;
	}
	attr_fill(out, node->place.kind, &attrs, bytes);
	out->st_ino = tree_ino(&node->place, slice_of("", 0));
	return err;
}

static bool frozen_is_measured(struct mount *mount, const struct node *node)
{
	struct frozen_file *file = file_of(node);
	bool measured;

	pthread_mutex_lock(&file->lock);
	measured = file->is_measured || !is_series(node);
	pthread_mutex_unlock(&file->lock);
	return measured;
}

/* GETATTR of a series that nobody has measured: in a worker, see loop.c. */
static void frozen_wait(fuse_req_t req, struct mount *mount, struct node *node)
{
	int err = measure(node);

	if (err < 0)
		reply_err(req, err);
	else
		reply_attr(req, mount, node);
}

static int frozen_readlink(struct mount *mount, struct node *node, struct buf *out)
{
	buf_append_slice(out, buf_slice(&entry_of(file_of(node)->frozen, &node->place)->payload));
	return OK;
}

/* --- reading ----------------------------------------------------------------------------- */

static void read_series(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	struct buf out = { 0 };
	int err = series_text_read(file_of(handle->node)->text, offset, length, &out);

	if (err < 0)
		reply_err(req, err);
	else
		fuse_reply_buf(req, out.data, out.length);
	buf_release(&out);
}

static void frozen_read(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	const struct node *node = handle->node;

	if (is_series(node))
		read_series(req, handle, length, offset);
	else
		reply_bytes(req, buf_slice(&entry_of(file_of(node)->frozen, &node->place)->payload),
			    length, offset);
}

static void frozen_release(struct handle *handle)
{
	struct frozen_file *file = file_of(handle->node);
	struct series_text *text = NULL;

	pthread_mutex_lock(&file->lock);
	if (--file->open_count == 0) {
		text = file->text;
		file->text = NULL;
	}
	pthread_mutex_unlock(&file->lock);
	if (text)
		series_text_close(text);
	handle_free(handle);
}

static const struct handle_ops frozen_handle_ops = {
	.read = frozen_read,
	.release = frozen_release,
};

static int frozen_open(fuse_req_t req, struct mount *mount, struct node *node,
		       struct fuse_file_info *info, struct handle **out)
{
	struct frozen_file *file = file_of(node);
	const struct place *place = &node->place;
	int err = OK;

	pthread_mutex_lock(&file->lock);
	if (is_series(node) && !file->text)
		err = series_text_open(file->frozen->engine, place->policy_id, place->group_id,
				       place->series_id, &file->text);
	if (err == OK)
		file->open_count++;
	else
		file->text = NULL;
	pthread_mutex_unlock(&file->lock);
	if (err < 0)
		return err;
	*out = handle_new(sizeof(**out), &frozen_handle_ops, mount, node, info->flags);
	info->keep_cache = 1;
	info->noflush = 1;
	return OK;
}

const struct kind_ops snapshots_kind = {
	.find = frozen_find,
	.list = list_tops,
	.mkdir = frozen_mkdir,
	.attr_seconds = KIND_SECONDS_DIRECTORY,
};

/* The kernel remembers no name of these: they come and go unseen. */
const struct kind_ops frozen_dir_kind = {
	.find = frozen_find,
	.list = frozen_list,
	.open_list = frozen_open_list,
	.lookup = frozen_lookup,
	.remove = frozen_rmdir,
	.attr_seconds = KIND_SECONDS_DIRECTORY,
	.stat = frozen_stat,
};

const struct kind_ops frozen_file_kind = {
	.lookup = frozen_lookup,
	.attr_seconds = KIND_SECONDS_FOR_EVER,
	.is_steady = frozen_is_measured,
	.stat = frozen_stat,
	.wait = frozen_wait,
	.open = frozen_open,
};

const struct kind_ops frozen_link_kind = {
	.lookup = frozen_lookup,
	.attr_seconds = KIND_SECONDS_FIXED,
	.stat = frozen_stat,
	.readlink = frozen_readlink,
};
