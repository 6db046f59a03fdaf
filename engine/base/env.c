/* The operating system's side: the one file that makes system calls on files. */
#include "engine/base/env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/base/log.h"
#include "engine/base/number.h"

#define PATH_BYTES_MAX 4096

/* errno as a row of errors.def; what has no row of its own is the disk's. */
static int error_of(int errno_value)
{
	static const struct {
		int errno_value, err;
	} rows[] = {
		{ ENOSPC, ERR_SPACE },	   { EDQUOT, ERR_SPACE },  { EFBIG, ERR_SPACE },
		{ ENOENT, ERR_NOT_FOUND }, { EEXIST, ERR_EXISTS }, { ENOTEMPTY, ERR_NOT_EMPTY },
		{ EWOULDBLOCK, ERR_BUSY }, { EACCES, ERR_ACCESS }, { EPERM, ERR_ACCESS },
		{ EROFS, ERR_READ_ONLY },  { ENOMEM, ERR_MEMORY },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].errno_value == errno_value)
			return rows[i].err;
	return ERR_IO;
}

static int result_of(int returned)
{
	return returned < 0 ? error_of(errno) : OK;
}

int env_open_append(const char *path, int *fd, uint64_t *size)
{
	struct stat st;

	*fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (*fd < 0)
		return error_of(errno);
	if (fstat(*fd, &st) < 0) {
		int err = error_of(errno);

		close(*fd);
		return err;
	}
	*size = (uint64_t)st.st_size;
	return OK;
}

int env_append(int fd, const void *data, size_t length)
{
	const char *next = data;

	while (length) {
		ssize_t wrote = write(fd, next, length);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return error_of(errno);
		next += wrote;
		length -= (size_t)wrote;
	}
	return OK;
}

int env_truncate(int fd, uint64_t size)
{
	return result_of(ftruncate(fd, (off_t)size));
}

int env_sync(int fd)
{
	return result_of(fdatasync(fd));
}

void env_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int read_all(int fd, struct buf *out)
{
	for (;;) {
		char *room = buf_reserve(out, 1 << 16);
		ssize_t got = read(fd, room, 1 << 16);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_of(errno);
		if (got == 0)
			return OK;
		out->length += (size_t)got;
	}
}

int env_read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_of(errno);
	int err = read_all(fd, out);
	close(fd);
	return err;
}

/* The directory part of a path; "." when it has none. */
static void path_parent(const char *path, char *parent)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	snprintf(parent, PATH_BYTES_MAX, "%.*s", slash ? (int)(length ? length : 1) : 1,
		 slash ? path : ".");
}

static int write_synced(const char *path, struct slice content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_of(errno);
	int err = env_append(fd, content.data, content.length);
	if (err == OK)
		err = env_sync(fd);
	close(fd);
	return err;
}

int env_write_file(const char *path, struct slice content)
{
	char temporary[PATH_BYTES_MAX], parent[PATH_BYTES_MAX];

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new", path) >= sizeof(temporary))
		return ERR_TOO_LONG;
	int err = write_synced(temporary, content);
	if (err == OK)
		err = env_rename(temporary, path);
	if (err < 0) {
		unlink(temporary);
		return err;
	}
	path_parent(path, parent);
	return env_sync_dir(parent);
}

int env_mkdir(const char *path)
{
	return mkdir(path, 0700) < 0 && errno != EEXIST ? error_of(errno) : OK;
}

int env_rename(const char *from, const char *to)
{
	return result_of(rename(from, to));
}

int env_unlink(const char *path)
{
	return result_of(unlink(path));
}

int env_sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_of(errno);
	int err = result_of(fsync(fd));
	close(fd);
	return err;
}

/* Below one directory, which is open; closes it. */
static int remove_below(int dir_fd)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;
	int err = OK;

	if (!dir) {
		close(dir_fd);
		return ERR_IO;
	}
	while (err == OK && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM) {
			err = error_of(errno);
			break;
		}
		int child = openat(dirfd(dir), entry->d_name,
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		err = child < 0 ? error_of(errno) : remove_below(child);
		if (err == OK)
			err = result_of(unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR));
	}
	closedir(dir);
	return err;
}

int env_remove_tree(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOTDIR)
		return result_of(unlink(path));
	if (fd < 0)
		return errno == ENOENT ? OK : error_of(errno);
	TRY(remove_below(fd));
	return result_of(rmdir(path));
}

bool env_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

int env_list(const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = OK;

	if (!dir)
		return error_of(errno);
	while (err >= 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			err = each(arg, entry->d_name);
	closedir(dir);
	return err < 0 ? err : OK;
}

struct dir_bytes {
	const char *path;
	uint64_t total;
};

static int add_bytes(void *arg, const char *name)
{
	struct dir_bytes *sum = arg;
	char path[PATH_BYTES_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", sum->path, name);
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		sum->total += (uint64_t)st.st_blocks * 512;
	return OK;
}

int env_dir_bytes(const char *path, uint64_t *bytes)
{
	struct dir_bytes sum = { path, 0 };

	TRY(env_list(path, add_bytes, &sum));
	*bytes = sum.total;
	return OK;
}

/* Who holds the lock, as the file says. */
static int lock_owner(int fd)
{
	char text[32];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	if (got <= 0)
		return 0;
	text[got] = '\0';
	return atoi(text);
}

int env_lock(const char *path, int *fd, int *owner_pid)
{
	char text[32];
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	*owner_pid = 0;
	if (lock < 0)
		return error_of(errno);
	if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		int err = error_of(errno);

		*owner_pid = lock_owner(lock);
		close(lock);
		return err;
	}
	int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(lock, 0) < 0 || pwrite(lock, text, (size_t)length, 0) != length)
		log_warning("%s: the process number could not be written", path);
	*fd = lock;
	return OK;
}

int env_disk(const char *path, struct env_disk *out)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0)
		return error_of(errno);
	*out = (struct env_disk){
		.bytes = (uint64_t)st.f_blocks * st.f_frsize,
		.bytes_free = (uint64_t)st.f_bfree * st.f_frsize,
		.bytes_available = (uint64_t)st.f_bavail * st.f_frsize,
		.files = st.f_files,
		.files_free = st.f_ffree,
	};
	return OK;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t env_now_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t env_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t env_random(void)
{
	uint64_t value;

	if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
		value = (uint64_t)env_now_ns() * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)getpid();
	return value;
}
