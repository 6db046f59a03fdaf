/* Apart from the tests that use it: <sys/stat.h> and engine.h each have a `stat` of their own. */
#include "tests/lib/power.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX    4096
#define HEADER_BYTES 16 /* of a journal: there from the first */

static struct {
	dev_t dev;
	ino_t ino;
	off_t bytes;
} synced[FILES_MAX];
static size_t synced_count;
static unsigned syncs;

unsigned power_syncs(void)
{
	return syncs;
}

int __real_env_sync(int fd);
int __wrap_env_sync(int fd);
int __wrap_env_sync(int fd)
{
	struct stat st;
	size_t i = 0;

	syncs++;
	fstat(fd, &st);
	int err = __real_env_sync(fd);
	while (i < synced_count && (synced[i].dev != st.st_dev || synced[i].ino != st.st_ino))
		i++;
	if (i == FILES_MAX)
		return err;
	synced_count += i == synced_count;
	synced[i].dev = st.st_dev;
	synced[i].ino = st.st_ino;
	synced[i].bytes = st.st_size;
	return err;
}

static off_t synced_bytes(const struct stat *st)
{
	for (size_t i = 0; i < synced_count; i++)
		if (synced[i].dev == st->st_dev && synced[i].ino == st->st_ino)
			return synced[i].bytes;
	return HEADER_BYTES;
}

static void copy_file(const char *from, const char *to, off_t bytes)
{
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	char buffer[65536];
	size_t got;

	while (in && out && bytes > 0 && (got = fread(buffer, 1, sizeof(buffer), in)) > 0) {
		if ((off_t)got > bytes)
			got = (size_t)bytes;
		fwrite(buffer, 1, got, out);
		bytes -= (off_t)got;
	}
	if (in)
		fclose(in);
	if (out)
		fclose(out);
}

static unsigned kind_of(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	if (strstr(path, "/wal/"))
		return LOSES_LOG;
	if (strcmp(name, "index") == 0)
		return LOSES_INDEX;
	return strcmp(name, "catalog") == 0 ? LOSES_CATALOG : 0;
}

static void copy_name(const char *from, const char *to, unsigned loses)
{
	struct stat st;

	if (stat(from, &st) < 0)
		return;
	if (S_ISDIR(st.st_mode))
		power_cut(from, to, loses);
	else
		copy_file(from, to, loses & kind_of(from) ? synced_bytes(&st) : st.st_size);
}

void power_cut(const char *from, const char *to, unsigned loses)
{
	DIR *dir = opendir(from);
	struct dirent *entry;

	mkdir(to, 0700);
	while (dir && (entry = readdir(dir))) {
		char a[600], b[600];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, "lock") == 0 || strcmp(entry->d_name, "LOCK") == 0)
			continue;
		snprintf(a, sizeof(a), "%.300s/%.200s", from, entry->d_name);
		snprintf(b, sizeof(b), "%.300s/%.200s", to, entry->d_name);
		copy_name(a, b, loses);
	}
	if (dir)
		closedir(dir);
}
