/* Lists numbers on the disk. Why: see strangers.h. */
#include "engine/names/strangers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/env.h"
#include "engine/base/log.h"
#include "engine/directory/paths.h"

struct look {
	struct catalog *catalog;
	struct strangers found;
	char first[64]; /* the name of one of them */
};

static int look_at_number(struct look *look, const char *name, bool is_proof)
{
	struct catalog *catalog = look->catalog;
	struct object object;
	char *end;
	unsigned long id = strtoul(name, &end, 10);

	if (end == name || (*end && *end != '.') || id >= UINT32_MAX || strstr(name, ".mark"))
		return OK; /* not a name of ours */
	if (id > look->found.id_last)
		look->found.id_last = (uint32_t)id;
	if (!is_proof || catalog_get(catalog, (uint32_t)id, &object) == OK ||
	    catalog_was_removed(catalog, (uint32_t)id))
		return OK;
	if (look->found.count++ == 0)
		snprintf(look->first, sizeof(look->first), "%.60s", name);
	return OK;
}

static int look_at_owned(void *arg, const char *name)
{
	return look_at_number(arg, name, true);
}

/* Directories of indexes were once left behind by databases that were dropped. */
static int look_at_index(void *arg, const char *name)
{
	return look_at_number(arg, name, false);
}

static void look_in(const struct path *path, int (*each)(void *arg, const char *name),
		    struct look *look)
{
	if (env_exists(path->text))
		env_list(path->text, each, look);
}

void strangers_look(const char *dir, struct catalog *catalog, struct strangers *out)
{
	struct look look = { .catalog = catalog };
	struct path shards = path_top(dir, TOP_SHARD), snapshots = path_top(dir, TOP_SNAPSHOT);
	struct path databases = path_top(dir, TOP_DB);

	look_in(&shards, look_at_owned, &look);
	look_in(&snapshots, look_at_owned, &look);
	look_in(&databases, look_at_index, &look);
	if (look.found.count)
		log_error(
			"%s/catalog is damaged: it has lost what owns %zu shards or snapshots, "
			"%s among them; they are left alone, and seriesfs-check --repair sets them "
			"aside",
			dir, look.found.count, look.first);
	*out = look.found;
}
