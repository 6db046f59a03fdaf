/*
 * A database at one instant: a sequence, and a view of every shard group.
 *
 * Why it may be opened again: a flush that comes between raises a view, and two views of different
 * instants show half of what was written between them (I5).
 */
#include "engine/read/snapshot.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/crash.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/memory/state.h"
#include "engine/read/scan.h"
#include "engine/read/views.h"

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

	snapshot->sequence = wal_sequence(engine->wal);
	crash_at(CRASH_SNAPSHOT_SEQUENCED);
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

	TRY(catalog_get(engine->names.catalog, database_id, &object));
	snapshot = calloc(1, sizeof(*snapshot));
	if (!snapshot)
		return ERR_MEMORY;
	snapshot->engine = engine;
	snapshot->database_id = database_id;
	int err = names_find_index(&engine->names, database_id, &snapshot->index);
	if (err == OK)
		err = open_views(snapshot);
	while (err == OK && !is_one_instant(snapshot)) {
		close_views(snapshot);
		err = open_views(snapshot);
	}
	assert(err < 0 || is_one_instant(snapshot)); /* I5 */
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

static int find_present(struct view *view, struct present **out)
{
	struct present *present = present_new();
	int err;

	if (!present)
		return ERR_MEMORY;
	err = view_series(view, &present->ids, &present->count);
	if (err == OK)
		err = drop_masked(view, present->ids, &present->count);
	if (err < 0) {
		present_release(present);
		return err;
	}
	*out = present;
	return OK;
}

/* The last answer for a whole group is kept with it. */
static int find_shared(struct view *view, struct present **out)
{
	struct live_group *group = view->group;
	int err = OK;

	if (view->group_version == 0)
		return find_present(view, out);
	pthread_mutex_lock(&group->present_lock);
	if (group->present_version != view->group_version) {
		/* It stays with the group: no query pays for it. */
		struct memory_meter *meter = memory_enter(NULL);
		struct present *found;

		err = find_present(view, &found);
		if (err == OK) {
			present_release(group->present);
			group->present = found;
			group->present_version = view->group_version;
		}
		memory_leave(meter);
	}
	if (err == OK)
		*out = present_ref(group->present);
	pthread_mutex_unlock(&group->present_lock);
	return err;
}

/* Borrowed from the view: a statement asks for each of its measurements. */
static int present_series(struct view *view, const struct present **out)
{
	struct present *found = NULL;

	pthread_mutex_lock(&view->lock);
	*out = view->present;
	pthread_mutex_unlock(&view->lock);
	if (*out)
		return OK;
	TRY(find_shared(view, &found));
	pthread_mutex_lock(&view->lock);
	if (!view->present) {
		view->present = found;
		found = NULL;
	}
	*out = view->present;
	pthread_mutex_unlock(&view->lock);
	present_release(found);
	return OK;
}

/* --- the series of some views ------------------------------------------------------ */

struct id_list {
	uint32_t *items;
	size_t count, capacity;
	size_t part_count; /* lists it was put together of, each of them ascending */
};

static int reserve_ids(struct id_list *list, size_t more)
{
	uint32_t *grown;

	if (list->capacity - list->count >= more)
		return OK;
	/* As it is where there was one group: most statements have no more. */
	list->capacity = list->count + more + list->count / 2;
	grown = realloc(list->items, list->capacity * sizeof(*grown));
	if (!grown)
		return ERR_MEMORY;
	list->items = grown;
	return OK;
}

static int append_all(struct id_list *list, const struct present *present)
{
	TRY(reserve_ids(list, present->count));
	if (present->count)
		memcpy(list->items + list->count, present->ids, present->count * sizeof(uint32_t));
	list->count += present->count;
	list->part_count += present->count > 0;
	return OK;
}

static bool has_id(const struct present *present, uint32_t id)
{
	return bsearch(&id, present->ids, present->count, sizeof(id), compare_ids) != NULL;
}

/* Append the wanted series that are present: by a look each, or by walking both lists where many
 * are wanted. */
static int append_wanted(struct id_list *list, const struct present *present,
			 const struct id_list *wanted)
{
	bool looks = wanted->count < present->count / 16;
	size_t before = list->count, at = 0;

	TRY(reserve_ids(list, wanted->count));
	for (size_t i = 0; i < wanted->count; i++) {
		uint32_t id = wanted->items[i];

		while (!looks && at < present->count && present->ids[at] < id)
			at++;
		if (looks ? has_id(present, id) : at < present->count && present->ids[at] == id)
			list->items[list->count++] = id;
	}
	list->part_count += list->count > before;
	return OK;
}

static int list_series(struct snapshot *snapshot, uint32_t policy_id, const struct id_list *wanted,
		       int64_t time_first_ns, int64_t time_last_ns, struct id_list *out)
{
	TRY(reserve_ids(out, 1));
	for (size_t i = 0; i < snapshot->view_count; i++) {
		struct view *view = &snapshot->views[i];
		const struct present *present;

		if (!view_overlaps(view, policy_id, time_first_ns, time_last_ns))
			continue;
		TRY(present_series(view, &present));
		TRY(wanted ? append_wanted(out, present, wanted) : append_all(out, present));
	}
	if (out->part_count > 1)
		out->count = sort_unique_ids(out->items, out->count);
	return OK;
}

int snapshot_series(struct snapshot *snapshot, uint32_t policy_id, uint32_t measurement_id,
		    int64_t time_first_ns, int64_t time_last_ns, uint32_t **ids, size_t *count)
{
	struct id_list list = { 0 }, wanted = { 0 };
	int err = OK;

	/* Callers free what they were given, after errors too. */
	*ids = NULL;
	*count = 0;
	if (measurement_id != ID_NONE)
		err = index_series_of_measurement(snapshot->index, measurement_id, &wanted.items,
						  &wanted.count);
	if (err == OK)
		err = list_series(snapshot, policy_id, measurement_id == ID_NONE ? NULL : &wanted,
				  time_first_ns, time_last_ns, &list);
	free(wanted.items);
	if (err < 0) {
		free(list.items);
		return err;
	}
	*ids = list.items;
	*count = list.count;
	return OK;
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
		struct memory_meter *meter;
		enum value_type type;

		if (!view_overlaps(view, policy_id, time_first_ns, time_last_ns))
			continue;
		meter = memory_enter(NULL); /* what the group learns it keeps */
		pthread_mutex_lock(&view->group->lock);
		int err = live_group_type(view->group, key, &type);
		pthread_mutex_unlock(&view->group->lock);
		memory_leave(meter);
		if (err < 0)
			return err;
		if (type != VALUE_NONE)
			*types |= 1u << type;
	}
	return OK;
}
