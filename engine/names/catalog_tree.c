/*
 * The tree of the catalog, and the records that change it.
 *
 * Why: what exists has to be found by id, by name and by time without a walk,
 * by every write and every lookup of the kernel. The picture of the records is
 * in catalog_tree.h.
 */
#include "engine/names/catalog_tree.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/bytes.h"
#include "engine/base/limits.h"

enum change { CHANGE_PUT = 1, CHANGE_ATTRS, CHANGE_REMOVE, CHANGE_COUNTERS };

/* Two varints of five bytes at most, kinds, lengths: what an object costs besides its text. */
#define OBJECT_BYTES  64u
#define KEY_BYTES_MAX (sizeof(uint32_t) + NAME_BYTES_MAX)

static const struct kind {
	enum object_kind parent;
	const char *fixed_name; /* of a stand-in; NULL: recovered.ID */
} kinds[] = {
	[OBJECT_ROOT] = { 0, NULL },
	[OBJECT_DATABASE] = { OBJECT_ROOT, NULL },
	[OBJECT_POLICY] = { OBJECT_DATABASE, NULL },
	[OBJECT_POLICY_FILE] = { OBJECT_POLICY, NULL },
	[OBJECT_GROUP] = { OBJECT_POLICY, NULL },
	[OBJECT_CONTINUOUS] = { OBJECT_DATABASE, "continuous" },
	[OBJECT_CONTINUOUS_QUERY] = { OBJECT_CONTINUOUS, NULL },
	[OBJECT_VIEWS] = { OBJECT_DATABASE, "views" },
	[OBJECT_VIEW] = { OBJECT_VIEWS, NULL },
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

enum object_kind tree_parent_kind(enum object_kind kind)
{
	return (size_t)kind < KIND_COUNT ? kinds[kind].parent : 0;
}

int tree_check_name(struct slice name)
{
	if (name.length > NAME_BYTES_MAX)
		return ERR_TOO_LONG;
	if (name.length == 0 || slice_find(name, '/') || slice_find(name, '\0') ||
	    slice_equal(name, SLICE(".")) || slice_equal(name, SLICE("..")))
		return ERR_INVALID;
	return OK;
}

/* --- finding -------------------------------------------------------------- */

static struct slice key_of_slot(const void *owner, uint32_t slot)
{
	const struct tree *tree = owner;

	return tree->slots[slot]->key;
}

struct node *tree_get(const struct tree *tree, uint32_t id)
{
	uint32_t slot = idmap_find(&tree->by_id, id);

	return slot == MAP_NONE ? NULL : tree->slots[slot];
}

static struct slice key_print(char *key, uint32_t parent_id, struct slice name)
{
	store32(key, parent_id);
	memcpy(key + sizeof(uint32_t), name.data, name.length);
	return slice_of(key, sizeof(uint32_t) + name.length);
}

struct node *tree_find(const struct tree *tree, uint32_t parent_id, struct slice name)
{
	char bytes[KEY_BYTES_MAX];
	struct slice key;
	uint32_t slot;

	if (name.length == 0 || name.length > NAME_BYTES_MAX)
		return NULL;
	key = key_print(bytes, parent_id, name);
	slot = map_find(&tree->by_name, key, hash_bytes(key));
	return slot == MAP_NONE ? NULL : tree->slots[slot];
}

/* The number of groups that start at or before `time_s`. */
static size_t groups_until(const struct node *policy, int64_t time_s)
{
	size_t low = 0, high = policy->group_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (policy->groups[middle]->object.window.start_s <= time_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct node *tree_find_group(const struct node *policy, int64_t time_s)
{
	size_t count = groups_until(policy, time_s);
	struct node *group = count ? policy->groups[count - 1] : NULL;

	return group && time_s < group->object.window.end_s ? group : NULL;
}

bool tree_group_is_free(const struct node *policy, int64_t start_s, int64_t end_s,
			const struct node *except)
{
	for (size_t i = groups_until(policy, end_s - 1); i-- > 0;) {
		const struct node *group = policy->groups[i];

		if (group == except)
			continue;
		return group->object.window.end_s <= start_s;
	}
	return true;
}

/* --- joining and leaving --------------------------------------------------- */

static bool join_groups(struct node *policy, struct node *group)
{
	size_t at = groups_until(policy, group->object.window.start_s);

	if (!try_grow(&policy->groups, policy->group_count, &policy->group_capacity))
		return false;
	memmove(policy->groups + at + 1, policy->groups + at,
		(policy->group_count - at) * sizeof(*policy->groups));
	policy->groups[at] = group;
	policy->group_count++;
	return true;
}

static void leave_groups(struct node *policy, const struct node *group)
{
	size_t at = groups_until(policy, group->object.window.start_s) - 1;

	assert(policy->groups[at] == group);
	policy->group_count--;
	memmove(policy->groups + at, policy->groups + at + 1,
		(policy->group_count - at) * sizeof(*policy->groups));
}

/* Ids tell the order of creation; only a stand-in comes after younger ones. */
static void join_siblings(struct node *parent, struct node *node)
{
	struct node *before = parent->last;

	while (before && before->object.id > node->object.id)
		before = before->previous;
	node->previous = before;
	node->next = before ? before->next : parent->first;
	*(node->previous ? &node->previous->next : &parent->first) = node;
	*(node->next ? &node->next->previous : &parent->last) = node;
}

static bool join_parent(struct node *parent, struct node *node)
{
	if (node->object.kind != OBJECT_GROUP)
		join_siblings(parent, node);
	else if (!join_groups(parent, node))
		return false;
	node->parent = parent;
	parent->child_count++;
	return true;
}

static void leave_parent(struct node *node)
{
	struct node *parent = node->parent;

	if (node->object.kind == OBJECT_GROUP) {
		leave_groups(parent, node);
	} else {
		*(node->previous ? &node->previous->next : &parent->first) = node->next;
		*(node->next ? &node->next->previous : &parent->last) = node->previous;
	}
	parent->child_count--;
}

static uint64_t object_bytes(const struct object *object)
{
	return OBJECT_BYTES + object->name.length + object->payload.length;
}

static bool take_slot(struct tree *tree, struct node *node)
{
	if (tree->free_count) {
		node->slot = tree->free_slots[--tree->free_count];
	} else {
		if (!try_grow(&tree->slots, tree->slot_count, &tree->slot_capacity))
			return false;
		node->slot = (uint32_t)tree->slot_count++;
	}
	tree->slots[node->slot] = node;
	return true;
}

/* Without room in the list of free slots the slot is not used again, and costs a pointer. */
static void give_slot(struct tree *tree, uint32_t slot)
{
	tree->slots[slot] = NULL;
	if (try_grow(&tree->free_slots, tree->free_count, &tree->free_capacity))
		tree->free_slots[tree->free_count++] = slot;
}

static void node_free(struct node *node)
{
	free(node->groups);
	free(node);
}

static void remove_leaf(struct tree *tree, struct node *node)
{
	assert(node->child_count == 0 && node != tree->root);
	if (node->object.kind == OBJECT_DATABASE || node->object.kind == OBJECT_GROUP)
		idmap_set(&tree->removed, node->object.id, 1);
	leave_parent(node);
	map_remove(&tree->by_name, node->key, hash_bytes(node->key));
	idmap_set(&tree->by_id, node->object.id, MAP_NONE);
	tree->bytes -= object_bytes(&node->object);
	give_slot(tree, node->slot);
	node_free(node);
}

/* Children before parents, the newest child first. */
static void remove_below(struct tree *tree, struct node *top)
{
	struct node *node = top;

	for (;;) {
		struct node *parent = node->parent;

		if (node->group_count) {
			node = node->groups[node->group_count - 1];
			continue;
		}
		if (node->last) {
			node = node->last;
			continue;
		}
		remove_leaf(tree, node);
		if (node == top)
			return;
		node = parent;
	}
}

/* --- changes as bytes ------------------------------------------------------ */

static void append_zigzag(struct buf *out, int64_t value)
{
	buf_append_varint(out, zigzag(value));
}

static void append_attrs(struct buf *out, const struct attrs *attrs)
{
	buf_append_varint(out, attrs->mode);
	buf_append_varint(out, attrs->uid);
	buf_append_varint(out, attrs->gid);
	append_zigzag(out, attrs->atime_ns);
	append_zigzag(out, attrs->mtime_ns);
	append_zigzag(out, attrs->ctime_ns);
}

static uint32_t database_of(const struct tree *tree, const struct object *object)
{
	const struct node *node = tree_get(tree, object->parent_id);

	while (node && node->object.kind != OBJECT_DATABASE)
		node = node->parent;
	return node ? node->object.id : 0;
}

void change_put(struct buf *record, const struct tree *tree, const struct object *object)
{
	buf_append_byte(record, CHANGE_PUT);
	buf_append_varint(record, object->id);
	buf_append_varint(record, object->parent_id);
	buf_append_varint(record, database_of(tree, object));
	buf_append_byte(record, (char)object->kind);
	append_attrs(record, &object->attrs);
	buf_append_prefixed(record, object->name);
	if (object->kind == OBJECT_POLICY) {
		append_zigzag(record, object->policy.duration_ns);
		append_zigzag(record, object->policy.shard_duration_ns);
		buf_append_varint(record, object->policy.shards);
		buf_append_varint(record, object->policy.replication);
		buf_append_byte(record, object->policy.is_default);
	}
	if (object->kind == OBJECT_GROUP) {
		append_zigzag(record, object->window.start_s);
		append_zigzag(record, object->window.end_s);
		buf_append_varint(record, object->window.shards);
		buf_append_varint(record, object->window.number);
	}
	buf_append_prefixed(record, object->payload);
}

void change_attrs(struct buf *record, uint32_t id, const struct attrs *attrs)
{
	buf_append_byte(record, CHANGE_ATTRS);
	buf_append_varint(record, id);
	append_attrs(record, attrs);
}

void change_remove(struct buf *record, uint32_t id)
{
	buf_append_byte(record, CHANGE_REMOVE);
	buf_append_varint(record, id);
}

void change_removed(struct buf *record, const struct tree *tree)
{
	uint64_t id;
	uint32_t yes;

	for (size_t i = 0; idmap_next(&tree->removed, &i, &id, &yes);)
		change_remove(record, (uint32_t)id);
}

void change_counters(struct buf *record, const struct tree *tree)
{
	buf_append_byte(record, CHANGE_COUNTERS);
	buf_append_varint(record, tree->id_next);
	buf_append_varint(record, tree->number_next);
}

static uint32_t read_u32(struct reader *r)
{
	uint64_t value = reader_varint(r);

	if (value > UINT32_MAX)
		r->failed = true;
	return (uint32_t)value;
}

static int64_t read_zigzag(struct reader *r)
{
	return unzigzag(reader_varint(r));
}

static struct attrs read_attrs(struct reader *r)
{
	struct attrs attrs;

	attrs.mode = read_u32(r);
	attrs.uid = read_u32(r);
	attrs.gid = read_u32(r);
	attrs.atime_ns = read_zigzag(r);
	attrs.mtime_ns = read_zigzag(r);
	attrs.ctime_ns = read_zigzag(r);
	return attrs;
}

static struct object read_object(struct reader *r, uint32_t *database_id)
{
	struct object object = { 0 };

	object.id = read_u32(r);
	object.parent_id = read_u32(r);
	*database_id = read_u32(r);
	object.kind = reader_u8(r);
	object.attrs = read_attrs(r);
	object.name = reader_prefixed(r);
	if (object.kind == OBJECT_POLICY) {
		object.policy.duration_ns = read_zigzag(r);
		object.policy.shard_duration_ns = read_zigzag(r);
		object.policy.shards = read_u32(r);
		object.policy.replication = read_u32(r);
		object.policy.is_default = reader_u8(r) != 0;
	}
	if (object.kind == OBJECT_GROUP) {
		object.window.start_s = read_zigzag(r);
		object.window.end_s = read_zigzag(r);
		object.window.shards = read_u32(r);
		object.window.number = read_u32(r);
	}
	object.payload = reader_prefixed(r);
	return object;
}

/* --- applying -------------------------------------------------------------- */

/* Copies name and payload to where they stay; what did not change keeps its place. */
static int intern(struct tree *tree, const struct node *old, struct object *object,
		  struct slice *key)
{
	if (old && slice_equal(old->object.name, object->name)) {
		*key = old->key;
	} else {
		char *bytes = arena_alloc_raw(&tree->arena,
					      sizeof(uint32_t) + object->name.length + 1, 1);

		if (!bytes)
			return ERR_MEMORY;
		*key = key_print(bytes, object->parent_id, object->name);
		bytes[key->length] = 0;
	}
	object->name = slice_from(*key, sizeof(uint32_t));
	if (old && slice_equal(old->object.payload, object->payload))
		object->payload = old->object.payload;
	else if (object->payload.length)
		object->payload = arena_copy(&tree->arena, object->payload);
	else
		object->payload = SLICE("");
	return object->payload.data ? OK : ERR_MEMORY;
}

static bool policy_is_sound(const struct policy_settings *settings)
{
	return policy_check(settings, NULL) == OK;
}

/* Whole hours of years that four digits can tell: -62167219200 is the start of year 0. */
static bool window_is_sound(const struct group_window *window)
{
	return window->start_s < window->end_s && window->start_s >= INT64_C(-62167219200) &&
	       window->end_s <= INT64_C(253402300800) && window->start_s % 3600 == 0 &&
	       window->end_s % 3600 == 0;
}

/* Does it fit what is there? */
static bool object_fits(const struct tree *tree, const struct object *object,
			const struct node *parent, const struct node *old)
{
	struct node *same_name = tree_find(tree, object->parent_id, object->name);

	if (object->id == 0 || object->id == UINT32_MAX || tree_check_name(object->name) < 0)
		return false;
	if (!parent || parent->object.kind != tree_parent_kind(object->kind))
		return false;
	if (old && (old->parent != parent || old->object.kind != object->kind))
		return false;
	if (same_name && same_name != old)
		return false;
	if (object->kind == OBJECT_POLICY && !policy_is_sound(&object->policy))
		return false;
	if (object->kind != OBJECT_GROUP)
		return true;
	if (old && (old->object.window.start_s != object->window.start_s ||
		    old->object.window.end_s != object->window.end_s))
		return false;
	return window_is_sound(&object->window) &&
	       tree_group_is_free(parent, object->window.start_s, object->window.end_s, old);
}

static int add_node(struct tree *tree, struct node *parent, const struct object *object,
		    struct slice key)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return ERR_MEMORY;
	node->object = *object;
	node->key = key;
	if (!take_slot(tree, node)) {
		node_free(node);
		return ERR_MEMORY;
	}
	if (parent && !join_parent(parent, node)) {
		give_slot(tree, node->slot);
		node_free(node);
		return ERR_MEMORY;
	}
	idmap_set(&tree->by_id, object->id, node->slot);
	map_add(&tree->by_name, hash_bytes(key), node->slot);
	return OK;
}

static void replace_node(struct tree *tree, struct node *node, const struct object *object,
			 struct slice key)
{
	tree->bytes -= object_bytes(&node->object);
	if (key.data != node->key.data) {
		map_remove(&tree->by_name, node->key, hash_bytes(node->key));
		node->key = key;
		map_add(&tree->by_name, hash_bytes(key), node->slot);
	}
	node->object = *object;
}

static int put(struct tree *tree, struct object object)
{
	struct node *old = tree_get(tree, object.id);
	struct node *parent = tree_get(tree, object.parent_id);
	struct slice key;

	if (object.id == OBJECT_ROOT_ID) {
		tree->root->object.attrs = object.attrs;
		return OK;
	}
	if (!object_fits(tree, &object, parent, old)) {
		tree->refused++;
		return OK;
	}
	TRY(intern(tree, old, &object, &key));
	if (old)
		replace_node(tree, old, &object, key);
	else
		TRY(add_node(tree, parent, &object, key));
	tree->bytes += object_bytes(&object);
	if (object.id >= tree->id_next)
		tree->id_next = object.id + 1;
	if (object.kind == OBJECT_GROUP && object.window.number >= tree->number_next)
		tree->number_next = object.window.number + 1;
	return OK;
}

/* Make a stand-in for an object whose own record was lost; its parent as well. */
static int stand_in(struct tree *tree, enum object_kind kind, uint32_t id, uint32_t database_id)
{
	struct object object = { .id = id, .kind = kind, .parent_id = database_id };
	char name[32];
	int err;

	if (kind == OBJECT_DATABASE)
		object.parent_id = OBJECT_ROOT_ID;
	else if (!tree_get(tree, database_id))
		TRY(stand_in(tree, OBJECT_DATABASE, database_id, 0));
	snprintf(name, sizeof(name), "recovered.%u", id);
	object.name = slice_of_text(kinds[kind].fixed_name ? kinds[kind].fixed_name : name);
	object.attrs = tree->root->object.attrs;
	if (kind == OBJECT_POLICY)
		object.policy = policy_defaults();
	err = put(tree, object);
	tree->recovered += tree_get(tree, id) != NULL;
	return err;
}

static int apply_put(struct tree *tree, struct reader *r)
{
	uint32_t database_id;
	struct object object = read_object(r, &database_id);
	enum object_kind parent_kind = tree_parent_kind(object.kind);

	if (r->failed)
		return ERR_CORRUPT;
	if (parent_kind != 0 && parent_kind != OBJECT_ROOT && !tree_get(tree, object.parent_id))
		TRY(stand_in(tree, parent_kind, object.parent_id, database_id));
	return put(tree, object);
}

static int apply_attrs(struct tree *tree, struct reader *r)
{
	struct node *node = tree_get(tree, read_u32(r));
	struct attrs attrs = read_attrs(r);

	if (r->failed)
		return ERR_CORRUPT;
	if (node)
		node->object.attrs = attrs;
	else
		tree->refused++;
	return OK;
}

/* Of what is not there a rewrite tells, so that a drop is known until its files are gone. */
static int apply_remove(struct tree *tree, struct reader *r)
{
	uint32_t id = read_u32(r);
	struct node *node = tree_get(tree, id);

	if (r->failed || id == OBJECT_ROOT_ID)
		return ERR_CORRUPT;
	if (node)
		remove_below(tree, node);
	else
		idmap_set(&tree->removed, id, 1);
	return OK;
}

static int apply_counters(struct tree *tree, struct reader *r)
{
	uint32_t id_next = read_u32(r), number_next = read_u32(r);

	if (r->failed)
		return ERR_CORRUPT;
	if (id_next > tree->id_next)
		tree->id_next = id_next;
	if (number_next > tree->number_next)
		tree->number_next = number_next;
	return OK;
}

static int (*const appliers[])(struct tree *tree, struct reader *r) = {
	[CHANGE_PUT] = apply_put,
	[CHANGE_ATTRS] = apply_attrs,
	[CHANGE_REMOVE] = apply_remove,
	[CHANGE_COUNTERS] = apply_counters,
};

int tree_apply(struct tree *tree, struct slice record)
{
	struct reader r = reader_of(record);

	while (reader_left(&r)) {
		uint8_t change = reader_u8(&r);

		if (change < CHANGE_PUT || change > CHANGE_COUNTERS)
			return ERR_CORRUPT;
		TRY(appliers[change](tree, &r));
	}
	return OK;
}

/* --- the tree as a whole ---------------------------------------------------- */

void tree_init(struct tree *tree, const struct attrs *root_attrs)
{
	struct object root = { .id = OBJECT_ROOT_ID, .kind = OBJECT_ROOT, .attrs = *root_attrs };

	*tree = (struct tree){ .id_next = OBJECT_ROOT_ID + 1, .number_next = 1 };
	map_init(&tree->by_name, key_of_slot, tree);
	root.name = root.payload = SLICE("");
	/* A key that no name can have: parent 0, no name. */
	if (add_node(tree, NULL, &root, slice_of("\0\0\0\0", 4)) == OK)
		tree->root = tree->slots[0];
	tree->bytes = object_bytes(&root);
}

void tree_release(struct tree *tree)
{
	for (size_t i = 0; i < tree->slot_count; i++)
		if (tree->slots[i])
			node_free(tree->slots[i]);
	free(tree->slots);
	free(tree->free_slots);
	idmap_release(&tree->by_id);
	idmap_release(&tree->removed);
	map_release(&tree->by_name);
	arena_release(&tree->arena);
}
