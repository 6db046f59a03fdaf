/*
 * Opens a database that was kept as it was, by an engine of its own.
 *
 * Why links: LevelDB writes when it opens, and a snapshot must not change. The links are made in
 * trash/, so that a crash leaves nothing that the next start does not delete.
 */
#include "engine/base/log.h"
#include "engine/engine.h"
#include "engine/memory/state.h"
#include "engine/shard/store.h"

struct twin {
	const char *from, *to;
};

static int link_file(void *arg, const char *name)
{
	const struct twin *twin = arg;
	struct path from = path_in(twin->from, name), to = path_in(twin->to, name);

	return env_link(from.text, to.text);
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
	struct path from = path_in(twin->from, name), to = path_in(twin->to, name);

	if (env_is(from.text, ENV_FILE)) /* a mark of one */
		return env_link(from.text, to.text);
	return store_link_directory(from.text, to.text);
}

static int link_below(struct path from, struct path to, int (*each)(void *arg, const char *name))
{
	return env_list(from.text, each, &(struct twin){ from.text, to.text });
}

/* A reading engine writes to none of its files; only LevelDB does. */
static int link_twin(const char *from, const char *to, uint32_t id)
{
	static const enum top files[] = { TOP_FORMAT, TOP_CLOCK, TOP_CATALOG, TOP_CATALOG_COPY };

	TRY(directory_make_one(to, id));
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		TRY(link_if_there(&(struct twin){ from, to }, top_name(files[i])));
	TRY(link_below(path_top(from, TOP_WAL), path_top(to, TOP_WAL), link_file));
	TRY(link_below(path_database(from, id), path_database(to, id), link_file));
	return link_below(path_top(from, TOP_SHARD), path_top(to, TOP_SHARD), link_shard);
}

/* A snapshot has one database, whole: what its catalog lost looks like what never was.
 */
static int check_twin(struct engine *twin, uint32_t database_id, struct diag *diag)
{
	struct object object;

	if (!twin->names.catalog_has_lost &&
	    catalog_get(twin->names.catalog, database_id, &object) == OK)
		return OK;
	return diag_set(diag, ERR_CORRUPT, "its catalog is damaged");
}

int engine_open_frozen(struct engine *engine, uint32_t database_id, const char *name,
		       struct engine **out)
{
	const char *dir = engine->directory.path;
	struct path from = path_snapshot(dir, database_id, name);
	struct path to = path_trash_new(dir, "reading");
	struct engine_options options = engine->options;
	struct diag diag = { 0 };

	TRY(env_mkdir(path_top(dir, TOP_TRASH).text));
	int err = link_twin(from.text, to.text, database_id);
	if (err == OK) {
		options.path = to.text;
		options.read_only = true;
		err = engine_open(&options, out, &diag);
		if (err == OK && (err = check_twin(*out, database_id, &diag)) < 0)
			engine_close(*out);
	}
	if (err < 0) {
		log_error("snapshot %s: %s", name, diag.text[0] ? diag.text : err_text(err));
		env_remove_tree(to.text);
	}
	return err;
}

void engine_close_frozen(struct engine *frozen)
{
	struct path path = path_with(frozen->directory.path, "");

	engine_close(frozen);
	env_remove_tree(path.text);
}
