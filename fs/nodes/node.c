/*
 * Keeps the nodes that the kernel knows in two chained hash tables: by nodeid, which each
 * request brings, and by place and text, so that a second lookup of a name finds the first
 * one's node.
 */
#include "fs/nodes/node.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "engine/base/env.h"
#include "engine/base/log.h"
#include "engine/base/map.h"

#define ROOT_NODEID 1u
/* For so long a file counts as taken after a lookup: its open follows, and a second writer would
 * else share the inode, whose lock the kernel holds over a write. */
#define CLAIM_NS INT64_C(10000000)

struct node_table {
	pthread_mutex_t lock;
	struct node **by_id, **by_key; /* bucket_count each, a power of two */
	size_t bucket_count, count;
	uint64_t id_next;
};

static void *allocate(size_t count, size_t bytes)
{
	void *p = calloc(count, bytes);

	if (!p)
		log_out_of_memory(count * bytes);
	return p;
}

static uint64_t key_hash(const struct place *place, struct slice text)
{
	uint64_t hash = hash_bytes(slice_of(place, sizeof(*place)));

	return text.length ? hash ^ hash_bytes(text) : hash;
}

static struct node **id_bucket(struct node_table *table, uint64_t id)
{
	return &table->by_id[id & (table->bucket_count - 1)];
}

static struct node **key_bucket(struct node_table *table, uint64_t hash)
{
	return &table->by_key[hash & (table->bucket_count - 1)];
}

/* Into both tables, or only by nodeid when it is not keyed. */
static void link_node(struct node_table *table, struct node *node)
{
	struct node **id = id_bucket(table, node->id);
	struct node **key = key_bucket(table, node->key_hash);

	node->next_by_id = *id;
	*id = node;
	if (!node->keyed)
		return;
	node->next_by_key = *key;
	*key = node;
}

/* Twice the buckets: chains stay at one node on average, so that a mount with a million names looks
 * up as fast as one with ten. */
static void grow(struct node_table *table)
{
	struct node **old = table->by_id;
	size_t old_count = table->bucket_count;

	free(table->by_key);
	table->bucket_count = old_count * 2;
	table->by_id = allocate(table->bucket_count, sizeof(*table->by_id));
	table->by_key = allocate(table->bucket_count, sizeof(*table->by_key));
	for (size_t i = 0; i < old_count; i++)
		for (struct node *node = old[i], *next; node; node = next) {
			next = node->next_by_id;
			link_node(table, node);
		}
	free(old);
}

/* Takes it out of the table by place: the next lookup of the place makes another node, with another
 * nodeid. */
static void unkey(struct node_table *table, struct node *node)
{
	struct node **link = key_bucket(table, node->key_hash);

	if (!node->keyed)
		return;
	while (*link != node)
		link = &(*link)->next_by_key;
	*link = node->next_by_key;
	node->keyed = false;
}

static void free_node(struct node *node)
{
	if (node->payload_release)
		node->payload_release(node->payload);
	free(node->text);
	free(node);
}

/* Out of the table when nobody can ask for it any more; the caller frees it without the lock. */
static struct node *take_if_unused(struct node_table *table, struct node *node)
{
	struct node **link = id_bucket(table, node->id);

	if (node->lookup_count > 0 || atomic_load(&node->handle_count) > 0 ||
	    node->id == ROOT_NODEID)
		return NULL;
	unkey(table, node);
	while (*link != node)
		link = &(*link)->next_by_id;
	*link = node->next_by_id;
	table->count--;
	return node;
}

static struct node *new_node(struct node_table *table, const struct place *place, struct slice text,
			     bool keyed)
{
	struct node *node = allocate(1, sizeof(*node));

	if (table->count >= table->bucket_count)
		grow(table);
	node->id = table->id_next++;
	node->place = *place;
	node->text = allocate(1, text.length + 1);
	if (text.length)
		memcpy(node->text, text.data, text.length);
	node->text_length = text.length;
	node->key_hash = key_hash(place, text);
	node->keyed = keyed;
	node->lookup_count = 1;
	link_node(table, node);
	table->count++;
	return node;
}

struct node_table *node_table_new(const struct place *root)
{
	struct node_table *table = allocate(1, sizeof(*table));

	pthread_mutex_init(&table->lock, NULL);
	table->bucket_count = 1024;
	table->by_id = allocate(table->bucket_count, sizeof(*table->by_id));
	table->by_key = allocate(table->bucket_count, sizeof(*table->by_key));
	table->id_next = ROOT_NODEID;
	new_node(table, root, slice_of("", 0), true);
	return table;
}

void node_table_free(struct node_table *table)
{
	for (size_t i = 0; i < table->bucket_count; i++)
		for (struct node *node = table->by_id[i], *next; node; node = next) {
			next = node->next_by_id;
			free_node(node);
		}
	free(table->by_id);
	free(table->by_key);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

static struct node *find_id(struct node_table *table, uint64_t id)
{
	struct node *node = *id_bucket(table, id);

	while (node && node->id != id)
		node = node->next_by_id;
	return node;
}

static struct node *find_key(struct node_table *table, const struct place *place, struct slice text)
{
	uint64_t hash = key_hash(place, text);
	struct node *node = *key_bucket(table, hash);

	while (node &&
	       !(node->key_hash == hash && memcmp(&node->place, place, sizeof(*place)) == 0 &&
		 slice_equal(node_text(node), text)))
		node = node->next_by_key;
	return node;
}

struct node *node_find(struct node_table *table, uint64_t id)
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_id(table, id);
	pthread_mutex_unlock(&table->lock);
	return node;
}

struct node *node_take(struct node_table *table, const struct place *place, struct slice text)
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_key(table, place, text);
	if (node)
		node->lookup_count++;
	pthread_mutex_unlock(&table->lock);
	return node;
}

struct node *node_intern(struct node_table *table, const struct place *place, struct slice text,
			 bool *is_new)
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_key(table, place, text);
	*is_new = !node;
	if (node)
		node->lookup_count++;
	else
		node = new_node(table, place, text, true);
	pthread_mutex_unlock(&table->lock);
	return node;
}

/* Called with the lock. */
static bool is_idle(const struct node *node, int64_t now_ns)
{
	return atomic_load(&node->handle_count) == 0 && now_ns - node->claimed_ns > CLAIM_NS;
}

struct node *node_intern_idle(struct node_table *table, const struct place *place,
			      struct slice text)
{
	int64_t now_ns = env_monotonic_ns();
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_key(table, place, text);
	if (node && !is_idle(node, now_ns)) {
		unkey(table, node);
		node = NULL;
	}
	if (node)
		node->lookup_count++;
	else
		node = new_node(table, place, text, true);
	node->claimed_ns = now_ns;
	pthread_mutex_unlock(&table->lock);
	return node;
}

void node_opened(struct node_table *table, struct node *node)
{
	pthread_mutex_lock(&table->lock);
	node->claimed_ns = 0;
	pthread_mutex_unlock(&table->lock);
}

struct node *node_add(struct node_table *table, const struct place *place, struct slice text)
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = new_node(table, place, text, false);
	pthread_mutex_unlock(&table->lock);
	return node;
}

void node_key(struct node_table *table, struct node *node)
{
	struct node *other, **bucket;

	pthread_mutex_lock(&table->lock);
	other = find_key(table, &node->place, node_text(node));
	if (other != node) {
		if (other)
			unkey(table, other);
		unkey(table, node);
		node->key_hash = key_hash(&node->place, node_text(node));
		node->keyed = true;
		bucket = key_bucket(table, node->key_hash);
		node->next_by_key = *bucket;
		*bucket = node;
	}
	pthread_mutex_unlock(&table->lock);
}

void node_retire_place(struct node_table *table, const struct place *place, struct slice text)
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_key(table, place, text);
	if (node)
		unkey(table, node);
	pthread_mutex_unlock(&table->lock);
}

void node_forget(struct node_table *table, uint64_t id, uint64_t count)
{
	struct node *node, *dead = NULL;

	pthread_mutex_lock(&table->lock);
	node = find_id(table, id);
	if (node) {
		node->lookup_count -= count < node->lookup_count ? count : node->lookup_count;
		dead = take_if_unused(table, node);
	}
	pthread_mutex_unlock(&table->lock);
	if (dead)
		free_node(dead);
}

void node_hold(struct node *node)
{
	atomic_fetch_add(&node->handle_count, 1);
}

void node_let_go(struct node_table *table, struct node *node)
{
	struct node *dead;

	pthread_mutex_lock(&table->lock);
	assert(atomic_load(&node->handle_count) > 0);
	atomic_fetch_sub(&node->handle_count, 1);
	dead = take_if_unused(table, node);
	pthread_mutex_unlock(&table->lock);
	if (dead)
		free_node(dead);
}

void node_count_in_pool(struct node_table *table, uint64_t id, int change)
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_id(table, id);
	if (node)
		node->requests_in_pool += change;
	pthread_mutex_unlock(&table->lock);
}

int node_requests_in_pool(struct node_table *table, const struct node *node)
{
	int count;

	pthread_mutex_lock(&table->lock);
	count = node->requests_in_pool;
	pthread_mutex_unlock(&table->lock);
	return count;
}

size_t node_count(struct node_table *table)
{
	size_t count;

	pthread_mutex_lock(&table->lock);
	count = table->count;
	pthread_mutex_unlock(&table->lock);
	return count;
}
