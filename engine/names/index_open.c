/*
 * Opens an index from its journal, syncs it and closes it.
 *
 * Why: the journal is outside bytes. What a disk lost of it may still be in its copy or in the log;
 * which records were missing is kept, so that their rows are believed no more than their names.
 */
#include <stdlib.h>

#include "engine/base/env.h"
#include "engine/base/limits.h"
#include "engine/base/lock.h"
#include "engine/base/log.h"
#include "engine/names/index_inner.h"

/* Records that the journal lacks: from `first` to the one before `end`. */
struct gap {
	uint64_t first, end;
};

struct replay {
	struct index *index;
	uint64_t corrupt;
};

static int replay_record(void *arg, uint64_t sequence, struct slice payload)
{
	struct replay *replay = arg;

	struct index *index = replay->index;
	int err = tables_apply(&index->tables, payload);

	replay->corrupt += err < 0;
	/* One that is no longer understood is lost as well. */
	struct gap gap = { index->sequence + 1, sequence + (err < 0) };
	if (gap.end > gap.first)
		buf_append(&index->gaps, &gap, sizeof(gap));
	index->sequence = index->records_opened = sequence;
	return OK;
}

static void tell_damage(const struct index *index, const char *path, const struct replay *replay,
			const struct journal_damage *damage)
{
	const struct tables *tables = &index->tables;

	if (damage->is_mended)
		log_error("%s: damaged; its copy has all that it lost", path);
	else if (journal_is_damaged(damage) || replay->corrupt || tables->refused ||
		 tables->holes || tables->recovered)
		log_error("%s: damaged; %llu gaps of %llu bytes, %llu records not understood, %llu "
			  "additions without place, %llu series and %llu names are called "
			  "recovered",
			  path, (unsigned long long)damage->records_lost_min,
			  (unsigned long long)damage->bytes_skipped,
			  (unsigned long long)replay->corrupt, (unsigned long long)tables->refused,
			  (unsigned long long)tables->holes, (unsigned long long)tables->recovered);
}

static int index_load(struct index *index, const char *path, bool read_only)
{
	struct replay replay = { .index = index };
	struct journal_damage damage;
	int err = journal_replay(path, replay_record, &replay, &damage);

	if (err < 0 && err != ERR_NOT_FOUND)
		return err;
	if (err == OK) /* a new one is not there yet */
		tell_damage(index, path, &replay, &damage);
	index->was_damaged =
		!damage.is_mended && (journal_is_damaged(&damage) || damage.tail_bytes ||
				      replay.corrupt || index->gaps.length || err == ERR_NOT_FOUND);
	index->has_made_up = index->tables.recovered > 0;
	return read_only ? OK : journal_open_copied(path, &index->journal);
}

bool index_was_damaged(struct index *index)
{
	return index->was_damaged;
}

uint64_t index_lacked(struct index *index, uint64_t records)
{
	const struct gap *gaps = (const struct gap *)(const void *)index->gaps.data;
	uint64_t lacked = records > index->records_opened ? records - index->records_opened : 0;

	for (size_t i = 0; i < index->gaps.length / sizeof(*gaps); i++) {
		uint64_t end = gaps[i].end <= records ? gaps[i].end : records + 1;

		lacked += end > gaps[i].first ? end - gaps[i].first : 0;
	}
	return lacked;
}

/* File and log each hold a part: sorted by kind, no addition comes before what it needs. */
static int sort_record(void *arg, uint64_t sequence, struct slice payload)
{
	additions_sort(payload, arg); /* what is none was counted before */
	return OK;
}

int index_read_again(struct index *index, const char *path, struct slice logged)
{
	struct buf kinds[ADDITION_KINDS] = { 0 };
	struct journal_damage damage;
	int err = journal_replay(path, sort_record, kinds, &damage);

	if (err == OK || err == ERR_NOT_FOUND)
		err = additions_sort(logged, kinds);
	if (err == OK) {
		tables_release(&index->tables);
		index->tables = (struct tables){ 0 };
		tables_init(&index->tables);
	}
	for (size_t i = 0; err == OK && i < ADDITION_KINDS; i++)
		err = tables_apply(&index->tables, buf_slice(&kinds[i]));
	if (err == OK && index->journal && logged.length)
		index_keep_waiting(index, logged);
	index->has_made_up = index->tables.recovered > 0;
	for (size_t i = 0; i < ADDITION_KINDS; i++)
		buf_release(&kinds[i]);
	return err;
}

int index_restore(struct index *index, struct slice additions)
{
	struct tables *tables = &index->tables;
	int err;

	change(index);
	uint64_t names = tables->names, refused = tables->refused;
	err = tables_apply(tables, additions);
	if (err == OK && tables->refused != refused)
		err = ERR_CORRUPT;
	if (tables->names != names && index->journal)
		index_keep_waiting(index, additions);
	index->has_made_up |= tables->recovered > 0;
	unlock(index);
	return err;
}

int index_settle(struct index *index)
{
	TRY(index_fill_holes(index));
	atomic_store(&index->any_made_up, index_has_made_up_names(index));
	return OK;
}

static void index_free(struct index *index)
{
	journal_close(index->journal);
	tables_release(&index->tables);
	map_release(&index->spelling_ids);
	free(index->spellings);
	buf_release(&index->record);
	buf_release(&index->waiting);
	buf_release(&index->record_ends);
	buf_release(&index->gaps);
	pthread_rwlock_destroy(&index->lock);
	pthread_mutex_destroy(&index->sync_lock);
	free(index);
}

int index_open(const char *path, bool read_only, struct index **out, struct diag *diag)
{
	struct index *index = calloc(1, sizeof(*index));
	int err;

	*out = NULL;
	if (!index)
		return ERR_MEMORY;
	lock_init_fair(&index->lock);
	pthread_mutex_init(&index->sync_lock, NULL);
	index->references = 1;
	index->series_max = SERIES_PER_DATABASE_MAX;
	tables_init(&index->tables);
	index_init_spellings(index);
	err = index_load(index, path, read_only);
	if (err < 0) {
		index_free(index);
		return diag_set(diag, err, "%s: %s", path, err_text(err));
	}
	*out = index;
	return OK;
}

int index_sync(struct index *index)
{
	TRY(index_write(index));
	if (!index->journal)
		return OK;
	look(index);
	uint64_t records = index->sequence;
	unlock(index);
	/* Without index->lock: a sync takes milliseconds, and all writers would stand for it. */
	pthread_mutex_lock(&index->sync_lock);
	int err = journal_sync(index->journal);
	if (err == OK) {
		atomic_store(&index->records_synced, records);
		change(index);
		journal_rest(index->journal);
		unlock(index);
	}
	pthread_mutex_unlock(&index->sync_lock);
	return err;
}

uint64_t index_records_synced(struct index *index)
{
	return atomic_load(&index->records_synced);
}

int index_copy(struct index *index, const char *from, const char *to)
{
	TRY(index_write(index));
	return env_copy(from, to, index->journal ? journal_bytes(index->journal) : UINT64_MAX);
}

int index_close(struct index *index)
{
	int err = OK;

	if (!index)
		return OK;
	err = index_sync(index);
	index_let_go(index);
	return err;
}

void index_hold(struct index *index)
{
	atomic_fetch_add(&index->references, 1);
}

void index_let_go(struct index *index)
{
	if (index && atomic_fetch_sub(&index->references, 1) == 1)
		index_free(index);
}
