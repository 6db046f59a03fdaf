/*
 * Shard groups at work: found by number, written under one lock, dropped while readers go on.
 *
 * Why an object apart from the catalog's: readers and writers hold it while the catalog lets it go,
 * and a group that nobody touches costs nothing but its name.
 */
#include "engine/memory/live_group.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/counters.h"
#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/memory/present.h"
#include "engine/memory/state.h"
#include "engine/shard/store_files.h"

/* --- life ------------------------------------------------------------------------ */

struct path live_group_shard_path(const struct live_group *group, uint32_t number)
{
	return path_shard(group->engine->directory.path, group->id, number);
}

/* Where nothing may or could be renamed, a rewrite is read where it lies. */
static struct path stored_path(const struct engine *engine, uint32_t group_id, uint32_t number)
{
	struct path path = path_shard(engine->directory.path, group_id, number);
	struct path new = path_with(path.text, ".new");

	return !env_exists(path.text) && env_exists(new.text) ? new : path;
}

/* Takes the hold on `index`. */
static struct live_group *group_new(struct engine *engine, const struct object *object,
				    uint32_t database_id, struct index *index)
{
	struct live_group *group = calloc(1, sizeof(*group));
	if (!group)
		log_out_of_memory(sizeof(*group));
	group->engine = engine;
	group->references = 1;
	group->id = object->id;
	group->policy_id = object->parent_id;
	group->database_id = database_id;
	group->index = index;
	group->window = object->window;
	group->shard_count = object->window.shards ? object->window.shards : 1;
	group->shards = calloc(group->shard_count, sizeof(*group->shards));
	if (!group->shards)
		log_out_of_memory(group->shard_count * sizeof(*group->shards));
	for (uint32_t i = 0; i < group->shard_count; i++)
		group->shards[i] =
			shard_open(engine->shard_env, stored_path(engine, group->id, i).text);
	pthread_mutex_init(&group->lock, NULL);
	pthread_mutex_init(&group->present_lock, NULL);
	pthread_mutex_init(&group->shards_lock, NULL);
	text_cache_init(&group->texts);
	group->active = memtable_new();
	group->version = 1;
	return group;
}

static void group_free(struct live_group *group)
{
	for (uint32_t i = 0; i < group->shard_count; i++)
		shard_close(group->shards[i]);
	memtable_release(group->active);
	memtable_release(group->sealed);
	text_cache_release(&group->texts);
	idmap_release(&group->types);
	idmap_release(&group->sealed_types);
	idmap_release(&group->met);
	idmap_release(&group->witnesses);
	present_release(group->present);
	free(group->shards);
	free(group->cuts.items);
	index_let_go(group->index);
	pthread_mutex_destroy(&group->lock);
	pthread_mutex_destroy(&group->present_lock);
	pthread_mutex_destroy(&group->shards_lock);
	free(group);
}

void live_group_release(struct live_group *group)
{
	if (group && atomic_fetch_sub(&group->references, 1) == 1)
		group_free(group);
}

struct live_group *live_group_reference(struct live_group *group)
{
	atomic_fetch_add(&group->references, 1);
	return group;
}

/* --- the list ---------------------------------------------------------------------- */

void live_groups_init(struct live_groups *groups)
{
	*groups = (struct live_groups){ 0 };
	pthread_mutex_init(&groups->lock, NULL);
}

void live_groups_close(struct live_groups *groups)
{
	while (groups->count)
		live_group_release(groups->items[--groups->count]);
	free(groups->items);
	idmap_release(&groups->ids);
	pthread_mutex_destroy(&groups->lock);
}

size_t live_groups_count(struct live_groups *groups)
{
	pthread_mutex_lock(&groups->lock);
	size_t count = groups->count;
	pthread_mutex_unlock(&groups->lock);
	return count;
}

/* Under groups.lock. */
static struct live_group *find_locked(struct live_groups *groups, uint32_t group_id)
{
	uint32_t index = idmap_find(&groups->ids, group_id);

	return index == MAP_NONE ? NULL : groups->items[index];
}

/* Under groups.lock. The list has a reference of its own. */
static void add_locked(struct live_groups *groups, struct live_group *group)
{
	grow(&groups->items, groups->count, &groups->capacity);
	idmap_set(&groups->ids, group->id, (uint32_t)groups->count);
	groups->items[groups->count++] = group;
}

/* The last of the list takes its place. */
static void remove_locked(struct live_groups *groups, struct live_group *group)
{
	uint32_t index = idmap_find(&groups->ids, group->id);

	if (index == MAP_NONE || groups->items[index] != group)
		return;
	struct live_group *last = groups->items[--groups->count];
	groups->items[index] = last;
	idmap_set(&groups->ids, last->id, index);
	idmap_set(&groups->ids, group->id, MAP_NONE);
}

/* Has the number of its shards changed since `made` was made? */
static bool is_outdated(struct engine *engine, const struct live_group *made)
{
	struct object now;

	return catalog_get(engine->names.catalog, made->id, &now) == OK &&
	       now.window.shards != made->window.shards;
}

/* Consumes `made`, which goes onto the list unless another is there. NULL: it is outdated. */
static struct live_group *offer(struct engine *engine, struct live_group *made)
{
	pthread_mutex_lock(&engine->groups.lock);
	struct live_group *group = find_locked(&engine->groups, made->id);
	if (!group && !is_outdated(engine, made))
		add_locked(&engine->groups, group = made);
	if (group)
		live_group_reference(group);
	pthread_mutex_unlock(&engine->groups.lock);
	if (group != made)
		live_group_release(made);
	return group;
}

struct live_group *live_group_find(struct engine *engine, uint32_t group_id)
{
	pthread_mutex_lock(&engine->groups.lock);
	struct live_group *group = find_locked(&engine->groups, group_id);
	if (group)
		live_group_reference(group);
	pthread_mutex_unlock(&engine->groups.lock);
	return group;
}

int live_group_of(struct engine *engine, const struct object *object, struct live_group **out)
{
	struct object policy, fresh = *object;

	*out = live_group_find(engine, object->id);
	if (*out)
		return OK;
	TRY(catalog_get(engine->names.catalog, object->parent_id, &policy));
	do {
		struct index *index;

		TRY(catalog_get(engine->names.catalog, object->id, &fresh));
		TRY(names_find_index(&engine->names, policy.parent_id, &index));
		*out = offer(engine, group_new(engine, &fresh, policy.parent_id, index));
	} while (!*out);
	return OK;
}

int live_group_get(struct engine *engine, uint32_t group_id, struct live_group **out)
{
	struct object object;

	*out = live_group_find(engine, group_id);
	if (*out)
		return OK;
	TRY(catalog_get(engine->names.catalog, group_id, &object));
	if (object.kind != OBJECT_GROUP)
		return ERR_NOT_FOUND;
	return live_group_of(engine, &object, out);
}

void live_groups_release(struct live_group **groups, size_t count)
{
	for (size_t i = 0; i < count; i++)
		live_group_release(groups[i]);
	free(groups);
}

static int append_policy_groups(struct engine *engine, uint32_t policy_id, int64_t first_ns,
				int64_t last_ns, struct live_group ***list, size_t *count)
{
	struct object *objects;
	size_t object_count;

	TRY(catalog_list(engine->names.catalog, policy_id, OBJECT_GROUP, &objects, &object_count));
	*list = realloc(*list, (*count + object_count + 1) * sizeof(**list));
	if (!*list)
		log_out_of_memory((*count + object_count) * sizeof(**list));
	int err = OK;
	for (size_t i = 0; err == OK && i < object_count; i++) {
		if (!group_window_overlaps(&objects[i].window, first_ns, last_ns))
			continue;
		err = live_group_of(engine, &objects[i], &(*list)[*count]);
		*count += err == OK;
		if (err == ERR_NOT_FOUND) /* dropped meanwhile */
			err = OK;
	}
	free(objects);
	return err;
}

/* A group that could not be had is no group that is not there: nothing is given then. */
static int groups_or_error(int err, struct live_group ***out, size_t *count)
{
	if (err < 0) {
		live_groups_release(*out, *count);
		*out = NULL;
		*count = 0;
	}
	return err;
}

int live_groups(struct engine *engine, uint32_t database_id, uint32_t policy_id,
		int64_t time_first_ns, int64_t time_last_ns, struct live_group ***out,
		size_t *count)
{
	struct object *policies;
	size_t policy_count;

	*out = NULL;
	*count = 0;
	if (policy_id)
		return groups_or_error(append_policy_groups(engine, policy_id, time_first_ns,
							    time_last_ns, out, count),
				       out, count);
	TRY(catalog_list(engine->names.catalog, database_id, OBJECT_POLICY, &policies,
			 &policy_count));
	int err = OK;
	for (size_t i = 0; err == OK && i < policy_count; i++) {
		err = append_policy_groups(engine, policies[i].id, time_first_ns, time_last_ns, out,
					   count);
		if (err == ERR_NOT_FOUND)
			err = OK;
	}
	free(policies);
	return groups_or_error(err, out, count);
}

int live_groups_or_one(struct engine *engine, uint32_t policy_id, uint32_t group_id,
		       int64_t time_first_ns, int64_t time_last_ns, struct live_group ***groups,
		       size_t *count)
{
	if (!group_id)
		return live_groups(engine, 0, policy_id, time_first_ns, time_last_ns, groups,
				   count);
	*groups = malloc(sizeof(**groups));
	*count = 1;
	if (!*groups)
		return ERR_MEMORY;
	int err = live_group_get(engine, group_id, &(*groups)[0]);
	if (err < 0)
		free(*groups);
	return err;
}

void live_groups_all(struct engine *engine, struct live_group ***out, size_t *count)
{
	pthread_mutex_lock(&engine->groups.lock);
	*count = engine->groups.count;
	*out = malloc((*count + 1) * sizeof(**out));
	if (!*out)
		log_out_of_memory(*count * sizeof(**out));
	for (size_t i = 0; i < *count; i++)
		(*out)[i] = live_group_reference(engine->groups.items[i]);
	pthread_mutex_unlock(&engine->groups.lock);
}

/* --- before the first point ------------------------------------------------------------ */

static bool has_shards(struct engine *engine, const struct object *object)
{
	for (uint32_t i = 0; i == 0 || i < object->window.shards; i++)
		if (env_exists(stored_path(engine, object->id, i).text))
			return true;
	return false;
}

/*
 * Marks an empty group dropped. If its lock is taken, a writer is about to store its first point:
 * leave it.
 */
static bool end_empty(struct live_group *group)
{
	if (pthread_mutex_trylock(&group->lock) != 0)
		return false;
	bool is_empty = group->sequence_last == 0 && !group->is_typed;
	if (is_empty)
		group->dropped = true;
	pthread_mutex_unlock(&group->lock);
	return is_empty;
}

/*
 * Holding groups.lock keeps another thread from adding this group again. Readers that still hold
 * the old object see an empty group.
 */
int live_group_spread(struct engine *engine, const struct object *object, uint32_t shards)
{
	int err = OK;

	pthread_mutex_lock(&engine->groups.lock);
	struct live_group *group = find_locked(&engine->groups, object->id);
	if (has_shards(engine, object) || (group && !end_empty(group))) {
		pthread_mutex_unlock(&engine->groups.lock);
		return OK;
	}
	err = catalog_set_shards(engine->names.catalog, object->id, shards);
	if (group)
		remove_locked(&engine->groups, group);
	pthread_mutex_unlock(&engine->groups.lock);
	live_group_release(group); /* the list's */
	return err == ERR_NOT_FOUND ? OK : err;
}

/* --- dropping ------------------------------------------------------------------------ */

void live_group_delete_with(struct live_group *group, struct shard *shard, const char *path)
{
	shard_on_gone(shard, trash_now, trash_later(&group->engine->trash, path));
}

/* Into the trash by name at once; its files go when the last reader has closed it. */
static int move_shard(struct live_group *group, uint32_t number)
{
	const char *dir = group->engine->directory.path;
	struct path stored = path_shard(dir, group->id, number);
	struct path trash = path_trash_shard(dir, group->id, number);
	int err = shard_move(group->shards[number], trash.text);

	if (err < 0 && err != ERR_LAYER)
		return err;
	store_unmark_beside(stored.text);
	/* What keeps its name is deleted where it is. */
	live_group_delete_with(group, group->shards[number],
			       err == ERR_LAYER ? stored.text : trash.text);
	return OK;
}

int live_group_drop(struct live_group *group)
{
	struct engine *engine = group->engine;
	int err = OK;

	pthread_mutex_lock(&group->lock);
	bool dropped = group->dropped;
	group->dropped = true;
	if (!dropped) /* nothing comes to it any more, and no flush takes what it has */
		budget_give(&engine->budget,
			    memtable_bytes(group->active) +
				    (group->sealed ? memtable_bytes(group->sealed) : 0));
	pthread_mutex_unlock(&group->lock);
	if (dropped)
		return OK;
	for (uint32_t i = 0; i < group->shard_count; i++) {
		int moved = move_shard(group, i);

		if (moved < 0)
			err = moved;
	}
	pthread_mutex_lock(&engine->groups.lock);
	remove_locked(&engine->groups, group);
	pthread_mutex_unlock(&engine->groups.lock);
	counter_add(COUNTER_GROUPS_DROPPED, 1);
	live_group_release(group); /* the list's */
	return err;
}

/* --- small questions -------------------------------------------------------------------- */

uint32_t live_group_shard_number(const struct live_group *group, uint32_t series_id)
{
	struct buf key = { 0 };
	uint64_t hash;

	if (group->shard_count == 1)
		return 0;
	index_series_key(group->index, series_id, &key);
	hash = hash_bytes(buf_slice(&key));
	buf_release(&key);
	return (uint32_t)(hash % group->shard_count);
}

struct shard *live_group_shard(const struct live_group *group, uint32_t series_id)
{
	return group->shards[live_group_shard_number(group, series_id)];
}

struct shard *live_group_shard_reference(struct live_group *group, uint32_t number)
{
	pthread_mutex_lock(&group->shards_lock);
	struct shard *shard = group->shards[number];
	shard_reference(shard);
	pthread_mutex_unlock(&group->shards_lock);
	return shard;
}

bool live_group_holds(const struct live_group *group, int64_t time_ns)
{
	int64_t time_s = floor_div(time_ns, NS_PER_SECOND);

	return time_s >= group->window.start_s && time_s < group->window.end_s;
}

int live_group_type(struct live_group *group, uint64_t field_key, enum value_type *type)
{
	uint32_t known = idmap_find(&group->types, field_key);

	if (known != MAP_NONE) {
		*type = known;
		return OK;
	}
	*type = VALUE_NONE;
	for (uint32_t i = 0; i < group->shard_count && *type == VALUE_NONE; i++)
		TRY(shard_field_type(group->shards[i], field_key, type));
	idmap_set(&group->types, field_key, *type);
	return OK;
}

void live_group_set_type(struct live_group *group, uint64_t field_key, enum value_type type)
{
	/* The log tells it before a shard was asked: it may know another one. */
	group->is_retyped |= idmap_find(&group->types, field_key) == MAP_NONE;
	idmap_set(&group->types, field_key, type);
	group->is_typed = true;
}

void live_group_ask(struct live_group *group)
{
	pthread_mutex_lock(&group->lock);
	if (group->question_count++ == 0)
		idmap_release(&group->met);
	pthread_mutex_unlock(&group->lock);
}

bool live_group_answer(struct live_group *group, uint64_t field_key, bool is_there)
{
	pthread_mutex_lock(&group->lock);
	bool forgets = !is_there && idmap_find(&group->met, field_key) == MAP_NONE;
	if (forgets) {
		idmap_set(&group->types, field_key, VALUE_NONE);
		group->is_retyped = true;
		atomic_fetch_add(&group->types_epoch, 1);
		atomic_fetch_add(&group->version, 1);
	}
	group->question_count--;
	pthread_mutex_unlock(&group->lock);
	return forgets;
}

/* The type is what the group says, and becomes it where the group has forgotten its own. */
static int settle_type(struct live_group *group, uint64_t field_key, enum value_type type)
{
	enum value_type known;

	TRY(live_group_type(group, field_key, &known));
	if (known == VALUE_NONE)
		live_group_set_type(group, field_key, type);
	return known == VALUE_NONE || known == type ? OK : ERR_TYPE;
}

static int settle_layout(struct live_group *group, uint32_t series_id, const struct layout *layout,
			 bool has_changed)
{
	uint32_t measurement_id = index_series_measurement(group->index, series_id);

	for (uint32_t i = 0; i < layout->field_count; i++) {
		uint64_t key = shard_field_key(measurement_id, layout->fields[i].field_id);

		if (has_changed)
			TRY(settle_type(group, key, layout->fields[i].type));
		if (group->question_count)
			idmap_set(&group->met, key, 1);
	}
	return OK;
}

/* I15, where somebody looks for a field or has forgotten a type since the rows were resolved. */
static int settle_types(struct live_group *group, const struct wal_record *record)
{
	bool has_changed = record->types_epoch != atomic_load(&group->types_epoch);
	const struct layout *last = NULL;

	if (!has_changed && group->question_count == 0)
		return OK;
	for (size_t i = 0; i < record->row_count; i++) {
		const struct layout *layout = record->layouts[record->rows[i].layout];

		/* A layout is of one measurement: rows of it that follow one another say nothing
		 * new. */
		if (layout != last)
			TRY(settle_layout(group, record->rows[i].series_id, layout, has_changed));
		last = layout;
	}
	return OK;
}

/* --- writing --------------------------------------------------------------------------- */

void live_group_replay(struct live_group *group, const struct wal_record *record, uint64_t sequence)
{
	size_t before = memtable_bytes(group->active);

	for (size_t i = 0; i < record->mask_count; i++) {
		struct mask mask = record->masks[i];

		mask.since = sequence;
		if (mask.sequence == 0)
			mask.sequence = sequence;
		memtable_add_mask(group->active, &mask);
	}
	memtable_add(group->active, record->rows, record->row_count, record->layouts,
		     record->layout_count, sequence, record->arrival_ns);
	for (size_t i = 0; i < record->mtime_count; i++)
		memtable_set_mtime(group->active, record->mtimes[i].series_id,
				   record->mtimes[i].mtime_ns, record->mtimes[i].ctime_ns,
				   sequence);
	budget_take(&group->engine->budget, memtable_bytes(group->active) - before);
	group->sequence_last = sequence;
	atomic_store(&group->written_ns, env_monotonic_ns());
	atomic_fetch_add(&group->version, 1);
	names_touch(&group->engine->names, group->database_id);
}

/* Was the name of a series that the active memtable had no row of in the group all the same? */
static bool was_listed(struct live_group *group, uint32_t series_id)
{
	struct shard_version *version;
	bool listed;

	if (group->sealed && memtable_lists(group->sealed, series_id))
		return true;
	if (group->sealed && memtable_has_lost(group->sealed, series_id))
		return false;
	/* A shard that cannot be read tells of no change. */
	if (shard_version_acquire(live_group_shard(group, series_id), &version) < 0)
		return true;
	listed = shard_version_lists(version, series_id);
	shard_version_release(version);
	return listed;
}

/* Did the rows that were added last bring a name to the group? */
static bool has_new_name(struct live_group *group)
{
	struct memtable_met met = memtable_met(group->active);

	for (size_t i = 0; !met.came_back && i < met.series_count; i++)
		if (!was_listed(group, met.series_ids[i]))
			return true;
	return met.came_back;
}

static int apply_locked(struct live_group *group, struct wal_record *record, uint64_t *sequence)
{
	struct buf payload = { 0 };

	if (group->dropped)
		return ERR_STALE;
	TRY(settle_types(group, record));
	record->database_id = group->database_id;
	record->policy_id = group->policy_id;
	record->group_id = group->id;
	TRY(index_write(group->index));
	/* I11: before the log has a number of a series, the index knows its name. */
	assert(!record->row_count || index_knows_series(group->index, record->rows->series_id));
	wal_record_encode(record, &payload);
	int err = wal_append(group->engine->wal, buf_slice(&payload), sequence);
	buf_release(&payload);
	if (err < 0)
		return err;
	/* I1: the log has it before memory does, under a number of its own. */
	assert(*sequence > group->sequence_last);
	live_group_replay(group, record, *sequence);
	return OK;
}

int live_group_apply(struct live_group *group, struct wal_record *record, uint64_t *sequence)
{
	bool has_come = false;

	pthread_mutex_lock(&group->lock);
	int err = apply_locked(group, record, sequence);
	if (err == OK && record->row_count)
		has_come = has_new_name(group);
	pthread_mutex_unlock(&group->lock);
	if (has_come)
		live_group_touch(group);
	return err;
}

void live_group_touch(struct live_group *group)
{
	int err = catalog_touch(group->engine->names.catalog, group->id);

	/* The points are stored; only when the name came is not known. */
	if (err < 0 && err != ERR_NOT_FOUND)
		log_warning("the time of shard group %u is not kept: %s", group->id, err_text(err));
}
