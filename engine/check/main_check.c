/*
 * seriesfs-check: look at everything in a data directory, offline, and mend what can be mended.
 *
 *	seriesfs-check [-v] [--repair] DATADIR
 *
 * Exit codes as fsck(8): 0 clean, 1 damage was found and mended, 4 damage is left, 8 it could
 * not be checked, 16 usage.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/env.h"
#include "engine/base/limits.h"
#include "engine/check/check.h"
#include "engine/directory/directory.h"
#include "engine/directory/format.h"

enum { EXIT_CLEAN = 0, EXIT_MENDED = 1, EXIT_LEFT = 4, EXIT_UNABLE = 8, EXIT_USAGE = 16 };

/* What all directories together come to. */
struct totals {
	uint64_t damaged, left;
	int err;
};

static int complain(const char *path, const char *text)
{
	fprintf(stderr, "seriesfs-check: %s: %s\n", path, text);
	return ERR_IO;
}

/* Is there a file whose first bytes we write? */
static bool has_journal(const char *dir, enum top top)
{
	struct path path = path_top(dir, top);
	struct buf file = { 0 };
	bool is_ours = env_is(path.text, ENV_FILE) && env_read_file(path.text, &file) == OK &&
		       slice_starts_with(buf_slice(&file), SLICE("sfsjrnl1"));

	buf_release(&file);
	return is_ours;
}

static bool has_format(const char *dir)
{
	struct path path = path_top(dir, TOP_FORMAT);
	struct buf text = { 0 };
	bool is_ours = env_is(path.text, ENV_FILE) && env_read_file(path.text, &text) == OK &&
		       format_parse(buf_slice(&text)) > 0;

	buf_release(&text);
	return is_ours;
}

static bool is_ours(const char *path)
{
	return has_format(path) || has_journal(path, TOP_CATALOG) ||
	       has_journal(path, TOP_CATALOG_COPY);
}

/* A directory that is not ours is not looked at, still less repaired. */
static int refuse_foreign(const char *path)
{
	struct diag diag = { 0 };

	if (is_ours(path))
		return OK;
	if (!env_is_directory(path))
		return complain(path, "there is no such directory");
	if (directory_check(path, &diag) == OK)
		return complain(path, "not a data directory: nothing in it is of seriesfs");
	fprintf(stderr, "seriesfs-check: %s\n", diag.text);
	return ERR_INVALID;
}

static int lock(const char *path, bool repair, int *fd)
{
	struct path name = path_top(path, TOP_LOCK);
	char who[128];
	struct env_lock_owner owner;

	TRY(refuse_foreign(path));
	int err = env_lock_wait(name.text, repair ? ENV_LOCK_WRITES : ENV_LOCK_LOOKS, fd, &owner);
	env_lock_print(&owner, who, sizeof(who));
	if (err == ERR_BUSY)
		fprintf(stderr, "seriesfs-check: %s is in use by %s\n", path, who);
	else if (err < 0)
		complain(name.text, err_text(err));
	return err;
}

static int check_one(struct check *check, struct totals *totals)
{
	int fd;

	TRY(lock(check->path, check->repair, &fd));
	check_files(check);
	env_close(fd);
	if (check->err >= 0)
		check_points(check);
	totals->damaged += check->damaged;
	totals->left += check->repair ? check->left : check->damaged;
	return check->err;
}

/* --- the snapshots below it ----------------------------------------------------------- */

struct snapshots {
	struct check *of;
	struct totals *totals;
	struct path dir;
};

/* Emptied, or another's: no data directory that could be checked or mended. */
static void refuse_snapshot(struct snapshots *snapshots, const char *path)
{
	struct check *of = snapshots->of;
	const char *name = path + strlen(of->path) + 1;
	uint64_t left = of->left;

	check_tell(of, name, "nothing of a snapshot is in it");
	snapshots->totals->damaged++;
	if (of->repair)
		check_move_aside(of, name);
	snapshots->totals->left += of->repair ? of->left - left : 1;
}

static int check_snapshot(void *arg, const char *name)
{
	struct snapshots *snapshots = arg;
	struct path path = path_in(snapshots->dir.text, name);

	if (!env_is(path.text, ENV_DIRECTORY)) /* check_files() has told */
		return OK;
	if (!is_ours(path.text)) {
		refuse_snapshot(snapshots, path.text);
		return OK;
	}
	struct check *check = calloc(1, sizeof(*check));
	if (!check)
		return ERR_MEMORY;
	check->repair = snapshots->of->repair;
	check->verbose = snapshots->of->verbose;
	check->is_snapshot = true;
	memcpy(check->path, path.text, sizeof(check->path));
	uint64_t before = snapshots->totals->damaged;
	int err = check_one(check, snapshots->totals);
	if (check->verbose || snapshots->totals->damaged > before)
		printf("that was %s\n", check->path);
	if (err < 0)
		snapshots->totals->err = err;
	free(check);
	return OK;
}

static int check_snapshots_of(void *arg, const char *name)
{
	struct snapshots *all = arg;
	struct snapshots one = { .of = all->of, .totals = all->totals };

	one.dir = path_in(all->dir.text, name);
	return env_is(one.dir.text, ENV_DIRECTORY) ? env_list(one.dir.text, check_snapshot, &one)
						   : OK;
}

static void check_snapshots(struct check *check, struct totals *totals)
{
	struct snapshots all = { .of = check,
				 .totals = totals,
				 .dir = path_top(check->path, TOP_SNAPSHOT) };

	if (env_is(all.dir.text, ENV_DIRECTORY))
		env_list(all.dir.text, check_snapshots_of, &all);
}

/* --- the program ------------------------------------------------------------------------- */

static int check_all(struct check *check)
{
	struct totals totals = { 0 };
	struct diag diag = { 0 };
	int err = env_want_descriptors(DESCRIPTORS_LEAST, &diag);

	if (err < 0)
		complain(check->path, diag.text);
	else
		err = check_one(check, &totals);

	if (err < 0)
		return err == ERR_CORRUPT ? EXIT_LEFT : EXIT_UNABLE;
	check_snapshots(check, &totals);
	printf("%" PRIu64 " series, %" PRIu64 " points, %" PRIu64 " damaged", check->series,
	       check->points, totals.damaged);
	if (check->repair && totals.damaged)
		printf(", %" PRIu64 " of them left", totals.left);
	printf("\n");
	if (totals.err < 0)
		return EXIT_UNABLE;
	return totals.left ? EXIT_LEFT : totals.damaged ? EXIT_MENDED : EXIT_CLEAN;
}

int main(int argc, char **argv)
{
	static struct check check;
	int i = 1;

	if (env_open_standard() < 0 || env_settle_stacks("seriesfs-check") < 0)
		return EXIT_UNABLE;
	for (; i < argc && argv[i][0] == '-'; i++) {
		check.verbose |= strcmp(argv[i], "-v") == 0;
		check.repair |= strcmp(argv[i], "--repair") == 0;
		if (strcmp(argv[i], "-v") != 0 && strcmp(argv[i], "--repair") != 0)
			break;
	}
	if (argc - i != 1 || argv[i][0] == '-' ||
	    snprintf(check.path, sizeof(check.path), "%s", argv[i]) >= (int)sizeof(check.path)) {
		fprintf(stderr, "usage: seriesfs-check [-v] [--repair] DATADIR\n");
		return EXIT_USAGE;
	}
	return check_all(&check);
}
