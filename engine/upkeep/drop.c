/*
 * Drops a database, a policy or a group.
 *
 * Why the record comes first: a drop is durable when it returns, and what a crash keeps of its
 * files the next start deletes, because a record says that it was removed (sweep.c).
 */
#include "engine/upkeep/drop.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/memory/state.h"
#include "engine/upkeep/freeze.h"
#include "engine/upkeep/room.h"

static void drop_groups(struct engine *engine, struct object *groups, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* By number, since the catalog does not have it any more. */
		struct live_group *group = live_group_find(engine, groups[i].id);

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
		return catalog_list(engine->names.catalog, object->id, OBJECT_GROUP, out, count);
	TRY(catalog_list(engine->names.catalog, object->id, OBJECT_POLICY, &policies,
			 &policy_count));
	for (size_t i = 0; i < policy_count; i++) {
		struct object *groups;
		size_t more;

		if (catalog_list(engine->names.catalog, policies[i].id, OBJECT_GROUP, &groups,
				 &more) < 0)
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

/* The record is durable: a drop that was told of must not come back after a power cut. */
static int remove_for_good(struct engine *engine, uint32_t object_id)
{
	TRY(catalog_remove(engine->names.catalog, object_id));
	return catalog_sync(engine->names.catalog);
}

/* An instant that is frozen has all of what is dropped, or nothing of it. */
static int drop_within_gate(struct engine *engine, uint32_t object_id, struct object *groups,
			    size_t count)
{
	gate_enter(&engine->gate);
	int err = remove_for_good(engine, object_id);
	if (err == OK)
		drop_groups(engine, groups, count);
	gate_leave(&engine->gate);
	return err;
}

int engine_drop(struct engine *engine, uint32_t object_id)
{
	struct object object, *groups;
	size_t count;

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	TRY(catalog_get(engine->names.catalog, object_id, &object));
	TRY(groups_below(engine, &object, &groups, &count));
	for (size_t i = 0; i < count; i++) {
		struct live_group *group;

		if (live_group_of(engine, &groups[i], &group) == OK)
			live_group_release(group);
	}
	int err = drop_within_gate(engine, object_id, groups, count);
	if (err == ERR_SPACE && room_make(engine))
		err = drop_within_gate(engine, object_id, groups, count);
	free(groups);
	if (err == OK && object.kind == OBJECT_DATABASE) {
		freeze_drop_database(engine, object_id);
		names_forget_database(&engine->names, object_id);
	}
	names_touch(&engine->names, 0);
	if (err == OK)
		room_make_after_drop(engine);
	return err;
}
