/*
 * Counts what a group holds. Why apart from the census: it looks at every series, so it costs what
 * `ls -l` of the directory does.
 */
#include "engine/read/group_stat.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/memory/state.h"
#include "engine/read/series_text.h"
#include "engine/read/snapshot.h"
#include "engine/read/views.h"

int engine_group_series(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			uint32_t **ids, size_t *count)
{
	struct snapshot snapshot = { .engine = engine };
	struct live_group **groups;
	size_t group_count;

	*ids = NULL;
	*count = 0;
	TRY(live_groups_or_one(engine, policy_id, group_id, INT64_MIN, INT64_MAX, &groups,
			       &group_count));
	uint64_t sequence = wal_sequence(engine->wal);
	snapshot.views = calloc(group_count + 1, sizeof(*snapshot.views));
	if (!snapshot.views)
		log_out_of_memory(group_count * sizeof(*snapshot.views));
	for (size_t i = 0; i < group_count; i++)
		view_init(&snapshot.views[i], groups[i], sequence);
	snapshot.view_count = group_count;
	int err = snapshot_series(&snapshot, 0, ID_NONE, INT64_MIN, INT64_MAX, ids, count);
	for (size_t i = 0; i < group_count; i++)
		view_release(&snapshot.views[i]);
	free(snapshot.views);
	live_groups_release(groups, group_count);
	return err;
}

int engine_group_is_empty(struct engine *engine, uint32_t group_id, bool *empty)
{
	uint32_t *ids;
	size_t count;

	TRY(engine_group_series(engine, 0, group_id, &ids, &count));
	free(ids);
	*empty = count == 0;
	return OK;
}

static int add_series(struct engine *engine, uint32_t group_id, uint32_t series_id,
		      struct group_stat *out)
{
	struct series_stat stat;
	int err = engine_series_stat(engine, 0, group_id, series_id, &stat);

	if (err < 0)
		return err == ERR_NOT_FOUND ? OK : err;
	if (out->series++ == 0 || stat.time_first_ns < out->time_first_ns)
		out->time_first_ns = stat.time_first_ns;
	if (out->series == 1 || stat.time_last_ns > out->time_last_ns)
		out->time_last_ns = stat.time_last_ns;
	out->points += stat.points;
	out->disk_bytes += stat.disk_bytes;
	return OK;
}

int engine_group_stat(struct engine *engine, uint32_t group_id, struct group_stat *out)
{
	uint32_t *ids;
	size_t count;
	int err = OK;

	*out = (struct group_stat){ 0 };
	TRY(engine_group_series(engine, 0, group_id, &ids, &count));
	for (size_t i = 0; err == OK && i < count; i++)
		err = add_series(engine, group_id, ids[i], out);
	free(ids);
	return err;
}
