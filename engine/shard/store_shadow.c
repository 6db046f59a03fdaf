/* Makes directories of links and takes them away. */
#include "engine/shard/store_shadow.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/env.h"
#include "engine/base/err.h"

struct making {
	const char *from, *to;
};

static bool is_table(const char *name)
{
	size_t length = strlen(name);

	return length > 4 && strcmp(name + length - 4, ".ldb") == 0;
}

static int take_name(void *arg, const char *name)
{
	const struct making *making = arg;
	char from[PATH_MAX], to[PATH_MAX];

	if (strcmp(name, "LOCK") == 0 || strncmp(name, "LOG", 3) == 0)
		return OK;
	snprintf(from, sizeof(from), "%.3800s/%.200s", making->from, name);
	snprintf(to, sizeof(to), "%.3800s/%.200s", making->to, name);
	if (!is_table(name))
		return env_copy(from, to, UINT64_MAX);
	return symlink(from, to) < 0 ? ERR_IO : OK;
}

int store_shadow_make(const char *path, char **shadow)
{
	const char *parent = env_temporary_place();
	char real[PATH_MAX], made[PATH_MAX];

	*shadow = NULL;
	if (!parent || !realpath(path, real) ||
	    snprintf(made, sizeof(made), "%s/seriesfs-XXXXXX", parent) >= (int)sizeof(made) ||
	    !mkdtemp(made))
		return ERR_READ_ONLY;
	struct making making = { real, made };
	int err = env_list(real, take_name, &making);

	*shadow = strdup(made);
	if (err == OK && !*shadow)
		err = ERR_MEMORY;
	if (err < 0) {
		env_remove_tree(made);
		free(*shadow);
		*shadow = NULL;
	}
	return err;
}

void store_shadow_remove(char *shadow)
{
	if (!shadow)
		return;
	env_remove_tree(shadow); /* links are removed, never followed */
	free(shadow);
}
