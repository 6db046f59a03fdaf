/* The store of the workload as a mount, whose daemon is recorded, too. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/env.h"
#include "engine/point/group_window.h"
#include "tests/torture/states/work.h"

static char mountpoint[PATH_MAX - 600];

static int failed(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return -1;
}

/* The path of a database, or of a name in it, or of a name in a policy. */
static const char *path_of(char path[PATH_MAX], const char *a, const char *b, const char *c)
{
	snprintf(path, PATH_MAX, "%s/%s%s%s%s%s", mountpoint, a, b ? "/" : "", b ? b : "",
		 c ? "/" : "", c ? c : "");
	return path;
}

static int put(const char *path, int flags, struct slice text, bool sync)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);

	if (fd < 0)
		return failed(path);
	ssize_t done = text.length ? write(fd, text.data, text.length) : 0;
	int err = done == (ssize_t)text.length ? 0 : failed(path);
	if (err == 0 && sync && fsync(fd) < 0)
		err = failed(path);
	if (close(fd) < 0 && err == 0)
		err = failed(path);
	return err;
}

/* The script that mounts says how. */
int work_open(const char *path, bool sync_writes, unsigned commit_seconds)
{
	snprintf(mountpoint, sizeof(mountpoint), "%s", path);
	return 0;
}

/* The script unmounts: nothing is durable by this. */
int work_close(void)
{
	return -1;
}

int work_write(const char *database, const char *policy, struct slice text)
{
	char path[PATH_MAX];

	return put(path_of(path, database, policy, ".write"), 0, text, false);
}

int work_sync(const char *database)
{
	char path[PATH_MAX];

	return put(path_of(path, database, "write", NULL), 0, SLICE(""), true);
}

static int control(const char *word)
{
	char path[PATH_MAX];

	return put(path_of(path, ".seriesfs", "ctl", NULL), 0, slice_of_text(word), false);
}

int work_flush(void)
{
	return control("flush\n");
}

int work_compact(void)
{
	return control("compact\n");
}

int work_make_database(const char *name)
{
	char path[PATH_MAX];

	return mkdir(path_of(path, name, NULL, NULL), 0755) < 0 ? failed(path) : 0;
}

int work_set_policy(const char *database, const char *name, unsigned shards, unsigned hours)
{
	char path[PATH_MAX], text[80];
	int length = snprintf(text, sizeof(text), "shard_duration %uh\nshards %u\n", hours, shards);
	return put(path_of(path, database, name, ".policy"), O_CREAT,
		   slice_of(text, (size_t)length), false);
}

int work_make_policy(const char *database, const char *name, unsigned shards, unsigned hours)
{
	char path[PATH_MAX];

	if (mkdir(path_of(path, database, name, NULL), 0755) < 0)
		return failed(path);
	return work_set_policy(database, name, shards, hours);
}

int work_rename(const char *database, const char *policy, const char *to)
{
	char from[PATH_MAX], path[PATH_MAX];

	path_of(from, database, policy, NULL);
	path_of(path, policy ? database : to, policy ? to : NULL, NULL);
	return rename(from, path) < 0 ? failed(from) : 0;
}

int work_drop(const char *database, const char *policy)
{
	char path[PATH_MAX], text[200];
	int length = policy ? snprintf(text, sizeof(text),
				       "drop retention policy \"%s\" on \"%s\"\n", policy, database)
			    : snprintf(text, sizeof(text), "drop database \"%s\"\n", database);

	return put(path_of(path, ".seriesfs", "exec", NULL), 0, slice_of(text, (size_t)length),
		   false);
}

struct group_wish {
	int64_t time_s, *start_s, *end_s;
	int found;
};

static int look_at_group(void *arg, const char *name)
{
	struct group_wish *wish = arg;
	int64_t start_s, end_s;

	if (group_name_parse(slice_of_text(name), &start_s, &end_s) < 0 || wish->time_s < start_s ||
	    wish->time_s >= end_s)
		return OK;
	*wish->start_s = start_s;
	*wish->end_s = end_s;
	wish->found = 0;
	return OK;
}

int work_find_group(const char *database, const char *policy, int64_t time_s, int64_t *start_s,
		    int64_t *end_s)
{
	struct group_wish wish = { time_s, start_s, end_s, -1 };
	char path[PATH_MAX];

	if (env_list(path_of(path, database, policy, NULL), look_at_group, &wish) < 0)
		return failed(path);
	return wish.found;
}

int work_drop_group(const char *database, const char *policy, int64_t start_s, int64_t end_s)
{
	struct buf text = { 0 };

	buf_printf(&text, "drop %s %s ", database, policy);
	group_name_print(&text, start_s, end_s);
	buf_append_text(&text, "\n");
	int err = control(buf_text(&text));
	buf_release(&text);
	return err;
}

int work_replace(const char *database, const char *policy, int64_t start_s, int64_t end_s,
		 const char *series, struct slice text)
{
	struct buf group = { 0 };
	char directory[PATH_MAX], beside[PATH_MAX + 200], path[PATH_MAX + 200];

	group_name_print(&group, start_s, end_s);
	path_of(directory, database, policy, buf_text(&group));
	snprintf(path, sizeof(path), "%s/%s", directory, series);
	snprintf(beside, sizeof(beside), "%s/.%s", directory, series);
	int err = put(beside, O_CREAT, text, false);
	if (err == 0 && rename(beside, path) < 0)
		err = failed(path);
	buf_release(&group);
	return err;
}

int work_delete(const char *database, const char *policy, const char *series)
{
	char path[PATH_MAX];

	return unlink(path_of(path, database, policy, series)) < 0 ? failed(path) : 0;
}

int work_freeze(const char *database, const char *name)
{
	char path[PATH_MAX];

	return mkdir(path_of(path, database, ".snapshot", name), 0755) < 0 ? failed(path) : 0;
}

int work_thaw(const char *database, const char *name)
{
	char path[PATH_MAX];

	return rmdir(path_of(path, database, ".snapshot", name)) < 0 ? failed(path) : 0;
}
