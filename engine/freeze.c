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
 * that a crash leaves none or all of it. Nothing changes it afterwards: who reads it opens links to
 * it, since LevelDB writes when it opens.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/crash.h"
#include "engine/base/log.h"
#include "engine/shard/store.h"
#include "engine/shard/store_files.h"
#include "engine/state.h"

/* --- the gate ----------------------------------------------------------------------- */

/* What continuous queries make of a write is written within that write. */
static _Thread_local unsigned depth;

void freeze_enter(struct engine *engine)
{
	if (depth++ > 0)
		return;
	pthread_mutex_lock(&engine->gate_lock);
	while (engine->gate_closed)
		pthread_cond_wait(&engine->gate_changed, &engine->gate_lock);
	engine->gate_inside++;
	pthread_mutex_unlock(&engine->gate_lock);
}

void freeze_leave(struct engine *engine)
{
	if (--depth > 0)
		return;
	pthread_mutex_lock(&engine->gate_lock);
	if (--engine->gate_inside == 0 && engine->gate_closed)
		pthread_cond_broadcast(&engine->gate_changed);
	pthread_mutex_unlock(&engine->gate_lock);
}

void freeze_follow(void)
{
	depth++;
}

bool freeze_is_inside(void)
{
	return depth > 0;
}

static void gate_close(struct engine *engine)
{
	pthread_mutex_lock(&engine->gate_lock);
	engine->gate_closed = true;
	pthread_mutex_unlock(&engine->gate_lock);
	crash_at(CRASH_GATE_CLOSING);
	pthread_mutex_lock(&engine->gate_lock);
	while (engine->gate_inside > 0)
		pthread_cond_wait(&engine->gate_changed, &engine->gate_lock);
	assert(engine->gate_inside == 0); /* I10: no call of a writer is half done */
	pthread_mutex_unlock(&engine->gate_lock);
	crash_at(CRASH_GATE_CLOSED);
}

static void gate_open(struct engine *engine)
{
	pthread_mutex_lock(&engine->gate_lock);
	engine->gate_closed = false;
	pthread_cond_broadcast(&engine->gate_changed);
	pthread_mutex_unlock(&engine->gate_lock);
}

/* --- the instant -------------------------------------------------------------------- */

struct freezing {
	struct engine *engine;
	uint32_t database_id;
	struct live_group **groups;
	size_t group_count;
	uint64_t segment; /* of the log, the first that does not belong to it */
	char dir[ENGINE_PATH_BYTES_MAX];
};

static void path_in(const char *dir, const char *name, char *path)
{
	snprintf(path, ENGINE_PATH_BYTES_MAX, "%.3800s/%.290s", dir, name);
}

static int make_directories(const char *dir, uint32_t database_id)
{
	char path[ENGINE_PATH_BYTES_MAX], own[32];
	const char *const names[] = { "wal", "db", "shard", own };

	snprintf(own, sizeof(own), "db/%u", database_id);
	TRY(env_mkdir(dir));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		path_in(dir, names[i], path);
		TRY(env_mkdir(path));
	}
	return OK;
}

static int take_instant(struct freezing *freezing)
{
	struct engine *engine = freezing->engine;
	char path[ENGINE_PATH_BYTES_MAX];

	path_in(freezing->dir, "catalog", path);
	TRY(catalog_copy(engine->catalog, freezing->database_id, path));
	TRY(wal_rotate(engine->wal, &freezing->segment));
	return live_groups(engine, freezing->database_id, 0, INT64_MIN, INT64_MAX,
			   &freezing->groups, &freezing->group_count);
}

/* --- what is linked and copied -------------------------------------------------------- */

static int copy_file(struct freezing *freezing, const char *name)
{
	char from[ENGINE_PATH_BYTES_MAX], to[ENGINE_PATH_BYTES_MAX];

	path_in(freezing->engine->path, name, from);
	path_in(freezing->dir, name, to);
	int err = env_copy(from, to, UINT64_MAX);
	return err == ERR_NOT_FOUND ? OK : err;
}

static int copy_index(struct freezing *freezing)
{
	char name[64], from[ENGINE_PATH_BYTES_MAX], to[ENGINE_PATH_BYTES_MAX],
		copy[ENGINE_PATH_BYTES_MAX];
	struct index *index = engine_hold_index(freezing->engine, freezing->database_id);

	if (!index)
		return ERR_NOT_FOUND;
	snprintf(name, sizeof(name), "db/%u/index", freezing->database_id);
	path_in(freezing->engine->path, name, from);
	path_in(freezing->dir, name, to);
	snprintf(name, sizeof(name), "db/%u/index.copy", freezing->database_id);
	path_in(freezing->dir, name, copy);
	int err = index_copy(index, from, to);
	index_let_go(index);
	return err < 0 ? err : env_copy(to, copy, UINT64_MAX);
}

static int link_shards(struct freezing *freezing, struct live_group *group)
{
	char name[64], path[ENGINE_PATH_BYTES_MAX];

	for (uint32_t i = 0; i < group->shard_count; i++) {
		struct shard *shard = live_group_shard_reference(group, i);

		snprintf(name, sizeof(name), "shard/%u.%u", group->id, i);
		path_in(freezing->dir, name, path);
		int err = shard_link(shard, path);
		if (err == OK && env_exists(path))
			store_mark_beside(path);
		shard_close(shard);
		TRY(err);
	}
	return OK;
}

static int sync_directories(const char *dir, uint32_t database_id)
{
	char path[ENGINE_PATH_BYTES_MAX], own[32];
	const char *const names[] = { "wal", own, "db", "shard", "." };

	snprintf(own, sizeof(own), "db/%u", database_id);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		path_in(dir, names[i], path);
		TRY(env_sync_dir(path));
	}
	return OK;
}

/* The log's segments first: they stay only as long as nobody flushes. */
static int link_all(struct freezing *freezing)
{
	static const char *const files[] = { "format", "clock", "continuous" };
	char path[ENGINE_PATH_BYTES_MAX], copy[ENGINE_PATH_BYTES_MAX];

	path_in(freezing->dir, "catalog", path);
	path_in(freezing->dir, "catalog.copy", copy);
	TRY(env_copy(path, copy, UINT64_MAX));
	path_in(freezing->dir, "wal", path);
	TRY(wal_link(freezing->engine->wal, freezing->segment, path));
	for (size_t i = 0; i < freezing->group_count; i++)
		TRY(link_shards(freezing, freezing->groups[i]));
	TRY(copy_index(freezing));
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		TRY(copy_file(freezing, files[i]));
	return sync_directories(freezing->dir, freezing->database_id);
}

static int freeze_into(struct freezing *freezing)
{
	struct engine *engine = freezing->engine;

	TRY(make_directories(freezing->dir, freezing->database_id));
	/* A snapshot of a database that the catalog does not know is taken for damage. */
	TRY(catalog_sync(engine->catalog));
	/* What is in memory goes into shards first: the log that is linked stays small. */
	TRY(flush_all(engine));
	pthread_mutex_lock(&engine->flush_lock);
	gate_close(engine);
	int err = take_instant(freezing);
	gate_open(engine);
	if (err == OK)
		err = engine_write_clock(engine);
	if (err == OK)
		err = link_all(freezing);
	pthread_mutex_unlock(&engine->flush_lock);
	live_groups_release(freezing->groups, freezing->group_count);
	return err;
}

/* --- names -------------------------------------------------------------------------- */

static void trash_path(struct engine *engine, const char *what, char *path)
{
	snprintf(path, ENGINE_PATH_BYTES_MAX, "%s/trash/%s.%016llx", engine->path, what,
		 (unsigned long long)env_random());
}

static void database_path(struct engine *engine, uint32_t database_id, char *path)
{
	snprintf(path, ENGINE_PATH_BYTES_MAX, "%s/snapshot/%u", engine->path, database_id);
}

static void snapshot_path(struct engine *engine, uint32_t database_id, const char *name, char *path)
{
	char dir[ENGINE_PATH_BYTES_MAX];

	database_path(engine, database_id, dir);
	path_in(dir, name, path);
}

static int is_free(const char *path)
{
	int err = env_find(path);

	return err == OK ? ERR_EXISTS : err == ERR_NOT_FOUND ? OK : err;
}

static int install(struct freezing *freezing, const char *name)
{
	struct engine *engine = freezing->engine;
	char parent[ENGINE_PATH_BYTES_MAX], path[ENGINE_PATH_BYTES_MAX];

	path_in(engine->path, "snapshot", parent);
	TRY(env_mkdir(parent));
	TRY(env_sync_dir(engine->path));
	database_path(engine, freezing->database_id, path);
	TRY(env_mkdir(path));
	TRY(env_sync_dir(parent));
	snapshot_path(engine, freezing->database_id, name, path);
	TRY(is_free(path));
	TRY(env_rename(freezing->dir, path));
	database_path(engine, freezing->database_id, path);
	return env_sync_dir(path);
}

int engine_freeze(struct engine *engine, uint32_t database_id, const char *name)
{
	struct freezing freezing = { .engine = engine, .database_id = database_id };
	char path[ENGINE_PATH_BYTES_MAX];

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	snapshot_path(engine, database_id, name, path);
	TRY(is_free(path));
	trash_path(engine, "freeze", freezing.dir);
	int err = freeze_into(&freezing);
	if (err == OK)
		err = install(&freezing, name);
	if (err < 0)
		env_remove_tree(freezing.dir);
	return err;
}

static int move_to_trash(struct engine *engine, const char *path)
{
	char trash[ENGINE_PATH_BYTES_MAX];

	trash_path(engine, "snapshot", trash);
	TRY(env_rename(path, trash));
	engine_trash(engine, trash);
	return OK;
}

int engine_thaw(struct engine *engine, uint32_t database_id, const char *name)
{
	char path[ENGINE_PATH_BYTES_MAX];

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	snapshot_path(engine, database_id, name, path);
	TRY(move_to_trash(engine, path));
	database_path(engine, database_id, path);
	return env_sync_dir(path);
}

int freeze_drop_database(struct engine *engine, uint32_t database_id)
{
	char path[ENGINE_PATH_BYTES_MAX];

	database_path(engine, database_id, path);
	return env_exists(path) ? move_to_trash(engine, path) : OK;
}

static int sweep_name(void *arg, const char *name)
{
	struct engine *engine = arg;
	uint32_t id = (uint32_t)strtoul(name, NULL, 10);

	return catalog_was_removed(engine->catalog, id) ? freeze_drop_database(engine, id) : OK;
}

int freeze_sweep(struct engine *engine)
{
	char path[ENGINE_PATH_BYTES_MAX];

	path_in(engine->path, "snapshot", path);
	return env_exists(path) ? env_list(path, sweep_name, engine) : OK;
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
	char path[ENGINE_PATH_BYTES_MAX];

	database_path(engine, database_id, path);
	return env_exists(path) ? env_list(path, list_name, &listing) : OK;
}

/* --- reading ------------------------------------------------------------------------ */

struct twin {
	const char *from, *to;
};

static int link_file(void *arg, const char *name)
{
	const struct twin *twin = arg;
	char from[ENGINE_PATH_BYTES_MAX], to[ENGINE_PATH_BYTES_MAX];

	path_in(twin->from, name, from);
	path_in(twin->to, name, to);
	return env_link(from, to);
}

/* What is missing is judged by the engine that opens the twin. */
static int link_if_there(const struct twin *twin, const char *name)
{
	int err = link_file((void *)(uintptr_t)twin, name);

	return err == ERR_NOT_FOUND ? OK : err;
}

static int link_shard(void *arg, const char *name)
{
	const struct twin *twin = arg;
	char from[ENGINE_PATH_BYTES_MAX], to[ENGINE_PATH_BYTES_MAX];

	path_in(twin->from, name, from);
	path_in(twin->to, name, to);
	if (env_is(from, ENV_FILE)) /* a mark of one */
		return env_link(from, to);
	return store_link_directory(from, to);
}

static int link_below(const char *from, const char *to, const char *name,
		      int (*each)(void *arg, const char *name))
{
	char from_dir[ENGINE_PATH_BYTES_MAX], to_dir[ENGINE_PATH_BYTES_MAX];

	path_in(from, name, from_dir);
	path_in(to, name, to_dir);
	return env_list(from_dir, each, &(struct twin){ from_dir, to_dir });
}

/* A reading engine writes to none of its files; only LevelDB does. */
static int link_twin(const char *from, const char *to, uint32_t database_id)
{
	static const char *const files[] = { "format", "clock", "catalog", "catalog.copy" };
	char own[32];

	snprintf(own, sizeof(own), "db/%u", database_id);
	TRY(make_directories(to, database_id));
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		TRY(link_if_there(&(struct twin){ from, to }, files[i]));
	TRY(link_below(from, to, "wal", link_file));
	TRY(link_below(from, to, own, link_file));
	return link_below(from, to, "shard", link_shard);
}

/* A snapshot has one database, whole: what its catalog lost, nobody could tell from what never was.
 */
static int check_twin(struct engine *twin, uint32_t database_id, struct diag *diag)
{
	struct object object;

	if (!twin->catalog_has_lost && catalog_get(twin->catalog, database_id, &object) == OK)
		return OK;
	return diag_set(diag, ERR_CORRUPT, "its catalog is damaged");
}

int engine_open_frozen(struct engine *engine, uint32_t database_id, const char *name,
		       struct engine **out)
{
	char from[ENGINE_PATH_BYTES_MAX], to[ENGINE_PATH_BYTES_MAX];
	struct engine_options options = engine->options;
	struct diag diag = { 0 };

	snapshot_path(engine, database_id, name, from);
	path_in(engine->path, "trash", to);
	TRY(env_mkdir(to));
	trash_path(engine, "reading", to);
	int err = link_twin(from, to, database_id);
	if (err == OK) {
		options.path = to;
		options.read_only = true;
		err = engine_open(&options, out, &diag);
		if (err == OK && (err = check_twin(*out, database_id, &diag)) < 0)
			engine_close(*out);
	}
	if (err < 0) {
		log_error("snapshot %s: %s", name, diag.text[0] ? diag.text : err_text(err));
		env_remove_tree(to);
	}
	return err;
}

void engine_close_frozen(struct engine *frozen)
{
	char path[ENGINE_PATH_BYTES_MAX];

	snprintf(path, sizeof(path), "%s", frozen->path);
	engine_close(frozen);
	env_remove_tree(path);
}
