/* What is out of the daemon's reach, tried by processes that are confined as it is. */
#include "fs/start/sandbox.c"

#include <sys/wait.h>

#include "tests/lib/test.h"

enum { FINE, NOT_CONFINED = 77 };

static char dir[300], outside[300];

static void below(const char *parent, const char *name, char path[900])
{
	snprintf(path, 900, "%.600s/%.200s", parent, name);
}

/* Runs `body` confined to `dir`; NOT_CONFINED where the kernel cannot. */
static int confined(int (*body)(void))
{
	int status = -1;

	snprintf(dir, sizeof(dir), "%s", test_dir());
	mkdir(dir, 0700);
	snprintf(outside, sizeof(outside), "%s", test_dir());
	mkdir(outside, 0700);
	pid_t pid = fork();
	if (pid == 0)
		_exit(sandbox_enter(dir, NULL, true) ? body() : NOT_CONFINED);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int refused(int fd)
{
	return fd < 0 && errno == EACCES ? FINE : 1;
}

static int try_outside(void)
{
	char path[900], from[900];

	below(outside, "file", path);
	if (refused(open("/etc/passwd", O_RDONLY)) || refused(open(path, O_WRONLY | O_CREAT, 0600)))
		return 1;
	if (refused(open(outside, O_RDONLY | O_DIRECTORY)) || refused(mkdir(path, 0700)))
		return 2;
	below(dir, "made", from);
	if (close(open(from, O_WRONLY | O_CREAT, 0600)) < 0)
		return 3;
	if (rename(from, path) == 0 || link(from, path) == 0)
		return 4; /* nothing of the data gets out by another name */
	below(dir, "link", path);
	if (refused(symlink("/etc/passwd", path)) || refused(mkfifo(path, 0600)))
		return 5;
	execl("/bin/false", "false", (char *)NULL); /* which would give 1 */
	return errno == EACCES ? FINE : 6;
}

static int try_inside(void)
{
	char a[900], b[900], from[900], to[900];

	below(dir, "a", a);
	below(dir, "b", b);
	if (mkdir(a, 0700) < 0 || mkdir(b, 0700) < 0)
		return 1;
	below(a, "file", from);
	below(b, "file", to);
	int fd = open(from, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) < 0 || close(fd) < 0)
		return 2;
	/* As drops and snapshots do: to another directory. */
	if (rename(from, to) < 0 || link(to, from) < 0 || unlink(to) < 0 || unlink(from) < 0)
		return 3;
	if (rmdir(a) < 0 || rmdir(b) < 0)
		return 4;
	fd = open("/proc/self/status", O_RDONLY);
	if (fd < 0)
		return 5;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? FINE : 6;
}

static void check_confined(int code)
{
	if (code == NOT_CONFINED)
		printf("SKIPPED what Landlock does: it cannot be had here\n");
	else
		CHECK_INT(code, FINE);
}

TEST(sandbox__nothing_outside_the_data_directory_is_in_reach)
{
	check_confined(confined(try_outside));
}

TEST(sandbox__everything_in_it_is)
{
	check_confined(confined(try_inside));
}
