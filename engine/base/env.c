/*
 * Makes the system calls on files and directories, and turns an errno into a row of errors.def.
 *
 * Why: no other file below fs/ opens one, so that what holds for all of them (no link is followed,
 * a signal interrupts nothing) is said once, and a test that wraps env_*() sees every call. Locks
 * are in env_lock.c; what is asked of the machine, as the time, is in env_machine.c.
 */
#include "engine/base/env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/env_inner.h"
#include "engine/base/err.h"
#include "engine/base/log.h"

int env_failed(const char *what, const char *path)
{
	switch (errno) {
	case ENOSPC:
	case EDQUOT: return ERR_SPACE;
	case EFBIG: return ERR_FILE_SIZE;
	case ENOENT:
	case ENOTDIR: return ERR_NOT_FOUND;
	case EEXIST: return ERR_EXISTS;
	case ENOTEMPTY: return ERR_NOT_EMPTY;
	case ENOMEM: return ERR_MEMORY;
	case EMFILE:
	case ENFILE: return ERR_FILES;
	case EBUSY:
	case EWOULDBLOCK:
	case ETXTBSY: return ERR_BUSY;
	case EACCES:
	case EPERM: return ERR_ACCESS;
	case EROFS: return ERR_READ_ONLY;
	case EXDEV: return ERR_LAYER; /* we never rename to another disk */
	case ELOOP:
		log_error("%s %s: it is a symbolic link, and files of a data directory are none",
			  what, path);
		return ERR_IO;
	}
	log_error("%s %s: %s", what, path, strerror(errno));
	return ERR_IO;
}

/*
 * A file of a data directory is never a link, a pipe or a device. A user who could once put a link
 * there would have a daemon of root cut short, or write to, any file of the system.
 */
int env_open(const char *path, int flags, int *fd)
{
	bool is_directory = flags & O_DIRECTORY;
	struct stat st;

	/* Without O_NONBLOCK a pipe in a file's place holds up its opener for ever. */
	if (!is_directory)
		flags |= O_NOFOLLOW | O_NONBLOCK;
	do
		*fd = open(path, flags | O_CLOEXEC, 0600);
	while (*fd < 0 && errno == EINTR);
	if (*fd < 0)
		return env_failed("open", path);
	if (is_directory || fstat(*fd, &st) < 0 || S_ISREG(st.st_mode))
		return OK;
	env_close(*fd);
	*fd = -1;
	log_error("open %s: it is no file, and files of a data directory are", path);
	return ERR_IO;
}

int env_open_append(const char *path, int *fd, uint64_t *size)
{
	struct stat st;
	int err;

	TRY(env_open(path, O_RDWR | O_CREAT | O_APPEND, fd));
	if (fstat(*fd, &st) == 0) {
		*size = (uint64_t)st.st_size;
		return OK;
	}
	err = env_failed("stat", path);
	env_close(*fd);
	*fd = -1;
	return err;
}

int env_append(int fd, const void *data, size_t length)
{
	const char *p = data;

	/* A write to a full disk may take a part and fail at the next: the caller cuts it off. */
	while (length > 0) {
		ssize_t written = write(fd, p, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return env_failed("write", "to a file that grows");
		p += written;
		length -= (size_t)written;
	}
	return OK;
}

int env_truncate(int fd, uint64_t size)
{
	int result;

	do
		result = ftruncate(fd, (off_t)size);
	while (result < 0 && errno == EINTR);
	return result < 0 ? env_failed("truncate", "an open file") : OK;
}

int env_sync(int fd)
{
	/* Not repeated: after a failure the kernel may have dropped the pages it could not write.
	 */
	return fdatasync(fd) < 0 ? env_failed("sync", "an open file") : OK;
}

void env_close(int fd)
{
	if (fd >= 0)
		close(fd); /* on Linux the descriptor is gone even after EINTR */
}

static int read_to_end(int fd, const char *path, struct buf *out)
{
	struct stat st;
	size_t step = 64u << 10;

	if (fstat(fd, &st) == 0 && st.st_size > 0)
		step = (size_t)st.st_size + 1; /* and one to see the end */
	for (;; step = 64u << 10) {
		ssize_t got = read(fd, buf_reserve(out, step), step);

		if (got == 0)
			return OK;
		if (got < 0 && errno != EINTR)
			return env_failed("read", path);
		if (got > 0)
			out->length += (size_t)got;
	}
}

int env_read_file(const char *path, struct buf *out)
{
	int fd, err;

	TRY(env_open(path, O_RDONLY, &fd));
	err = read_to_end(fd, path, out);
	env_close(fd);
	return err;
}

int env_read_system_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return env_failed("open", path);
	err = read_to_end(fd, path, out);
	env_close(fd);
	return err;
}

bool env_parent(const char *path, char parent[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	if (length >= PATH_MAX)
		return false;
	memcpy(parent, path, length);
	parent[length] = '\0';
	if (length == 0)
		strcpy(parent, slash ? "/" : ".");
	return true;
}

static int write_new(const char *path, struct slice content, bool sync)
{
	int fd, err;

	TRY(env_open(path, O_WRONLY | O_CREAT | O_TRUNC, &fd));
	err = env_append(fd, content.data, content.length);
	if (err == OK && sync)
		err = env_sync(fd);
	env_close(fd);
	return err;
}

/* A reader of `path` finds the old content or the new one, never a part: rename() is one step. */
static int replace_file(const char *path, struct slice content, bool sync)
{
	char path_new[PATH_MAX];
	int err;

	if (snprintf(path_new, sizeof(path_new), "%s.new", path) >= (int)sizeof(path_new))
		return ERR_NOT_FOUND;
	err = write_new(path_new, content, sync);
	if (err == OK)
		err = env_rename(path_new, path);
	if (err < 0)
		unlink(path_new);
	return err;
}

int env_write_file(const char *path, struct slice content)
{
	char parent[PATH_MAX];

	if (!env_parent(path, parent))
		return ERR_NOT_FOUND;
	TRY(replace_file(path, content, true));
	return env_sync_dir(parent);
}

int env_write_file_unsynced(const char *path, struct slice content)
{
	return replace_file(path, content, false);
}

int env_mkdir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) == 0)
		return OK;
	/* A link to a directory would do for mkdir -p; here it leads out of the data directory. */
	if (errno == EEXIST && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		errno = ELOOP;
	else if (errno == EEXIST && lstat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? OK : ERR_EXISTS;
	return env_failed("mkdir", path);
}

int env_rename(const char *from, const char *to)
{
	return rename(from, to) < 0 ? env_failed("rename", from) : OK;
}

int env_unlink(const char *path)
{
	return unlink(path) < 0 ? env_failed("unlink", path) : OK;
}

int env_link(const char *from, const char *to)
{
	return link(from, to) < 0 ? env_failed("link", from) : OK;
}

/* From one file system to another, or on one that cannot copy by itself. */
static int copy_by_hand(int from_fd, int to_fd, const char *path, uint64_t bytes_max)
{
	char bytes[16 << 10];

	while (bytes_max > 0) {
		size_t step = bytes_max < sizeof(bytes) ? (size_t)bytes_max : sizeof(bytes);
		ssize_t got = read(from_fd, bytes, step);

		if (got == 0)
			return OK;
		if (got < 0 && errno != EINTR)
			return env_failed("read", path);
		if (got > 0)
			TRY(env_append(to_fd, bytes, (size_t)got));
		bytes_max -= got > 0 ? (uint64_t)got : 0;
	}
	return OK;
}

/* The kernel copies, and shares the blocks where the file system can. */
static int copy_bytes(int from_fd, int to_fd, const char *path, uint64_t bytes_max)
{
	while (bytes_max > 0) {
		size_t step = bytes_max < (1u << 30) ? (size_t)bytes_max : 1u << 30;
		ssize_t copied = copy_file_range(from_fd, NULL, to_fd, NULL, step, 0);

		if (copied == 0)
			return OK;
		if (copied < 0 &&
		    (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
			return copy_by_hand(from_fd, to_fd, path, bytes_max);
		if (copied < 0 && errno != EINTR)
			return env_failed("copy", path);
		if (copied > 0)
			bytes_max -= (uint64_t)copied;
	}
	return OK;
}

int env_copy(const char *from, const char *to, uint64_t bytes_max)
{
	int from_fd, to_fd, err;

	TRY(env_open(from, O_RDONLY, &from_fd));
	err = env_open(to, O_WRONLY | O_CREAT | O_EXCL, &to_fd);
	if (err == OK) {
		err = copy_bytes(from_fd, to_fd, from, bytes_max);
		if (err == OK)
			err = env_sync(to_fd);
		env_close(to_fd);
	}
	env_close(from_fd);
	return err;
}

int env_copy_range(int from_fd, int to_fd, uint64_t offset, uint64_t length)
{
	while (length > 0) {
		off_t from = (off_t)offset, to = (off_t)offset;
		size_t step = length < (1u << 30) ? (size_t)length : 1u << 30;
		ssize_t copied = copy_file_range(from_fd, &from, to_fd, &to, step, 0);

		if (copied == 0)
			return ERR_IO; /* it has no such range */
		if (copied < 0 && errno != EINTR)
			return env_failed("copy", "a part of a file");
		if (copied > 0) {
			offset += (uint64_t)copied;
			length -= (uint64_t)copied;
		}
	}
	return OK;
}

int env_open_write(const char *path, int *fd)
{
	return env_open(path, O_WRONLY | O_CREAT, fd);
}

int env_sync_dir(const char *path)
{
	int fd, err = OK;

	TRY(env_open(path, O_RDONLY | O_DIRECTORY, &fd));
	if (fsync(fd) < 0)
		err = env_failed("sync", path);
	env_close(fd);
	return err;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int remove_at(int parent_fd, const char *name);

/* Closes `fd`. By descriptor, so that a directory renamed meanwhile leads nowhere else. */
static int remove_below(int fd, const char *name)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int err = OK;

	if (!dir) {
		err = env_failed("list", name);
		env_close(fd);
		return err;
	}
	while (err == OK && (entry = readdir(dir)))
		if (!is_dots(entry->d_name))
			err = remove_at(dirfd(dir), entry->d_name);
	closedir(dir);
	return err;
}

/* Links are removed, never followed. */
static int remove_at(int parent_fd, const char *name)
{
	int fd;

	if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
		return OK;
	/* Of a directory Linux says EISDIR, and POSIX EPERM. */
	if (errno != EISDIR && errno != EPERM)
		return env_failed("remove", name);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return env_failed("remove", name);
	TRY(remove_below(fd, name));
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return env_failed("remove", name);
	return OK;
}

int env_remove_tree(const char *path)
{
	return remove_at(AT_FDCWD, path);
}

int env_find(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? env_failed("stat", path) : OK;
}

int env_kind(const char *path, enum env_kind *kind)
{
	struct stat st;

	*kind = ENV_NOTHING;
	if (lstat(path, &st) < 0) {
		int err = env_failed("stat", path);
		return err == ERR_NOT_FOUND ? OK : err;
	}
	*kind = S_ISREG(st.st_mode)   ? ENV_FILE
		: S_ISDIR(st.st_mode) ? ENV_DIRECTORY
		: S_ISLNK(st.st_mode) ? ENV_LINK
				      : ENV_OTHER;
	return OK;
}

bool env_is(const char *path, enum env_kind kind)
{
	enum env_kind found;

	return env_kind(path, &found) == OK && found == kind;
}

bool env_is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void env_overwrite(const char *path, struct slice content)
{
	int fd;

	if (env_open(path, O_WRONLY | O_CREAT, &fd) < 0)
		return;
	if (pwrite(fd, content.data, content.length, 0) < 0) {
		/* it stays as it was */
	}
	env_close(fd);
}

bool env_exists(const char *path)
{
	return env_find(path) != ERR_NOT_FOUND;
}

bool env_is_read_only(const char *path)
{
	return access(path, W_OK) < 0 && errno == EROFS;
}

const char *env_temporary_place(void)
{
	const char *const places[] = { getenv("TMPDIR"), "/tmp", "/run", "/dev/shm" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (places[i] && places[i][0] == '/' && access(places[i], W_OK | X_OK) == 0)
			return places[i];
	return NULL;
}

int env_list(const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = OK;

	if (!dir)
		return env_failed("list", path);
	/* readdir() gives NULL at the end and after a failure: errno alone tells which. */
	while (err >= 0 && (errno = 0, entry = readdir(dir)))
		if (!is_dots(entry->d_name))
			err = each(arg, entry->d_name);
	if (err >= 0 && errno)
		err = env_failed("list", path);
	closedir(dir);
	return err < 0 ? err : OK;
}

struct dir_sum {
	const char *path;
	uint64_t bytes;
};

/* A file that went away meanwhile uses nothing. */
static int add_file_bytes(void *arg, const char *name)
{
	struct dir_sum *sum = arg;
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", sum->path, name) < (int)sizeof(path) &&
	    lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		sum->bytes += (uint64_t)st.st_blocks * 512;
	return OK;
}

int env_dir_bytes(const char *path, uint64_t *bytes)
{
	struct dir_sum sum = { path, 0 };

	TRY(env_list(path, add_file_bytes, &sum));
	*bytes = sum.bytes;
	return OK;
}
