/*
 * Deletes at a start what a crash kept of something that was dropped.
 *
 * Why by records alone: a number that no record explains may be of a catalog that lost its end, and
 * its points are all that is left of it.
 */
#include "engine/upkeep/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "engine/log/journal.h"
#include "engine/memory/state.h"
#include "engine/upkeep/freeze.h"

static int trash_name(void *arg, const char *name)
{
	struct engine *engine = arg;

	trash_put(&engine->trash,
		  path_in(path_top(engine->directory.path, TOP_TRASH).text, name).text);
	return OK;
}

/* The number of an object in a name that this engine gives: `7`, and of a shard `7.0`. False: it is
 * another's. */
static bool number_in(const char *name, uint32_t *id)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	*id = (uint32_t)number;
	return name[0] >= '0' && name[0] <= '9' && number < UINT32_MAX && (!*end || *end == '.');
}

/* A shard of a group that a record removed, and whose rename a crash prevented. */
static int dropped_name(void *arg, const char *name)
{
	struct engine *engine = arg;
	const char *dir = engine->directory.path;
	uint32_t id;

	if (!number_in(name, &id) || !catalog_was_removed(engine->names.catalog, id))
		return OK;
	struct path from = path_in(path_top(dir, TOP_SHARD).text, name);
	struct path to = path_in(path_top(dir, TOP_TRASH).text, name);
	int err = env_rename(from.text, to.text); /* sweep() has what is there deleted */
	if (err == ERR_LAYER)
		trash_put(&engine->trash, from.text);
	return err == ERR_LAYER ? OK : err;
}

/* The same of a database's index. */
static int dropped_database(void *arg, const char *name)
{
	struct engine *engine = arg;
	uint32_t id;

	if (number_in(name, &id) && catalog_was_removed(engine->names.catalog, id))
		names_forget_database(&engine->names, id);
	return OK;
}

/* A database whose making a power cut ended before the catalog knew of it has no names. */
static int unmade_name(void *arg, const char *name)
{
	struct engine *engine = arg;
	const char *dir = engine->directory.path;
	struct buf file = { 0 };
	struct object object;
	uint32_t id;

	if (!number_in(name, &id) || strchr(name, '.') ||
	    catalog_get(engine->names.catalog, id, &object) != ERR_NOT_FOUND)
		return OK;
	/* With names in its copy it was made, and lost its index. */
	if (env_exists(path_index_copy(dir, id).text))
		return OK;
	int err = env_read_file(path_index(dir, id).text, &file);
	bool is_empty = err == ERR_NOT_FOUND || (err == OK && file.length <= JOURNAL_HEADER_BYTES);
	buf_release(&file);
	return is_empty ? env_remove_tree(path_database(dir, id).text) : OK;
}

/* Deleted is what a record removed, and nothing else: a catalog that lost its end drops nothing. */
void sweep(struct engine *engine)
{
	const char *dir = engine->directory.path;
	struct path shards = path_top(dir, TOP_SHARD), databases = path_top(dir, TOP_DB);
	int err = env_list(shards.text, dropped_name, engine);

	if (err == OK)
		err = env_list(databases.text, dropped_database, engine);
	if (err == OK && freeze_sweep(engine) == OK && !engine->recovered.removed_in_log)
		catalog_forget_removed(engine->names.catalog);
	env_list(databases.text, unmade_name, engine);
	env_list(path_top(dir, TOP_TRASH).text, trash_name, engine);
}
