/*
 * The shard group that takes a point: found by its time, made when no point was there before.
 *
 * Why made by writers: nobody has to say which days a database will have. Policy and group are made
 * for the first point that needs them, under names_make_begin(), so that two writers who come
 * at the same time make one.
 */
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/upkeep/room.h"
#include "engine/write/writer_inner.h"

/* The policy that takes the points; `object` is complete. */
static int find_policy(struct writer *writer, struct object *policy)
{
	struct catalog *catalog = writer->engine->names.catalog;

	if (writer->options.policy_id) {
		int err = catalog_get(catalog, writer->options.policy_id, policy);

		return err == ERR_NOT_FOUND ? ERR_STALE : err;
	}
	return catalog_default_policy(catalog, writer->options.database_id, policy);
}

/* `autogen` is there, and no policy is the default: made the default, so that queries find what is
 * written. */
static int adopt_autogen(struct engine *engine, uint32_t database_id, struct object *policy)
{
	TRY(catalog_find(engine->names.catalog, database_id, SLICE("autogen"), policy));
	policy->policy.is_default = true;
	return catalog_set_policy(engine->names.catalog, policy->id, &policy->policy);
}

static int make_autogen(struct writer *writer, struct object *policy)
{
	struct engine *engine = writer->engine;
	struct policy_settings settings = policy_defaults();
	struct object database;
	uint32_t id;

	if (catalog_get(engine->names.catalog, writer->options.database_id, &database) < 0)
		return ERR_STALE;
	names_make_begin(&engine->names);
	int err = find_policy(writer, policy);
	if (err == ERR_NOT_FOUND) {
		settings.is_default = true;
		err = engine_create_policy(engine, writer->options.database_id, SLICE("autogen"),
					   &settings, &writer->options.attrs, &id);
		if (err == OK)
			err = catalog_get(engine->names.catalog, id, policy);
		else if (err == ERR_EXISTS)
			err = adopt_autogen(engine, database.id, policy);
	}
	names_make_end(&engine->names);
	return err;
}

/* Make the group for a time, unless another writer has made it meanwhile. */
static int make_group(struct writer *writer, const struct object *policy, int64_t time_ns,
		      struct object *out)
{
	struct catalog *catalog = writer->engine->names.catalog;
	struct object *groups;
	size_t count;

	names_make_begin(&writer->engine->names);
	int err = catalog_find_group(catalog, policy->id, floor_div(time_ns, NS_PER_SECOND), out);
	if (err == ERR_NOT_FOUND)
		err = catalog_list(catalog, policy->id, OBJECT_GROUP, &groups, &count);
	else
		groups = NULL;
	if (err == OK && groups) {
		*out = (struct object){ .parent_id = policy->id,
					.kind = OBJECT_GROUP,
					.attrs = policy->attrs };
		out->attrs.atime_ns = out->attrs.mtime_ns = out->attrs.ctime_ns = 0;
		group_window_for(policy->policy.shard_duration_ns, time_ns, &out->window);
		for (size_t i = 0; i < count; i++)
			group_window_cut(&out->window, time_ns, &groups[i].window);
		out->window.shards = policy->policy.shards;
		err = room_take_shards(writer->engine, out->window.shards);
		if (err == OK)
			err = catalog_add(catalog, out);
	}
	free(groups);
	names_make_end(&writer->engine->names);
	return err;
}

int writer_check_retention(const struct writer *writer, int64_t time_ns, struct diag *diag)
{
	if (time_ns >= writer->time_oldest_ns)
		return OK;
	return diag_set(diag, ERR_RANGE,
			"points beyond retention policy: the time is older than the policy keeps");
}

/* The group that a file stands for. */
static int find_own_group(struct writer *writer, int64_t time_ns, struct diag *diag,
			  struct live_group **out)
{
	int err = live_group_get(writer->engine, writer->options.group_id, out);

	if (err < 0)
		return err == ERR_NOT_FOUND ? ERR_STALE : err;
	if (live_group_holds(*out, time_ns))
		return OK;
	live_group_release(*out);
	return diag_set(diag, ERR_RANGE, "the time is outside the window of this shard group");
}

int writer_find_group(struct writer *writer, int64_t time_ns, bool make, struct diag *diag,
		      struct live_group **out)
{
	struct object policy, object;
	int err = find_policy(writer, &policy);

	*out = NULL;
	if (err == ERR_NOT_FOUND && !make)
		return OK;
	if (err == ERR_NOT_FOUND)
		err = make_autogen(writer, &policy);
	if (err < 0)
		return err;
	writer->time_oldest_ns = policy.policy.duration_ns
					 ? writer->arrival_ns - policy.policy.duration_ns
					 : INT64_MIN;
	TRY(writer_check_retention(writer, time_ns, diag));
	if (writer->options.group_id)
		return find_own_group(writer, time_ns, diag, out);
	err = catalog_find_group(writer->engine->names.catalog, policy.id,
				 floor_div(time_ns, NS_PER_SECOND), &object);
	if (err == ERR_NOT_FOUND && !make)
		return OK;
	if (err == ERR_NOT_FOUND)
		err = make_group(writer, &policy, time_ns, &object);
	return err < 0 ? err : live_group_of(writer->engine, &object, out);
}
