/*
 * Looks up what exists besides points, and changes it: a tree in memory over a journal.
 *
 * Why: what exists besides points is changed seldom, looked up all the time,
 * and must survive everything. Changes are one record each in the journal
 * first and in the tree (catalog_tree.h) then, by the same bytes.
 */
#include "engine/names/catalog.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/base/env.h"
#include "engine/base/log.h"
#include "engine/names/catalog_inner.h"

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
	catalog_rewrite_when_grown(catalog);
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

/* Without the lock: a watcher asks the catalog itself, and would wait for its own thread. */
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

/* Judge the object, fill in what the catalog settles, and print the change. */
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
