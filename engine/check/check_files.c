/*
 * Judges the files of a data directory: which names may be there, and what can be told without
 * points. Why first: an engine that opens a directory changes it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/env.h"
#include "engine/base/when.h"
#include "engine/check/check.h"
#include "engine/directory/directory.h"
#include "engine/directory/format.h"
#include "engine/directory/kept.h"
#include "engine/log/journal.h"

/* --- telling and moving aside --------------------------------------------------------- */

static void print_line(const char *where, const char *format, va_list args)
{
	printf("%s: ", where);
	vprintf(format, args);
	printf("\n");
}

void check_tell(struct check *check, const char *where, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(where, format, args);
	va_end(args);
	check->damaged++;
}

void check_note(struct check *check, const char *where, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(where, format, args);
	va_end(args);
}

struct path check_path(const struct check *check, const char *name)
{
	return path_in(check->path, name);
}

static int make_aside(struct check *check)
{
	struct civil now = civil_of_seconds(floor_div(env_now_ns(), NS_PER_SECOND));
	struct path parent = path_top(check->path, TOP_SET_ASIDE);
	char name[32];

	if (check->aside.text[0])
		return OK;
	TRY(env_mkdir(parent.text));
	snprintf(name, sizeof(name), "%04d%02d%02dT%02d%02d%02dZ", (int)now.year, now.month,
		 now.day, now.hour, now.minute, now.second);
	check->aside = path_in(parent.text, name);
	return env_mkdir(check->aside.text);
}

int check_aside(struct check *check, const char *name, struct path *path)
{
	char end[32];

	TRY(make_aside(check));
	*path = path_in(check->aside.text, name);
	for (char *p = path->text + strlen(check->aside.text) + 1; *p; p++)
		if (*p == '/')
			*p = '.';
	if (!env_exists(path->text))
		return OK;
	snprintf(end, sizeof(end), ".%016llx", (unsigned long long)env_random());
	*path = path_with(path->text, end);
	return OK;
}

void check_move_aside(struct check *check, const char *name)
{
	struct path from = check_path(check, name), to;
	int err = check_aside(check, name, &to);

	if (err == OK)
		err = env_rename(from.text, to.text);
	if (err == OK) {
		check_note(check, name, "moved to %s", to.text);
		return;
	}
	check_note(check, name, "could not be moved aside: %s", err_text(err));
	check->left++;
}

/* --- journals -------------------------------------------------------------------------- */

static int pass(void *arg, uint64_t sequence, struct slice payload)
{
	return OK;
}

static int copy_aside(struct check *check, const char *name)
{
	struct path from = check_path(check, name), to;

	TRY(check_aside(check, name, &to));
	TRY(env_copy(from.text, to.text, UINT64_MAX));
	check_note(check, name, "copied to %s, whole records stay", to.text);
	return OK;
}

static void mend_journal(struct check *check, const char *name)
{
	struct path path = check_path(check, name);
	int err = env_exists(path.text) ? copy_aside(check, name) : OK;

	if (err == OK)
		err = journal_mend(path.text);
	if (err < 0) {
		check_note(check, name, "could not be mended: %s", err_text(err));
		check->left++;
	}
}

/* No damage is told, and nothing moved aside, because the machine has no memory or descriptors. */
static bool could_not(struct check *check, const char *name, int err)
{
	if (!err_is_passing(err))
		return false;
	fprintf(stderr, "seriesfs-check: %s: %s\n", name, err_text(err));
	check->err = err;
	return true;
}

/* False: it is damaged, or missing. */
static bool check_journal(struct check *check, const char *name)
{
	struct journal_damage damage;
	int err = journal_replay(check_path(check, name).text, pass, NULL, &damage);

	if (could_not(check, name, err))
		return false;
	if (err < 0) {
		check_tell(check, name, "%s", err == ERR_NOT_FOUND ? "missing" : err_text(err));
		return false;
	}
	if (!journal_is_damaged(&damage) && !damage.tail_bytes)
		return true;
	check_tell(check, name,
		   "damaged: %llu bytes between records, %llu after the last whole one%s%s",
		   (unsigned long long)damage.bytes_skipped, (unsigned long long)damage.tail_bytes,
		   damage.is_short ? ", and shorter than it was" : "",
		   damage.is_mended ? "; its copy has all that it lost" : "");
	if (check->repair)
		mend_journal(check, name);
	return damage.is_mended;
}

/* --- single files ------------------------------------------------------------------------- */

static void check_format(struct check *check)
{
	struct path path = path_top(check->path, TOP_FORMAT);
	struct buf text = { 0 };
	int err = env_read_file(path.text, &text);
	uint64_t version = err == OK ? format_parse(buf_slice(&text)) : 0;
	buf_release(&text);
	if (could_not(check, "format", err))
		return;
	if (version > FORMAT_NEWEST) {
		fprintf(stderr, "seriesfs-check: %s is of a newer format: %llu\n", check->path,
			(unsigned long long)version);
		check->err = ERR_INVALID;
		return;
	}
	if (version)
		return;
	check_tell(check, "format", err == ERR_NOT_FOUND ? "missing" : "damaged");
	if (!check->repair)
		return;
	if (err == OK)
		check_move_aside(check, "format");
	if (env_write_file(path.text, SLICE(FORMAT_NEWEST_TEXT)) < 0)
		check->left++;
}

/* The first segment is trimmed by a flush, and every flush keeps the clock before. */
static bool must_have_clock(const struct check *check)
{
	return check->is_snapshot || (env_exists(path_top(check->path, TOP_WAL).text) &&
				      !env_exists(path_first_segment(check->path).text));
}

/* Now is later than all arrivals, and a number of the log larger than all that were given. */
static void make_clock(struct check *check, const char *path)
{
	struct buf text = { 0 };
	long long now = (long long)env_now_ns();

	buf_printf(&text, "%lld %lld\n", now, now);
	if (env_write_file(path, buf_slice(&text)) < 0)
		check->left++;
	buf_release(&text);
}

/* The engine does without, but for what it says. */
static void check_kept(struct check *check, const char *name)
{
	struct path path = check_path(check, name);
	struct buf text = { 0 };

	if (!env_exists(path.text)) {
		if (strcmp(name, "clock") == 0 && must_have_clock(check)) {
			check_tell(check, name, "missing");
			if (check->repair)
				make_clock(check, path.text);
		}
		return;
	}
	int err = kept_read(path.text, &text);
	buf_release(&text);
	if (err == OK || could_not(check, name, err))
		return;
	check_tell(check, name, "%s", err_text(err));
	if (check->repair)
		check_move_aside(check, name);
}

/* --- names --------------------------------------------------------------------------------- */

static bool knows_top(struct check *check, const char *name)
{
	for (enum top top = 0; top < TOP_COUNT; top++)
		if (strcmp(name, top_name(top)) == 0)
			return true;
	return false;
}

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);

	return length > end_length && strcmp(name + length - end_length, end) == 0;
}

/* What a crash leaves, or recovery keeps. */
static bool is_leftover(const char *name)
{
	return ends_with(name, ".new") || ends_with(name, ".tmp") || ends_with(name, ".torn") ||
	       ends_with(name, ".rewrite") || ends_with(name, ".damaged");
}

static bool is_number(const char *name)
{
	return name[0] && name[strspn(name, "0123456789")] == '\0';
}

struct walk {
	struct check *check;
	char dir[64]; /* within the data directory, "" for itself */
	bool (*knows)(struct check *check, const char *name);
	bool owns_all; /* every name in it is ours */
};

/* A name that we make below the top, in any of our directories. */
static bool is_own_name(const char *name)
{
	static const char *const names[] = {
		"index", "index.copy", "mark", "CURRENT", "LOCK", "LOG"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return (name[0] >= '0' && name[0] <= '9') || strncmp(name, "MANIFEST-", 9) == 0;
}

/* At the top and under the names of databases, shards and snapshots lie directories, else files. */
static enum env_kind kind_wanted(const char *dir, const char *name)
{
	static const enum top of_directories[] = { TOP_DB, TOP_SHARD, TOP_SNAPSHOT };

	for (enum top top = 0; !dir[0] && top < TOP_COUNT; top++)
		if (top_is_directory(top) && strcmp(name, top_name(top)) == 0)
			return ENV_DIRECTORY;
	for (size_t i = 0; i < sizeof(of_directories) / sizeof(*of_directories); i++)
		if (strcmp(dir, top_name(of_directories[i])) == 0 && !ends_with(name, ".mark"))
			return ENV_DIRECTORY;
	return strncmp(dir, "snapshot/", 9) == 0 ? ENV_DIRECTORY : ENV_FILE;
}

/* Another thing in place of what we make is never opened: it is as if nothing was there. */
static bool walk_thing(struct walk *walk, const char *name)
{
	static const char *const things[] = { [ENV_FILE] = "a file",
					      [ENV_DIRECTORY] = "a directory",
					      [ENV_LINK] = "a symbolic link",
					      [ENV_OTHER] = "a pipe, a socket or a device" };
	char path[512];
	enum env_kind kind;

	snprintf(path, sizeof(path), "%s%s%.400s", walk->dir, walk->dir[0] ? "/" : "", name);
	if (env_kind(check_path(walk->check, path).text, &kind) < 0 || kind == ENV_NOTHING ||
	    kind == kind_wanted(walk->dir, name) ||
	    !(walk->dir[0] ? walk->owns_all || is_own_name(name) : knows_top(walk->check, name)))
		return false;
	check_tell(walk->check, path, "is %s, and lost is what it stands for", things[kind]);
	if (walk->check->repair)
		check_move_aside(walk->check, path);
	return true;
}

static int walk_name(void *arg, const char *name)
{
	struct walk *walk = arg;
	char path[512];

	if (walk_thing(walk, name))
		return OK;

	if (is_leftover(name) || walk->knows(walk->check, name))
		return OK;
	snprintf(path, sizeof(path), "%s%s%.400s", walk->dir, walk->dir[0] ? "/" : "", name);
	if (!directory_passes_over(name))
		check_note(walk->check, path, "is not of seriesfs, and is left alone");
	return OK;
}

static void walk_names(struct check *check, const char *dir,
		       bool (*knows)(struct check *check, const char *name))
{
	struct walk walk = { .check = check,
			     .knows = knows,
			     .owns_all = strncmp(dir, "snapshot/", 9) == 0 };
	struct path path = check_path(check, dir);

	snprintf(walk.dir, sizeof(walk.dir), "%s", dir);
	if (env_exists(path.text))
		env_list(path.text, walk_name, &walk);
	else if (dir[0] && strcmp(dir, "snapshot") != 0)
		check_tell(check, dir, "missing");
}

static bool knows_segment(struct check *check, const char *name)
{
	char path[64];

	if (strcmp(name, "mark") == 0)
		return true;
	if (!is_number(name) || strlen(name) > 20)
		return false;
	snprintf(path, sizeof(path), "wal/%s", name);
	check_journal(check, path);
	return true;
}

static bool knows_index(struct check *check, const char *name)
{
	return strcmp(name, "index") == 0 || strcmp(name, "index.copy") == 0;
}

static bool knows_database(struct check *check, const char *name)
{
	char path[64];

	if (!is_number(name) || strlen(name) > 20)
		return false;
	snprintf(path, sizeof(path), "db/%s", name);
	walk_names(check, path, knows_index);
	snprintf(path, sizeof(path), "db/%s/index", name);
	check_journal(check, path);
	return true;
}

static bool knows_any(struct check *check, const char *name)
{
	return true;
}

/* What is in one is checked as the data directory that it is. */
static bool knows_snapshot(struct check *check, const char *name)
{
	char path[64];

	if (!is_number(name) || strlen(name) > 20)
		return false;
	snprintf(path, sizeof(path), "snapshot/%s", name);
	walk_names(check, path, knows_any);
	return true;
}

/* LevelDB's */
static bool knows_store_file(struct check *check, const char *name)
{
	static const char *const names[] = { "CURRENT", "LOCK", "LOG", "LOG.old", "mark" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return ends_with(name, ".ldb") || ends_with(name, ".log") || ends_with(name, ".dbtmp") ||
	       strncmp(name, "MANIFEST-", 9) == 0;
}

/* GROUP.N */
static bool knows_shard(struct check *check, const char *name)
{
	const char *dot = strchr(name, '.');
	char path[64];

	if (ends_with(name, ".mark"))
		return true;
	if (!dot || dot == name || strspn(name, "0123456789") != (size_t)(dot - name) ||
	    !is_number(dot + 1) || strlen(name) > 40)
		return false;
	snprintf(path, sizeof(path), "shard/%s", name);
	walk_names(check, path, knows_store_file);
	return true;
}

void check_files(struct check *check)
{
	walk_names(check, "", knows_top);
	check_format(check);
	if (check->err < 0)
		return;
	check->names_damaged = !check_journal(check, "catalog");
	check_kept(check, "clock");
	check_kept(check, "continuous");
	walk_names(check, "wal", knows_segment);
	walk_names(check, "db", knows_database);
	walk_names(check, "shard", knows_shard);
	walk_names(check, "snapshot", knows_snapshot);
}
