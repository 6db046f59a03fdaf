/*
 * The only place below fs/ that asks the kernel for files, clocks and chance,
 * and where an errno becomes a row of errors.def.
 */
#include "engine/base/env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/base/log.h"
#include "engine/base/map.h"
#include "engine/base/number.h"

/* What the callers' promises do not name is the disk's fault, and the operator is told. */
static int failed(const char *what, const char *path)
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
/* Wait for an owner that ends; tell at once of one that stays. */
#define LOCK_GRACE_NS	 INT64_C(700000000)
#define LOCK_STOPPING_NS INT64_C(120000000000)

static int open_retrying(const char *path, int flags, int *fd)
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
		return failed("open", path);
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

	TRY(open_retrying(path, O_RDWR | O_CREAT | O_APPEND, fd));
	if (fstat(*fd, &st) == 0) {
		*size = (uint64_t)st.st_size;
		return OK;
	}
	err = failed("stat", path);
	env_close(*fd);
	*fd = -1;
	return err;
}

int env_append(int fd, const void *data, size_t length)
{
	const char *p = data;

	while (length > 0) {
		ssize_t written = write(fd, p, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return failed("write", "to a file that grows");
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
	return result < 0 ? failed("truncate", "an open file") : OK;
}

int env_sync(int fd)
{
	/* Not repeated: after a failure the kernel may have dropped the pages it could not write.
	 */
	return fdatasync(fd) < 0 ? failed("sync", "an open file") : OK;
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
			return failed("read", path);
		if (got > 0)
			out->length += (size_t)got;
	}
}

int env_read_file(const char *path, struct buf *out)
{
	int fd, err;

	TRY(open_retrying(path, O_RDONLY, &fd));
	err = read_to_end(fd, path, out);
	env_close(fd);
	return err;
}

int env_read_system_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return failed("open", path);
	err = read_to_end(fd, path, out);
	env_close(fd);
	return err;
}

/* The directory a path lies in, "." when it names none. False when it is too long for a path. */
static bool parent_of(const char *path, char parent[PATH_MAX])
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

	TRY(open_retrying(path, O_WRONLY | O_CREAT | O_TRUNC, &fd));
	err = env_append(fd, content.data, content.length);
	if (err == OK && sync)
		err = env_sync(fd);
	env_close(fd);
	return err;
}

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

	if (!parent_of(path, parent))
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
	if (errno == EEXIST && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		errno = ELOOP;
	else if (errno == EEXIST && lstat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? OK : ERR_EXISTS;
	return failed("mkdir", path);
}

int env_rename(const char *from, const char *to)
{
	return rename(from, to) < 0 ? failed("rename", from) : OK;
}

int env_unlink(const char *path)
{
	return unlink(path) < 0 ? failed("unlink", path) : OK;
}

int env_link(const char *from, const char *to)
{
	return link(from, to) < 0 ? failed("link", from) : OK;
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
			return failed("read", path);
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
			return failed("copy", path);
		if (copied > 0)
			bytes_max -= (uint64_t)copied;
	}
	return OK;
}

int env_copy(const char *from, const char *to, uint64_t bytes_max)
{
	int from_fd, to_fd, err;

	TRY(open_retrying(from, O_RDONLY, &from_fd));
	err = open_retrying(to, O_WRONLY | O_CREAT | O_EXCL, &to_fd);
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
			return failed("copy", "a part of a file");
		if (copied > 0) {
			offset += (uint64_t)copied;
			length -= (uint64_t)copied;
		}
	}
	return OK;
}

int env_open_write(const char *path, int *fd)
{
	return open_retrying(path, O_WRONLY | O_CREAT, fd);
}

int env_sync_dir(const char *path)
{
	int fd, err = OK;

	TRY(open_retrying(path, O_RDONLY | O_DIRECTORY, &fd));
	if (fsync(fd) < 0)
		err = failed("sync", path);
	env_close(fd);
	return err;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int remove_at(int parent_fd, const char *name);

/* Takes `fd`. */
static int remove_below(int fd, const char *name)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int err = OK;

	if (!dir) {
		err = failed("list", name);
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
	if (errno != EISDIR && errno != EPERM)
		return failed("remove", name);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return failed("remove", name);
	TRY(remove_below(fd, name));
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return failed("remove", name);
	return OK;
}

int env_remove_tree(const char *path)
{
	return remove_at(AT_FDCWD, path);
}

int env_find(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? failed("stat", path) : OK;
}

int env_kind(const char *path, enum env_kind *kind)
{
	struct stat st;

	*kind = ENV_NOTHING;
	if (lstat(path, &st) < 0) {
		int err = failed("stat", path);
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

	if (open_retrying(path, O_WRONLY | O_CREAT, &fd) < 0)
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
		return failed("list", path);
	while (err >= 0 && (errno = 0, entry = readdir(dir)))
		if (!is_dots(entry->d_name))
			err = each(arg, entry->d_name);
	if (err >= 0 && errno)
		err = failed("list", path);
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

/* --- locks -------------------------------------------------------------------------- */

/*
 * line := pid [ ' ' host [ ' ' "stopping" ] ] '\n'
 *
 * Outside bytes: what is none of that names nobody. Earlier versions wrote the pid alone.
 */
static void lock_read(int fd, struct env_lock_owner *owner)
{
	char text[128] = "", word[16] = "";
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
	char *end = length > 0 ? strchr(text, '\n') : NULL;

	*owner = (struct env_lock_owner){ 0 };
	if (!end)
		return;
	*end = '\0';
	if (sscanf(text, "%9d %64s %15s", &owner->pid, owner->host, word) < 1 || owner->pid < 0)
		*owner = (struct env_lock_owner){ 0 };
	owner->stopping = strcmp(word, "stopping") == 0;
}

/* The pid of another machine says nothing here, so the machine's name stands beside it. */
static void lock_sign(int fd, const char *word)
{
	char host[65] = "", text[128];

	if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
		strcpy(host, "localhost");
	int length = snprintf(text, sizeof(text), "%d %s%s\n", (int)getpid(), host, word);
	/* Written first, then cut: a reader never finds nothing. A full disk is no reason to fail.
	 */
	if (pwrite(fd, text, (size_t)length, 0) == length && ftruncate(fd, length) < 0)
		log_warning("the lock still tells of its last owner: %s", strerror(errno));
}

void env_lock_stopping(int fd)
{
	if (fd >= 0)
		lock_sign(fd, " stopping");
}

/*
 * Where nothing can be written the file is locked as it is; where there is none, nobody ever wrote
 * here, and the directory is locked.
 */
static int open_lock_read_only(const char *path, int *fd)
{
	char parent[PATH_MAX];
	int err = open_retrying(path, O_RDONLY, fd);

	if (err != ERR_NOT_FOUND || !parent_of(path, parent))
		return err;
	return open_retrying(parent, O_RDONLY | O_DIRECTORY, fd);
}

int env_lock_directory(const char *path, int *fd)
{
	TRY(open_retrying(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, fd));
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return OK;
	env_close(*fd);
	*fd = -1;
	return ERR_BUSY;
}

/* One that only looks does not sign: then the file tells of the owner before it. */
static bool has_ended(const struct env_lock_owner *owner)
{
	char host[65] = "";

	return owner->pid > 0 && gethostname(host, sizeof(host) - 1) == 0 &&
	       strcmp(host, owner->host) == 0 && kill(owner->pid, 0) < 0 && errno == ESRCH;
}

int env_lock(const char *path, enum env_lock_use use, int *fd, struct env_lock_owner *owner)
{
	bool is_looking = use == ENV_LOCK_LOOKS;
	int err = is_looking ? open_lock_read_only(path, fd)
			     : open_retrying(path, O_RDWR | O_CREAT, fd);
	bool is_writable = err == OK && !is_looking;

	*owner = (struct env_lock_owner){ 0 };
	if (use == ENV_LOCK_READS &&
	    (err == ERR_READ_ONLY || err == ERR_ACCESS || err == ERR_SPACE))
		err = open_lock_read_only(path, fd);
	TRY(err);
	/* flock, not fcntl: it survives daemon()'s fork and a second open and close by ourselves.
	 */
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
		if (is_writable)
			lock_sign(*fd, "");
		return OK;
	}
	err = failed("lock", path);
	lock_read(*fd, owner);
	if (has_ended(owner))
		*owner = (struct env_lock_owner){ 0 };
	env_close(*fd);
	*fd = -1;
	return err;
}

int env_lock_wait(const char *path, enum env_lock_use use, int *fd, struct env_lock_owner *owner)
{
	const int64_t start_ns = env_monotonic_ns();
	bool told = false;

	for (;;) {
		int err = env_lock(path, use, fd, owner);
		int64_t limit_ns = owner->stopping ? LOCK_STOPPING_NS : LOCK_GRACE_NS;

		if (err != ERR_BUSY || env_monotonic_ns() - start_ns >= limit_ns)
			return err;
		if (owner->stopping && !told)
			log_info("%s: waiting for process %d on %s, which is stopping", path,
				 owner->pid, owner->host);
		told = told || owner->stopping;
		nanosleep(&(const struct timespec){ 0, 20000000 }, NULL);
	}
}

void env_lock_print(const struct env_lock_owner *owner, char *text, size_t size)
{
	if (!owner->pid)
		snprintf(text, size, "another process");
	else
		snprintf(text, size, "process %d on %s", owner->pid,
			 owner->host[0] ? owner->host : "some machine");
}

/* --- descriptors and limits ---------------------------------------------------------- */

/*
 * Without 0, 1 and 2 the next files that are opened get these numbers, and messages are written
 * into them.
 */
int env_open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return failed("open", "/dev/null");
	} while (fd <= STDERR_FILENO);
	close(fd);
	return OK;
}

uint64_t env_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur;
}

int env_want_descriptors(uint64_t least, struct diag *diag)
{
	uint64_t descriptors = env_raise_descriptors();

	if (!descriptors || descriptors >= least)
		return OK;
	return diag_set(diag, ERR_LIMIT,
			"%llu descriptors (ulimit -n) are too few: %llu are the least",
			(unsigned long long)descriptors, (unsigned long long)least);
}

/* A hundred nested subqueries take a tenth of it; paths of 4 KiB lie in many frames. */
#define STACK_BYTES	  (2u << 20)
#define STACK_BYTES_LEAST (256u << 10)

/* An unlimited one stays so, and threads would have more than they need of a large one. */
static void set_thread_stacks(void)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
}

int env_settle_stacks(const char *program)
{
	struct rlimit limit;

	set_thread_stacks();
	if (getrlimit(RLIMIT_STACK, &limit) < 0)
		return OK;
	/* The kernel asks for the limit when the stack grows: no new exec is needed. */
	if (limit.rlim_cur < STACK_BYTES && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max < STACK_BYTES ? limit.rlim_max : STACK_BYTES;
		setrlimit(RLIMIT_STACK, &limit);
		getrlimit(RLIMIT_STACK, &limit);
	}
	if (limit.rlim_cur >= STACK_BYTES_LEAST)
		return OK;
	dprintf(STDERR_FILENO,
		"%s: a stack of %llu KiB (ulimit -s) is too small: %u are the least\n", program,
		(unsigned long long)limit.rlim_cur >> 10, STACK_BYTES_LEAST >> 10);
	return ERR_LIMIT;
}

int env_disk(const char *path, struct env_disk *out)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0)
		return failed("statvfs", path);
	*out = (struct env_disk){
		.bytes = (uint64_t)st.f_blocks * st.f_frsize,
		.bytes_free = (uint64_t)st.f_bfree * st.f_frsize,
		.bytes_available = (uint64_t)st.f_bavail * st.f_frsize,
		.bytes_usable = (uint64_t)(geteuid() ? st.f_bavail : st.f_bfree) * st.f_frsize,
		.files = st.f_files,
		.files_free = st.f_ffree,
	};
	return OK;
}

/* The number behind a word at the start of a line of a file of /proc, times `unit`. */
static uint64_t proc_number(const char *path, const char *word, uint64_t unit)
{
	struct buf text = { 0 };
	unsigned long long number = 0;
	const char *line;

	if (env_read_file(path, &text) == OK) {
		line = strstr(buf_text(&text), word);
		if (line)
			sscanf(line + strlen(word), " %llu", &number);
	}
	buf_release(&text);
	return number * unit;
}

void env_process(struct env_process *out)
{
	*out = (struct env_process){
		.resident_bytes = proc_number("/proc/self/status", "VmRSS:", 1024),
		.resident_peak_bytes = proc_number("/proc/self/status", "VmHWM:", 1024),
		.disk_bytes_written = proc_number("/proc/self/io", "\nwrite_bytes:", 1),
	};
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static _Atomic int64_t clock_moved_ns;

int64_t env_now_ns(void)
{
	return clock_ns(CLOCK_REALTIME) +
	       atomic_load_explicit(&clock_moved_ns, memory_order_relaxed);
}

void env_move_clock(int64_t now_ns)
{
	atomic_store(&clock_moved_ns, now_ns - clock_ns(CLOCK_REALTIME));
}

int64_t env_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t env_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t env_boot_id(void)
{
	struct buf text = { 0 };
	uint64_t id = 0;

	if (env_read_file("/proc/sys/kernel/random/boot_id", &text) == OK)
		id = hash_bytes(buf_slice(&text));
	buf_release(&text);
	return id;
}

int64_t env_elapsed_ns(void)
{
	return env_boot_ns() + atomic_load_explicit(&clock_moved_ns, memory_order_relaxed);
}

uint64_t env_random(void)
{
	uint64_t value;

	while (getrandom(&value, sizeof(value), 0) != sizeof(value)) {
		/* eight bytes come whole, or a signal came first */
	}
	return value;
}
