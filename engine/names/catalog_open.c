/*
 * Opens the catalog from its journal, syncs it and closes it.
 *
 * Why: the journal is outside bytes: a power cut may have torn its end, and a disk may have lost
 * any part. What was durable and is gone is damage, which the operator is told and the file kept
 * for; what was not durable yet may be missing without a word.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/env.h"
#include "engine/base/lock.h"
#include "engine/base/log.h"
#include "engine/names/catalog_inner.h"

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

	/*
	 * Behind the first gap in what was not durable nothing is taken: a change without those
	 * before it may be of an object that is not there.
	 */
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
	/* Read before the sync: a record that is appended during it may not be in it. */
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

int catalog_close(struct catalog *catalog)
{
	int err = OK;

	if (!catalog)
		return OK;
	if (!catalog->read_only) {
		err = catalog_sync(catalog);
		if (err == OK)
			catalog_compact_locked(catalog);
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
