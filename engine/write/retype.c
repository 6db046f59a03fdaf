/*
 * Looks for one row that has the field, series by series.
 *
 * Why the series that had it last comes first: a client that sends the wrong type sends it in every
 * line, and each is to be refused at the cost of one series.
 */
#include "engine/write/retype.h"

#include <stdlib.h>

#include "engine/memory/state.h"
#include "engine/read/scan.h"

static int series_has(struct view *view, uint32_t series_id, uint32_t field_id, bool *found)
{
	struct scan_spec spec = { .view = view,
				  .series_id = series_id,
				  .field_ids = &field_id,
				  .field_count = 1,
				  .time_first_ns = INT64_MIN,
				  .time_last_ns = INT64_MAX,
				  .rows_max = 1 };
	struct scan *scan;
	struct slab slab = { 0 };
	int err;

	*found = false;
	TRY(scan_open(&spec, &scan));
	while (!*found && (err = scan_next(scan, &slab)) == OK)
		*found = slab.row_count > 0;
	scan_close(scan);
	return *found || err == END ? OK : err;
}

/* The series that had it last, ID_NONE: none is known. */
static uint32_t witness_of(struct live_group *group, uint64_t field_key)
{
	pthread_mutex_lock(&group->lock);
	uint32_t series_id = idmap_find(&group->witnesses, field_key);
	pthread_mutex_unlock(&group->lock);
	return series_id;
}

static void set_witness(struct live_group *group, uint64_t field_key, uint32_t series_id)
{
	pthread_mutex_lock(&group->lock);
	idmap_set(&group->witnesses, field_key, series_id);
	pthread_mutex_unlock(&group->lock);
}

static int look_through(struct view *view, uint32_t measurement_id, uint32_t field_id, bool *found)
{
	struct live_group *group = view->group;
	uint64_t key = shard_field_key(measurement_id, field_id);
	uint32_t witness = witness_of(group, key), *ids;
	size_t count;
	int err = OK;

	*found = false;
	if (witness != ID_NONE)
		TRY(series_has(view, witness, field_id, found));
	if (*found)
		return OK;
	TRY(index_series_of_measurement(group->index, measurement_id, &ids, &count));
	for (size_t i = 0; err == OK && !*found && i < count; i++) {
		err = series_has(view, ids[i], field_id, found);
		if (*found)
			set_witness(group, key, ids[i]);
	}
	free(ids);
	return err;
}

int retype_forget(struct live_group *group, uint32_t measurement_id, uint32_t field_id,
		  bool *forgotten)
{
	struct view view;
	bool found;

	live_group_ask(group);
	view_init(&view, group, wal_sequence(group->engine->wal));
	int err = look_through(&view, measurement_id, field_id, &found);
	view_release(&view);
	*forgotten = live_group_answer(group, shard_field_key(measurement_id, field_id),
				       found || err < 0);
	return err;
}
