/*
 * Databases kept as they were at one instant, each a data directory of its own:
 *
 *	DATADIR/snapshot/DATABASE_ID/NAME/
 *	  format, clock, continuous   as they were
 *	  catalog, catalog.copy       the root and this database
 *	  wal/                        links to the segments before the instant
 *	  db/ID/index, index.copy     copies
 *	  shard/GROUPID.N/            links to the tables, copies of what LevelDB changes
 *
 * The instant is when no writer is within the gate: then the log goes on in a new
 * segment, the catalog is copied, and the groups are held. What the shards get later is
 * held off by the flush lock until they are linked. It is made in trash/ and moved to its name, so
 * that a crash leaves none or all of it. Nothing changes it afterwards: an engine that reads it
 * opens links to it, since LevelDB writes when it opens.
 */
#include "engine/upkeep/freeze.h"

#include <stdlib.h>

#include "engine/memory/state.h"
#include "engine/shard/store_files.h"
#include "engine/upkeep/flush.h"

/* --- the instant -------------------------------------------------------------------- */

struct freezing {
	struct engine *engine;
	uint32_t database_id;
	struct live_group **groups;
	size_t group_count;
	uint64_t segment; /* of the log, the first that does not belong to it */
	struct path dir;  /* in trash/ until it is whole */
};

/* Within the closed gate: what it writes is synced when writers go on. */
static int take_instant(struct freezing *freezing, struct wal_rotation *rotation)
{
	struct engine *engine = freezing->engine;

	TRY(catalog_copy(engine->names.catalog, freezing->database_id,
			 path_top(freezing->dir.text, TOP_CATALOG).text));
	TRY(live_groups(engine, freezing->database_id, 0, INT64_MIN, INT64_MAX, &freezing->groups,
			&freezing->group_count));
	return wal_rotate_begin(engine->wal, rotation);
}

static int sync_catalog(const struct freezing *freezing)
{
	struct path path = path_top(freezing->dir.text, TOP_CATALOG);
	uint64_t size;
	int fd;

	TRY(env_open_append(path.text, &fd, &size));
	int err = env_sync(fd);
	env_close(fd);
	return err;
}

/* Writers stand for the memory and the files of an instant, and for no sync. */
static int hold_writers(struct freezing *freezing)
{
	struct engine *engine = freezing->engine;
	struct wal_rotation rotation;

	/* Without it a sync that is under way would be waited for while writers stand, and the next
	 * one would have much to write. */
	TRY(wal_sync(engine->wal));
	gate_close(&engine->gate);
	int err = take_instant(freezing, &rotation);
	gate_open(&engine->gate);
	if (err < 0)
		return err;
	freezing->segment = rotation.segment;
	TRY(wal_rotate_end(engine->wal, &rotation));
	return sync_catalog(freezing);
}

/* --- what is linked and copied -------------------------------------------------------- */

static int copy_file(struct freezing *freezing, enum top top)
{
	struct path from = path_top(freezing->engine->directory.path, top);
	struct path to = path_top(freezing->dir.text, top);
	int err = env_copy(from.text, to.text, UINT64_MAX);

	return err == ERR_NOT_FOUND ? OK : err;
}

static int copy_index(struct freezing *freezing)
{
	uint32_t id = freezing->database_id;
	struct path from = path_index(freezing->engine->directory.path, id);
	struct path to = path_index(freezing->dir.text, id);
	struct path copy = path_index_copy(freezing->dir.text, id);
	struct index *index = names_hold_index(&freezing->engine->names, id);

	if (!index)
		return ERR_NOT_FOUND;
	int err = index_copy(index, from.text, to.text);
	index_let_go(index);
	return err < 0 ? err : env_copy(to.text, copy.text, UINT64_MAX);
}

static int link_shards(struct freezing *freezing, struct live_group *group)
{
	for (uint32_t i = 0; i < group->shard_count; i++) {
		struct shard *shard = live_group_shard_reference(group, i);
		struct path path = path_shard(freezing->dir.text, group->id, i);
		int err = shard_link(shard, path.text);

		if (err == OK && env_exists(path.text))
			store_mark_beside(path.text);
		shard_close(shard);
		TRY(err);
	}
	return OK;
}

/* The log's segments first: a flush that comes when this is over trims them. */
static int link_all(struct freezing *freezing)
{
	static const enum top copied[] = { TOP_FORMAT, TOP_CLOCK, TOP_CONTINUOUS };
	const char *dir = freezing->dir.text;

	TRY(env_copy(path_top(dir, TOP_CATALOG).text, path_top(dir, TOP_CATALOG_COPY).text,
		     UINT64_MAX));
	TRY(wal_link(freezing->engine->wal, freezing->segment, path_top(dir, TOP_WAL).text));
	for (size_t i = 0; i < freezing->group_count; i++)
		TRY(link_shards(freezing, freezing->groups[i]));
	TRY(copy_index(freezing));
	for (size_t i = 0; i < sizeof(copied) / sizeof(*copied); i++)
		TRY(copy_file(freezing, copied[i]));
	return directory_sync_one(dir, freezing->database_id);
}

static int freeze_into(struct freezing *freezing)
{
	struct engine *engine = freezing->engine;

	TRY(directory_make_one(freezing->dir.text, freezing->database_id));
	/* A snapshot of a database that the catalog does not know is taken for damage. */
	TRY(catalog_sync(engine->names.catalog));
	/* What is in memory goes into shards first: the log that is linked stays small. */
	TRY(engine_flush(engine));
	flush_hold_off(engine);
	int err = hold_writers(freezing);
	if (err == OK)
		err = arrivals_write(engine);
	if (err == OK)
		err = link_all(freezing);
	flush_let_on(engine);
	live_groups_release(freezing->groups, freezing->group_count);
	return err;
}

/* --- names -------------------------------------------------------------------------- */

static int is_free(const char *path)
{
	int err = env_find(path);

	return err == OK ? ERR_EXISTS : err == ERR_NOT_FOUND ? OK : err;
}

static int install(struct freezing *freezing, const char *name)
{
	const char *dir = freezing->engine->directory.path;
	struct path all = path_top(dir, TOP_SNAPSHOT);
	struct path own = path_snapshots_of(dir, freezing->database_id);
	struct path path = path_snapshot(dir, freezing->database_id, name);

	TRY(env_mkdir(all.text));
	TRY(env_sync_dir(dir));
	TRY(env_mkdir(own.text));
	TRY(env_sync_dir(all.text));
	TRY(is_free(path.text));
	TRY(env_rename(freezing->dir.text, path.text));
	return env_sync_dir(own.text);
}

int engine_freeze(struct engine *engine, uint32_t database_id, const char *name)
{
	struct freezing freezing = { .engine = engine, .database_id = database_id };
	const char *dir = engine->directory.path;

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	TRY(is_free(path_snapshot(dir, database_id, name).text));
	freezing.dir = path_trash_new(dir, "freeze");
	int err = freeze_into(&freezing);
	if (err == OK)
		err = install(&freezing, name);
	if (err < 0)
		env_remove_tree(freezing.dir.text);
	return err;
}

static int move_to_trash(struct engine *engine, const char *path)
{
	struct path trash = path_trash_new(engine->directory.path, "snapshot");

	TRY(env_rename(path, trash.text));
	trash_put(&engine->trash, trash.text);
	return OK;
}

int engine_thaw(struct engine *engine, uint32_t database_id, const char *name)
{
	const char *dir = engine->directory.path;

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	TRY(move_to_trash(engine, path_snapshot(dir, database_id, name).text));
	return env_sync_dir(path_snapshots_of(dir, database_id).text);
}

int freeze_drop_database(struct engine *engine, uint32_t database_id)
{
	struct path path = path_snapshots_of(engine->directory.path, database_id);

	return env_exists(path.text) ? move_to_trash(engine, path.text) : OK;
}

static int sweep_name(void *arg, const char *name)
{
	struct engine *engine = arg;
	uint32_t id = (uint32_t)strtoul(name, NULL, 10);

	return catalog_was_removed(engine->names.catalog, id) ? freeze_drop_database(engine, id)
							      : OK;
}

int freeze_sweep(struct engine *engine)
{
	struct path path = path_top(engine->directory.path, TOP_SNAPSHOT);

	return env_exists(path.text) ? env_list(path.text, sweep_name, engine) : OK;
}

struct listing {
	uint32_t database_id;
	void (*each)(void *arg, uint32_t database_id, const char *name);
	void *arg;
};

static int list_name(void *arg, const char *name)
{
	struct listing *listing = arg;

	listing->each(listing->arg, listing->database_id, name);
	return OK;
}

int engine_frozen(struct engine *engine, uint32_t database_id,
		  void (*each)(void *arg, uint32_t database_id, const char *name), void *arg)
{
	struct listing listing = { database_id, each, arg };
	struct path path = path_snapshots_of(engine->directory.path, database_id);

	return env_exists(path.text) ? env_list(path.text, list_name, &listing) : OK;
}
