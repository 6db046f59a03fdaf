/*
 * Names are copied when the snapshot is made, as entries that point at their
 * parent; the series of a group are a sorted array of numbers, filled when the
 * group is first looked at.
 *
 *	place.unique = | snapshot number: 32 | entry index: 32 |    and series_id for a series
 */
#include "fs/frozen.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "fs/attr.h"
#include "fs/place.h"
#include "fs/setting.h"

/* Texts of files that nobody has open, kept between stat and open. */
#define RECENT_COUNT	 16
#define RECENT_BYTES_MAX ((size_t)8 << 20)

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
	struct snapshot *snapshot;
	int64_t time_ns;
	atomic_int references; /* the table's and the files' */
	pthread_mutex_t lock;
	struct buf entries; /* of struct entry */
	struct frozen *next;
};

/* A series of a snapshot that the kernel knows. */
struct frozen_file {
	struct frozen *frozen;
	pthread_mutex_t lock;
	/* protected by lock */
	bool is_measured;
	uint64_t bytes;
	struct buf text;
	bool has_text;
	unsigned open_count;
	atomic_int references; /* the node's and the recent list's */
};

struct frozen_table {
	pthread_mutex_t lock;
	struct frozen *first;			  /* protected by lock */
	uint32_t number_next;			  /* protected by lock */
	struct frozen_file *recent[RECENT_COUNT]; /* protected by lock */
	size_t recent_next;
};

struct frozen_table *frozen_table_new(void)
{
	struct frozen_table *table = calloc(1, sizeof(*table));

	if (!table)
		log_out_of_memory(sizeof(*table));
	pthread_mutex_init(&table->lock, NULL);
	table->number_next = 1;
	return table;
}

static struct entry *entries_of(const struct frozen *frozen, size_t *count)
{
	if (count)
		*count = frozen->entries.length / sizeof(struct entry);
	return (struct entry *)(void *)frozen->entries.data;
}

static void unref_frozen(struct frozen *frozen)
{
	struct entry *entries;
	size_t count;

	if (atomic_fetch_sub(&frozen->references, 1) != 1)
		return;
	entries = entries_of(frozen, &count);
	for (size_t i = 0; i < count; i++) {
		buf_release(&entries[i].payload);
		free(entries[i].series_ids);
	}
	if (frozen->snapshot)
		snapshot_close(frozen->snapshot);
	buf_release(&frozen->entries);
	pthread_mutex_destroy(&frozen->lock);
	free(frozen->name);
	free(frozen);
}

static void unref_file(struct frozen_file *file)
{
	if (atomic_fetch_sub(&file->references, 1) != 1)
		return;
	unref_frozen(file->frozen);
	buf_release(&file->text);
	pthread_mutex_destroy(&file->lock);
	free(file);
}

void frozen_table_free(struct frozen_table *table)
{
	for (size_t i = 0; i < RECENT_COUNT; i++)
		if (table->recent[i])
			unref_file(table->recent[i]);
	for (struct frozen *frozen = table->first, *next; frozen; frozen = next) {
		next = frozen->next;
		unref_frozen(frozen);
	}
	pthread_mutex_destroy(&table->lock);
	free(table);
}

/* --- making and dropping -------------------------------------------------------- */

static uint32_t add_entry(struct mount *mount, struct frozen *frozen, uint32_t parent_index,
			  const struct object *object)
{
	size_t count;
	struct entry *parent = &entries_of(frozen, &count)[parent_index];
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
		setting_text(mount, object, &entry.payload);
	else
		buf_append_slice(&entry.payload, object->payload);
	buf_append(&frozen->entries, &entry, sizeof(entry));
	return (uint32_t)count;
}

static int copy_names(struct mount *mount, struct frozen *frozen, uint32_t parent_index,
		      uint32_t parent_id)
{
	struct object *objects;
	size_t count;
	int err = OK;

	TRY(catalog_list(mount->catalog, parent_id, 0, &objects, &count));
	for (size_t i = 0; i < count && err == OK; i++) {
		uint32_t index = add_entry(mount, frozen, parent_index, &objects[i]);

		err = copy_names(mount, frozen, index, objects[i].id);
	}
	free(objects);
	return err;
}

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

static struct place place_of_entry(const struct frozen *frozen, uint32_t index)
{
	const struct entry *entry = &entries_of(frozen, NULL)[index];
	struct place place = {
		.kind = KIND_FROZEN_FILE,
		.database_id = frozen->database_id,
		.policy_id = entry->policy_id,
		.group_id = entry->group_id,
		.unique = (uint64_t)frozen->number << 32 | index,
	};

	if (entry->object.kind == OBJECT_VIEW)
		place.kind = KIND_FROZEN_LINK;
	else if (entry->object.kind != OBJECT_POLICY_FILE &&
		 entry->object.kind != OBJECT_CONTINUOUS_QUERY)
		place.kind = KIND_FROZEN_DIR;
	return place;
}

static int freeze(struct mount *mount, struct frozen *frozen)
{
	struct object database;

	TRY(catalog_get(mount->catalog, frozen->database_id, &database));
	TRY(snapshot_open(mount->engine, frozen->database_id, &frozen->snapshot));
	add_entry(mount, frozen, 0, &database);
	return copy_names(mount, frozen, 0, database.id);
}

int frozen_mkdir(struct mount *mount, struct node *dir, struct slice name, struct node **out)
{
	struct frozen_table *table = mount->snapshots;
	struct frozen *frozen = calloc(1, sizeof(*frozen));
	struct place place;
	int err = OK;

	if (!frozen)
		log_out_of_memory(sizeof(*frozen));
	frozen->database_id = dir->place.database_id;
	frozen->name = strndup(name.data, name.length);
	frozen->time_ns = env_now_ns();
	atomic_init(&frozen->references, 1);
	pthread_mutex_init(&frozen->lock, NULL);
	pthread_mutex_lock(&table->lock);
	if (find_named(table, frozen->database_id, name))
		err = ERR_EXISTS;
	else if (count_of_database(table, frozen->database_id) >= mount->options.snapshots_max)
		err = ERR_LIMIT;
	else
		err = freeze(mount, frozen);
	if (err == OK) {
		frozen->number = table->number_next++;
		frozen->next = table->first;
		table->first = frozen;
		place = place_of_entry(frozen, 0);
	}
	pthread_mutex_unlock(&table->lock);
	if (err < 0) {
		unref_frozen(frozen);
		return err;
	}
	return frozen_lookup(mount, &place, out);
}

int frozen_rmdir(struct mount *mount, const struct place *place)
{
	struct frozen_table *table = mount->snapshots;
	struct frozen *found = NULL;

	if (place->unique & UINT32_MAX)
		return ERR_READ_ONLY; /* a directory within it */
	pthread_mutex_lock(&table->lock);
	for (struct frozen **link = &table->first; *link; link = &(*link)->next)
		if ((*link)->number == place->unique >> 32) {
			found = *link;
			*link = found->next;
			break;
		}
	pthread_mutex_unlock(&table->lock);
	if (!found)
		return ERR_NOT_FOUND;
	unref_frozen(found);
	return OK;
}

/* With a reference; NULL: it was let go. */
static struct frozen *take(struct frozen_table *table, const struct place *place)
{
	struct frozen *frozen;

	pthread_mutex_lock(&table->lock);
	frozen = table->first;
	while (frozen && frozen->number != place->unique >> 32)
		frozen = frozen->next;
	if (frozen)
		atomic_fetch_add(&frozen->references, 1);
	pthread_mutex_unlock(&table->lock);
	return frozen;
}

static struct entry *entry_of(const struct frozen *frozen, const struct place *place)
{
	return &entries_of(frozen, NULL)[place->unique & UINT32_MAX];
}

/* --- names ------------------------------------------------------------------------ */

static int64_t clamp_seconds(int64_t seconds)
{
	int64_t ns;

	if (__builtin_mul_overflow(seconds, NS_PER_SECOND, &ns))
		return seconds < 0 ? TIME_MIN_NS : TIME_MAX_NS;
	return ns < TIME_MIN_NS ? TIME_MIN_NS : ns > TIME_MAX_NS ? TIME_MAX_NS : ns;
}

static int64_t window_last_ns(const struct group_window *window)
{
	int64_t end_ns = clamp_seconds(window->end_s);

	return end_ns == TIME_MAX_NS ? end_ns : end_ns - 1;
}

static int fill_series(struct frozen *frozen, struct entry *group)
{
	const struct group_window *window = &group->object.window;
	int err = OK;

	pthread_mutex_lock(&frozen->lock);
	if (!group->has_series) {
		err = snapshot_series(frozen->snapshot, group->policy_id, ID_NONE,
				      clamp_seconds(window->start_s), window_last_ns(window),
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
	return ERR_NOT_FOUND;
}

int frozen_find(struct mount *mount, const struct place *dir, struct slice name, struct place *out)
{
	struct frozen_table *table = mount->snapshots;
	struct frozen *frozen;
	int err;

	if (dir->kind == KIND_SNAPSHOTS) {
		pthread_mutex_lock(&table->lock);
		frozen = find_named(table, dir->database_id, name);
		if (frozen)
			*out = place_of_entry(frozen, 0);
		pthread_mutex_unlock(&table->lock);
		return frozen ? OK : ERR_NOT_FOUND;
	}
	frozen = take(table, dir);
	if (!frozen)
		return ERR_NOT_FOUND;
	err = find_entry(mount, frozen, dir, name, out);
	unref_frozen(frozen);
	return err;
}

static int list_series(struct frozen *frozen, const struct place *dir,
		       void (*each)(void *arg, const struct place *place, struct slice name),
		       void *arg)
{
	struct entry *group = entry_of(frozen, dir);
	struct place place = *dir;
	struct buf name = { 0 };

	TRY(fill_series(frozen, group));
	place.kind = KIND_FROZEN_FILE;
	for (size_t i = 0; i < group->series_count; i++) {
		place.series_id = group->series_ids[i];
		buf_reset(&name);
		index_series_name(snapshot_index(frozen->snapshot), place.series_id, &name);
		each(arg, &place, buf_slice(&name));
	}
	buf_release(&name);
	return OK;
}

static int list_entries(struct frozen *frozen, const struct place *dir,
			void (*each)(void *arg, const struct place *place, struct slice name),
			void *arg)
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

int frozen_list(struct mount *mount, const struct place *dir,
		void (*each)(void *arg, const struct place *place, struct slice name), void *arg)
{
	struct frozen_table *table = mount->snapshots;
	struct frozen *frozen;
	int err;

	if (dir->kind != KIND_SNAPSHOTS) {
		frozen = take(table, dir);
		if (!frozen)
			return ERR_STALE;
		err = list_entries(frozen, dir, each, arg);
		unref_frozen(frozen);
		return err;
	}
	pthread_mutex_lock(&table->lock);
	for (frozen = table->first; frozen; frozen = frozen->next)
		if (frozen->database_id == dir->database_id) {
			struct place place = place_of_entry(frozen, 0);

			each(arg, &place, slice_of_text(frozen->name));
		}
	pthread_mutex_unlock(&table->lock);
	return OK;
}

/* --- nodes ---------------------------------------------------------------------------- */

static void file_release(void *payload)
{
	unref_file(payload);
}

int frozen_lookup(struct mount *mount, const struct place *place, struct node **out)
{
	struct frozen_file *file;
	struct frozen *frozen;

	*out = node_take(mount->nodes, place, slice_of("", 0));
	if (*out)
		return OK;
	frozen = take(mount->snapshots, place);
	if (!frozen)
		return ERR_NOT_FOUND;
	file = calloc(1, sizeof(*file));
	if (!file)
		log_out_of_memory(sizeof(*file));
	file->frozen = frozen;
	pthread_mutex_init(&file->lock, NULL);
	atomic_init(&file->references, 1);
	*out = node_add(mount->nodes, place, slice_of("", 0));
	(*out)->payload = file;
	(*out)->payload_release = file_release;
	node_key(mount->nodes, *out);
	return OK;
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

/* --- text ------------------------------------------------------------------------------- */

struct columns {
	uint32_t *ids;	     /* in the order of names */
	struct slice *names; /* beside them */
	size_t count;
};

static void sort_columns(struct columns *columns)
{
	for (size_t i = 1; i < columns->count; i++)
		for (size_t k = i;
		     k > 0 && slice_compare(columns->names[k - 1], columns->names[k]) > 0; k--) {
			struct slice name = columns->names[k];
			uint32_t id = columns->ids[k];

			columns->names[k] = columns->names[k - 1];
			columns->ids[k] = columns->ids[k - 1];
			columns->names[k - 1] = name;
			columns->ids[k - 1] = id;
		}
}

static void columns_of(struct index *index, uint32_t series_id, struct columns *out)
{
	uint32_t measurement_id = index_series_measurement(index, series_id);
	uint32_t count = index_field_count(index, measurement_id);

	out->count = count;
	out->ids = calloc(count + 1, sizeof(*out->ids));
	out->names = calloc(count + 1, sizeof(*out->names));
	if (!out->ids || !out->names)
		log_out_of_memory(count * sizeof(*out->names));
	for (uint32_t i = 0; i < count; i++) {
		out->ids[i] = i;
		out->names[i] = index_field_name(index, measurement_id, i);
	}
	sort_columns(out);
}

static void print_row(struct buf *out, struct slice key, const struct columns *columns,
		      const struct batch *batch, size_t row)
{
	char separator = ' ';

	buf_append_slice(out, key);
	for (size_t i = 0; i < columns->count; i++) {
		const struct batch_column *column = &batch->columns[i];

		if (!column_has(column, row))
			continue;
		buf_append_byte(out, separator);
		line_print_field(out, columns->names[i], column->type, column->values[row]);
		separator = ',';
	}
	buf_printf(out, " %lld\n", (long long)batch->times_ns[row]);
}

/* The lines of a series within its group's window, appended. */
static int print_series(struct frozen *frozen, const struct place *place, struct buf *out)
{
	const struct entry *group = entry_of(frozen, place);
	struct index *index = snapshot_index(frozen->snapshot);
	struct columns columns;
	struct cursor_spec spec = { .policy_id = group->policy_id,
				    .series_id = place->series_id,
				    .time_first_ns = clamp_seconds(group->object.window.start_s),
				    .time_last_ns = window_last_ns(&group->object.window) };
	struct cursor *cursor;
	struct buf key = { 0 };
	struct batch batch;
	int err;

	columns_of(index, place->series_id, &columns);
	spec.field_ids = columns.ids;
	spec.field_count = columns.count;
	index_series_key(index, place->series_id, &key);
	err = cursor_open(frozen->snapshot, &spec, &cursor);
	if (err == OK) {
		while ((err = cursor_next(cursor, &batch)) == OK)
			for (size_t row = 0; row < batch.row_count; row++)
				print_row(out, buf_slice(&key), &columns, &batch, row);
		cursor_close(cursor);
	}
	buf_release(&key);
	free(columns.ids);
	free(columns.names);
	return err == END ? OK : err;
}

/* Called with its lock: the text is there afterwards. */
static int need_text(struct frozen_file *file, const struct node *node)
{
	if (file->has_text)
		return OK;
	buf_reset(&file->text);
	if (is_series(node))
		TRY(print_series(file->frozen, &node->place, &file->text));
	else
		buf_append_slice(&file->text,
				 buf_slice(&entry_of(file->frozen, &node->place)->payload));
	file->bytes = file->text.length;
	file->is_measured = true;
	file->has_text = true;
	return OK;
}

static void drop_text_if_closed(struct frozen_file *file)
{
	pthread_mutex_lock(&file->lock);
	if (file->open_count == 0) {
		buf_release(&file->text);
		file->has_text = false;
	}
	pthread_mutex_unlock(&file->lock);
}

/* Most files are opened soon after they were measured: the last few texts are kept for that. */
static void keep_recent(struct frozen_table *table, struct frozen_file *file)
{
	struct frozen_file *old;

	atomic_fetch_add(&file->references, 1);
	pthread_mutex_lock(&table->lock);
	old = table->recent[table->recent_next];
	table->recent[table->recent_next] = file;
	table->recent_next = (table->recent_next + 1) % RECENT_COUNT;
	pthread_mutex_unlock(&table->lock);
	if (!old)
		return;
	if (old != file)
		drop_text_if_closed(old);
	unref_file(old);
}

int frozen_measure(struct mount *mount, struct node *node)
{
	struct frozen_file *file = file_of(node);
	bool keep;
	int err;

	pthread_mutex_lock(&file->lock);
	err = need_text(file, node);
	keep = err == OK && file->text.length <= RECENT_BYTES_MAX;
	pthread_mutex_unlock(&file->lock);
	if (keep)
		keep_recent(mount->snapshots, file);
	else
		drop_text_if_closed(file);
	return err;
}

/* The series' own time, unless it was written to since. */
static int64_t series_mtime(struct mount *mount, const struct frozen *frozen,
			    const struct place *place)
{
	struct series_stat stat;

	if (engine_series_stat(mount->engine, place->policy_id, place->group_id, place->series_id,
			       &stat) < 0 ||
	    stat.ctime_ns > frozen->time_ns)
		return frozen->time_ns;
	return stat.mtime_ns;
}

int frozen_stat(struct mount *mount, struct node *node, struct stat *out)
{
	struct frozen_file *file = file_of(node);
	const struct entry *entry = entry_of(file->frozen, &node->place);
	const struct entry *lender = entry;
	struct attrs attrs;
	uint64_t bytes = 0;
	bool known = true;

	if (is_series(node))
		lender = &entries_of(file->frozen, NULL)[entry->parent_index];
	attrs = lender->object.attrs;
	if (is_series(node)) {
		attrs.mode &= 0666;
		attrs.mtime_ns = series_mtime(mount, file->frozen, &node->place);
		attrs.atime_ns = attrs.ctime_ns = attrs.mtime_ns;
	}
	if (tree_type(node->place.kind) != S_IFDIR)
		bytes = entry->payload.length;
	if (is_series(node)) {
		pthread_mutex_lock(&file->lock);
		known = file->is_measured;
		bytes = file->bytes;
		pthread_mutex_unlock(&file->lock);
	}
	attr_fill(out, node->place.kind, &attrs, bytes);
	out->st_ino = tree_ino(&node->place, slice_of("", 0));
	return known ? OK : END;
}

bool frozen_is_measured(const struct node *node)
{
	struct frozen_file *file = file_of(node);
	bool measured;

	pthread_mutex_lock(&file->lock);
	measured = file->is_measured || !is_series(node);
	pthread_mutex_unlock(&file->lock);
	return measured;
}

int frozen_readlink(struct mount *mount, struct node *node, struct buf *out)
{
	buf_append_slice(out, buf_slice(&entry_of(file_of(node)->frozen, &node->place)->payload));
	return OK;
}

static void frozen_read(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	reply_bytes(req, buf_slice(&file_of(handle->node)->text), length, offset);
}

static void frozen_release(struct handle *handle)
{
	struct frozen_file *file = file_of(handle->node);

	pthread_mutex_lock(&file->lock);
	if (--file->open_count == 0 && file->text.length > RECENT_BYTES_MAX) {
		buf_release(&file->text);
		file->has_text = false;
	}
	pthread_mutex_unlock(&file->lock);
	handle_free(handle);
}

static const struct handle_ops frozen_handle_ops = {
	.read = frozen_read,
	.release = frozen_release,
};

int frozen_open(fuse_req_t req, struct mount *mount, struct node *node, struct fuse_file_info *info,
		struct handle **out)
{
	struct frozen_file *file = file_of(node);
	int err;

	pthread_mutex_lock(&file->lock);
	err = need_text(file, node);
	if (err == OK)
		file->open_count++;
	pthread_mutex_unlock(&file->lock);
	if (err < 0)
		return err;
	*out = handle_new(sizeof(**out), &frozen_handle_ops, mount, node, info->flags);
	info->keep_cache = 1;
	info->noflush = 1;
	return OK;
}
