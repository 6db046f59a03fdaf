/*
 * Makes directories of links and takes them away. Why: LevelDB writes when it opens, and what lies
 * on a disk that cannot be written, or is only looked at, must stay as it is.
 */
#include "engine/shard/store_shadow.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/env.h"
#include "engine/base/err.h"
#include "engine/base/log.h"
#include "engine/directory/paths.h"

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
	struct path from = path_in(making->from, name), to = path_in(making->to, name);

	if (strcmp(name, "LOCK") == 0 || strncmp(name, "LOG", 3) == 0)
		return OK;
	if (!is_table(name))
		return env_copy(from.text, to.text, UINT64_MAX);
	return symlink(from.text, to.text) < 0 ? ERR_IO : OK;
}

/* --- whose they are ---------------------------------------------------------------------- */

#define NAME_START ".seriesfs-links-"

struct store_shadow {
	int fd; /* the directory, locked as long as it is used */
	char path[];
};

static int sweep_name(void *arg, const char *name)
{
	const char *parent = arg;
	int fd;

	if (strncmp(name, NAME_START, strlen(NAME_START)) != 0 ||
	    strlen(name) != strlen(NAME_START) + 6)
		return OK;
	struct path path = path_in(parent, name);
	/* Another user's is not ours to open, nor to delete. */
	if (env_lock_directory(path.text, &fd) < 0)
		return OK;
	env_remove_tree(path.text);
	env_close(fd);
	return OK;
}

/* One that has just been made may be swept before it is locked: then it is made again. */
static int make_locked(const char *parent, char path[PATH_MAX], int *fd)
{
	for (int tries = 0; tries < 10; tries++) {
		if (snprintf(path, PATH_MAX, "%s/" NAME_START "XXXXXX", parent) >= PATH_MAX ||
		    !mkdtemp(path))
			return ERR_READ_ONLY;
		if (env_lock_directory(path, fd) < 0)
			continue;
		if (env_exists(path))
			return OK;
		env_close(*fd);
	}
	return ERR_BUSY;
}

int store_shadow_make(const char *path, struct store_shadow **out)
{
	const char *parent = env_temporary_place();
	char real[PATH_MAX], made[PATH_MAX];
	int fd;

	*out = NULL;
	if (!parent || !realpath(path, real)) {
		log_error("%s: there is no place to read it from: TMPDIR, /tmp, /run and /dev/shm "
			  "cannot be written to",
			  path);
		return ERR_READ_ONLY;
	}
	env_list(parent, sweep_name, (void *)parent);
	TRY(make_locked(parent, made, &fd));
	struct making making = { real, made };
	int err = env_list(real, take_name, &making);

	if (err == OK) {
		*out = malloc(sizeof(**out) + strlen(made) + 1);
		if (*out) {
			(*out)->fd = fd;
			strcpy((*out)->path, made);
			return OK;
		}
		err = ERR_MEMORY;
	}
	env_remove_tree(made);
	env_close(fd);
	return err;
}

const char *store_shadow_path(const struct store_shadow *shadow)
{
	return shadow->path;
}

void store_shadow_remove(struct store_shadow *shadow)
{
	if (!shadow)
		return;
	env_remove_tree(shadow->path); /* links are removed, never followed */
	env_close(shadow->fd);
	free(shadow);
}
