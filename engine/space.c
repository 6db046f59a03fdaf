/*
 * Room on the disk: what is kept free of it, and how there comes to be more.
 *
 * Why: the log takes ten times what the points in it take in shards, and what was dropped stays in
 * it until it is trimmed. A disk that is full of log is not full: one flush gives most of it back.
 * So a writer that finds no room has that done first, and is refused only when it did not help.
 *
 *	free:  ── points are taken ──┬─ the log is moved into shards ─┬─ kept: reading, dropping ──
 *	                             └ twice what the log is long     └ 32 MiB, or an eighth
 *
 * Twice, since LevelDB logs what it writes before it makes a table of it.
 */
#include <time.h>

#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/state.h"

/* A log that is shorter says nothing: a flush would give back no block. */
#define LOG_BYTES_WORTH	    4096u
#define FILES_RESERVED	    64u
#define FILES_PER_SHARD	    8u
#define TRASH_SECONDS_MAX   5
#define FLUSH_AGAIN_SECONDS 1

/* Keep 32 MiB free, or an eighth of a disk smaller than 256 MiB. */
static uint64_t space_reserved(const struct env_disk *disk)
{
	return disk->bytes / 8 < SPACE_RESERVED ? disk->bytes / 8 : SPACE_RESERVED;
}

/* The same of files. Where the file system has no such limit it tells of none. */
static uint64_t files_reserved(const struct env_disk *disk)
{
	return disk->files / 8 < FILES_RESERVED ? disk->files / 8 : FILES_RESERVED;
}

bool engine_has_room(struct engine *engine, uint64_t bytes)
{
	struct env_disk disk;

	return engine_disk(engine, &disk) < 0 || disk.bytes_usable > space_reserved(&disk) + bytes;
}

bool engine_has_room_to_shrink(struct engine *engine, uint64_t bytes)
{
	struct env_disk disk;

	return engine_disk(engine, &disk) < 0 ||
	       disk.bytes_usable > space_reserved(&disk) / 4 + bytes;
}

/* --- more room ---------------------------------------------------------------------- */

static void wait_for_trash(struct engine *engine)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += TRASH_SECONDS_MAX;
	pthread_mutex_lock(&engine->wake_lock);
	while (engine->started && !engine->stopping &&
	       (engine->trash_count || engine->is_deleting) &&
	       pthread_cond_timedwait(&engine->room, &engine->wake_lock, &until) == 0)
		;
	pthread_mutex_unlock(&engine->wake_lock);
}

/* One after the other: whoever waited meanwhile finds the log short. */
static bool flush_for_room(struct engine *engine)
{
	bool freed = false;

	pthread_mutex_lock(&engine->space_lock);
	int64_t now = env_monotonic_ns();
	bool is_tired = engine->space_failed_ns &&
			now - engine->space_failed_ns < FLUSH_AGAIN_SECONDS * NS_PER_SECOND;
	if (!is_tired && wal_bytes(engine->wal) > LOG_BYTES_WORTH) {
		freed = flush_all(engine) == OK;
		engine->space_failed_ns = freed ? 0 : env_monotonic_ns();
	}
	pthread_mutex_unlock(&engine->space_lock);
	return freed;
}

bool engine_make_room(struct engine *engine)
{
	if (engine->options.read_only || freeze_is_inside())
		return false;
	uint64_t log_before = wal_bytes(engine->wal);
	wait_for_trash(engine);
	bool freed = flush_for_room(engine);
	return freed || wal_bytes(engine->wal) < log_before;
}

void engine_make_room_after_drop(struct engine *engine)
{
	struct env_disk disk;

	if (engine_disk(engine, &disk) == OK && disk.bytes_usable < 2 * space_reserved(&disk))
		engine_make_room(engine);
}

/* --- before writing ----------------------------------------------------------------- */

static void want_flush(struct engine *engine)
{
	pthread_mutex_lock(&engine->wake_lock);
	engine->flush_wanted = true;
	pthread_cond_broadcast(&engine->wake);
	pthread_mutex_unlock(&engine->wake_lock);
}

/*
 * Into shards while there is room for them, at the side first. Where the log comes close to what is
 * left the writer does it, so that no flush goes into what is kept: a store that a kill left could
 * not be opened then.
 */
static void flush_ahead(struct engine *engine, const struct env_disk *disk)
{
	uint64_t log = wal_bytes(engine->wal), left = disk->bytes_usable - space_reserved(disk);

	if (log <= SPACE_CHECK_BYTES || left / 3 >= log)
		return;
	if (left / 2 >= log || !engine_make_room(engine))
		want_flush(engine);
}

static int refuse(const struct env_disk *disk, struct diag *diag)
{
	if (disk->bytes_usable >= space_reserved(disk))
		return diag_set(diag, ERR_SPACE,
				"no space left: the last %llu files of the disk are kept for "
				"reading and dropping",
				(unsigned long long)files_reserved(disk));
	return diag_set(diag, ERR_SPACE,
			"no space left: the last %llu KiB of the disk are kept for reading and "
			"dropping",
			(unsigned long long)(space_reserved(disk) >> 10));
}

static int look_at_disk(struct engine *engine, struct diag *diag)
{
	struct env_disk disk;

	if (engine_disk(engine, &disk) < 0)
		return OK;
	uint64_t files = files_reserved(&disk) + atomic_load(&engine->files_wanted);
	bool is_short = disk.bytes_usable < space_reserved(&disk) ||
			(disk.files && disk.files_free < files);
	atomic_store(&engine->is_nearly_full, is_short);
	if (is_short)
		return refuse(&disk, diag);
	flush_ahead(engine, &disk);
	return OK;
}

int engine_take_shards(struct engine *engine, uint32_t shards)
{
	TRY(engine_take_space(engine, SPACE_CHECK_BYTES, NULL));
	atomic_fetch_add(&engine->files_wanted, shards * FILES_PER_SHARD);
	return OK;
}

void engine_flushed(struct engine *engine)
{
	atomic_store(&engine->files_wanted, 0);
	atomic_store(&engine->bytes_unchecked, SPACE_CHECK_BYTES);
}

int engine_take_space(struct engine *engine, size_t bytes, struct diag *diag)
{
	uint64_t unchecked = atomic_fetch_add(&engine->bytes_unchecked, bytes) + bytes;

	if (unchecked < SPACE_CHECK_BYTES && !atomic_load(&engine->is_nearly_full))
		return OK;
	atomic_store(&engine->bytes_unchecked, 0);
	if (look_at_disk(engine, NULL) == OK)
		return OK;
	engine_make_room(engine);
	return look_at_disk(engine, diag);
}
