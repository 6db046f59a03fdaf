/* Series and groups from outside: deleting, dating, cutting, counting. */
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/state.h"

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

static int each_group(struct engine *engine, uint32_t policy_id, uint32_t group_id,
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

/* ERR_NOT_FOUND: no group has the series. `*applied` groups took the record. */
static int apply_to_groups(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			   uint32_t series_id, int64_t time_first_ns, int64_t time_last_ns,
			   const struct wal_record *record, uint64_t *applied)
{
	struct live_group **groups;
	size_t count;
	int err = OK;

	*applied = 0;
	TRY(each_group(engine, policy_id, group_id, time_first_ns, time_last_ns, &groups, &count));
	freeze_enter(engine);
	for (size_t i = 0; err == OK && i < count; i++) {
		struct wal_record own = *record;

		err = apply_to_group(groups[i], series_id, &own);
		*applied += err == OK;
		if (err == ERR_NOT_FOUND)
			err = OK;
	}
	freeze_leave(engine);
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

	if (err == ERR_SPACE && engine_make_room(engine))
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

/* --- cuts ---------------------------------------------------------------------------- */

static int compare_cuts(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void cut_add_locked(struct live_group *group, uint64_t cut)
{
	if (group->cut_count == group->cut_capacity) {
		group->cut_capacity = group->cut_capacity ? group->cut_capacity * 2 : 8;
		group->cuts = realloc(group->cuts, group->cut_capacity * sizeof(*group->cuts));
		if (!group->cuts)
			log_out_of_memory(group->cut_capacity * sizeof(*group->cuts));
	}
	group->cuts[group->cut_count++] = cut;
	qsort(group->cuts, group->cut_count, sizeof(*group->cuts), compare_cuts);
}

uint64_t engine_cut(struct engine *engine, uint32_t group_id)
{
	struct live_group *group;
	uint64_t cut = wal_sequence(engine->wal);

	if (live_group_get(engine, group_id, &group) < 0)
		return cut;
	pthread_mutex_lock(&group->lock);
	cut = wal_sequence(engine->wal);
	cut_add_locked(group, cut);
	pthread_mutex_unlock(&group->lock);
	live_group_release(group);
	return cut;
}

void engine_cut_release(struct engine *engine, uint32_t group_id, uint64_t cut)
{
	struct live_group *group;

	if (live_group_get(engine, group_id, &group) < 0)
		return;
	pthread_mutex_lock(&group->lock);
	for (size_t i = 0; i < group->cut_count; i++)
		if (group->cuts[i] == cut) {
			memmove(&group->cuts[i], &group->cuts[i + 1],
				(group->cut_count - i - 1) * sizeof(cut));
			group->cut_count--;
			break;
		}
	pthread_mutex_unlock(&group->lock);
	live_group_release(group);
}

/* --- groups ------------------------------------------------------------------------------ */

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

/* --- dropping --------------------------------------------------------------------------------- */

static void drop_groups(struct engine *engine, struct object *groups, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct live_group *group;

		/* From the object, since the catalog does not have it any more. */
		pthread_mutex_lock(&engine->lock);
		uint32_t at = idmap_find(&engine->group_ids, groups[i].id);
		group = at == MAP_NONE ? NULL : engine->groups[at];
		if (group)
			atomic_fetch_add(&group->references, 1);
		pthread_mutex_unlock(&engine->lock);
		if (!group)
			continue;
		int err = live_group_drop(group);
		if (err < 0)
			log_warning("shard group %u is dropped, its files stay until the next "
				    "start: %s",
				    groups[i].id, err_text(err));
		live_group_release(group);
	}
}

/* Every group below an object, at work, so that its files can be moved once the catalog has let go.
 */
static int groups_below(struct engine *engine, const struct object *object, struct object **out,
			size_t *count)
{
	struct object *policies;
	size_t policy_count;

	*out = NULL;
	*count = 0;
	if (object->kind == OBJECT_GROUP) {
		*out = malloc(sizeof(**out));
		if (!*out)
			return ERR_MEMORY;
		**out = *object;
		*count = 1;
		return OK;
	}
	if (object->kind == OBJECT_POLICY)
		return catalog_list(engine->catalog, object->id, OBJECT_GROUP, out, count);
	TRY(catalog_list(engine->catalog, object->id, OBJECT_POLICY, &policies, &policy_count));
	for (size_t i = 0; i < policy_count; i++) {
		struct object *groups;
		size_t more;

		if (catalog_list(engine->catalog, policies[i].id, OBJECT_GROUP, &groups, &more) < 0)
			continue;
		*out = realloc(*out, (*count + more + 1) * sizeof(**out));
		if (!*out)
			log_out_of_memory((*count + more) * sizeof(**out));
		if (more)
			memcpy(*out + *count, groups, more * sizeof(*groups));
		*count += more;
		free(groups);
	}
	free(policies);
	return OK;
}

static int remove_for_good(struct engine *engine, uint32_t object_id)
{
	TRY(catalog_remove(engine->catalog, object_id));
	return catalog_sync(engine->catalog);
}

int engine_drop(struct engine *engine, uint32_t object_id)
{
	struct object object, *groups;
	size_t count;

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	TRY(catalog_get(engine->catalog, object_id, &object));
	TRY(groups_below(engine, &object, &groups, &count));
	for (size_t i = 0; i < count; i++) {
		struct live_group *group;

		if (live_group_of(engine, &groups[i], &group) == OK)
			live_group_release(group);
	}
	freeze_enter(engine);
	int err = remove_for_good(engine, object_id);
	if (err == OK)
		drop_groups(engine, groups, count);
	freeze_leave(engine);
	if (err == ERR_SPACE && engine_make_room(engine)) {
		freeze_enter(engine);
		err = remove_for_good(engine, object_id);
		if (err == OK)
			drop_groups(engine, groups, count);
		freeze_leave(engine);
	}
	free(groups);
	if (err == OK && object.kind == OBJECT_DATABASE) {
		freeze_drop_database(engine, object_id);
		engine_forget_database(engine, object_id);
	}
	engine_touch(engine, 0);
	if (err == OK)
		engine_make_room_after_drop(engine);
	return err;
}
