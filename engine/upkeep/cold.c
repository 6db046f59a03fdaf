/*
 * Which shard groups are written anew (rewrite.c), and when: those whose window is past and
 * that had no point for a while, and those that `compact` names.
 *
 * Why they wait for quiet: a group that still gets points would be written anew again and again.
 */
#include "engine/upkeep/cold.h"

#include <stdlib.h>

#include "engine/base/crash.h"
#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/memory/state.h"
#include "engine/upkeep/flush.h"
#include "engine/upkeep/rewrite.h"

void cold_stop(struct engine *engine)
{
	atomic_store(&engine->rewriter.is_stopping, true);
}

/* --- after a crash ------------------------------------------------------------------ */

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);

	return length > end_length && strcmp(name + length - end_length, end) == 0;
}

/*
 * A .new whose shard is there was not needed any more, or not yet: the shard is whole.
 * A .tmp is never whole.
 */
static int recover_name(void *arg, const char *name)
{
	const char *dir = arg;

	if (!ends_with(name, ".new") && !ends_with(name, ".tmp"))
		return OK;
	struct path path = path_in(path_top(dir, TOP_SHARD).text, name), to = path;
	to.text[strlen(to.text) - strlen(".new")] = '\0';
	if (ends_with(name, ".new")) {
		int err = env_find(to.text);

		if (err < 0 && err != ERR_NOT_FOUND)
			return err;
		if (err == ERR_NOT_FOUND) {
			TRY(env_rename(path.text, to.text));
			crash_at(CRASH_RECOVERY_NAMED);
			return OK;
		}
	}
	to = path_trash_new(dir, name);
	TRY(env_rename(path.text, to.text));
	crash_at(CRASH_RECOVERY_MOVED);
	return OK;
}

int cold_recover(struct engine *engine)
{
	if (engine->options.read_only)
		return OK;
	char *dir = engine->directory.path;
	int err = env_list(path_top(dir, TOP_SHARD).text, recover_name, dir);
	return err == ERR_NOT_FOUND ? OK : err;
}

/* --- a group -------------------------------------------------------------------------- */

/* Told once: it would fail at each look, after all the work was done. */
static void leave_as_is(struct live_group *group)
{
	group->keeps_names = true;
	log_info("shard group %u is left as it is: %s", group->id, err_text(ERR_LAYER));
}

/* Shard by shard: a shard that fails does not keep the others from being rewritten. */
static int rewrite_group(struct live_group *group, bool force)
{
	int err = OK;

	if (group->keeps_names)
		return OK;
	for (uint32_t i = 0; i < group->shard_count; i++) {
		int failed = rewrite_shard(group, i, force);

		if (failed == ERR_LAYER) {
			leave_as_is(group);
			return OK;
		}
		/* A scratch file is open: the next look tries again. Dropped: its files go anyway.
		 */
		if (failed < 0 && failed != ERR_BUSY && failed != ERR_STALE &&
		    !atomic_load(&group->dropped))
			err = failed;
	}
	return err;
}

static int compact_group(struct engine *engine, const struct object *object)
{
	struct live_group *group;
	int err = live_group_of(engine, object, &group);

	if (err < 0)
		return err == ERR_NOT_FOUND ? OK : err;
	err = rewrite_group(group, true);
	live_group_release(group);
	return err;
}

/* The whole tree below an object; gives the first error, and goes on. */
static int compact_below(struct engine *engine, const struct object *object)
{
	static const enum object_kind below[] = { [OBJECT_ROOT] = OBJECT_DATABASE,
						  [OBJECT_DATABASE] = OBJECT_POLICY,
						  [OBJECT_POLICY] = OBJECT_GROUP };
	struct object *objects;
	size_t count;
	int err = OK;

	if (object->kind == OBJECT_GROUP)
		return compact_group(engine, object);
	TRY(catalog_list(engine->names.catalog, object->id, below[object->kind], &objects, &count));
	for (size_t i = 0; i < count; i++) {
		int failed = compact_below(engine, &objects[i]);

		if (failed < 0 && err == OK)
			err = failed;
	}
	free(objects);
	return err;
}

int engine_compact(struct engine *engine, uint32_t object_id)
{
	struct object object = { .id = OBJECT_ROOT_ID, .kind = OBJECT_ROOT };

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	if (object_id)
		TRY(catalog_get(engine->names.catalog, object_id, &object));
	TRY(engine_flush(engine));
	pthread_mutex_lock(&engine->rewriter.lock);
	int err = compact_below(engine, &object);
	pthread_mutex_unlock(&engine->rewriter.lock);
	return err;
}

/* --- by itself -------------------------------------------------------------------------- */

static bool is_due(const struct live_group *group)
{
	int64_t wait_ns = group->engine->options.cold_seconds * NS_PER_SECOND;
	int64_t written_ns = atomic_load(&group->written_ns);

	if (group->window.end_s > floor_div(env_now_ns() - wait_ns, NS_PER_SECOND))
		return false;
	if (written_ns && env_monotonic_ns() - written_ns < wait_ns)
		return false;
	return group->settled_version != atomic_load(&group->version);
}

/* Does a shard have anything to settle? Told by its heads, so that its directory is not loaded. */
static bool is_settled(struct live_group *group)
{
	for (uint32_t i = 0; i < group->shard_count; i++) {
		struct shard *shard = live_group_shard_reference(group, i);
		bool settled = false;
		int err = shard_is_settled(shard, &settled);

		shard_close(shard);
		if (err < 0 || !settled)
			return false;
	}
	return true;
}

static void settle_group(struct live_group *group)
{
	uint64_t version = atomic_load(&group->version);
	int err = OK;

	if (atomic_load(&group->written_ns))
		err = engine_flush(group->engine);
	if (err == OK && !is_settled(group))
		err = rewrite_group(group, false);
	if (err == OK)
		group->settled_version = version;
	else if (err != ERR_CANCELLED)
		log_warning("shard group %u could not be rewritten: %s", group->id, err_text(err));
}

static void look_at_policy(struct engine *engine, uint32_t policy_id)
{
	struct object *objects;
	size_t count;

	if (catalog_list(engine->names.catalog, policy_id, OBJECT_GROUP, &objects, &count) < 0)
		return;
	for (size_t i = 0; i < count && !atomic_load(&engine->rewriter.is_stopping); i++) {
		struct live_group *group;

		if (live_group_of(engine, &objects[i], &group) < 0)
			continue;
		pthread_mutex_lock(&engine->rewriter.lock);
		if (is_due(group))
			settle_group(group);
		pthread_mutex_unlock(&engine->rewriter.lock);
		live_group_release(group);
	}
	free(objects);
}

void cold_look_around(struct engine *engine)
{
	struct object *databases, *policies;
	size_t database_count, policy_count;

	if (catalog_list(engine->names.catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases,
			 &database_count) < 0)
		return;
	for (size_t i = 0; i < database_count; i++) {
		if (catalog_list(engine->names.catalog, databases[i].id, OBJECT_POLICY, &policies,
				 &policy_count) < 0)
			continue;
		for (size_t k = 0; k < policy_count; k++)
			look_at_policy(engine, policies[k].id);
		free(policies);
	}
	free(databases);
}
