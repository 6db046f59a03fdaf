/* Shard groups at work: found by number, written under one lock, dropped while readers go on. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/series_text.h"
#include "engine/shard/store_files.h"
#include "engine/state.h"

/* --- life ------------------------------------------------------------------------ */

static void shard_path(const struct engine *engine, uint32_t group_id, uint32_t number, char *path)
{
	snprintf(path, ENGINE_PATH_BYTES_MAX, "%s/shard/%u.%u", engine->path, group_id, number);
}

void live_group_shard_path(const struct live_group *group, uint32_t number, char *path)
{
	shard_path(group->engine, group->id, number, path);
}

static void trash_path(const struct engine *engine, uint32_t group_id, uint32_t number, char *path)
{
	snprintf(path, ENGINE_PATH_BYTES_MAX, "%s/trash/%u.%u", engine->path, group_id, number);
}

/* Where nothing may or could be renamed, a rewrite is read where it lies. */
static void stored_path(const struct engine *engine, uint32_t group_id, uint32_t number, char *path)
{
	char new[ENGINE_PATH_BYTES_MAX];

	shard_path(engine, group_id, number, path);
	snprintf(new, sizeof(new), "%.4000s.new", path);
	if (!env_exists(path) && env_exists(new))
		snprintf(path, ENGINE_PATH_BYTES_MAX, "%s", new);
}

/* Takes the hold on `index`. */
static struct live_group *group_new(struct engine *engine, const struct object *object,
				    uint32_t database_id, struct index *index)
{
	struct live_group *group = calloc(1, sizeof(*group));
	char path[ENGINE_PATH_BYTES_MAX];

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
	for (uint32_t i = 0; i < group->shard_count; i++) {
		stored_path(engine, group->id, i, path);
		group->shards[i] = shard_open(engine->shard_env, path);
	}
	pthread_mutex_init(&group->lock, NULL);
	pthread_mutex_init(&group->text_lock, NULL);
	pthread_mutex_init(&group->shards_lock, NULL);
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
	for (size_t i = 0; i < group->text_count; i++)
		text_info_release(group->texts[i]);
	free(group->texts);
	idmap_release(&group->text_ids);
	idmap_release(&group->types);
	present_release(group->present);
	free(group->shards);
	free(group->cuts);
	index_let_go(group->index);
	pthread_mutex_destroy(&group->lock);
	pthread_mutex_destroy(&group->text_lock);
	pthread_mutex_destroy(&group->shards_lock);
	free(group);
}

void live_group_release(struct live_group *group)
{
	if (group && atomic_fetch_sub(&group->references, 1) == 1)
		group_free(group);
}

static struct live_group *reference(struct live_group *group)
{
	atomic_fetch_add(&group->references, 1);
	return group;
}

/* --- the list ---------------------------------------------------------------------- */

static struct live_group *find_locked(struct engine *engine, uint32_t group_id)
{
	uint32_t index = idmap_find(&engine->group_ids, group_id);

	return index == MAP_NONE ? NULL : engine->groups[index];
}

static void add_locked(struct engine *engine, struct live_group *group)
{
	if (engine->group_count == engine->group_capacity) {
		engine->group_capacity = engine->group_capacity ? engine->group_capacity * 2 : 64;
		engine->groups =
			realloc(engine->groups, engine->group_capacity * sizeof(*engine->groups));
		if (!engine->groups)
			log_out_of_memory(engine->group_capacity * sizeof(*engine->groups));
	}
	idmap_set(&engine->group_ids, group->id, (uint32_t)engine->group_count);
	engine->groups[engine->group_count++] = group;
}

/* Has the number of its shards changed since `made` was made? */
static bool is_outdated(struct engine *engine, const struct live_group *made)
{
	struct object now;

	return catalog_get(engine->catalog, made->id, &now) == OK &&
	       now.window.shards != made->window.shards;
}

/* Consumes `made`, which goes onto the list unless another is there. NULL: it is outdated. */
static struct live_group *offer(struct engine *engine, struct live_group *made)
{
	pthread_mutex_lock(&engine->lock);
	struct live_group *group = find_locked(engine, made->id);
	if (!group && !is_outdated(engine, made))
		add_locked(engine, group = made);
	if (group)
		reference(group);
	pthread_mutex_unlock(&engine->lock);
	if (group != made)
		live_group_release(made);
	return group;
}

/* NULL: it is not in memory. */
static struct live_group *find_referenced(struct engine *engine, uint32_t group_id)
{
	pthread_mutex_lock(&engine->lock);
	struct live_group *group = find_locked(engine, group_id);
	if (group)
		reference(group);
	pthread_mutex_unlock(&engine->lock);
	return group;
}

int live_group_of(struct engine *engine, const struct object *object, struct live_group **out)
{
	struct object policy, fresh = *object;

	*out = find_referenced(engine, object->id);
	if (*out)
		return OK;
	TRY(catalog_get(engine->catalog, object->parent_id, &policy));
	do {
		struct index *index;

		TRY(catalog_get(engine->catalog, object->id, &fresh));
		TRY(engine_find_index(engine, policy.parent_id, &index));
		*out = offer(engine, group_new(engine, &fresh, policy.parent_id, index));
	} while (!*out);
	return OK;
}

int live_group_get(struct engine *engine, uint32_t group_id, struct live_group **out)
{
	struct object object;

	*out = find_referenced(engine, group_id);
	if (*out)
		return OK;
	TRY(catalog_get(engine->catalog, group_id, &object));
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

static bool window_overlaps(const struct group_window *window, int64_t first_ns, int64_t last_ns)
{
	return window->start_s <= floor_div(last_ns, NS_PER_SECOND) &&
	       window->end_s > floor_div(first_ns, NS_PER_SECOND);
}

static int append_policy_groups(struct engine *engine, uint32_t policy_id, int64_t first_ns,
				int64_t last_ns, struct live_group ***list, size_t *count)
{
	struct object *objects;
	size_t object_count;

	TRY(catalog_list(engine->catalog, policy_id, OBJECT_GROUP, &objects, &object_count));
	*list = realloc(*list, (*count + object_count + 1) * sizeof(**list));
	if (!*list)
		log_out_of_memory((*count + object_count) * sizeof(**list));
	int err = OK;
	for (size_t i = 0; err == OK && i < object_count; i++) {
		if (!window_overlaps(&objects[i].window, first_ns, last_ns))
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
	TRY(catalog_list(engine->catalog, database_id, OBJECT_POLICY, &policies, &policy_count));
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

void live_groups_all(struct engine *engine, struct live_group ***out, size_t *count)
{
	pthread_mutex_lock(&engine->lock);
	*count = engine->group_count;
	*out = malloc((*count + 1) * sizeof(**out));
	if (!*out)
		log_out_of_memory(*count * sizeof(**out));
	for (size_t i = 0; i < *count; i++)
		(*out)[i] = reference(engine->groups[i]);
	pthread_mutex_unlock(&engine->lock);
}

/* The last of the list takes its place. */
static void remove_locked(struct engine *engine, struct live_group *group)
{
	uint32_t index = idmap_find(&engine->group_ids, group->id);

	if (index == MAP_NONE || engine->groups[index] != group)
		return;
	struct live_group *last = engine->groups[--engine->group_count];
	engine->groups[index] = last;
	idmap_set(&engine->group_ids, last->id, index);
	idmap_set(&engine->group_ids, group->id, MAP_NONE);
}

/* --- before the first point ------------------------------------------------------------ */

static bool has_shards(struct engine *engine, const struct object *object)
{
	char path[ENGINE_PATH_BYTES_MAX];

	for (uint32_t i = 0; i == 0 || i < object->window.shards; i++) {
		stored_path(engine, object->id, i, path);
		if (env_exists(path))
			return true;
	}
	return false;
}

/* From here on it takes no point: who is about to write the first one has its lock. */
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

/* Under engine.lock no other comes onto the list; those who hold the old one read nothing of it. */
int live_group_spread(struct engine *engine, const struct object *object, uint32_t shards)
{
	int err = OK;

	pthread_mutex_lock(&engine->lock);
	struct live_group *group = find_locked(engine, object->id);
	if (has_shards(engine, object) || (group && !end_empty(group))) {
		pthread_mutex_unlock(&engine->lock);
		return OK;
	}
	err = catalog_set_shards(engine->catalog, object->id, shards);
	if (group)
		remove_locked(engine, group);
	pthread_mutex_unlock(&engine->lock);
	live_group_release(group); /* the list's */
	return err == ERR_NOT_FOUND ? OK : err;
}

/* --- dropping ------------------------------------------------------------------------ */

struct gone {
	struct engine *engine;
	char path[ENGINE_PATH_BYTES_MAX];
};

/* Nobody reads the shard any more. */
static void delete_directory(void *arg)
{
	struct gone *gone = arg;

	engine_trash(gone->engine, gone->path);
	free(gone);
}

void engine_trash_with(struct engine *engine, struct shard *shard, const char *path)
{
	struct gone *gone = malloc(sizeof(*gone));

	if (!gone)
		log_out_of_memory(sizeof(*gone));
	gone->engine = engine;
	snprintf(gone->path, sizeof(gone->path), "%s", path);
	shard_on_gone(shard, delete_directory, gone);
}

static int move_shard(struct live_group *group, uint32_t number)
{
	char path[ENGINE_PATH_BYTES_MAX], mark[ENGINE_PATH_BYTES_MAX];

	trash_path(group->engine, group->id, number, path);
	int err = shard_move(group->shards[number], path);
	if (err == ERR_LAYER)
		live_group_shard_path(group, number, path); /* deleted where it is */
	else
		TRY(err);
	shard_path(group->engine, group->id, number, mark);
	store_unmark_beside(mark);
	engine_trash_with(group->engine, group->shards[number], path);
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
		atomic_fetch_sub(&engine->memtable_bytes,
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
	pthread_mutex_lock(&engine->lock);
	remove_locked(engine, group);
	pthread_mutex_unlock(&engine->lock);
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

/* A view that is older than the rewrite would take its chunks for a later flush's. */
static int pin_older_views(struct live_group *group, uint32_t number, uint64_t generation)
{
	for (struct view *view = group->views; view; view = view->next)
		if (view->sequence < generation)
			TRY(view_pin(view, number));
	for (struct view *view = group->views; view; view = view->next)
		assert(view->sequence >= generation || view->versions[number]); /* I9 */
	return OK;
}

int live_group_replace_shard(struct live_group *group, uint32_t number, struct shard *to,
			     uint64_t generation)
{
	struct shard *before = NULL;

	pthread_mutex_lock(&group->lock);
	int err = group->dropped ? ERR_STALE : pin_older_views(group, number, generation);
	if (err == OK) {
		pthread_mutex_lock(&group->shards_lock);
		before = group->shards[number];
		group->shards[number] = to;
		pthread_mutex_unlock(&group->shards_lock);
	}
	pthread_mutex_unlock(&group->lock);
	if (before)
		shard_close(before);
	return err;
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
	idmap_set(&group->types, field_key, type);
	group->is_typed = true;
}

/* --- writing --------------------------------------------------------------------------- */

static void note_bytes(struct engine *engine, size_t added)
{
	uint64_t now = atomic_fetch_add(&engine->memtable_bytes, added) + added;
	uint64_t peak = atomic_load(&engine->memtable_peak_bytes);

	while (now > peak &&
	       !atomic_compare_exchange_weak(&engine->memtable_peak_bytes, &peak, now))
		;
}

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
	note_bytes(group->engine, memtable_bytes(group->active) - before);
	group->sequence_last = sequence;
	atomic_store(&group->written_ns, env_monotonic_ns());
	atomic_fetch_add(&group->version, 1);
	engine_touch(group->engine, group->database_id);
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
	record->database_id = group->database_id;
	record->policy_id = group->policy_id;
	record->group_id = group->id;
	TRY(index_write(group->index));
	wal_record_encode(record, &payload);
	int err = wal_append(group->engine->wal, buf_slice(&payload), sequence);
	buf_release(&payload);
	if (err < 0)
		return err;
	assert(*sequence >
	       group->sequence_last); /* I1: the log has it, under a number of its own */
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
	int err = catalog_touch(group->engine->catalog, group->id);

	/* The points are stored; only when the name came is not known. */
	if (err < 0 && err != ERR_NOT_FOUND)
		log_warning("the time of shard group %u is not kept: %s", group->id, err_text(err));
}
