/* A database at one instant: a sequence, and a view of every shard group. */
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/state.h"

static void close_views(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->view_count; i++)
		view_release(&snapshot->views[i]);
	free(snapshot->views);
	snapshot->views = NULL;
	snapshot->view_count = 0;
}

static int open_views(struct snapshot *snapshot)
{
	struct engine *engine = snapshot->engine;
	struct live_group **groups;
	size_t count;

	/* Before the views: what comes between makes the snapshot newer than it says, never older.
	 */
	snapshot->version = engine_database_version(engine, snapshot->database_id);
	snapshot->sequence = wal_sequence(engine->wal);
	TRY(live_groups(engine, snapshot->database_id, 0, INT64_MIN, INT64_MAX, &groups, &count));
	snapshot->views = calloc(count + 1, sizeof(*snapshot->views));
	if (!snapshot->views)
		log_out_of_memory(count * sizeof(*snapshot->views));
	for (size_t i = 0; i < count; i++)
		view_init(&snapshot->views[i], groups[i], snapshot->sequence);
	snapshot->view_count = count;
	live_groups_release(groups, count);
	return OK;
}

/* A flush that began after the sequence was taken has raised a view: the instants differ. */
static bool is_one_instant(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->view_count; i++)
		if (snapshot->views[i].sequence != snapshot->sequence)
			return false;
	return true;
}

int snapshot_open(struct engine *engine, uint32_t database_id, struct snapshot **out)
{
	struct object object;
	struct snapshot *snapshot;

	TRY(catalog_get(engine->catalog, database_id, &object));
	snapshot = calloc(1, sizeof(*snapshot));
	if (!snapshot)
		return ERR_MEMORY;
	snapshot->engine = engine;
	snapshot->database_id = database_id;
	int err = engine_find_index(engine, database_id, &snapshot->index);
	if (err == OK)
		err = open_views(snapshot);
	while (err == OK && !is_one_instant(snapshot)) {
		close_views(snapshot);
		err = open_views(snapshot);
	}
	if (err < 0) {
		index_let_go(snapshot->index);
		free(snapshot);
		return err;
	}
	*out = snapshot;
	return OK;
}

void snapshot_close(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	close_views(snapshot);
	index_let_go(snapshot->index);
	free(snapshot);
}

struct index *snapshot_index(struct snapshot *snapshot)
{
	return snapshot->index;
}

uint64_t snapshot_version(struct snapshot *snapshot)
{
	return snapshot->version;
}

size_t snapshot_group_count(struct snapshot *snapshot, uint32_t policy_id, int64_t time_first_ns,
			    int64_t time_last_ns)
{
	size_t count = 0;

	for (size_t i = 0; i < snapshot->view_count; i++)
		count += view_overlaps(&snapshot->views[i], policy_id, time_first_ns, time_last_ns);
	return count;
}

/* --- series ----------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* A masked series is there when a row of it is left. */
static int has_rows(struct view *view, uint32_t series_id, bool *yes)
{
	struct scan_spec spec = { .view = view,
				  .series_id = series_id,
				  .time_first_ns = INT64_MIN,
				  .time_last_ns = INT64_MAX };
	struct scan *scan;
	struct slab slab;

	TRY(scan_open(&spec, &scan));
	int err = scan_next(scan, &slab);
	scan_close(scan);
	*yes = err == OK;
	return err < 0 ? err : OK;
}

/* `ids` without what a mask has taken whole, in place. */
static int drop_masked(struct view *view, uint32_t *ids, size_t *count)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++) {
		struct view_info info;
		bool there;

		TRY(view_info(view, ids[i], &info));
		there = info.exists;
		if (there && info.is_masked)
			TRY(has_rows(view, ids[i], &there));
		if (there)
			ids[kept++] = ids[i];
	}
	*count = kept;
	return OK;
}

static int find_present(struct view *view, uint32_t **ids, size_t *count)
{
	TRY(view_series(view, ids, count));
	int err = drop_masked(view, *ids, count);
	if (err < 0) {
		free(*ids);
		*ids = NULL;
		*count = 0;
	}
	return err;
}

static uint32_t *copy_ids(const uint32_t *ids, size_t count)
{
	uint32_t *copy = malloc((count + 1) * sizeof(*copy));

	if (!copy)
		log_out_of_memory(count * sizeof(*copy));
	if (count)
		memcpy(copy, ids, count * sizeof(*copy));
	return copy;
}

/* The series present in a view; the last answer for a whole group is kept with it. */
static int present_series(struct view *view, uint32_t **ids, size_t *count)
{
	struct live_group *group = view->group;
	uint32_t *list;
	int err = OK;

	if (view->group_version == 0)
		return find_present(view, ids, count);
	pthread_mutex_lock(&group->text_lock);
	if (group->present_version != view->group_version) {
		err = find_present(view, &list, count);
		if (err == OK) {
			free(group->present);
			group->present = list;
			group->present_count = *count;
			group->present_version = view->group_version;
		}
	}
	if (err == OK) {
		*count = group->present_count;
		*ids = copy_ids(group->present, *count);
	}
	pthread_mutex_unlock(&group->text_lock);
	return err;
}

static void append_measurement(struct snapshot *snapshot, uint32_t measurement_id,
			       const uint32_t *more, size_t more_count, uint32_t **ids,
			       size_t *count)
{
	*ids = realloc(*ids, (*count + more_count + 1) * sizeof(**ids));
	if (!*ids)
		log_out_of_memory((*count + more_count) * sizeof(**ids));
	for (size_t i = 0; i < more_count; i++)
		if (measurement_id == ID_NONE ||
		    index_series_measurement(snapshot->index, more[i]) == measurement_id)
			(*ids)[(*count)++] = more[i];
}

int snapshot_series(struct snapshot *snapshot, uint32_t policy_id, uint32_t measurement_id,
		    int64_t time_first_ns, int64_t time_last_ns, uint32_t **ids, size_t *count)
{
	size_t kept = 0;

	*ids = malloc(sizeof(**ids));
	*count = 0;
	for (size_t i = 0; i < snapshot->view_count; i++) {
		struct view *view = &snapshot->views[i];
		uint32_t *more = NULL;
		size_t more_count = 0;

		if (!view_overlaps(view, policy_id, time_first_ns, time_last_ns))
			continue;
		int err = present_series(view, &more, &more_count);
		if (err < 0) {
			/* Callers free what they were given, after errors too. */
			free(*ids);
			*ids = NULL;
			*count = 0;
			return err;
		}
		append_measurement(snapshot, measurement_id, more, more_count, ids, count);
		free(more);
	}
	qsort(*ids, *count, sizeof(**ids), compare_ids);
	for (size_t i = 0; i < *count; i++)
		if (i == 0 || (*ids)[i] != (*ids)[kept - 1])
			(*ids)[kept++] = (*ids)[i];
	*count = kept;
	return OK;
}

int engine_group_series(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			uint32_t **ids, size_t *count)
{
	struct snapshot snapshot = { .engine = engine };
	struct live_group **groups;
	size_t group_count;

	*ids = NULL;
	*count = 0;
	if (group_id) {
		groups = malloc(sizeof(*groups));
		group_count = 1;
		int err = live_group_get(engine, group_id, &groups[0]);
		if (err < 0) {
			free(groups);
			return err;
		}
	} else {
		TRY(live_groups(engine, 0, policy_id, INT64_MIN, INT64_MAX, &groups, &group_count));
	}
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

/* --- types ------------------------------------------------------------------------- */

int snapshot_field_types(struct snapshot *snapshot, uint32_t policy_id, uint32_t measurement_id,
			 uint32_t field_id, int64_t time_first_ns, int64_t time_last_ns,
			 unsigned *types)
{
	uint64_t key = shard_field_key(measurement_id, field_id);

	*types = 0;
	for (size_t i = 0; i < snapshot->view_count; i++) {
		struct view *view = &snapshot->views[i];
		enum value_type type;

		if (!view_overlaps(view, policy_id, time_first_ns, time_last_ns))
			continue;
		pthread_mutex_lock(&view->group->lock);
		int err = live_group_type(view->group, key, &type);
		pthread_mutex_unlock(&view->group->lock);
		if (err < 0)
			return err;
		if (type != VALUE_NONE)
			*types |= 1u << type;
	}
	return OK;
}
