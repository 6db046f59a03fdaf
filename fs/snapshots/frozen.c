/*
 * A snapshot is a data directory of its own (engine_freeze), read through an engine of its own,
 * which is opened when somebody first looks into it and stays open until the snapshot is let go.
 * Its names are copied then, as entries that point at their parent; the series of a
 * group are a sorted array of numbers, filled when the group is first looked at.
 *
 *	place.unique = | snapshot number: 32 | entry index: 32 |    and series_id for a series
 */
#include "fs/snapshots/frozen.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "fs/nodes/attr.h"
#include "fs/nodes/place.h"
#include "fs/nodes/reply.h"
#include "fs/settings/object.h"

struct entry {
	uint32_t parent_index; /* of itself for the snapshot's own directory */
	struct object object;
	struct buf payload; /* of a file or a link */
	uint32_t policy_id, group_id;
	uint32_t *series_ids; /* of a group, ascending; protected by lock */
	size_t series_count;
	bool has_series;
};

struct frozen {
	uint32_t number, database_id;
	char *name;
	atomic_int references; /* the table's, the files', and queries' */
	pthread_mutex_t lock;
	struct engine *engine; /* protected by lock; once there, it stays */
	struct buf entries;    /* of struct entry; there when the engine is */
	/* Who listed its top, and when last that one went on; protected by the table's lock */
	uint32_t remover_pid;
	int64_t remover_ns; /* monotonic */
	struct frozen *next;
};

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

struct frozen_table {
	pthread_mutex_t lock;
	struct frozen *first; /* protected by lock */
	uint32_t number_next; /* protected by lock */
};

static struct frozen *frozen_new(uint32_t database_id, struct slice name)
{
	struct frozen *frozen = calloc(1, sizeof(*frozen));

	if (!frozen)
		log_out_of_memory(sizeof(*frozen));
	frozen->database_id = database_id;
	frozen->name = strndup(name.data, name.length);
	if (!frozen->name)
		log_out_of_memory(name.length);
	atomic_init(&frozen->references, 1);
	pthread_mutex_init(&frozen->lock, NULL);
	return frozen;
}

/* With the table's lock. */
static void add(struct frozen_table *table, struct frozen *frozen)
{
	frozen->number = table->number_next++;
	frozen->next = table->first;
	table->first = frozen;
}

static void add_kept(void *arg, uint32_t database_id, const char *name)
{
	add(arg, frozen_new(database_id, slice_of_text(name)));
}

struct frozen_table *frozen_table_new(struct mount *mount)
{
	struct frozen_table *table = calloc(1, sizeof(*table));
	struct object *databases;
	size_t count;

	if (!table)
		log_out_of_memory(sizeof(*table));
	pthread_mutex_init(&table->lock, NULL);
	table->number_next = 1;
	if (catalog_list(mount->catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count) < 0)
		return table;
	for (size_t i = 0; i < count; i++)
		engine_frozen(mount->engine, databases[i].id, add_kept, table);
	free(databases);
	return table;
}

static struct entry *entries_of(const struct frozen *frozen, size_t *count)
{
	if (count)
		*count = frozen->entries.length / sizeof(struct entry);
	return (struct entry *)(void *)frozen->entries.data;
}

static void free_entries(struct frozen *frozen)
{
	size_t count;
	struct entry *entries = entries_of(frozen, &count);

	for (size_t i = 0; i < count; i++) {
		buf_release(&entries[i].payload);
		free(entries[i].series_ids);
	}
	buf_release(&frozen->entries);
}

static void unref_frozen(struct frozen *frozen)
{
	if (atomic_fetch_sub(&frozen->references, 1) != 1)
		return;
	free_entries(frozen);
	if (frozen->engine)
		engine_close_frozen(frozen->engine);
	pthread_mutex_destroy(&frozen->lock);
	free(frozen->name);
	free(frozen);
}

void frozen_table_free(struct frozen_table *table)
{
	for (struct frozen *frozen = table->first, *next; frozen; frozen = next) {
		next = frozen->next;
		unref_frozen(frozen);
	}
	pthread_mutex_destroy(&table->lock);
	free(table);
}

/* --- looking into one ------------------------------------------------------------- */

static uint32_t add_entry(struct frozen *frozen, uint32_t parent_index, const struct object *object)
{
	size_t count;
	const struct entry *parent = &entries_of(frozen, &count)[parent_index];
	struct entry entry = { .parent_index = parent_index, .object = *object };

	if (count) {
		entry.policy_id = parent->policy_id;
		entry.group_id = parent->group_id;
	}
	if (object->kind == OBJECT_POLICY)
		entry.policy_id = object->id;
	if (object->kind == OBJECT_GROUP)
		entry.group_id = object->id;
	if (object->kind == OBJECT_POLICY_FILE)
		object_text(engine_catalog(frozen->engine), object, &entry.payload);
	else
		buf_append_slice(&entry.payload, object->payload);
	buf_append(&frozen->entries, &entry, sizeof(entry));
	return (uint32_t)count;
}

static int copy_names(struct frozen *frozen, uint32_t parent_index, uint32_t parent_id)
{
	struct object *objects;
	size_t count;
	int err = OK;

	TRY(catalog_list(engine_catalog(frozen->engine), parent_id, 0, &objects, &count));
	for (size_t i = 0; i < count && err == OK; i++) {
		uint32_t index = add_entry(frozen, parent_index, &objects[i]);

		err = copy_names(frozen, index, objects[i].id);
	}
	free(objects);
	return err;
}

static int open_locked(struct mount *mount, struct frozen *frozen)
{
	struct object database;

	if (frozen->engine)
		return OK;
	TRY(engine_open_frozen(mount->engine, frozen->database_id, frozen->name, &frozen->engine));
	int err = catalog_get(engine_catalog(frozen->engine), frozen->database_id, &database);
	if (err == OK) {
		add_entry(frozen, 0, &database);
		err = copy_names(frozen, 0, database.id);
	}
	if (err < 0) {
		free_entries(frozen);
		engine_close_frozen(frozen->engine);
		frozen->engine = NULL;
	}
	return err;
}

/* Its engine and its entries are there afterwards. */
static int need_engine(struct mount *mount, struct frozen *frozen)
{
	pthread_mutex_lock(&frozen->lock);
	int err = open_locked(mount, frozen);
	pthread_mutex_unlock(&frozen->lock);
	return err;
}

/* --- making and dropping ------------------------------------------------------------ */

static struct frozen *find_named(struct frozen_table *table, uint32_t database_id,
				 struct slice name)
{
	struct frozen *frozen = table->first;

	while (frozen && !(frozen->database_id == database_id &&
			   slice_equal(slice_of_text(frozen->name), name)))
		frozen = frozen->next;
	return frozen;
}

static size_t count_of_database(struct frozen_table *table, uint32_t database_id)
{
	size_t count = 0;

	for (struct frozen *frozen = table->first; frozen; frozen = frozen->next)
		count += frozen->database_id == database_id;
	return count;
}

static struct place place_of_top(const struct frozen *frozen)
{
	return (struct place){ .kind = KIND_FROZEN_DIR,
			       .database_id = frozen->database_id,
			       .unique = (uint64_t)frozen->number << 32 };
}

static struct place place_of_entry(const struct frozen *frozen, uint32_t index)
{
	const struct entry *entry = &entries_of(frozen, NULL)[index];
	struct place place = place_of_top(frozen);

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

static int check_room(struct mount *mount, uint32_t database_id)
{
	struct frozen_table *table = mount->snapshots;

	pthread_mutex_lock(&table->lock);
	bool full = count_of_database(table, database_id) >= mount->options.snapshots_max;
	pthread_mutex_unlock(&table->lock);
	return full ? ERR_LIMIT : OK;
}

static int take_node(struct mount *mount, const struct place *place, struct node **out);

/* Two makers of one name: the engine lets one of them. */
static int frozen_mkdir(struct mount *mount, struct node *dir, struct slice name,
			const struct attrs *attrs, struct node **out)
{
	struct frozen_table *table = mount->snapshots;
	struct frozen *frozen;
	struct place place;

	TRY(check_room(mount, dir->place.database_id));
	frozen = frozen_new(dir->place.database_id, name);
	int err = engine_freeze(mount->engine, frozen->database_id, frozen->name);
	if (err < 0) {
		unref_frozen(frozen);
		return err;
	}
	pthread_mutex_lock(&table->lock);
	add(table, frozen);
	place = place_of_top(frozen);
	pthread_mutex_unlock(&table->lock);
	return take_node(mount, &place, out);
}

/* How long between two steps of one rm -r. */
#define REMOVER_NS (10 * NS_PER_SECOND)

/* With the table's lock. */
static struct frozen *find_number(struct frozen_table *table, uint64_t number)
{
	struct frozen *frozen = table->first;

	while (frozen && frozen->number != number)
		frozen = frozen->next;
	return frozen;
}

static int frozen_open_list(fuse_req_t req, struct mount *mount, struct node *dir)
{
	struct frozen_table *table = mount->snapshots;
	const struct place *place = &dir->place;
	struct frozen *frozen;

	pthread_mutex_lock(&table->lock);
	frozen = find_number(table, place->unique >> 32);
	if (frozen && (place->unique & UINT32_MAX) == 0) {
		frozen->remover_pid = (uint32_t)fuse_req_ctx(req)->pid;
		frozen->remover_ns = env_monotonic_ns();
	}
	pthread_mutex_unlock(&table->lock);
	return OK;
}

bool frozen_is_being_removed(struct mount *mount, const struct place *place, uint32_t pid)
{
	struct frozen_table *table = mount->snapshots;
	int64_t now_ns = env_monotonic_ns();
	struct frozen *frozen;
	bool is;

	pthread_mutex_lock(&table->lock);
	frozen = find_number(table, place->unique >> 32);
	/* The top itself is no name in it: its rmdir is the one that counts. */
	is = frozen && (place->series_id || place->unique & UINT32_MAX) &&
	     frozen->remover_pid == pid && now_ns - frozen->remover_ns < REMOVER_NS;
	if (is)
		frozen->remover_ns = now_ns;
	pthread_mutex_unlock(&table->lock);
	return is;
}

static int frozen_rmdir(struct mount *mount, const struct place *place)
{
	struct frozen_table *table = mount->snapshots;
	struct frozen *found = NULL;
	int err = ERR_NOT_FOUND;

	if (place->unique & UINT32_MAX)
		return ERR_READ_ONLY; /* a directory within it */
	pthread_mutex_lock(&table->lock);
	for (struct frozen **link = &table->first; *link; link = &(*link)->next) {
		if ((*link)->number != place->unique >> 32)
			continue;
		err = engine_thaw(mount->engine, (*link)->database_id, (*link)->name);
		if (err == OK) {
			found = *link;
			*link = found->next;
		}
		break;
	}
	pthread_mutex_unlock(&table->lock);
	if (found)
		unref_frozen(found);
	return err;
}

/* Else the table holds the engines of what is in the trash, and their room, until the unmount. */
void frozen_tick(struct mount *mount)
{
	struct frozen_table *table = mount->snapshots;
	struct frozen *gone = NULL;
	struct object object;

	pthread_mutex_lock(&table->lock);
	for (struct frozen **link = &table->first; *link;) {
		struct frozen *frozen = *link;

		if (catalog_get(mount->catalog, frozen->database_id, &object) != ERR_NOT_FOUND) {
			link = &frozen->next;
			continue;
		}
		*link = frozen->next;
		frozen->next = gone;
		gone = frozen;
	}
	pthread_mutex_unlock(&table->lock);
	for (struct frozen *next; gone; gone = next) {
		next = gone->next;
		unref_frozen(gone);
	}
}

/* With a reference; NULL: it was let go. */
static struct frozen *take(struct frozen_table *table, uint32_t number)
{
	struct frozen *frozen;

	pthread_mutex_lock(&table->lock);
	frozen = table->first;
	while (frozen && frozen->number != number)
		frozen = frozen->next;
	if (frozen)
		atomic_fetch_add(&frozen->references, 1);
	pthread_mutex_unlock(&table->lock);
	return frozen;
}

/* The same of who holds a place in it, with its engine. */
static int take_open(struct mount *mount, const struct place *place, struct frozen **out)
{
	struct frozen *frozen = take(mount->snapshots, (uint32_t)(place->unique >> 32));

	if (!frozen)
		return ERR_NOT_FOUND;
	int err = need_engine(mount, frozen);
	if (err < 0)
		unref_frozen(frozen);
	*out = frozen;
	return err;
}

int frozen_take_engine(struct mount *mount, uint32_t number, struct frozen **frozen,
		       struct engine **engine)
{
	struct place place = { .unique = (uint64_t)number << 32 };

	*frozen = NULL;
	*engine = mount->engine;
	if (number == 0)
		return OK;
	TRY(take_open(mount, &place, frozen));
	*engine = (*frozen)->engine;
	return OK;
}

void frozen_release_engine(struct frozen *frozen)
{
	if (frozen)
		unref_frozen(frozen);
}

static struct entry *entry_of(const struct frozen *frozen, const struct place *place)
{
	return &entries_of(frozen, NULL)[place->unique & UINT32_MAX];
}

/* --- names ------------------------------------------------------------------------ */

static int fill_series(struct frozen *frozen, struct entry *group)
{
	int err = OK;

	pthread_mutex_lock(&frozen->lock);
	if (!group->has_series) {
		err = engine_group_series(frozen->engine, group->policy_id, group->group_id,
					  &group->series_ids, &group->series_count);
		group->has_series = err == OK;
	}
	pthread_mutex_unlock(&frozen->lock);
	return err;
}

static bool has_series(const struct entry *group, uint32_t series_id)
{
	size_t low = 0, high = group->series_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (group->series_ids[middle] < series_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < group->series_count && group->series_ids[low] == series_id;
}

/* The database of a snapshot goes on, and its numbers mean the same. */
static int find_series(struct mount *mount, struct frozen *frozen, const struct place *dir,
		       struct slice name, struct place *out)
{
	struct entry *group = entry_of(frozen, dir);
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
	TRY(fill_series(frozen, group));
	if (!has_series(group, series.series_id))
		return ERR_NOT_FOUND;
	*out = *dir;
	out->kind = KIND_FROZEN_FILE;
	out->series_id = series.series_id;
	return OK;
}

static bool is_query(const struct place *dir, struct slice name)
{
	return (uint32_t)dir->unique == 0 && slice_equal(name, SLICE("query"));
}

static int find_entry(struct mount *mount, struct frozen *frozen, const struct place *dir,
		      struct slice name, struct place *out)
{
	uint32_t parent = (uint32_t)dir->unique;
	size_t count;
	const struct entry *entries = entries_of(frozen, &count);

	if (entries[parent].object.kind == OBJECT_GROUP)
		return find_series(mount, frozen, dir, name, out);
	for (uint32_t i = 1; i < count; i++)
		if (entries[i].parent_index == parent &&
		    slice_equal(entries[i].object.name, name)) {
			*out = place_of_entry(frozen, i);
			return OK;
		}
	if (!is_query(dir, name))
		return ERR_NOT_FOUND;
	*out = (struct place){ .kind = KIND_QUERY,
			       .database_id = frozen->database_id,
			       .object_id = frozen->number };
	return OK;
}

static int frozen_find(struct mount *mount, const struct node *node, struct slice name,
		       struct place *out, struct buf *text, struct diag *diag)
{
	const struct place *dir = &node->place;
	struct frozen_table *table = mount->snapshots;
	struct frozen *frozen;
	int err;

	if (dir->kind == KIND_SNAPSHOTS) {
		pthread_mutex_lock(&table->lock);
		frozen = find_named(table, dir->database_id, name);
		if (frozen)
			*out = place_of_top(frozen);
		pthread_mutex_unlock(&table->lock);
		return frozen ? OK : ERR_NOT_FOUND;
	}
	TRY(take_open(mount, dir, &frozen));
	err = find_entry(mount, frozen, dir, name, out);
	unref_frozen(frozen);
	return err;
}

static int list_series(struct frozen *frozen, const struct place *dir, list_each *each, void *arg)
{
	struct entry *group = entry_of(frozen, dir);
	struct index *index = engine_index(frozen->engine, frozen->database_id);
	struct place place = *dir;
	struct buf name = { 0 };

	TRY(fill_series(frozen, group));
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
	uint32_t parent = (uint32_t)dir->unique;
	size_t count;
	const struct entry *entries = entries_of(frozen, &count);

	if (entries[parent].object.kind == OBJECT_GROUP)
		return list_series(frozen, dir, each, arg);
	for (uint32_t i = 1; i < count; i++)
		if (entries[i].parent_index == parent) {
			struct place place = place_of_entry(frozen, i);

			each(arg, &place, entries[i].object.name);
		}
	return OK;
}

static int frozen_list(struct mount *mount, const struct place *dir, list_each *each, void *arg)
{
	struct frozen_table *table = mount->snapshots;
	struct frozen *frozen;
	int err;

	if (dir->kind != KIND_SNAPSHOTS) {
		err = take_open(mount, dir, &frozen);
		if (err < 0)
			return err == ERR_NOT_FOUND ? ERR_STALE : err;
		err = list_entries(frozen, dir, each, arg);
		unref_frozen(frozen);
		return err;
	}
	pthread_mutex_lock(&table->lock);
	for (frozen = table->first; frozen; frozen = frozen->next)
		if (frozen->database_id == dir->database_id) {
			struct place place = place_of_top(frozen);

			each(arg, &place, slice_of_text(frozen->name));
		}
	pthread_mutex_unlock(&table->lock);
	return OK;
}

/* --- nodes ---------------------------------------------------------------------------- */

static void file_release(void *payload)
{
	struct frozen_file *file = payload;

	unref_frozen(file->frozen);
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
	TRY(take_open(mount, place, &frozen));
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

static struct frozen_file *file_of(const struct node *node)
{
	return node->payload;
}

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
	const struct entry *entry = entry_of(frozen, &node->place);
	struct attrs attrs = entry->object.attrs;
	uint64_t bytes = 0;
	int err = OK;

	if (is_series(node)) {
		attrs = entries_of(frozen, NULL)[entry->parent_index].object.attrs;
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
	.list = frozen_list,
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
