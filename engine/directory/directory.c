/*
 * Judges, makes and locks a data directory. Why the judging: see directory.h; it reads the names at
 * the top before the first file is made.
 */
#include "engine/directory/directory.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/env.h"
#include "engine/directory/format.h"

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

/* What a start makes, in this order. */
static const enum top made[] = { TOP_DB, TOP_SHARD, TOP_TRASH, TOP_WAL };

static int stop(void *arg, const char *name)
{
	return ERR_NOT_EMPTY;
}

/*
 * A first start makes these in this order: the lock, `format` by way of format.new, directories.
 * A power cut may keep later ones alone. Points come after `format` is safe, so directories are
 * empty.
 */
static bool is_of_first_start(const char *dir, const char *name)
{
	static const char *const files[] = { "lock", "format.new", "catalog.new" };

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (strcmp(name, files[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
		struct path path = path_top(dir, made[i]);

		if (strcmp(name, top_name(made[i])) == 0 && env_is(path.text, ENV_DIRECTORY))
			return env_list(path.text, stop, NULL) == OK;
	}
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

static bool has(const char *path, enum top top)
{
	return env_exists(path_top(path, top).text);
}

int directory_check(const char *path, struct diag *diag)
{
	struct found found = { .path = path };

	if (!env_exists(path) || has(path, TOP_FORMAT))
		return OK;
	int err = env_list(path, judge, &found);
	if (err < 0)
		err = diag_set(diag, err, "%s: %s", path, err_text(err));
	else if (found.foreign_count && has(path, TOP_CATALOG))
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

/* --- opening ------------------------------------------------------------------------- */

/* Without `format`: is it new, or damaged? */
static int make_format(const struct directory *directory, const char *path, struct diag *diag)
{
	struct path catalog = path_top(directory->path, TOP_CATALOG);
	int err = env_find(catalog.text);

	if (err < 0 && err != ERR_NOT_FOUND)
		return diag_set(diag, err, "%s could not be read: %s", catalog.text, err_text(err));
	if (directory->read_only || err == OK)
		return diag_set(diag, ERR_INVALID, "%s is not a data directory: %s is missing",
				directory->path, path);
	return env_write_file(path, SLICE(FORMAT_NEWEST_TEXT));
}

static int check_format(const struct directory *directory, struct diag *diag)
{
	struct path path = path_top(directory->path, TOP_FORMAT);
	struct buf text = { 0 };
	int err = env_read_file(path.text, &text);
	uint64_t version = err == OK ? format_parse(buf_slice(&text)) : 0;

	buf_release(&text);
	if (version > FORMAT_NEWEST)
		return diag_set(diag, ERR_INVALID,
				"%s is of format %llu, and this version knows formats up to %u",
				directory->path, (unsigned long long)version, FORMAT_NEWEST);
	if (version == FORMAT_NEWEST || (version && directory->read_only))
		return OK;
	if (version) /* before anything is written that an older program would misread */
		return env_write_file(path.text, SLICE(FORMAT_NEWEST_TEXT));
	if (err == OK)
		return diag_set(diag, ERR_INVALID, "%s is damaged: %s", path.text,
				"it names no format; seriesfs-check --repair mends it");
	if (err != ERR_NOT_FOUND)
		return diag_set(diag, err, "%s could not be read: %s", path.text, err_text(err));
	return make_format(directory, path.text, diag);
}

/*
 * A link in place of what we make would have what is written, deleted or locked lie elsewhere, at
 * the choice of its maker.
 */
static int check_kinds(const struct directory *directory, struct diag *diag)
{
	for (enum top top = 0; top < TOP_COUNT; top++) {
		struct path path = path_top(directory->path, top);
		enum env_kind kind;

		TRY(env_kind(path.text, &kind));
		if (kind == ENV_NOTHING ||
		    kind == (top_is_directory(top) ? ENV_DIRECTORY : ENV_FILE))
			continue;
		return diag_set(diag, ERR_INVALID, "%s is %s: seriesfs makes a %s there", path.text,
				kind == ENV_LINK ? "a symbolic link" : "something else",
				top_is_directory(top) ? "directory" : "file");
	}
	return OK;
}

static int make_directories(const struct directory *directory)
{
	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++)
		TRY(env_mkdir(path_top(directory->path, made[i]).text));
	return OK;
}

static int lock(struct directory *directory, enum env_lock_use use, struct diag *diag)
{
	struct path path = path_top(directory->path, TOP_LOCK);
	struct env_lock_owner owner;
	char who[128];

	int err = env_lock_wait(path.text, use, &directory->lock_fd, &owner);
	env_lock_print(&owner, who, sizeof(who));
	if (err == ERR_BUSY)
		return diag_set(diag, err, "%s is in use by %s", directory->path, who);
	if (err == ERR_READ_ONLY)
		return diag_set(diag, err, "%s can only be read; -o ro mounts it", directory->path);
	if (err < 0)
		return diag_set(diag, err, "%s could not be locked: %s", path.text, err_text(err));
	return OK;
}

int directory_open(struct directory *directory, const char *path, enum env_lock_use use,
		   struct diag *diag)
{
	bool read_only = use != ENV_LOCK_WRITES;

	*directory = (struct directory){ .read_only = read_only, .lock_fd = -1 };
	if ((size_t)snprintf(directory->path, sizeof(directory->path), "%s", path) >=
	    sizeof(directory->path))
		return diag_set(diag, ERR_TOO_LONG, "the path of the data directory is too long");
	/* Read-only: check the format first, so that a wrong path is not turned into a data
	 * directory. */
	if (read_only)
		TRY(check_format(directory, diag));
	else
		TRY(directory_check(directory->path, diag));
	if (!read_only && !env_is_directory(directory->path))
		TRY(env_mkdir(directory->path));
	TRY(check_kinds(directory, diag));
	TRY(lock(directory, use, diag));
	TRY(check_format(directory, diag));
	return read_only ? OK : make_directories(directory);
}

void directory_close(struct directory *directory)
{
	env_close(directory->lock_fd);
}

void directory_stopping(struct directory *directory)
{
	if (!directory->read_only)
		env_lock_stopping(directory->lock_fd);
}

/* --- of one database ----------------------------------------------------------------- */

int directory_make_one(const char *path, uint32_t database_id)
{
	TRY(env_mkdir(path));
	TRY(env_mkdir(path_top(path, TOP_WAL).text));
	TRY(env_mkdir(path_top(path, TOP_DB).text));
	TRY(env_mkdir(path_top(path, TOP_SHARD).text));
	return env_mkdir(path_database(path, database_id).text);
}

int directory_sync_one(const char *path, uint32_t database_id)
{
	TRY(env_sync_dir(path_top(path, TOP_WAL).text));
	TRY(env_sync_dir(path_database(path, database_id).text));
	TRY(env_sync_dir(path_top(path, TOP_DB).text));
	TRY(env_sync_dir(path_top(path, TOP_SHARD).text));
	return env_sync_dir(path);
}
