/*
 * Makes room on the disk.
 *
 * Why: the log takes ten times what the points in it take in shards, and what was dropped stays in
 * it until it is trimmed. A disk that is full of log is not full: one flush gives most of it back.
 * So a writer that finds no room has that done first, and is refused only when it did not help.
 * Twice the length of the log is left for it, since LevelDB logs what it writes before it makes a
 * table of it.
 */
#include "engine/upkeep/room.h"

#include "engine/base/limits.h"
#include "engine/base/when.h"
#include "engine/memory/state.h"
#include "engine/upkeep/flush.h"

/* A log that is shorter says nothing: a flush would give back no block. */
#define LOG_BYTES_WORTH	    4096u
#define TRASH_SECONDS_MAX   5
#define FLUSH_AGAIN_SECONDS 1

/* One after the other: a writer that waited meanwhile finds the log short. */
static bool flush_for_room(struct engine *engine)
{
	struct room *room = &engine->room;
	bool freed = false;

	pthread_mutex_lock(&room->lock);
	int64_t now = env_monotonic_ns();
	bool is_tired =
		room->failed_ns && now - room->failed_ns < FLUSH_AGAIN_SECONDS * NS_PER_SECOND;
	if (!is_tired && wal_bytes(engine->wal) > LOG_BYTES_WORTH) {
		freed = engine_flush(engine) == OK;
		room->failed_ns = freed ? 0 : env_monotonic_ns();
	}
	pthread_mutex_unlock(&room->lock);
	return freed;
}

bool room_make(struct engine *engine)
{
	if (engine->options.read_only || gate_is_inside())
		return false;
	uint64_t log_before = wal_bytes(engine->wal);
	trash_wait(&engine->trash, TRASH_SECONDS_MAX);
	bool freed = flush_for_room(engine);
	return freed || wal_bytes(engine->wal) < log_before;
}

void room_make_after_drop(struct engine *engine)
{
	if (space_is_short(&engine->space))
		room_make(engine);
}

/* --- before writing ----------------------------------------------------------------- */

/*
 * Into shards while there is room for them, at the side first. Where the log comes close to what is
 * left the writer does it, so that no flush goes into what is kept: a store that a kill left could
 * not be opened then.
 */
static void flush_ahead(struct engine *engine, uint64_t left)
{
	uint64_t log = wal_bytes(engine->wal);

	if (log <= SPACE_CHECK_BYTES || left / 3 >= log)
		return;
	if (left / 2 >= log || !room_make(engine))
		budget_want_flush(&engine->budget);
}

static int look(struct engine *engine, struct diag *diag)
{
	uint64_t left;

	TRY(space_look(&engine->space, &left, diag));
	flush_ahead(engine, left);
	return OK;
}

int room_take(struct engine *engine, size_t bytes, struct diag *diag)
{
	if (!space_is_due(&engine->space, bytes) || look(engine, NULL) == OK)
		return OK;
	room_make(engine);
	return look(engine, diag);
}

int room_take_shards(struct engine *engine, uint32_t shards)
{
	TRY(room_take(engine, SPACE_CHECK_BYTES, NULL));
	space_want_shards(&engine->space, shards);
	return OK;
}
