/*
 * Changes a series without a point: its rows are deleted, or its file gets another date.
 *
 * Why by records of the log: a deletion and the points around it are replayed in the order in which
 * they were accepted.
 */
#include "engine/write/change.h"

#include "engine/base/counters.h"
#include "engine/memory/state.h"
#include "engine/read/series_text.h"
#include "engine/upkeep/flush.h"
#include "engine/upkeep/room.h"

/* --- what changes a series in a group -------------------------------------------- */

static int apply_record(struct live_group *group, struct wal_record *record)
{
	uint64_t sequence;

	if (group->engine->options.read_only)
		return ERR_READ_ONLY;
	record->arrival_ns = engine_arrival_ns(group->engine);
	int err = live_group_apply(group, record, &sequence);
	if (err == OK && group->engine->options.sync_writes)
		err = engine_sync(group->engine);
	return err;
}

/* A mask of all that a series has there takes its name away. */
static bool takes_all(const struct wal_record *record, const struct series_stat *stat)
{
	return record->mask_count && record->masks->time_first_ns <= stat->time_first_ns &&
	       stat->time_last_ns <= record->masks->time_last_ns;
}

/* ERR_NOT_FOUND: the group has nothing of the series. */
static int apply_to_group(struct live_group *group, uint32_t series_id, struct wal_record *record)
{
	struct series_stat stat;

	TRY(engine_series_stat(group->engine, group->policy_id, group->id, series_id, &stat));
	TRY(apply_record(group, record));
	if (takes_all(record, &stat))
		live_group_touch(group);
	return OK;
}

/* ERR_NOT_FOUND: no group has the series. `*applied` groups took the record. */
static int apply_to_groups(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			   uint32_t series_id, int64_t time_first_ns, int64_t time_last_ns,
			   const struct wal_record *record, uint64_t *applied)
{
	struct live_group **groups;
	size_t count;
	int err = OK;

	*applied = 0;
	TRY(live_groups_or_one(engine, policy_id, group_id, time_first_ns, time_last_ns, &groups,
			       &count));
	gate_enter(&engine->gate);
	for (size_t i = 0; err == OK && i < count; i++) {
		struct wal_record own = *record;

		err = apply_to_group(groups[i], series_id, &own);
		*applied += err == OK;
		if (err == ERR_NOT_FOUND)
			err = OK;
	}
	gate_leave(&engine->gate);
	live_groups_release(groups, count);
	return err < 0 ? err : *applied ? OK : ERR_NOT_FOUND;
}

int engine_series_remove(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			 uint32_t series_id, int64_t time_first_ns, int64_t time_last_ns)
{
	struct mask mask = { series_id, time_first_ns, time_last_ns, 0, 0 };
	struct wal_record record = { .masks = &mask, .mask_count = 1 };
	uint64_t applied;
	int err = apply_to_groups(engine, policy_id, group_id, series_id, time_first_ns,
				  time_last_ns, &record, &applied);

	if (err == ERR_SPACE && room_make(engine))
		err = apply_to_groups(engine, policy_id, group_id, series_id, time_first_ns,
				      time_last_ns, &record, &applied);
	counter_add(COUNTER_SERIES_REMOVED, applied);
	return err;
}

int engine_series_set_mtime(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			    uint32_t series_id, int64_t mtime_ns)
{
	struct wal_mtime mtime = { series_id, mtime_ns, engine_arrival_ns(engine) };
	struct wal_record record = { .mtimes = &mtime, .mtime_count = 1 };
	uint64_t applied;

	return apply_to_groups(engine, policy_id, group_id, series_id, INT64_MIN, INT64_MAX,
			       &record, &applied);
}
