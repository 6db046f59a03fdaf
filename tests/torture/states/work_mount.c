/* The store of the workload as a mount, whose daemon is recorded, too. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buf.h"
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

int work_make_policy(const char *database, const char *name, unsigned shards, unsigned hours)
{
	char path[PATH_MAX], text[80];

	if (mkdir(path_of(path, database, name, NULL), 0755) < 0)
		return failed(path);
	int length = snprintf(text, sizeof(text), "shard_duration %uh\nshards %u\n", hours, shards);
	return put(path_of(path, database, name, ".policy"), O_CREAT,
		   slice_of(text, (size_t)length), false);
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
