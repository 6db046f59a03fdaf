/*
 * A library in front of libc that sees each call of a process on files below FAIL_DIR, its own and
 * LevelDB's, counts them, and lets those fail that the page names (fail.h).
 *
 *	FAIL_DIR=/data FAIL_PAGE=/tmp/page LD_PRELOAD=…/fail.so seriesfs /data /mnt
 *
 * Why: what the code does when the disk refuses can be seen only when each call is refused once.
 * Calls on other files, and all of a process that is not told to, go through as they are.
 */
#include "tests/torture/calls/fail.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX	 65536
#define DIRS_MAX 64

static struct fail_page *page;
static char root[4096];
static size_t root_length;
static atomic_bool watched[FDS_MAX];	     /* descriptors of files below the root */
static DIR *_Atomic dirs[DIRS_MAX];	     /* open directories below it */
static _Atomic unsigned dirs_read[DIRS_MAX]; /* names that were asked for */

/*
 * Syncs that went well tell how much of a file is safe; by inode, since a file has many
 * descriptors. A process of one run syncs some hundred files.
 */
#define SAFE_MAX 4096
static struct safe {
	_Atomic uint64_t inode;
	_Atomic uint64_t bytes;
} safe[SAFE_MAX];

#define REAL(name)                                                                                 \
	static __typeof__(name) *real;                                                             \
	if (!real)                                                                                 \
	real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void)
{
	const char *dir = getenv("FAIL_DIR"), *path = getenv("FAIL_PAGE");
	int fd;

	if (!dir || !path)
		return;
	snprintf(root, sizeof(root), "%s", dir);
	root_length = strlen(root);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	void *at = (void *)syscall(SYS_mmap, NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				   MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (at != MAP_FAILED)
		page = at;
}

/* --- which files ---------------------------------------------------------------------- */

static bool is_below(const char *path)
{
	return page && path && strncmp(path, root, root_length) == 0 &&
	       (path[root_length] == '/' || path[root_length] == '\0');
}

static bool is_watched(int fd)
{
	return page && fd >= 0 && fd < FDS_MAX && atomic_load(&watched[fd]);
}

static bool is_at(int dir_fd, const char *path)
{
	return is_below(path) || (path && path[0] != '/' && is_watched(dir_fd));
}

static int watch(int fd, bool yes)
{
	if (fd >= 0 && fd < FDS_MAX)
		atomic_store(&watched[fd], yes);
	return fd;
}

/* --- what fails ----------------------------------------------------------------------- */

static const int errnos[] = { EIO, ENOSPC, EDQUOT, EMFILE, ENOMEM, ENOSPC, EIO };

/* Counts the call. True: it fails, with errno set. */
static bool fails(enum fail_call call, const char *name, const char *path, int fd)
{
	uint64_t n = atomic_fetch_add(&page->count, 1) + 1, at = atomic_load(&page->at);
	enum fail_way way = atomic_load(&page->way);
	char link[32];

	if (n < sizeof(page->kinds))
		atomic_store(&page->kinds[n], call + 1);
	if (at == 0 || n < at || (n > at && !atomic_load(&page->always)) || !fail_fits(call, way))
		return false;
	snprintf(page->what, sizeof(page->what), "%s %.150s", name, path ? path : "");
	if (!path) {
		size_t length = strlen(page->what);
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t more = syscall(SYS_readlinkat, AT_FDCWD, link, page->what + length,
				       sizeof(page->what) - length - 1);
		page->what[length + (more > 0 ? (size_t)more : 0)] = '\0';
	}
	atomic_fetch_add(&page->failed, 1);
	errno = errnos[way];
	return true;
}

/* --- opening and closing ---------------------------------------------------------------- */

static enum fail_call kind_of_open(int dir_fd, const char *path, int flags)
{
	struct stat st;

	return flags & O_CREAT && syscall(SYS_newfstatat, dir_fd, path, &st, 0) < 0 ? CALL_CREATE
										    : CALL_OPEN;
}

static int open_at(const char *name, int dir_fd, const char *path, int flags, mode_t mode)
{
	bool ours = page && is_at(dir_fd, path);

	if (ours && fails(kind_of_open(dir_fd, path, flags), name, path, -1))
		return -1;
	return watch((int)syscall(SYS_openat, dir_fd, path, flags, mode), ours);
}

#define MODE_OF_OPEN(flags)                                                                        \
	mode_t mode = 0;                                                                           \
	if ((flags) & (O_CREAT | O_TMPFILE)) {                                                     \
		va_list args;                                                                      \
		va_start(args, flags);                                                             \
		mode = va_arg(args, mode_t);                                                       \
		va_end(args);                                                                      \
	}

int open(const char *path, int flags, ...)
{
	MODE_OF_OPEN(flags)
	return open_at("open", AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	MODE_OF_OPEN(flags)
	return open_at("open", AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
	MODE_OF_OPEN(flags)
	return open_at("openat", dir_fd, path, flags, mode);
}

int openat64(int dir_fd, const char *path, int flags, ...)
{
	MODE_OF_OPEN(flags)
	return open_at("openat", dir_fd, path, flags | O_LARGEFILE, mode);
}

int creat(const char *path, mode_t mode)
{
	return open_at("creat", AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* The descriptor is gone all the same, as Linux does it. */
int close(int fd)
{
	bool failed = is_watched(fd) && fails(CALL_CLOSE, "close", NULL, fd);
	int error = errno;

	watch(fd, false);
	int result = (int)syscall(SYS_close, fd);
	if (failed)
		errno = error;
	return failed ? -1 : result;
}

/* --- bytes ------------------------------------------------------------------------------ */

ssize_t read(int fd, void *data, size_t length)
{
	if (is_watched(fd) && fails(CALL_READ, "read", NULL, fd))
		return -1;
	return syscall(SYS_read, fd, data, length);
}

ssize_t pread64(int fd, void *data, size_t length, off64_t offset)
{
	if (is_watched(fd) && fails(CALL_READ, "pread", NULL, fd))
		return -1;
	return syscall(SYS_pread64, fd, data, length, offset);
}

ssize_t pread(int fd, void *data, size_t length, off_t offset)
{
	return pread64(fd, data, length, offset);
}

/* True: the call ends here with `*length` bytes written, or less than 0. */
static bool write_fails(const char *name, int fd, size_t *length, bool *half)
{
	*half = false;
	if (!is_watched(fd) || !fails(CALL_WRITE, name, NULL, fd))
		return false;
	/* The first one is short; those after it find no room at all. */
	*half = atomic_load(&page->way) == FAIL_SHORT && *length > 1 &&
		atomic_load(&page->failed) == 1;
	*length /= 2;
	return true;
}

ssize_t write(int fd, const void *data, size_t length)
{
	bool half;

	if (write_fails("write", fd, &length, &half) && !half)
		return -1;
	return syscall(SYS_write, fd, data, length);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
	bool half;

	if (write_fails("pwrite", fd, &length, &half) && !half)
		return -1;
	return syscall(SYS_pwrite64, fd, data, length, offset);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
	return pwrite64(fd, data, length, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	if (is_watched(fd) && fails(CALL_WRITE, "writev", NULL, fd))
		return -1;
	return syscall(SYS_writev, fd, parts, count);
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length,
			unsigned flags)
{
	if (is_watched(to) && fails(CALL_WRITE, "copy_file_range", NULL, to))
		return -1;
	return syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
}

int ftruncate64(int fd, off64_t length)
{
	if (is_watched(fd) && fails(CALL_TRUNCATE, "ftruncate", NULL, fd))
		return -1;
	return (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate(int fd, off_t length)
{
	return ftruncate64(fd, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
	if (is_watched(fd) && fails(CALL_ALLOCATE, "fallocate", NULL, fd))
		return -1;
	return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	return fallocate64(fd, mode, offset, length);
}

/* --- syncs ------------------------------------------------------------------------------ */

/* What is known of an inode; without `make` NULL for one of which nothing is. */
static struct safe *safe_of(uint64_t inode, bool make)
{
	for (size_t i = 0; i < SAFE_MAX; i++) {
		struct safe *at = &safe[(inode + i) % SAFE_MAX];
		uint64_t none = 0;

		if (atomic_load(&at->inode) == inode)
			return at;
		if (!make && atomic_load(&at->inode) == 0)
			return NULL;
		if (make &&
		    (atomic_compare_exchange_strong(&at->inode, &none, inode) || none == inode))
			return at;
	}
	/* Else the end would look like one of the engine's. */
	snprintf(page->what, sizeof(page->what), "fail.c knows no more than %u files", SAFE_MAX);
	abort();
}

static void note_safe(int fd)
{
	struct stat st;

	if (syscall(SYS_fstat, fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	atomic_store(&safe_of(st.st_ino, true)->bytes, (uint64_t)st.st_size);
}

/* The kernel marks pages clean that it could not write, and forgets them: here at once. */
static void lose(int fd)
{
	static const char zeros[4096];
	char path[32];
	struct stat st;

	if (syscall(SYS_fstat, fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	struct safe *at = safe_of(st.st_ino, true);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int other = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY);
	if (other < 0)
		return;
	for (uint64_t from = atomic_load(&at->bytes); from < (uint64_t)st.st_size;) {
		uint64_t left = (uint64_t)st.st_size - from;
		size_t step = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);

		if (syscall(SYS_pwrite64, other, zeros, step, from) < 0)
			break;
		from += step;
	}
	syscall(SYS_close, other);
}

static void hold(int fd)
{
	char link[32], path[4096];

	if (!atomic_load(&page->hold))
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	if (!strstr(path, page->hold_match))
		return;
	atomic_fetch_add(&page->held, 1);
	while (atomic_load(&page->hold))
		usleep(1000);
	atomic_fetch_sub(&page->held, 1);
}

static int sync_with(const char *name, int fd, long number)
{
	if (is_watched(fd)) {
		hold(fd);
		if (fails(CALL_SYNC, name, NULL, fd)) {
			int error = errno;

			if (atomic_load(&page->way) == FAIL_LOST)
				lose(fd);
			errno = error;
			return -1;
		}
	}
	int result = (int)syscall(number, fd);
	if (result == 0 && is_watched(fd))
		note_safe(fd);
	return result;
}

int fsync(int fd)
{
	return sync_with("fsync", fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return sync_with("fdatasync", fd, SYS_fdatasync);
}

int syncfs(int fd)
{
	return sync_with("syncfs", fd, SYS_syncfs);
}

/* --- names ------------------------------------------------------------------------------ */

/*
 * A name that goes takes what is known of its inode with it: the number comes back. Of the others
 * nothing is noted: the process that deletes what each run left would fill the table for all later
 * runs, and the first sync that loses something would end the run.
 */
static void forget_inode(int dir_fd, const char *path)
{
	struct stat st;

	if (syscall(SYS_newfstatat, dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_nlink > 1 || !S_ISREG(st.st_mode))
		return;
	struct safe *at = safe_of(st.st_ino, false);
	if (at)
		atomic_store(&at->bytes, 0);
}

static int rename_at(const char *name, int from_fd, const char *from, int to_fd, const char *to,
		     unsigned flags)
{
	if (page && is_at(from_fd, from)) {
		if (fails(CALL_RENAME, name, from, -1))
			return -1;
		forget_inode(to_fd, to);
	}
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

int rename(const char *from, const char *to)
{
	return rename_at("rename", AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return rename_at("renameat", from_fd, from, to_fd, to, 0);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return rename_at("renameat2", from_fd, from, to_fd, to, flags);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	if (page && is_at(to_fd, to) && fails(CALL_LINK, "link", to, -1))
		return -1;
	return (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}

int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int dir_fd, const char *path, int flags)
{
	if (page && is_at(dir_fd, path)) {
		if (fails(flags & AT_REMOVEDIR ? CALL_RMDIR : CALL_UNLINK, "unlink", path, -1))
			return -1;
		forget_inode(dir_fd, path);
	}
	return (int)syscall(SYS_unlinkat, dir_fd, path, flags);
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
	if (page && is_at(dir_fd, path) && fails(CALL_MKDIR, "mkdir", path, -1))
		return -1;
	return (int)syscall(SYS_mkdirat, dir_fd, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

/* --- directories ------------------------------------------------------------------------ */

static DIR *watch_dir(DIR *dir)
{
	for (size_t i = 0; dir && i < DIRS_MAX; i++) {
		DIR *none = NULL;

		if (atomic_compare_exchange_strong(&dirs[i], &none, dir)) {
			atomic_store(&dirs_read[i], 0);
			break;
		}
	}
	return dir;
}

static _Atomic(DIR *) *place_of(DIR *dir)
{
	for (size_t i = 0; page && i < DIRS_MAX; i++)
		if (atomic_load(&dirs[i]) == dir)
			return &dirs[i];
	return NULL;
}

DIR *opendir(const char *path)
{
	REAL(opendir);

	if (page && is_below(path)) {
		if (fails(CALL_OPENDIR, "opendir", path, -1))
			return NULL;
		return watch_dir(real(path));
	}
	return real(path);
}

DIR *fdopendir(int fd)
{
	REAL(fdopendir);

	if (is_watched(fd)) {
		if (fails(CALL_STAT, "fdopendir", NULL, fd))
			return NULL;
		return watch_dir(real(fd));
	}
	return real(fd);
}

struct dirent64 *readdir64(DIR *dir)
{
	REAL(readdir64);

	_Atomic(DIR *) *place = place_of(dir);

	/* A directory is asked for a name more than it has; the third may fail, later ones do not
	 * count. */
	if (place && atomic_fetch_add(&dirs_read[place - dirs], 1) == 2 &&
	    fails(CALL_READDIR, "readdir", "", -1))
		return NULL;
	return real(dir);
}

struct dirent *readdir(DIR *dir)
{
	return (struct dirent *)readdir64(dir);
}

int closedir(DIR *dir)
{
	REAL(closedir);
	_Atomic(DIR *) *place = place_of(dir);

	if (place)
		atomic_store(place, NULL);
	return real(dir);
}

/* --- questions -------------------------------------------------------------------------- */

int fstatat64(int dir_fd, const char *restrict path, struct stat64 *restrict out, int flags)
{
	if (page && is_at(dir_fd, path) && fails(CALL_STAT, "stat", path, -1))
		return -1;
	return (int)syscall(SYS_newfstatat, dir_fd, path, out, flags);
}

int fstatat(int dir_fd, const char *restrict path, struct stat *restrict out, int flags)
{
	return fstatat64(dir_fd, path, (struct stat64 *)out, flags);
}

int stat64(const char *restrict path, struct stat64 *restrict out)
{
	return fstatat64(AT_FDCWD, path, out, 0);
}

int stat(const char *restrict path, struct stat *restrict out)
{
	return fstatat64(AT_FDCWD, path, (struct stat64 *)out, 0);
}

int lstat64(const char *restrict path, struct stat64 *restrict out)
{
	return fstatat64(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}

int lstat(const char *restrict path, struct stat *restrict out)
{
	return fstatat64(AT_FDCWD, path, (struct stat64 *)out, AT_SYMLINK_NOFOLLOW);
}

int fstat64(int fd, struct stat64 *out)
{
	if (is_watched(fd) && fails(CALL_STAT, "fstat", NULL, fd))
		return -1;
	return (int)syscall(SYS_fstat, fd, out);
}

int fstat(int fd, struct stat *out)
{
	return fstat64(fd, (struct stat64 *)out);
}

int access(const char *path, int mode)
{
	if (page && is_below(path) && fails(CALL_STAT, "access", path, -1))
		return -1;
	return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset)
{
	if (is_watched(fd) && fails(CALL_MAP, "mmap", NULL, fd))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
}

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
	return mmap64(at, length, protection, flags, fd, offset);
}

int flock(int fd, int operation)
{
	if (is_watched(fd) && fails(CALL_LOCK, "flock", NULL, fd))
		return -1;
	return (int)syscall(SYS_flock, fd, operation);
}

int statvfs64(const char *restrict path, struct statvfs64 *restrict out)
{
	REAL(statvfs64);

	if (page && is_below(path) && fails(CALL_STATVFS, "statvfs", path, -1))
		return -1;
	return real(path, out);
}

int statvfs(const char *restrict path, struct statvfs *restrict out)
{
	return statvfs64(path, (struct statvfs64 *)out);
}
