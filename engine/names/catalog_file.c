/*
 * Writes the catalog as a file: its journal anew without what is outdated, or a part of it as a
 * copy.
 *
 * Why: each change is a record more, and a journal that only grows would be read through at each
 * start. The new file is whole and synced before a rename puts it over the old one, so that a
 * crash leaves either.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/array.h"
#include "engine/base/env.h"
#include "engine/base/log.h"
#include "engine/names/catalog_inner.h"

/* The journal is rewritten when it is this many times what it says, and not small. */
#define GROWTH_MAX	 4u
#define SMALL_FILE_BYTES (64u << 10)

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

int catalog_rewrite(struct catalog *catalog)
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

void catalog_rewrite_when_grown(struct catalog *catalog)
{
	uint64_t bytes = journal_bytes(catalog->journal);

	if (bytes > SMALL_FILE_BYTES && bytes / GROWTH_MAX > catalog->tree.bytes &&
	    catalog_rewrite(catalog) < 0)
		log_warning("%s could not be rewritten", catalog->path);
}

void catalog_compact_locked(struct catalog *catalog)
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
	catalog_compact_locked(catalog);
	pthread_rwlock_unlock(&catalog->lock);
}
