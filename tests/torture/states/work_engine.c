/* The store of the workload as an engine in the process, with the threads that a mount gives it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/when.h"
#include "engine/engine.h"
#include "tests/torture/states/work.h"

static struct engine *engine;
static const struct attrs attrs = { .mode = 0755 };

int work_open(const char *path, bool sync_writes, unsigned commit_seconds)
{
	struct engine_options options = { .path = path,
					  .sync_writes = sync_writes,
					  .commit_seconds = commit_seconds,
					  .shards_open_max = 64 };
	struct diag diag = { 0 };
	int err = engine_open(&options, &engine, &diag);

	if (err < 0) {
		fprintf(stderr, "%s\n", diag.text);
		return err;
	}
	return engine_start(engine);
}

int work_close(void)
{
	return engine_close(engine);
}

/* The object of a database, or of a policy in it. */
static int find(const char *database, const char *policy, struct object *out)
{
	TRY(catalog_find(engine_catalog(engine), OBJECT_ROOT_ID, slice_of_text(database), out));
	return policy ? catalog_find(engine_catalog(engine), out->id, slice_of_text(policy), out)
		      : OK;
}

int work_write(const char *database, const char *policy, struct slice text)
{
	struct object in, below;
	struct writer *writer;
	struct diag diag = { 0 };
	size_t consumed;
	uint64_t lines;

	TRY(find(database, NULL, &in));
	TRY(find(database, policy, &below));
	struct writer_options options = { .database_id = in.id,
					  .policy_id = below.id,
					  .attrs = attrs };
	TRY(writer_open(engine, &options, &writer));
	int err = writer_write(writer, text, false, &consumed, &lines, &diag);
	writer_close(writer);
	if (err < 0 && err != ERR_STALE)
		fprintf(stderr, "%s.%s: %s\n", database, policy, diag.text);
	return err;
}

int work_sync(const char *database)
{
	return engine_sync(engine);
}

int work_flush(void)
{
	return engine_flush(engine);
}

int work_compact(void)
{
	return engine_compact(engine, 0);
}

int work_make_database(const char *name)
{
	uint32_t id;

	return engine_settle(engine,
			     engine_create_database(engine, slice_of_text(name), &attrs, &id));
}

int work_make_policy(const char *database, const char *name, unsigned shards, unsigned hours)
{
	struct policy_settings settings = policy_defaults();
	struct object in;
	uint32_t id;

	TRY(find(database, NULL, &in));
	settings.shards = shards;
	settings.shard_duration_ns = hours * INT64_C(3600) * NS_PER_SECOND;
	return engine_settle(engine, engine_create_policy(engine, in.id, slice_of_text(name),
							  &settings, &attrs, &id));
}

int work_rename(const char *database, const char *policy, const char *to)
{
	struct object object;

	TRY(find(database, policy, &object));
	return engine_settle(engine, catalog_rename(engine_catalog(engine), object.id,
						    slice_of_text(to), false));
}

int work_drop(const char *database, const char *policy)
{
	struct object object;

	TRY(find(database, policy, &object));
	return engine_settle(engine, engine_drop(engine, object.id));
}

int work_set_policy(const char *database, const char *policy, unsigned shards, unsigned hours)
{
	struct object object;

	TRY(find(database, policy, &object));
	object.policy.shards = shards;
	object.policy.shard_duration_ns = hours * INT64_C(3600) * NS_PER_SECOND;
	return engine_settle(engine, engine_set_policy(engine, object.id, &object.policy));
}

static int find_group(const char *database, const char *policy, int64_t time_s, struct object *out)
{
	struct object below;

	TRY(find(database, policy, &below));
	return catalog_find_group(engine_catalog(engine), below.id, time_s, out);
}

int work_find_group(const char *database, const char *policy, int64_t time_s, int64_t *start_s,
		    int64_t *end_s)
{
	struct object group;

	TRY(find_group(database, policy, time_s, &group));
	*start_s = group.window.start_s;
	*end_s = group.window.end_s;
	return OK;
}

int work_drop_group(const char *database, const char *policy, int64_t start_s, int64_t end_s)
{
	struct object group;

	TRY(find_group(database, policy, start_s, &group));
	return engine_drop(engine, group.id);
}

int work_replace(const char *database, const char *policy, int64_t start_s, int64_t end_s,
		 const char *series, struct slice text)
{
	struct object in, group;
	struct diag diag = { 0 };

	TRY(find(database, NULL, &in));
	TRY(find_group(database, policy, start_s, &group));
	struct writer_options options = { .database_id = in.id,
					  .policy_id = group.parent_id,
					  .group_id = group.id,
					  .scope = WRITE_ONE_SERIES,
					  .series_key = slice_of_text(series),
					  .series_id = ID_NONE,
					  .attrs = attrs };
	uint64_t cut = engine_cut(engine, group.id);
	int err = engine_series_replace(engine, &options, cut, text, &diag);
	engine_cut_release(engine, group.id, cut);
	if (err < 0)
		fprintf(stderr, "replace of %s: %s\n", series, diag.text);
	return err;
}

int work_delete(const char *database, const char *policy, const char *series)
{
	struct object in, below;
	uint32_t series_id;

	TRY(find(database, NULL, &in));
	TRY(find(database, policy, &below));
	TRY(index_series(engine_index(engine, in.id), slice_of_text(series), false, &series_id,
			 NULL));
	return engine_series_remove(engine, below.id, 0, series_id, TIME_MIN_NS, TIME_MAX_NS);
}

int work_freeze(const char *database, const char *name)
{
	struct object in;

	TRY(find(database, NULL, &in));
	return engine_freeze(engine, in.id, name);
}

int work_thaw(const char *database, const char *name)
{
	struct object in;

	TRY(find(database, NULL, &in));
	return engine_thaw(engine, in.id, name);
}
