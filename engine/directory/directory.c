/* Reads the names at the top of a directory, before the first file is made in it. */
#include "engine/directory/directory.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/buf.h"
#include "engine/base/env.h"

/* How many foreign names a message tells; the rest is counted. */
#define NAMES_TOLD 3

struct found {
	const char *path;
	struct buf names;
	size_t foreign_count;
};

static bool starts_with(const char *name, const char *start)
{
	return strncmp(name, start, strlen(start)) == 0;
}

bool directory_passes_over(const char *name)
{
	return strcmp(name, "lost+found") == 0 || strcmp(name, ".snapshots") == 0 ||
	       starts_with(name, ".Trash-") || starts_with(name, ".nfs");
}

static int stop(void *arg, const char *name)
{
	return ERR_NOT_EMPTY;
}

/*
 * A first start makes these in this order: the lock, `format` by way of format.new, directories.
 * A power cut may keep later ones alone. Points come after `format` is safe, so directories are
 * empty.
 */
static bool is_of_first_start(const char *path, const char *name)
{
	static const char *const files[] = { "lock", "format.new", "catalog.new" };
	static const char *const directories[] = { "db", "shard", "trash", "wal" };
	char below[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (strcmp(name, files[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		if (strcmp(name, directories[i]) == 0 &&
		    snprintf(below, sizeof(below), "%.3800s/%s", path, name) > 0 &&
		    lstat(below, &st) == 0 && S_ISDIR(st.st_mode))
			return env_list(below, stop, NULL) == OK;
	return false;
}

static int judge(void *arg, const char *name)
{
	struct found *found = arg;

	if (directory_passes_over(name) || is_of_first_start(found->path, name))
		return OK;
	if (found->foreign_count++ < NAMES_TOLD)
		buf_printf(&found->names, "%s%s", found->names.length ? ", " : "", name);
	return OK;
}

static bool has(const char *path, const char *name)
{
	char below[PATH_MAX];

	snprintf(below, sizeof(below), "%.3800s/%s", path, name);
	return env_exists(below);
}

int directory_check(const char *path, struct diag *diag)
{
	struct found found = { .path = path };

	if (!env_exists(path) || has(path, "format"))
		return OK;
	int err = env_list(path, judge, &found);
	if (err < 0)
		err = diag_set(diag, err, "%s: %s", path, err_text(err));
	else if (found.foreign_count && has(path, "catalog"))
		err = diag_set(
			diag, ERR_INVALID,
			"%s is not a data directory: %s/format is missing; if it once was one, "
			"seriesfs-check --repair mends it",
			path, path);
	else if (found.foreign_count > NAMES_TOLD)
		err = diag_set(diag, ERR_INVALID,
			       "%s is neither empty nor a data directory: it holds %s and %zu more",
			       path, buf_text(&found.names), found.foreign_count - NAMES_TOLD);
	else if (found.foreign_count)
		err = diag_set(diag, ERR_INVALID,
			       "%s is neither empty nor a data directory: it holds %s", path,
			       buf_text(&found.names));
	buf_release(&found.names);
	return err;
}
