/*
 * Opens and closes an engine: its parts one after the other, each needing those before it.
 *
 * Why the log comes late: its records have numbers of names, and a record whose names are gone must
 * be found out before anything is given a number.
 */
#include "engine/engine.h"

#include <stdlib.h>

#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/directory/kept.h"
#include "engine/memory/state.h"
#include "engine/recover.h"
#include "engine/upkeep/flush.h"
#include "engine/upkeep/lost_names.h"
#include "engine/upkeep/sweep.h"
#include "engine/upkeep/threads.h"

/* --- life ---------------------------------------------------------------------------- */

static void set_defaults(struct engine_options *options)
{
	if (!options->commit_seconds)
		options->commit_seconds = COMMIT_SECONDS;
	if (!options->memtable_bytes_max)
		options->memtable_bytes_max = MEMTABLE_BYTES_MAX;
	if (!options->cold_period_seconds)
		options->cold_period_seconds = COLD_PERIOD_SECONDS;
	if (!options->series_max)
		options->series_max = SERIES_PER_DATABASE_MAX;
}

/* Under the lock of an index: names go into the log before the rows that need them (I11). */
static int log_names(void *arg, uint32_t database_id, struct slice additions)
{
	struct engine *engine = arg;
	struct buf record = { 0 };
	uint64_t sequence;

	wal_names_encode(database_id, additions, &record);
	int err = wal_append(engine->wal, buf_slice(&record), &sequence);
	buf_release(&record);
	return err;
}

static void find_lost_names(struct engine *engine)
{
	size_t count;
	bool log_has_rows = atomic_load(&engine->budget.bytes) > 0;
	uint32_t *lacking = names_lacking(&engine->names, log_has_rows, &count);

	for (size_t i = 0; i < count; i++)
		lost_names_search(engine, lacking[i]);
	free(lacking);
}

static int open_parts(struct engine *engine, struct diag *diag)
{
	const struct engine_options *options = &engine->options;
	const char *dir = engine->directory.path;
	uint64_t sequence;

	TRY(names_open(&engine->names, dir, options->read_only, options->series_max, &engine->trash,
		       diag));
	engine->shard_env = shard_env_open(options->shards_open_max);
	if (options->leaves_alone)
		shard_env_leave_alone(engine->shard_env);
	TRY(cold_recover(engine));
	TRY(arrivals_read(engine, &sequence));
	TRY(names_open_indexes(&engine->names, diag));
	trusted_open(&engine->arrivals.trusted, atomic_load(&engine->arrivals.arrival_ns));
	TRY(recover(engine, sequence));
	arrivals_open(engine);
	TRY(names_set_log(&engine->names, log_names, engine));
	find_lost_names(engine);
	return OK;
}

/* What needs no directory yet; names_open() makes its own. */
static void init_parts(struct engine *engine)
{
	trash_init(&engine->trash);
	gate_init(&engine->gate);
	budget_init(&engine->budget, engine->options.memtable_bytes_max);
	space_init(&engine->space, engine->directory.path);
	live_groups_init(&engine->groups);
	pthread_mutex_init(&engine->room.lock, NULL);
	pthread_mutex_init(&engine->flusher.lock, NULL);
	pthread_mutex_init(&engine->rewriter.lock, NULL);
	threads_init(engine);
}

static void engine_free(struct engine *engine)
{
	live_groups_close(&engine->groups);
	if (engine->shard_env)
		shard_env_close(engine->shard_env);
	if (engine->names.dir)
		names_close(&engine->names);
	wal_close(engine->wal);
	threads_release(engine);
	budget_release(&engine->budget);
	gate_release(&engine->gate);
	trash_release(&engine->trash);
	directory_close(&engine->directory);
	free(engine);
}

static enum env_lock_use lock_use(const struct engine_options *options)
{
	if (options->leaves_alone)
		return ENV_LOCK_LOOKS;
	return options->read_only ? ENV_LOCK_READS : ENV_LOCK_WRITES;
}

int engine_open(const struct engine_options *options, struct engine **out, struct diag *diag)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return ERR_MEMORY;
	engine->options = *options;
	set_defaults(&engine->options);
	init_parts(engine);
	int err = directory_open(&engine->directory, options->path, lock_use(options), diag);
	if (err == OK)
		err = open_parts(engine, diag);
	if (err < 0) {
		engine_free(engine);
		return diag_set(diag, err, "%s: %s", options->path, err_text(err));
	}
	*out = engine;
	return OK;
}

int engine_start(struct engine *engine)
{
	if (!engine->options.read_only)
		sweep(engine);
	return threads_start(engine);
}

void engine_stopping(struct engine *engine)
{
	directory_stopping(&engine->directory);
}

int engine_close(struct engine *engine)
{
	threads_stop(engine);
	catalog_compact(
		engine->names.catalog); /* before the clock tells how much of it is durable */
	int err = flush_or_keep(engine);
	engine_free(engine);
	return err;
}

/* --- names ---------------------------------------------------------------------------- */

struct catalog *engine_catalog(struct engine *engine)
{
	return engine->names.catalog;
}

int engine_find_index(struct engine *engine, uint32_t database_id, struct index **out)
{
	return names_find_index(&engine->names, database_id, out);
}

struct index *engine_hold_index(struct engine *engine, uint32_t database_id)
{
	return names_hold_index(&engine->names, database_id);
}

struct index *engine_index(struct engine *engine, uint32_t database_id)
{
	return names_index(&engine->names, database_id);
}

uint64_t engine_database_version(struct engine *engine, uint32_t database_id)
{
	return names_version(&engine->names, database_id);
}

int engine_settle(struct engine *engine, int err)
{
	return err < 0 || !engine->options.sync_writes ? err : catalog_sync(engine->names.catalog);
}

/* --- the directory -------------------------------------------------------------------- */

int engine_kept(struct engine *engine, const char *name, struct buf *out)
{
	return kept_read(path_in(engine->directory.path, name).text, out);
}

int engine_keep(struct engine *engine, const char *name, struct slice text)
{
	if (engine->options.read_only)
		return ERR_READ_ONLY;
	return kept_write(path_in(engine->directory.path, name).text, text);
}

int engine_disk(struct engine *engine, struct env_disk *out)
{
	return env_disk(engine->directory.path, out);
}

void engine_gauges(struct engine *engine, struct engine_gauges *out)
{
	struct shard_env_counts counts;
	struct names_counts names;

	shard_env_count(engine->shard_env, &counts);
	names_count(&engine->names, &names);
	*out = (struct engine_gauges){
		.memtable_bytes = atomic_load(&engine->budget.bytes),
		.memtable_peak_bytes = atomic_load(&engine->budget.bytes_peak),
		.index_bytes = names.index_bytes,
		.directory_bytes = shard_directory_bytes(),
		.series_text_bytes = text_infos_bytes(),
		.wal_bytes = wal_bytes(engine->wal),
		.series = names.series,
		.groups = live_groups_count(&engine->groups),
		.shards_open = counts.open,
	};
}
