/*
 * Parses the command line: a table of limits with their defaults, and what fuse_opt hands over
 * one by one. What mount(8) and fstab add is taken and ignored by name, so that a misspelt
 * option is still an error.
 */
#define FUSE_USE_VERSION 314
#include "fs/start/options.h"

#include <errno.h>
#include <fuse3/fuse_opt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/crash.h"
#include "engine/base/limits.h"
#include "engine/base/number.h"
#include "engine/base/when.h"
#include "fs/start/machine.h"

struct number_option {
	const char *name;
	size_t offset; /* of a uint64_t in struct options */
	uint64_t value, min, max;
	const char *help;
	uint64_t
		part; /* of megabytes: the default is at most this part of the machine's; 0 = any */
};
#define ROW(field, value, min, max, help)                                                          \
	{                                                                                          \
#field, offsetof(struct options, field), value, min, max, help, 0                  \
	}
/* All of them together are a fifth: beside them lie indexes, LevelDB and the program. */
#define MEMORY(field, value, part, min, max, help)                                                 \
	{                                                                                          \
#field, offsetof(struct options, field), value, min, max, help, part               \
	}
static const struct number_option numbers[] = {
	ROW(commit_seconds, COMMIT_SECONDS, 0, 3600, "power loss costs at most this (as commit=)"),
	MEMORY(memtable_mb, MEMTABLE_BYTES_MAX >> 20, 16, 8, MEMTABLE_BYTES_LIMIT >> 20,
	       "points held in memory"),
	ROW(write_threads, 0, 0, 16, "threads that take writes (0 = one a core, 2 at least)"),
	ROW(query_threads, 0, 0, 16, "queries that run at once (0 = cores and two)"),
	ROW(scan_threads, 0, 0, 16, "threads that read for one query (0 = one a core)"),
	ROW(shards_open, SHARDS_OPEN_MAX, 2, 4096, "shards open at once"),
	ROW(series_max, SERIES_PER_DATABASE_MAX, 1, 4000000000, "series of a database"),
	ROW(line_bytes, LINE_BYTES_MAX, 64, LINE_BYTES_MAX, "one line of line protocol"),
	ROW(retention_seconds, 60, 1, 60, "how often retention is enforced"),
	ROW(cold_seconds, COLD_SECONDS, 0, 1 << 30,
	    "a shard group past its window is rewritten when quiet for so long (0 = never)"),
	ROW(cold_period_seconds, COLD_PERIOD_SECONDS, 1, 86400,
	    "how often such groups are looked for"),
	MEMORY(query_memory_mb, 64, 32, 1, 1 << 20,
	       "what a query allocates, and an answer kept whole"),
	MEMORY(queries_memory_mb, 512, 20, 1, 1 << 20, "what all queries allocate together"),
	ROW(query_buckets, 10000000, 1, UINT64_MAX, "rows of time buckets of a statement"),
	ROW(query_series, 10000000, 1, UINT64_MAX, "series a statement may touch"),
	ROW(query_points, 0, 0, UINT64_MAX, "points a statement may read (0 = any)"),
	ROW(query_seconds, 0, 0, 1 << 30, "how long a query may run (0 = any)"),
	ROW(query_bytes, 1 << 20, 64, 64 << 20, "length of a query's text"),
	MEMORY(answers_mb, 256, 32, 1, 1 << 20, "answers kept for the next reader"),
	ROW(streams_max, 16, 1, 1024, "answers over query_memory_mb read at once"),
	MEMORY(scratch_mb, 1024, 32, 1, 1 << 20,
	       "all scratch files, and what writers have not ended, together"),
	MEMORY(reserve_mb, 16, 64, 1, 1024, "set aside for when the system has no more"),
	ROW(snapshots_max, 16, 1, 1024, "snapshots of a database"),
	ROW(landlock, 1, 0, 1, "the kernel keeps the daemon from all other files"),
};
#undef ROW
#undef MEMORY
#define NUMBER_COUNT (sizeof(numbers) / sizeof(numbers[0]))

/*
 * What mount(8) and fstab add that means nothing to us or to FUSE: who may mount, when, and what is
 * done with times of access, which we do not keep.
 */
static const char *const ignored[] = {
	"nofail",     "_netdev",    "_rnetdev",	  "defaults",	 "auto",	  "noauto",
	"user",	      "nouser",	    "users",	  "nousers",	 "owner",	  "noowner",
	"group",      "nogroup",    "atime",	  "relatime",	 "norelatime",	  "diratime",
	"nodiratime", "lazytime",   "nolazytime", "strictatime", "nostrictatime", "nonempty",
	"iversion",   "noiversion", "nomand",	  "loud",	 "silent",
};

/* The same with a value. */
static const char *const ignored_starts[] = {
	"x-", "X-", "comment=", "user=", "helper=", "uhelper="
};

static uint64_t *number_at(struct options *options, size_t row)
{
	return (uint64_t *)((char *)options + numbers[row].offset);
}

/* The default, or the part of this machine's memory where that is less. */
static uint64_t default_of(const struct number_option *number)
{
	uint64_t fits = number->part ? (machine_memory_bytes() >> 20) / number->part : UINT64_MAX;

	if (fits >= number->value)
		return number->value;
	return fits > number->min ? fits : number->min;
}

static struct slice option_name(struct slice option)
{
	const char *equals = slice_find(option, '=');

	return slice_of(option.data, equals ? (size_t)(equals - option.data) : option.length);
}

/* commit= is how other file systems spell it. */
static size_t find_number(struct slice name)
{
	if (slice_equal(name, SLICE("commit")))
		return 0;
	for (size_t row = 0; row < NUMBER_COUNT; row++)
		if (slice_equal(name, slice_of_text(numbers[row].name)))
			return row;
	return NUMBER_COUNT;
}

static int set_number(struct options *options, size_t row, struct slice value, struct buf *why)
{
	const struct number_option *number = &numbers[row];
	uint64_t parsed;

	if (unsigned_parse(value, &parsed) < 0 || parsed < number->min || parsed > number->max) {
		buf_printf(why, "option %s: expected a number from %llu to %llu, got `%.*s`",
			   number->name, (unsigned long long)number->min,
			   (unsigned long long)number->max, (int)value.length, value.data);
		return ERR_INVALID;
	}
	*number_at(options, row) = parsed;
	return OK;
}

static bool is_ignored(struct slice option)
{
	for (size_t i = 0; i < sizeof(ignored_starts) / sizeof(ignored_starts[0]); i++)
		if (slice_starts_with(option, slice_of_text(ignored_starts[i])))
			return true;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (slice_equal(option, slice_of_text(ignored[i])))
			return true;
	return false;
}

struct parse {
	struct options *options;
	struct buf *why;
};

enum { KEEP = 1, DISCARD = 0, FAIL = -1 };

static int take_path(struct parse *parse, const char *arg)
{
	char **path = !parse->options->data_path ? &parse->options->data_path
						 : &parse->options->mount_path;

	if (*path) {
		buf_printf(parse->why, "too many arguments: `%s`", arg);
		return FAIL;
	}
	*path = strdup(arg);
	return DISCARD;
}

/* For tests: days pass as soon as somebody says so. */
static int set_clock(struct parse *parse, struct slice value)
{
	if (value.length &&
	    when_parse_rfc3339(slice_from(value, 1), &parse->options->clock_ns) == OK)
		return DISCARD;
	buf_append_text(parse->why, "option clock: expected a time as 2026-11-22T10:00:00Z");
	return FAIL;
}

/* For tests, too: it ends itself as kill -9 would. */
static int set_crash(struct parse *parse, struct slice value)
{
	if (value.length && crash_choose(slice_from(value, 1)) == OK)
		return DISCARD;
	buf_append_text(parse->why, "option crash_at: expected a name of engine/base/crash.def");
	return FAIL;
}

static int set_user(struct parse *parse, struct slice value)
{
	struct identity *identity = &parse->options->identity;

	if (value.length < 2) {
		buf_append_text(parse->why, "option setuid: expected the name of a user");
		return FAIL;
	}
	free(identity->name);
	identity->name = strndup(value.data + 1, value.length - 1);
	return DISCARD;
}

/* It stays among FUSE's options: the kernel gets it at mount(2), and libfuse asks for it again. */
static int set_read_bytes(struct parse *parse, struct slice value)
{
	uint64_t parsed = 0;

	if (value.length < 2 || unsigned_parse(slice_from(value, 1), &parsed) < 0 ||
	    parsed > UINT32_MAX) {
		buf_append_text(parse->why, "option max_read: expected a number of bytes");
		return FAIL;
	}
	parse->options->read_bytes_max = (uint32_t)parsed;
	return KEEP;
}

static int take_option(struct parse *parse, const char *arg)
{
	struct options *options = parse->options;
	struct slice option = slice_of_text(arg);
	struct slice name = option_name(option);
	size_t row = find_number(name);

	if (row < NUMBER_COUNT) {
		if (name.length == option.length) {
			buf_printf(parse->why, "option %s needs a value", arg);
			return FAIL;
		}
		return set_number(options, row, slice_from(option, name.length + 1), parse->why) < 0
			       ? FAIL
			       : DISCARD;
	}
	if (is_ignored(option))
		return DISCARD;
	if (slice_equal(name, SLICE("clock")))
		return set_clock(parse, slice_from(option, name.length));
	if (slice_equal(name, SLICE("crash_at")))
		return set_crash(parse, slice_from(option, name.length));
	if (slice_equal(name, SLICE("setuid")))
		return set_user(parse, slice_from(option, name.length));
	if (slice_equal(name, SLICE("max_read")))
		return set_read_bytes(parse, slice_from(option, name.length));
	if (slice_equal(option, SLICE("remount"))) {
		buf_append_text(parse->why, "option remount: options change with a new start only");
		return FAIL;
	}
	if (slice_equal(option, SLICE("sync"))) {
		options->sync_writes = true;
		return DISCARD;
	}
	if (slice_equal(option, SLICE("async")))
		return DISCARD;
	if (slice_equal(option, SLICE("ro")))
		options->read_only = true;
	if (slice_equal(option, SLICE("rw")))
		options->read_only = false;
	if (slice_equal(option, SLICE("allow_other")) || slice_equal(option, SLICE("allow_root")))
		options->allow_other_given = true;
	if (slice_equal(option, SLICE("debug")) || slice_equal(option, SLICE("-d")))
		options->debug = options->foreground = true;
	return KEEP;
}

enum { KEY_FOREGROUND, KEY_HELP, KEY_VERSION };

static int take_argument(void *data, const char *arg, int key, struct fuse_args *out)
{
	struct parse *parse = data;

	switch (key) {
	case KEY_FOREGROUND: parse->options->foreground = true; return DISCARD;
	case KEY_HELP: parse->options->show_help = true; return DISCARD;
	case KEY_VERSION: parse->options->show_version = true; return DISCARD;
	case FUSE_OPT_KEY_NONOPT: return take_path(parse, arg);
	default: return take_option(parse, arg);
	}
}

int options_parse(struct options *options, struct fuse_args *args, struct buf *why)
{
	static const struct fuse_opt keys[] = {
		FUSE_OPT_KEY("-f", KEY_FOREGROUND),	FUSE_OPT_KEY("-h", KEY_HELP),
		FUSE_OPT_KEY("--help", KEY_HELP),	FUSE_OPT_KEY("-V", KEY_VERSION),
		FUSE_OPT_KEY("--version", KEY_VERSION), FUSE_OPT_END,
	};
	struct parse parse = { options, why };

	for (size_t row = 0; row < NUMBER_COUNT; row++)
		*number_at(options, row) = default_of(&numbers[row]);
	if (fuse_opt_parse(args, &parse, keys, take_argument) < 0) {
		if (why->length == 0)
			buf_append_text(why, "the options are not understood");
		return ERR_INVALID;
	}
	if (options->show_help || options->show_version)
		return OK;
	if (!options->data_path || !options->mount_path) {
		buf_append_text(why, "usage: seriesfs [options] DATADIR MOUNTPOINT");
		return ERR_INVALID;
	}
	/* What a shell makes of a variable that is not set. */
	if (!options->data_path[0] || !options->mount_path[0]) {
		buf_printf(why, "%s is empty: usage: seriesfs [options] DATADIR MOUNTPOINT",
			   options->data_path[0] ? "MOUNTPOINT" : "DATADIR");
		return ERR_INVALID;
	}
	return OK;
}

static int make_absolute(char **path, struct buf *why)
{
	char *real = realpath(*path, NULL);

	if (!real) {
		buf_printf(why, "%s: %s", *path, strerror(errno));
		return ERR_NOT_FOUND;
	}
	free(*path);
	*path = real;
	return OK;
}

static bool lies_in(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	if (strcmp(directory, "/") == 0)
		return true;
	return strncmp(path, directory, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

/* OK for a path that is not there: the function that needs it says so. */
static int check_directory(const char *path, struct buf *why)
{
	struct stat stat_data;

	if (stat(path, &stat_data) < 0 || S_ISDIR(stat_data.st_mode))
		return OK;
	buf_printf(why, "%s: not a directory", path);
	return ERR_INVALID;
}

/* By device and inode: through a bind mount or a link two paths can be one directory. */
static bool is_one_directory(const char *a, const char *b)
{
	struct stat a_stat, b_stat;

	return stat(a, &a_stat) == 0 && stat(b, &b_stat) == 0 && a_stat.st_dev == b_stat.st_dev &&
	       a_stat.st_ino == b_stat.st_ino;
}

static bool holds(const char *directory, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

static int check_mount_point(struct options *options, struct buf *why)
{
	TRY(make_absolute(&options->mount_path, why));
	TRY(check_directory(options->mount_path, why));
	if (!holds(options->mount_path, "format") || !holds(options->mount_path, "catalog"))
		return OK;
	buf_printf(why,
		   "refusing to mount: %s is a data directory (DATADIR comes first, then "
		   "MOUNTPOINT)",
		   options->mount_path);
	return ERR_INVALID;
}

static int check_apart(const struct options *options, struct buf *why)
{
	if (holds(options->data_path, ".seriesfs/version")) {
		buf_printf(
			why,
			"refusing to mount: %s is not a data directory, it lies in a mounted one",
			options->data_path);
		return ERR_INVALID;
	}
	if (is_one_directory(options->mount_path, options->data_path)) {
		buf_printf(why, "refusing to mount: %s and the data directory %s are the same",
			   options->mount_path, options->data_path);
		return ERR_INVALID;
	}
	if (lies_in(options->mount_path, options->data_path) ||
	    lies_in(options->data_path, options->mount_path)) {
		buf_printf(why, "refusing to mount: %s and the data directory %s lie in each other",
			   options->mount_path, options->data_path);
		return ERR_INVALID;
	}
	return OK;
}

static int check_data(struct options *options, struct buf *why)
{
	TRY(make_absolute(&options->data_path, why));
	TRY(check_directory(options->data_path, why));
	if (!options->mounts_descriptor)
		TRY(check_apart(options, why));
	return identity_check_directory(&options->identity, options->data_path, why);
}

static int make_data(struct options *options, bool *made, struct buf *why)
{
	*made = !options->read_only && mkdir(options->data_path, 0700) == 0;
	if (!options->read_only && !*made && errno != EEXIST) {
		buf_printf(why, "%s: %s", options->data_path, strerror(errno));
		return ERR_IO;
	}
	if (*made && options->identity.drops &&
	    chown(options->data_path, options->identity.uid, options->identity.gid) < 0) {
		buf_printf(why, "%s: %s", options->data_path, strerror(errno));
		return ERR_IO;
	}
	return OK;
}

int options_check_paths(struct options *options, struct buf *why)
{
	bool made;

	options->mounts_descriptor = strncmp(options->mount_path, "/dev/fd/", 8) == 0;
	TRY(identity_find(&options->identity, why));
	/* The mount point first: a mistake in its name makes no data directory. */
	if (!options->mounts_descriptor)
		TRY(check_mount_point(options, why));
	int err = make_data(options, &made, why);
	if (err >= 0)
		err = check_data(options, why);
	if (err < 0 && made)
		rmdir(options->data_path);
	return err;
}

void options_release(struct options *options)
{
	free(options->data_path);
	free(options->mount_path);
	identity_release(&options->identity);
}

struct query_limits options_query_limits(const struct options *options)
{
	struct query_limits limits = query_limits_default;

	limits.memory_bytes_max = options->query_memory_mb << 20;
	limits.memory_all_bytes_max = options->queries_memory_mb << 20;
	limits.buckets_max = options->query_buckets;
	limits.series_max = options->query_series;
	limits.points_max = options->query_points;
	limits.time_max_ns = (int64_t)options->query_seconds * INT64_C(1000000000);
	limits.text_bytes_max = options->query_bytes;
	return limits;
}

void options_print(const struct options *options, struct buf *out)
{
	for (size_t row = 0; row < NUMBER_COUNT; row++)
		buf_printf(out, "%s %llu\n", numbers[row].name,
			   (unsigned long long)*number_at((struct options *)options, row));
}

void options_print_help(struct buf *out)
{
	for (size_t row = 0; row < NUMBER_COUNT; row++)
		buf_printf(out, "    -o %-18s %s (default %llu)\n", numbers[row].name,
			   numbers[row].help, (unsigned long long)default_of(&numbers[row]));
}
