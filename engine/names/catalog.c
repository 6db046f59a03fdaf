/*
 * Keeps what exists besides points: a tree in memory over a journal.
 *
 * Why: what exists besides points is changed seldom, looked up all the time,
 * and must survive everything. Changes are one record each in the journal
 * first and in the tree (catalog_tree.h) then, by the same bytes.
 */
#include "engine/names/catalog.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/array.h"
#include "engine/base/env.h"
#include "engine/base/lock.h"
#include "engine/base/log.h"
#include "engine/log/journal.h"
#include "engine/names/catalog_tree.h"

/* The journal is rewritten when it is this many times what it says, and not small. */
#define GROWTH_MAX	 4u
#define SMALL_FILE_BYTES (64u << 10)

struct catalog {
	char *path;
	bool read_only;
	bool was_damaged; /* set once */
	pthread_rwlock_t lock;
	struct tree tree;      /* protected by lock */
	struct buf record;     /* protected by lock: the change that is being made */
	uint64_t sequence;     /* protected by lock: of the last record */
	_Atomic uint64_t kept; /* of the last that is durable for sure */
	_Atomic uint64_t version;
	pthread_mutex_t sync_lock; /* taken inside lock */
	struct journal *journal;   /* replaced under both; NULL when read-only */
	bool rename_unsafe;	   /* protected by sync_lock: the directory could not be synced */
	catalog_watcher *_Atomic watcher; /* NULL: none */
	void *watcher_arg;
};

/* --- the file --------------------------------------------------------------- */

struct rewrite {
	struct buf bytes;
	size_t *ends; /* of the records within bytes */
	size_t count, capacity;
};

static void rewrite_end_record(struct rewrite *rewrite)
{
	grow(&rewrite->ends, rewrite->count, &rewrite->capacity);
	rewrite->ends[rewrite->count++] = rewrite->bytes.length;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = (*(struct node *const *)a)->object.id;
	uint32_t y = (*(struct node *const *)b)->object.id;

	return (x > y) - (x < y);
}

static bool is_below(const struct node *node, uint32_t id)
{
	while (node && node->object.id != id)
		node = node->parent;
	return node != NULL;
}

/*
 * The root, and of the rest what lies below `top_id` or is it. Parents have lower ids than their
 * children, and come first. A record each: damage costs one.
 */
static int rewrite_print(const struct tree *tree, uint32_t top_id, struct rewrite *rewrite)
{
	struct node **nodes = malloc((tree->slot_count + 1) * sizeof(*nodes));
	size_t count = 0;

	if (!nodes)
		return ERR_MEMORY;
	for (size_t i = 0; i < tree->slot_count; i++)
		if (tree->slots[i] &&
		    (tree->slots[i] == tree->root || is_below(tree->slots[i], top_id)))
			nodes[count++] = tree->slots[i];
	qsort(nodes, count, sizeof(*nodes), by_id);
	change_counters(&rewrite->bytes, tree);
	if (top_id == OBJECT_ROOT_ID)
		change_removed(&rewrite->bytes, tree);
	rewrite_end_record(rewrite);
	for (size_t i = 0; i < count; i++) {
		change_put(&rewrite->bytes, tree, &nodes[i]->object);
		rewrite_end_record(rewrite);
	}
	free(nodes);
	return OK;
}

static int rewrite_append(const struct rewrite *rewrite, struct journal *journal,
			  uint64_t *sequence)
{
	struct journal_record *records = malloc(rewrite->count * sizeof(*records));
	size_t start = 0;
	int err;

	if (!records)
		return ERR_MEMORY;
	for (size_t i = 0; i < rewrite->count; i++) {
		records[i].sequence = *sequence + i + 1;
		records[i].payload =
			slice_of(rewrite->bytes.data + start, rewrite->ends[i] - start);
		start = rewrite->ends[i];
	}
	err = journal_append(journal, records, rewrite->count);
	if (err == OK)
		*sequence += rewrite->count;
	free(records);
	return err;
}

static int sync_dir_of(const char *path)
{
	struct buf dir = { 0 };
	const char *slash = strrchr(path, '/');
	int err;

	buf_append_text(&dir, ".");
	if (slash) {
		buf_reset(&dir);
		buf_append(&dir, path, slash == path ? 1 : (size_t)(slash - path));
	}
	err = env_sync_dir(buf_text(&dir));
	buf_release(&dir);
	return err;
}

/* Under sync_lock. Without a copy it works as well. */
static void keep_copy(struct catalog *catalog)
{
	struct buf path = { 0 };

	buf_printf(&path, "%s.copy", catalog->path);
	if (journal_keep_copy(catalog->journal, catalog->path, buf_text(&path)) < 0)
		log_warning("%s cannot be written", buf_text(&path));
	buf_release(&path);
}

/* Write a journal that says what the tree says beside the old one, and put it in its place. */
static int catalog_rewrite(struct catalog *catalog)
{
	struct rewrite rewrite = { 0 };
	struct journal *journal = NULL;
	struct buf path = { 0 };
	uint64_t sequence = catalog->sequence;
	int err;

	buf_printf(&path, "%s.rewrite", catalog->path);
	err = env_unlink(buf_text(&path));
	if (err < 0 && err != ERR_NOT_FOUND)
		goto out;
	err = rewrite_print(&catalog->tree, OBJECT_ROOT_ID, &rewrite);
	if (err == OK)
		err = journal_open(buf_text(&path), &journal);
	if (err == OK)
		err = rewrite_append(&rewrite, journal, &sequence);
	if (err == OK)
		err = journal_sync(journal);
	if (err == OK)
		err = env_rename(buf_text(&path), catalog->path);
	if (err < 0)
		goto out;
	pthread_mutex_lock(&catalog->sync_lock);
	journal_close(catalog->journal);
	catalog->journal = journal;
	catalog->sequence = sequence;
	atomic_store(&catalog->kept, sequence);
	catalog->rename_unsafe = sync_dir_of(catalog->path) < 0;
	if (catalog->rename_unsafe)
		err = ERR_IO;
	else
		keep_copy(catalog);
	pthread_mutex_unlock(&catalog->sync_lock);
	journal = NULL;
out:
	if (journal) {
		journal_close(journal);
		env_unlink(buf_text(&path));
	}
	free(rewrite.ends);
	buf_release(&rewrite.bytes);
	buf_release(&path);
	return err;
}

static int write_copy(struct catalog *catalog, uint32_t database_id, const char *path,
		      struct rewrite *rewrite)
{
	struct journal *journal;
	uint64_t sequence = 0;

	if (!tree_get(&catalog->tree, database_id))
		return ERR_NOT_FOUND;
	TRY(rewrite_print(&catalog->tree, database_id, rewrite));
	TRY(journal_open(path, &journal));
	int err = rewrite_append(rewrite, journal, &sequence);
	journal_close(journal);
	return err;
}

int catalog_copy(struct catalog *catalog, uint32_t database_id, const char *path)
{
	struct rewrite rewrite = { 0 };

	pthread_rwlock_rdlock(&catalog->lock);
	int err = write_copy(catalog, database_id, path, &rewrite);
	pthread_rwlock_unlock(&catalog->lock);
	free(rewrite.ends);
	buf_release(&rewrite.bytes);
	return err;
}

/* --- opening ------------------------------------------------------------------ */

struct replay {
	struct catalog *catalog;
	uint64_t corrupt;
	uint64_t records;
	uint64_t kept; /* the records up to this one were durable */
	uint64_t cut;  /* that lie behind the first gap in the others */
};

static int replay_record(void *arg, uint64_t sequence, struct slice payload)
{
	struct replay *replay = arg;
	uint64_t last = replay->catalog->sequence;

	replay->cut +=
		replay->cut || (replay->records && sequence > last + 1 && last >= replay->kept);
	if (replay->cut)
		return OK;
	int err = tree_apply(&replay->catalog->tree, payload);

	replay->catalog->sequence = sequence;
	replay->records++;
	atomic_store(&replay->catalog->kept, sequence < replay->kept ? sequence : replay->kept);
	if (err != ERR_CORRUPT)
		return err;
	replay->corrupt++;
	return OK;
}

/* Something is missing: tell, and keep the file as it is before it is rewritten. */
static void save_damaged(const struct catalog *catalog, const struct journal_damage *damage,
			 const struct replay *replay)
{
	struct buf file = { 0 }, path = { 0 };

	buf_printf(&path, "%s.damaged", catalog->path);
	log_error(
		"%s: damaged%s; %llu gaps of %llu bytes, %llu records not understood, %llu changes "
		"without their object, %llu objects named recovered; a copy is in %s",
		catalog->path, damage->is_short ? ", and shorter than it was" : "",
		(unsigned long long)damage->records_lost_min,
		(unsigned long long)damage->bytes_skipped, (unsigned long long)replay->corrupt,
		(unsigned long long)catalog->tree.refused,
		(unsigned long long)catalog->tree.recovered, buf_text(&path));
	if (!catalog->read_only && env_read_file(catalog->path, &file) == OK &&
	    env_write_file(buf_text(&path), buf_slice(&file)) < 0)
		log_error("%s cannot be written", buf_text(&path));
	buf_release(&file);
	buf_release(&path);
}

/* Nothing is missing that was durable, but some of what was not lies behind a gap. */
static void save_cut(const struct catalog *catalog, const struct replay *replay)
{
	struct buf file = { 0 }, path = { 0 };

	buf_printf(&path, "%s.torn", catalog->path);
	log_warning("%s: the last %llu records lie behind one that is lost, and were not taken; a "
		    "copy is in %s",
		    catalog->path, (unsigned long long)replay->cut, buf_text(&path));
	if (!catalog->read_only && env_read_file(catalog->path, &file) == OK &&
	    env_write_file(buf_text(&path), buf_slice(&file)) < 0)
		log_error("%s cannot be written", buf_text(&path));
	buf_release(&file);
	buf_release(&path);
}

static int catalog_load(struct catalog *catalog, uint64_t kept)
{
	struct replay replay = { .catalog = catalog, .kept = kept };
	struct journal_damage damage;
	int err = journal_replay(catalog->path, replay_record, &replay, &damage);

	if (err < 0 && err != ERR_NOT_FOUND)
		return err;
	catalog->was_damaged =
		(err == OK && !damage.is_mended && !replay.cut && journal_is_damaged(&damage)) ||
		replay.corrupt || catalog->tree.refused || catalog->tree.recovered;
	if (damage.is_mended)
		log_error("%s: damaged; its copy has all that it lost", catalog->path);
	if (replay.cut)
		save_cut(catalog, &replay);
	if (catalog->was_damaged)
		save_damaged(catalog, &damage, &replay);
	if (catalog->read_only)
		return OK;
	TRY(journal_open_copied(catalog->path, &catalog->journal));
	bool is_whole = !catalog->was_damaged && !replay.cut && replay.records;
	return is_whole ? OK : catalog_rewrite(catalog);
}

static struct attrs first_root_attrs(void)
{
	int64_t now = env_now_ns();

	return (struct attrs){ .mode = 0755,
			       .uid = geteuid(),
			       .gid = getegid(),
			       .atime_ns = now,
			       .mtime_ns = now,
			       .ctime_ns = now };
}

static void catalog_free(struct catalog *catalog)
{
	journal_close(catalog->journal);
	tree_release(&catalog->tree);
	buf_release(&catalog->record);
	pthread_rwlock_destroy(&catalog->lock);
	pthread_mutex_destroy(&catalog->sync_lock);
	free(catalog->path);
	free(catalog);
}

int catalog_open(const char *path, bool read_only, struct catalog **out, struct diag *diag)
{
	return catalog_open_kept(path, read_only, UINT64_MAX, out, diag);
}

int catalog_open_kept(const char *path, bool read_only, uint64_t kept, struct catalog **out,
		      struct diag *diag)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));
	struct attrs root_attrs = first_root_attrs();
	int err = ERR_MEMORY;

	*out = NULL;
	if (!catalog)
		return ERR_MEMORY;
	lock_init_fair(&catalog->lock);
	pthread_mutex_init(&catalog->sync_lock, NULL);
	catalog->read_only = read_only;
	catalog->path = strdup(path);
	tree_init(&catalog->tree, &root_attrs);
	if (catalog->path && catalog->tree.root)
		err = catalog_load(catalog, kept);
	if (err < 0) {
		catalog_free(catalog);
		return diag_set(diag, err, "%s: %s", path, err_text(err));
	}
	*out = catalog;
	return OK;
}

int catalog_sync(struct catalog *catalog)
{
	int err = OK;

	pthread_rwlock_rdlock(&catalog->lock);
	uint64_t sequence = catalog->sequence;
	pthread_rwlock_unlock(&catalog->lock);
	pthread_mutex_lock(&catalog->sync_lock);
	if (catalog->rename_unsafe)
		err = ERR_IO;
	else if (catalog->journal)
		err = journal_sync(catalog->journal);
	if (err == OK && atomic_load(&catalog->kept) < sequence)
		atomic_store(&catalog->kept, sequence);
	pthread_mutex_unlock(&catalog->sync_lock);
	return err;
}

uint64_t catalog_kept(struct catalog *catalog)
{
	return atomic_load(&catalog->kept);
}

/* A failure is no error: the old one says the same. */
static void compact(struct catalog *catalog)
{
	if (journal_bytes(catalog->journal) > 2 * catalog->tree.bytes &&
	    catalog_rewrite(catalog) < 0)
		log_warning("%s could not be rewritten", catalog->path);
}

void catalog_compact(struct catalog *catalog)
{
	if (catalog->read_only)
		return;
	pthread_rwlock_wrlock(&catalog->lock);
	compact(catalog);
	pthread_rwlock_unlock(&catalog->lock);
}

int catalog_close(struct catalog *catalog)
{
	int err = OK;

	if (!catalog)
		return OK;
	if (!catalog->read_only) {
		err = catalog_sync(catalog);
		if (err == OK)
			compact(catalog);
	}
	catalog_free(catalog);
	return err;
}

bool catalog_was_damaged(struct catalog *catalog)
{
	return catalog->was_damaged;
}

bool catalog_was_removed(struct catalog *catalog, uint32_t id)
{
	pthread_rwlock_rdlock(&catalog->lock);
	bool removed = idmap_find(&catalog->tree.removed, id) == 1;
	pthread_rwlock_unlock(&catalog->lock);
	return removed;
}

void catalog_forget_removed(struct catalog *catalog)
{
	pthread_rwlock_wrlock(&catalog->lock);
	idmap_release(&catalog->tree.removed);
	catalog->tree.removed = (struct idmap){ 0 };
	pthread_rwlock_unlock(&catalog->lock);
}

uint64_t catalog_version(struct catalog *catalog)
{
	return catalog->version;
}

/* --- looking -------------------------------------------------------------------- */

static void look(struct catalog *catalog)
{
	pthread_rwlock_rdlock(&catalog->lock);
}

static void unlock(struct catalog *catalog)
{
	pthread_rwlock_unlock(&catalog->lock);
}

/* Ends a look: copies the node out, if there is one. */
static int found(struct catalog *catalog, const struct node *node, struct object *out)
{
	if (node)
		*out = node->object;
	unlock(catalog);
	return node ? OK : ERR_NOT_FOUND;
}

int catalog_get(struct catalog *catalog, uint32_t id, struct object *out)
{
	look(catalog);
	return found(catalog, tree_get(&catalog->tree, id), out);
}

int catalog_find(struct catalog *catalog, uint32_t parent_id, struct slice name, struct object *out)
{
	look(catalog);
	return found(catalog, tree_find(&catalog->tree, parent_id, name), out);
}

int catalog_find_group(struct catalog *catalog, uint32_t policy_id, int64_t time_s,
		       struct object *out)
{
	const struct node *policy;

	look(catalog);
	policy = tree_get(&catalog->tree, policy_id);
	return found(catalog, policy ? tree_find_group(policy, time_s) : NULL, out);
}

static struct node *default_policy(const struct node *database)
{
	struct node *node = database ? database->first : NULL;

	while (node && !(node->object.kind == OBJECT_POLICY && node->object.policy.is_default))
		node = node->next;
	return node;
}

int catalog_default_policy(struct catalog *catalog, uint32_t database_id, struct object *out)
{
	look(catalog);
	return found(catalog, default_policy(tree_get(&catalog->tree, database_id)), out);
}

static size_t list_into(const struct node *parent, enum object_kind kind, struct object *objects)
{
	size_t count = 0;

	for (const struct node *node = parent->first; node; node = node->next)
		if (kind == 0 || node->object.kind == kind)
			objects[count++] = node->object;
	for (size_t i = 0; i < parent->group_count; i++)
		if (kind == 0 || kind == OBJECT_GROUP)
			objects[count++] = parent->groups[i]->object;
	return count;
}

uint32_t catalog_id_next(struct catalog *catalog)
{
	look(catalog);
	uint32_t id = catalog->tree.id_next;
	unlock(catalog);
	return id;
}

int catalog_list(struct catalog *catalog, uint32_t parent_id, enum object_kind kind,
		 struct object **out, size_t *count)
{
	const struct node *parent;
	int err = OK;

	*out = NULL;
	*count = 0;
	look(catalog);
	parent = tree_get(&catalog->tree, parent_id);
	if (!parent)
		err = ERR_NOT_FOUND;
	else if (!(*out = calloc(parent->child_count + 1, sizeof(**out))))
		err = ERR_MEMORY;
	else
		*count = list_into(parent, kind, *out);
	unlock(catalog);
	return err;
}

/* --- changing --------------------------------------------------------------------- */

/* Starts a change; gives the record to fill. */
static struct buf *change(struct catalog *catalog)
{
	pthread_rwlock_wrlock(&catalog->lock);
	buf_reset(&catalog->record);
	return &catalog->record;
}

static void rewrite_when_grown(struct catalog *catalog)
{
	uint64_t bytes = journal_bytes(catalog->journal);

	if (bytes > SMALL_FILE_BYTES && bytes / GROWTH_MAX > catalog->tree.bytes &&
	    catalog_rewrite(catalog) < 0)
		log_warning("%s could not be rewritten", catalog->path);
}

uint32_t catalog_take_id(struct catalog *catalog)
{
	change(catalog);
	uint32_t id = catalog->tree.id_next++;
	unlock(catalog);
	return id;
}

/* Into the file, then into memory: what the file refused has not happened. */
static int commit(struct catalog *catalog)
{
	struct journal_record record = { catalog->sequence + 1, buf_slice(&catalog->record) };
	uint64_t refused = catalog->tree.refused;
	int err;

	if (catalog->read_only)
		return ERR_READ_ONLY;
	if (catalog->rename_unsafe)
		return ERR_IO;
	TRY(journal_append(catalog->journal, &record, 1));
	catalog->sequence++;
	err = tree_apply(&catalog->tree, record.payload);
	assert(err == OK && catalog->tree.refused == refused);
	catalog->version++;
	rewrite_when_grown(catalog);
	return OK;
}

/* Ends a change that was found possible (`err` OK), or not. */
static int change_end(struct catalog *catalog, int err)
{
	if (err == OK)
		err = commit(catalog);
	unlock(catalog);
	return err;
}

void catalog_watch(struct catalog *catalog, catalog_watcher *watcher, void *arg)
{
	if (watcher)
		catalog->watcher_arg = arg;
	atomic_store(&catalog->watcher, watcher);
}

/* Without the lock. */
static void tell(struct catalog *catalog, const struct object *object, bool is_gone)
{
	catalog_watcher *watcher = atomic_load(&catalog->watcher);

	if (watcher)
		watcher(catalog->watcher_arg, object, is_gone);
}

/* A name in the directory came or went. */
static void touch(struct catalog *catalog, const struct node *directory, int64_t now_ns)
{
	struct attrs attrs = directory->object.attrs;

	attrs.mtime_ns = attrs.ctime_ns = now_ns;
	change_attrs(&catalog->record, directory->object.id, &attrs);
}

static void clear_default(struct catalog *catalog, const struct node *database, uint32_t except_id)
{
	for (const struct node *node = database->first; node; node = node->next) {
		struct object object = node->object;

		if (object.kind != OBJECT_POLICY || !object.policy.is_default ||
		    object.id == except_id)
			continue;
		object.policy.is_default = false;
		change_put(&catalog->record, &catalog->tree, &object);
	}
}

static bool has_default(const struct node *database)
{
	for (const struct node *node = database->first; node; node = node->next)
		if (node->object.kind == OBJECT_POLICY && node->object.policy.is_default)
			return true;
	return false;
}

static bool has_settings(const struct node *policy)
{
	for (const struct node *node = policy->first; node; node = node->next)
		if (node->object.kind == OBJECT_POLICY_FILE)
			return true;
	return false;
}

/*
 * The default policy has just said that it is not: a copy of a database is restored in any
 * order, and the one that was the default need not say so. It is one without settings,
 * autogen if that is among them.
 */
static void pass_default_on(struct catalog *catalog, const struct node *before)
{
	const struct node *heir = NULL;
	struct object object;

	for (const struct node *node = before->parent->first; node; node = node->next)
		if (node->object.kind == OBJECT_POLICY && node != before && !has_settings(node) &&
		    (!heir || slice_equal(node->object.name, SLICE("autogen"))))
			heir = node;
	if (!heir)
		return;
	object = heir->object;
	object.policy.is_default = true;
	change_put(&catalog->record, &catalog->tree, &object);
}

static void complete_attrs(struct attrs *attrs, int64_t now_ns)
{
	if (attrs->atime_ns == 0)
		attrs->atime_ns = now_ns;
	if (attrs->mtime_ns == 0)
		attrs->mtime_ns = now_ns;
	if (attrs->ctime_ns == 0)
		attrs->ctime_ns = now_ns;
}

/* A group's name is its window's, whatever the caller calls it. */
static int complete_group(struct catalog *catalog, struct object *object, const struct node *policy,
			  struct buf *name)
{
	struct group_window *window = &object->window;
	int64_t start_s, end_s;

	group_name_print(name, window->start_s, window->end_s);
	object->name = buf_slice(name);
	TRY(group_name_parse(object->name, &start_s, &end_s));
	if (start_s != window->start_s || end_s != window->end_s)
		return ERR_INVALID; /* not on the hour */
	if (tree_find(&catalog->tree, object->parent_id, object->name))
		return ERR_EXISTS;
	if (!tree_group_is_free(policy, start_s, end_s, NULL))
		return ERR_INVALID;
	if (window->shards == 0)
		window->shards = policy->object.policy.shards;
	window->number = catalog->tree.number_next;
	return OK;
}

static int complete_policy(struct catalog *catalog, struct object *object,
			   const struct node *database)
{
	TRY(policy_check(&object->policy, NULL));
	if (!has_default(database))
		object->policy.is_default = true;
	if (object->policy.is_default)
		clear_default(catalog, database, 0);
	return OK;
}

/* Judge the object, fill in what the catalog settles, and print the change. */
void attrs_inherit(struct attrs *attrs, const struct attrs *parent, bool is_directory)
{
	if (!(parent->mode & S_ISGID))
		return;
	attrs->gid = parent->gid;
	if (is_directory)
		attrs->mode |= S_ISGID;
}

static bool is_directory(enum object_kind kind)
{
	return kind != OBJECT_POLICY_FILE && kind != OBJECT_CONTINUOUS_QUERY && kind != OBJECT_VIEW;
}

static int print_add(struct catalog *catalog, struct object *object, struct buf *name)
{
	const struct node *parent = tree_get(&catalog->tree, object->parent_id);
	int64_t now_ns = env_now_ns();

	if (!parent)
		return ERR_NOT_FOUND;
	if (object->kind == OBJECT_ROOT || parent->object.kind != tree_parent_kind(object->kind))
		return ERR_INVALID;
	if (object->kind == OBJECT_GROUP)
		TRY(complete_group(catalog, object, parent, name));
	TRY(tree_check_name(object->name));
	if (tree_find(&catalog->tree, object->parent_id, object->name))
		return ERR_EXISTS;
	if (object->kind == OBJECT_POLICY)
		TRY(complete_policy(catalog, object, parent));
	complete_attrs(&object->attrs, now_ns);
	attrs_inherit(&object->attrs, &parent->object.attrs, is_directory(object->kind));
	if (object->id == 0)
		object->id = catalog->tree.id_next;
	change_put(&catalog->record, &catalog->tree, object);
	touch(catalog, parent, now_ns);
	return OK;
}

int catalog_add(struct catalog *catalog, struct object *object)
{
	struct object completed = *object;
	struct buf name = { 0 };
	int err;

	change(catalog);
	err = print_add(catalog, &completed, &name);
	if (err == OK)
		err = commit(catalog);
	if (err == OK)
		*object = tree_get(&catalog->tree, completed.id)->object;
	unlock(catalog);
	buf_release(&name);
	if (err == OK)
		tell(catalog, object, false);
	return err;
}

static int print_remove(struct catalog *catalog, const struct node *node)
{
	if (!node)
		return ERR_NOT_FOUND;
	if (!node->parent)
		return ERR_NOT_PERMITTED;
	change_remove(&catalog->record, node->object.id);
	touch(catalog, node->parent, env_now_ns());
	return OK;
}

int catalog_remove(struct catalog *catalog, uint32_t id)
{
	const struct node *node;
	struct object gone = { 0 };
	int err;

	change(catalog);
	node = tree_get(&catalog->tree, id);
	if (node)
		gone = node->object;
	err = change_end(catalog, print_remove(catalog, node));
	if (err == OK)
		tell(catalog, &gone, true);
	return err;
}

static int print_rename(struct catalog *catalog, const struct node *node, struct slice name,
			bool replace)
{
	const struct node *over;
	struct object object;
	int64_t now_ns = env_now_ns();

	if (!node)
		return ERR_NOT_FOUND;
	if (!node->parent || node->object.kind == OBJECT_GROUP)
		return ERR_NOT_PERMITTED;
	TRY(tree_check_name(name));
	over = tree_find(&catalog->tree, node->object.parent_id, name);
	if (over && over != node && (!replace || over->object.kind != node->object.kind))
		return ERR_EXISTS;
	if (over && over != node)
		change_remove(&catalog->record, over->object.id);
	object = node->object;
	object.name = name;
	object.attrs.ctime_ns = now_ns;
	change_put(&catalog->record, &catalog->tree, &object);
	touch(catalog, node->parent, now_ns);
	return OK;
}

int catalog_rename(struct catalog *catalog, uint32_t id, struct slice name, bool replace)
{
	const struct node *node;
	struct object object = { 0 };
	int err;

	change(catalog);
	node = tree_get(&catalog->tree, id);
	if (node)
		object = node->object;
	if (node && slice_equal(object.name, name)) {
		unlock(catalog);
		return OK;
	}
	err = change_end(catalog, print_rename(catalog, node, name, replace));
	if (err < 0)
		return err;
	tell(catalog, &object, true);
	object.name = name;
	tell(catalog, &object, false);
	return OK;
}

int catalog_set_attrs(struct catalog *catalog, uint32_t id, const struct attrs *attrs)
{
	struct buf *record = change(catalog);

	change_attrs(record, id, attrs);
	return change_end(catalog, tree_get(&catalog->tree, id) ? OK : ERR_NOT_FOUND);
}

int catalog_touch(struct catalog *catalog, uint32_t id)
{
	const struct node *node;
	int err;

	change(catalog);
	node = tree_get(&catalog->tree, id);
	if (node)
		touch(catalog, node, env_now_ns());
	err = change_end(catalog, node ? OK : ERR_NOT_FOUND);
	if (err == OK)
		tell(catalog, &(struct object){ .parent_id = id }, false);
	return err;
}

static int print_policy(struct catalog *catalog, const struct node *node,
			const struct policy_settings *settings)
{
	struct object object;

	if (!node || node->object.kind != OBJECT_POLICY)
		return ERR_NOT_FOUND;
	TRY(policy_check(settings, NULL));
	if (settings->is_default)
		clear_default(catalog, node->parent, node->object.id);
	else if (node->object.policy.is_default)
		pass_default_on(catalog, node);
	object = node->object;
	object.policy = *settings;
	change_put(&catalog->record, &catalog->tree, &object);
	return OK;
}

int catalog_set_policy(struct catalog *catalog, uint32_t id, const struct policy_settings *settings)
{
	change(catalog);
	return change_end(catalog, print_policy(catalog, tree_get(&catalog->tree, id), settings));
}

static int print_payload(struct catalog *catalog, const struct node *node, struct slice payload)
{
	struct object object;

	if (!node)
		return ERR_NOT_FOUND;
	if (node->object.kind != OBJECT_CONTINUOUS_QUERY && node->object.kind != OBJECT_VIEW)
		return ERR_INVALID;
	object = node->object;
	object.payload = payload;
	object.attrs.mtime_ns = object.attrs.ctime_ns = env_now_ns();
	change_put(&catalog->record, &catalog->tree, &object);
	return OK;
}

int catalog_set_payload(struct catalog *catalog, uint32_t id, struct slice payload)
{
	change(catalog);
	return change_end(catalog, print_payload(catalog, tree_get(&catalog->tree, id), payload));
}

static int print_shards(struct catalog *catalog, const struct node *group, uint32_t shards)
{
	struct object object;

	if (!group || group->object.kind != OBJECT_GROUP)
		return ERR_NOT_FOUND;
	if (shards < 1 || shards > POLICY_SHARDS_MAX)
		return ERR_INVALID;
	object = group->object;
	object.window.shards = shards;
	change_put(&catalog->record, &catalog->tree, &object);
	return OK;
}

int catalog_set_shards(struct catalog *catalog, uint32_t group_id, uint32_t shards)
{
	change(catalog);
	return change_end(catalog,
			  print_shards(catalog, tree_get(&catalog->tree, group_id), shards));
}

int catalog_reserve(struct catalog *catalog, uint32_t id)
{
	struct buf *record = change(catalog);

	if (id < catalog->tree.id_next || id >= UINT32_MAX - 1) {
		unlock(catalog);
		return OK;
	}
	uint32_t before = catalog->tree.id_next;
	catalog->tree.id_next = id + 1;
	change_counters(record, &catalog->tree);
	int err = catalog->read_only ? OK : commit(catalog);
	if (err < 0)
		catalog->tree.id_next = before;
	unlock(catalog);
	return err;
}
