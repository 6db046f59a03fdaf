/*
 * Makes databases, policies and groups. Why not the catalog alone: a database has an index, and a
 * group that is at work has a number of shards.
 */
#include "engine/memory/objects.h"

#include <stdlib.h>

#include "engine/base/when.h"
#include "engine/memory/state.h"

int engine_create_database(struct engine *engine, struct slice name, const struct attrs *attrs,
			   uint32_t *id)
{
	struct object object = {
		.parent_id = OBJECT_ROOT_ID, .kind = OBJECT_DATABASE, .attrs = *attrs, .name = name
	};

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	if (catalog_find(engine->names.catalog, OBJECT_ROOT_ID, name, &(struct object){ 0 }) == OK)
		return ERR_EXISTS;
	/* The index first: after a crash between the two there is an index without a database,
	 * which a start deletes, and never a database without an index. */
	object.id = *id = catalog_take_id(engine->names.catalog);
	TRY(names_make_database(&engine->names, object.id));
	int err = catalog_add(engine->names.catalog, &object);
	if (err < 0)
		names_forget_database(&engine->names, object.id);
	return err;
}

int engine_create_policy(struct engine *engine, uint32_t database_id, struct slice name,
			 const struct policy_settings *settings, const struct attrs *attrs,
			 uint32_t *id)
{
	struct object object = { .parent_id = database_id,
				 .kind = OBJECT_POLICY,
				 .attrs = *attrs,
				 .policy = *settings,
				 .name = name };

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	TRY(catalog_add(engine->names.catalog, &object));
	*id = object.id;
	return OK;
}

int engine_set_policy(struct engine *engine, uint32_t policy_id,
		      const struct policy_settings *settings)
{
	struct object *groups;
	size_t count;

	TRY(catalog_set_policy(engine->names.catalog, policy_id, settings));
	TRY(catalog_list(engine->names.catalog, policy_id, OBJECT_GROUP, &groups, &count));
	int err = OK;
	for (size_t i = 0; err == OK && i < count; i++)
		if (groups[i].window.shards != settings->shards)
			err = live_group_spread(engine, &groups[i], settings->shards);
	free(groups);
	return err;
}

int engine_create_group(struct engine *engine, uint32_t policy_id, int64_t start_s, int64_t end_s,
			const struct attrs *attrs, uint32_t *id)
{
	struct object policy;
	struct object object = { .parent_id = policy_id, .kind = OBJECT_GROUP, .attrs = *attrs };

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	TRY(catalog_get(engine->names.catalog, policy_id, &policy));
	if (policy.policy.duration_ns &&
	    end_s <= floor_div(env_now_ns() - policy.policy.duration_ns, NS_PER_SECOND))
		return ERR_RANGE;
	object.window = (struct group_window){ start_s, end_s, policy.policy.shards, 0 };
	names_make_begin(&engine->names);
	int err = catalog_add(engine->names.catalog, &object);
	names_make_end(&engine->names);
	*id = object.id;
	return err;
}
