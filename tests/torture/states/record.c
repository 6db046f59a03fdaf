/*
 * record.so: preloaded into a program, it notes what the program does to a data directory.
 *
 * Why preloaded: LevelDB makes its calls by itself, past engine/base/env.c. What the program
 * reaches in another way (a system call by number, a mapping that is written to) is not seen;
 * who reads the recording compares what it comes to with the directory, and so learns of it.
 *
 *	RECORD_SEED=n		calls that take a while, by chance: on a file system in memory
 *				two threads would meet in too few ways
 *	RECORD_DELAY_US=n	the longest such while; 0 = none
 */
#include "tests/torture/states/record.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 65536

static struct record_head *head; /* NULL: nothing is recorded */
static char dir[PATH_MAX];
static size_t dir_length;
/* st_ino of what is open below the directory, 0 = another file. */
static _Atomic uint64_t files[FILES_MAX];
static uint64_t delay_us, seed;
static _Atomic uint64_t delays;

/* The next definition of a function: libc's. */
#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

/* --- the log -------------------------------------------------------------------------- */

static void lock(void)
{
	pthread_mutex_lock(&head->lock);
}

static void unlock(void)
{
	pthread_mutex_unlock(&head->lock);
}

static void note(uint32_t kind, uint64_t file, uint64_t a, uint64_t b, const void *payload,
		 size_t bytes)
{
	struct record record = { (uint32_t)bytes, kind, file, a, b };
	size_t room = (sizeof(record) + bytes + 7) & ~(size_t)7;
	char *to = (char *)head + head->bytes;

	if (head->bytes + room > RECORD_BYTES_MAX) {
		head->overflow = 1;
		return;
	}
	memcpy(to, &record, sizeof(record));
	if (bytes)
		memcpy(to + sizeof(record), payload, bytes);
	head->bytes += room;
	head->count++;
}

static void note_strange(const char *what)
{
	note(RECORD_STRANGE, 0, 0, 0, what, strlen(what));
}

static void map_log(const char *path)
{
	int fd = REAL(open)(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	bool fresh = st.st_size == 0;
	if (fresh && REAL(ftruncate)(fd, (off_t)RECORD_BYTES_MAX) < 0)
		abort();
	head = REAL(mmap)(NULL, RECORD_BYTES_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (head == MAP_FAILED)
		abort();
	REAL(close)(fd);
	if (!fresh)
		return;
	pthread_mutexattr_t shared;
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&head->lock, &shared);
	head->bytes = sizeof(*head);
	if (stat(dir, &st) == 0)
		head->root = st.st_ino;
	head->magic = RECORD_MAGIC;
}

__attribute__((constructor)) static void start(void)
{
	const char *log = getenv("RECORD_LOG"), *below = getenv("RECORD_DIR");
	const char *text = getenv("RECORD_SEED"), *longest = getenv("RECORD_DELAY_US");

	if (!log || !below || !realpath(below, dir))
		return;
	dir_length = strlen(dir);
	seed = text ? strtoull(text, NULL, 10) : 0;
	delay_us = longest ? strtoull(longest, NULL, 10) : 0;
	map_log(log);
}

void record_mark(const char *text, uint64_t bytes);
void record_mark(const char *text, uint64_t bytes)
{
	if (!head)
		return;
	lock();
	note(RECORD_MARK, 0, 0, 0, text, bytes);
	unlock();
}

/* --- chance ---------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* One call in `one_in` waits, a short while more often than a long one. */
static void linger(unsigned one_in)
{
	uint64_t chance;

	if (!delay_us)
		return;
	chance = mix(seed ^ mix(delays++));
	if (chance % one_in)
		return;
	uint64_t us = delay_us >> (chance >> 32) % 8;
	nanosleep(&(struct timespec){ (time_t)(us / 1000000), (long)(us % 1000000) * 1000 }, NULL);
}

/* --- paths ------------------------------------------------------------------------------ */

/* Without `.`, `..` and double slashes, which a path of the program may hold. */
static void tidy(char *path)
{
	char *to = path, *from = path;

	while (*from) {
		if (from[0] == '/' && (from[1] == '/' || from[1] == '\0')) {
			from++;
		} else if (strncmp(from, "/.", 2) == 0 && (from[2] == '/' || !from[2])) {
			from += 2;
		} else if (strncmp(from, "/..", 3) == 0 && (from[3] == '/' || !from[3])) {
			from += 3;
			while (to > path && *--to != '/')
				;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/* The path relative to the directory, in `out`; NULL: it lies elsewhere. */
static const char *below(int at, const char *path, char out[PATH_MAX * 2])
{
	size_t length = 0;

	if (!head || !path)
		return NULL;
	if (path[0] != '/' && at == AT_FDCWD) {
		if (!getcwd(out, PATH_MAX))
			return NULL;
		length = strlen(out);
	} else if (path[0] != '/') {
		char link[64];

		snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
		ssize_t got = readlink(link, out, PATH_MAX);
		if (got < 0)
			return NULL;
		length = (size_t)got;
	}
	snprintf(out + length, PATH_MAX, "%s%s", path[0] == '/' ? "" : "/", path);
	tidy(out);
	if (strncmp(out, dir, dir_length) != 0 || (out[dir_length] && out[dir_length] != '/'))
		return NULL;
	return out[dir_length] ? out + dir_length + 1 : out + dir_length;
}

static uint64_t file_of(int fd)
{
	return head && fd >= 0 && fd < FILES_MAX ? files[fd] : 0;
}

static uint64_t number_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

/* --- opening ------------------------------------------------------------------------------ */

static int open_noted(const char *function, int at, const char *path, int flags, mode_t mode)
{
	int (*openat_real)(int, const char *, int, ...) =
		(int (*)(int, const char *, int, ...))real(function);
	char full[PATH_MAX * 2];
	const char *relative = below(at, path, full);
	struct stat before, after;

	if (!relative)
		return openat_real(at, path, flags, mode);
	if (flags & O_CREAT)
		linger(16);
	lock();
	bool was_there = fstatat(at, path, &before, 0) == 0;
	int fd = openat_real(at, path, flags, mode);
	int error = errno;
	if (fd >= 0 && fd < FILES_MAX && fstat(fd, &after) == 0) {
		bool cut = was_there && (flags & O_TRUNC) && before.st_size > 0;

		files[fd] = after.st_ino;
		if (!was_there || cut)
			note(RECORD_OPEN, after.st_ino, was_there ? 2 : 1, 0, relative,
			     strlen(relative));
	}
	unlock();
	errno = error;
	return fd;
}

static mode_t mode_of(int flags, va_list arguments)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name, real_name)                                                                      \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		va_list arguments;                                                                 \
		va_start(arguments, flags);                                                        \
		mode_t mode = mode_of(flags, arguments);                                           \
		va_end(arguments);                                                                 \
		return open_noted(real_name, AT_FDCWD, path, flags, mode);                         \
	}
#define OPENAT(name, real_name)                                                                    \
	int name(int at, const char *path, int flags, ...)                                         \
	{                                                                                          \
		va_list arguments;                                                                 \
		va_start(arguments, flags);                                                        \
		mode_t mode = mode_of(flags, arguments);                                           \
		va_end(arguments);                                                                 \
		return open_noted(real_name, at, path, flags, mode);                               \
	}
OPEN(open, "openat")
OPEN(open64, "openat64")
OPENAT(openat, "openat")
OPENAT(openat64, "openat64")

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open_noted("openat", AT_FDCWD, path, flags, 0);
}
int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
	return open_noted("openat64", AT_FDCWD, path, flags, 0);
}
int __openat_2(int at, const char *path, int flags);
int __openat_2(int at, const char *path, int flags)
{
	return open_noted("openat", at, path, flags, 0);
}
int __openat64_2(int at, const char *path, int flags);
int __openat64_2(int at, const char *path, int flags)
{
	return open_noted("openat64", at, path, flags, 0);
}
int creat(const char *path, mode_t mode)
{
	return open_noted("openat", AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode)
{
	return open_noted("openat64", AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int close(int fd)
{
	if (fd >= 0 && fd < FILES_MAX)
		files[fd] = 0;
	return REAL(close)(fd);
}
static int copied(int from, int to)
{
	if (head && from >= 0 && from < FILES_MAX && to >= 0 && to < FILES_MAX)
		files[to] = files[from];
	return to;
}
int dup(int fd)
{
	return copied(fd, REAL(dup)(fd));
}
int dup2(int fd, int to)
{
	return copied(fd, REAL(dup2)(fd, to));
}
int dup3(int fd, int to, int flags)
{
	return copied(fd, REAL(dup3)(fd, to, flags));
}

/* --- bytes -------------------------------------------------------------------------------- */

ssize_t write(int fd, const void *data, size_t bytes)
{
	uint64_t file = file_of(fd);

	if (!file)
		return REAL(write)(fd, data, bytes);
	linger(64);
	lock();
	ssize_t done = REAL(write)(fd, data, bytes);
	int error = errno;
	if (done > 0)
		note(RECORD_WRITE, file, (uint64_t)(lseek(fd, 0, SEEK_CUR) - done), 0, data,
		     (size_t)done);
	unlock();
	errno = error;
	return done;
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
	uint64_t file = file_of(fd);

	if (!file)
		return REAL(pwrite)(fd, data, bytes, offset);
	lock();
	ssize_t done = REAL(pwrite)(fd, data, bytes, offset);
	int error = errno;
	if (done > 0)
		note(RECORD_WRITE, file, (uint64_t)offset, 0, data, (size_t)done);
	unlock();
	errno = error;
	return done;
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset)
{
	return pwrite(fd, data, bytes, offset);
}

/* One write for each piece: the order of bytes is all that counts here. */
ssize_t writev(int fd, const struct iovec *pieces, int count)
{
	ssize_t sum = 0;

	if (!file_of(fd))
		return REAL(writev)(fd, pieces, count);
	for (int i = 0; i < count; i++) {
		ssize_t done = write(fd, pieces[i].iov_base, pieces[i].iov_len);

		if (done < 0)
			return sum ? sum : done;
		sum += done;
		if ((size_t)done < pieces[i].iov_len)
			break;
	}
	return sum;
}

/* Whatever put them there: note the bytes of a range as they now are. */
static void note_range(int fd, uint64_t file, off_t offset, size_t bytes)
{
	char *data = malloc(bytes + 1), path[64];

	/* The descriptor may be open for writing alone. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int reader = REAL(open)(path, O_RDONLY | O_CLOEXEC);
	if (!data || reader < 0 || pread(reader, data, bytes, offset) != (ssize_t)bytes)
		note_strange("a copy that could not be read back");
	else
		note(RECORD_WRITE, file, (uint64_t)offset, 0, data, bytes);
	if (reader >= 0)
		REAL(close)(reader);
	free(data);
}

/* Under lock, which it ends: so many bytes came to a file by a copy. */
static ssize_t came_by_copy(int to, uint64_t file, off_t offset, ssize_t done)
{
	int error = errno;

	if (done > 0)
		note_range(to, file, offset, (size_t)done);
	unlock();
	errno = error;
	return done;
}

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t bytes,
			unsigned flags)
{
	uint64_t file = file_of(to);

	if (!file)
		return REAL(copy_file_range)(from, from_offset, to, to_offset, bytes, flags);
	lock();
	off_t offset = to_offset ? *to_offset : lseek(to, 0, SEEK_CUR);
	return came_by_copy(to, file, offset,
			    REAL(copy_file_range)(from, from_offset, to, to_offset, bytes, flags));
}

ssize_t sendfile(int to, int from, off_t *from_offset, size_t bytes)
{
	uint64_t file = file_of(to);

	if (!file)
		return REAL(sendfile)(to, from, from_offset, bytes);
	lock();
	off_t offset = lseek(to, 0, SEEK_CUR);
	return came_by_copy(to, file, offset, REAL(sendfile)(to, from, from_offset, bytes));
}
ssize_t sendfile64(int to, int from, off64_t *from_offset, size_t bytes)
{
	return sendfile(to, from, from_offset, bytes);
}

int ftruncate(int fd, off_t size)
{
	uint64_t file = file_of(fd);

	if (!file)
		return REAL(ftruncate)(fd, size);
	lock();
	int result = REAL(ftruncate)(fd, size);
	int error = errno;
	if (result == 0)
		note(RECORD_TRUNCATE, file, (uint64_t)size, 0, NULL, 0);
	unlock();
	errno = error;
	return result;
}
int ftruncate64(int fd, off64_t size)
{
	return ftruncate(fd, size);
}

int truncate(const char *path, off_t size)
{
	char full[PATH_MAX * 2];

	if (!below(AT_FDCWD, path, full))
		return REAL(truncate)(path, size);
	lock();
	int result = REAL(truncate)(path, size);
	int error = errno;
	if (result == 0)
		note(RECORD_TRUNCATE, number_of(path), (uint64_t)size, 0, NULL, 0);
	unlock();
	errno = error;
	return result;
}
int truncate64(const char *path, off64_t size)
{
	return truncate(path, size);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes)
{
	uint64_t file = file_of(fd);

	if (!file)
		return REAL(fallocate)(fd, mode, offset, bytes);
	lock();
	int result = REAL(fallocate)(fd, mode, offset, bytes);
	int error = errno;
	struct stat st;
	if (result == 0 && mode == 0 && fstat(fd, &st) == 0)
		note(RECORD_TRUNCATE, file, (uint64_t)st.st_size, 0, NULL, 0);
	else if (result == 0)
		note_strange("fallocate with a mode");
	unlock();
	errno = error;
	return result;
}
int fallocate64(int fd, int mode, off64_t offset, off64_t bytes)
{
	return fallocate(fd, mode, offset, bytes);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	if (file_of(fd) && (protection & PROT_WRITE) && (flags & MAP_SHARED)) {
		lock();
		note_strange("a file that is written through a mapping");
		unlock();
	}
	return REAL(mmap)(address, bytes, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t bytes, int protection, int flags, int fd, off64_t offset)
{
	return mmap(address, bytes, protection, flags, fd, offset);
}

/* --- names ----------------------------------------------------------------------------------- */

static void note_two(uint32_t kind, const char *from, const char *to)
{
	char both[PATH_MAX * 2];
	size_t from_bytes = strlen(from) + 1, to_bytes = strlen(to);

	if (from_bytes + to_bytes > sizeof(both)) {
		note_strange("two long names");
		return;
	}
	memcpy(both, from, from_bytes);
	memcpy(both + from_bytes, to, to_bytes);
	note(kind, 0, 0, 0, both, from_bytes + to_bytes);
}

/* What comes from or goes to a place outside cannot be followed. */
static void note_pair(uint32_t kind, const char *from, const char *to)
{
	if (from && to)
		note_two(kind, from, to);
	else
		note_strange("a name that crosses the border of the directory");
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
	char from_full[PATH_MAX * 2], to_full[PATH_MAX * 2];
	const char *a = below(from_at, from, from_full), *b = below(to_at, to, to_full);

	if (!a && !b)
		return REAL(renameat2)(from_at, from, to_at, to, flags);
	linger(4);
	lock();
	int result = REAL(renameat2)(from_at, from, to_at, to, flags);
	int error = errno;
	if (result == 0)
		note_pair(RECORD_RENAME, a, b);
	if (result == 0 && flags & 2)
		note_strange("an exchange of names");
	unlock();
	errno = error;
	return result;
}
int renameat(int from_at, const char *from, int to_at, const char *to)
{
	return renameat2(from_at, from, to_at, to, 0);
}
int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	char from_full[PATH_MAX * 2], to_full[PATH_MAX * 2];
	const char *a = below(from_at, from, from_full), *b = below(to_at, to, to_full);

	if (!a && !b)
		return REAL(linkat)(from_at, from, to_at, to, flags);
	lock();
	int result = REAL(linkat)(from_at, from, to_at, to, flags);
	int error = errno;
	if (result == 0)
		note_pair(RECORD_LINK, a, b);
	unlock();
	errno = error;
	return result;
}
int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int at, const char *path, int flags)
{
	char full[PATH_MAX * 2];
	const char *relative = below(at, path, full);

	if (!relative)
		return REAL(unlinkat)(at, path, flags);
	linger(8);
	lock();
	int result = REAL(unlinkat)(at, path, flags);
	int error = errno;
	if (result == 0)
		note(flags & AT_REMOVEDIR ? RECORD_RMDIR : RECORD_UNLINK, 0, 0, 0, relative,
		     strlen(relative));
	unlock();
	errno = error;
	return result;
}
int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}
int rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}
int remove(const char *path)
{
	struct stat st;
	bool is_dir = lstat(path, &st) == 0 && S_ISDIR(st.st_mode);

	return unlinkat(AT_FDCWD, path, is_dir ? AT_REMOVEDIR : 0);
}

int mkdirat(int at, const char *path, mode_t mode)
{
	char full[PATH_MAX * 2];
	const char *relative = below(at, path, full);
	struct stat st;

	if (!relative)
		return REAL(mkdirat)(at, path, mode);
	linger(8);
	lock();
	int result = REAL(mkdirat)(at, path, mode);
	int error = errno;
	if (result == 0 && fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		note(RECORD_MKDIR, st.st_ino, 0, 0, relative, strlen(relative));
	unlock();
	errno = error;
	return result;
}
int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}
int symlinkat(const char *target, int at, const char *path)
{
	char full[PATH_MAX * 2];

	if (below(at, path, full)) {
		lock();
		note_strange("a symbolic link");
		unlock();
	}
	return REAL(symlinkat)(target, at, path);
}
int symlink(const char *target, const char *path)
{
	return symlinkat(target, AT_FDCWD, path);
}

/* --- syncs ------------------------------------------------------------------------------------ */

static int sync_noted(int fd, uint64_t file, int (*sync_real)(int))
{
	lock();
	uint64_t number = ++head->syncs;
	note(RECORD_SYNC_BEGIN, file, number, 0, NULL, 0);
	unlock();
	int result = sync_real(fd);
	int error = errno;
	linger(2);
	lock();
	note(RECORD_SYNC_END, file, number, result == 0, NULL, 0);
	unlock();
	errno = error;
	return result;
}
int fsync(int fd)
{
	uint64_t file = file_of(fd);

	return file ? sync_noted(fd, file, REAL(fsync)) : REAL(fsync)(fd);
}
int fdatasync(int fd)
{
	uint64_t file = file_of(fd);

	return file ? sync_noted(fd, file, REAL(fdatasync)) : REAL(fdatasync)(fd);
}
/* file 0: everything. */
int syncfs(int fd)
{
	return file_of(fd) ? sync_noted(fd, 0, REAL(syncfs)) : REAL(syncfs)(fd);
}
