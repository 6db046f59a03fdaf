/*
 * Takes the lock of a directory for one process, and tells the others which process has it.
 *
 * Why: two daemons that write one data directory would destroy it. The kernel lets go of an flock()
 * when its process ends, so that a crash leaves no lock behind; the line in the file is for the
 * operator, and for a daemon that is started while the one before it still writes what it has.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/env.h"
#include "engine/base/env_inner.h"
#include "engine/base/log.h"

/* Wait for an owner that ends; tell at once of an owner that stays. */
#define LOCK_GRACE_NS	 INT64_C(700000000)
#define LOCK_STOPPING_NS INT64_C(120000000000)
/* Between two tries: short beside the grace, and fifty tries a second cost nothing. */
#define LOCK_RETRY_NS 20000000

/*
 * line := pid [ ' ' host [ ' ' "stopping" ] ] '\n'
 *
 * Outside bytes: any other text names nobody. Earlier versions wrote the pid alone.
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
	int err = env_open(path, O_RDONLY, fd);

	if (err != ERR_NOT_FOUND || !env_parent(path, parent))
		return err;
	return env_open(parent, O_RDONLY | O_DIRECTORY, fd);
}

int env_lock_directory(const char *path, int *fd)
{
	TRY(env_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, fd));
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return OK;
	env_close(*fd);
	*fd = -1;
	return ERR_BUSY;
}

/*
 * A process that only looks does not sign: while it has the lock the file tells of the owner before
 * it, which must not be named. A process of another host cannot be asked, and counts as alive.
 */
static bool has_ended(const struct env_lock_owner *owner)
{
	char host[65] = "";

	return owner->pid > 0 && gethostname(host, sizeof(host) - 1) == 0 &&
	       strcmp(host, owner->host) == 0 && kill(owner->pid, 0) < 0 && errno == ESRCH;
}

int env_lock(const char *path, enum env_lock_use use, int *fd, struct env_lock_owner *owner)
{
	bool is_looking = use == ENV_LOCK_LOOKS;
	int err = is_looking ? open_lock_read_only(path, fd) : env_open(path, O_RDWR | O_CREAT, fd);
	bool is_writable = err == OK && !is_looking;

	*owner = (struct env_lock_owner){ 0 };
	if (use == ENV_LOCK_READS &&
	    (err == ERR_READ_ONLY || err == ERR_ACCESS || err == ERR_SPACE))
		err = open_lock_read_only(path, fd);
	TRY(err);
	/* flock, not fcntl: the lock survives daemon()'s fork and a second open and close by
	 * ourselves.
	 */
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
		if (is_writable)
			lock_sign(*fd, "");
		return OK;
	}
	err = env_failed("lock", path);
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
		nanosleep(&(const struct timespec){ 0, LOCK_RETRY_NS }, NULL);
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
