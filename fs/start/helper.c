/*
 * Runs the process that unmounts: it holds one socket, no file and no terminal, and knows one
 * word.
 */
#include "fs/start/helper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* fusermount3 may wait for the kernel; a daemon that ends does not wait for ever. */
#define ANSWER_MS 10000

static struct {
	pid_t pid;
	int socket;
	char *arguments; /* where argv lies in memory: one string after the other */
	size_t arguments_bytes;
} helper = { .socket = -1 };

void helper_note_arguments(int argc, char **argv)
{
	helper.arguments = argv[0];
	helper.arguments_bytes = 0;
	for (int i = 0; i < argc; i++)
		if (argv[i] == helper.arguments + helper.arguments_bytes)
			helper.arguments_bytes += strlen(argv[i]) + 1;
}

/* pgrep(1) for the daemon's command line must find one process, not two. */
static void show_own_name(void)
{
	static const char name[] = "seriesfs-umount";

	prctl(PR_SET_NAME, name);
	if (helper.arguments_bytes <= 1)
		return;
	memset(helper.arguments, 0, helper.arguments_bytes);
	strncpy(helper.arguments, name, helper.arguments_bytes - 1);
}

static bool run_fusermount(const char *mount_path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execlp("fusermount3", "fusermount3", "-u", "-q", "-z", "--", mount_path,
		       (char *)NULL);
		_exit(EXIT_FAILURE);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

/*
 * The kernel's parts of a pool are closed but for the socket: a pipe that is kept open here would
 * keep the process that started us waiting for its end.
 */
static void keep_only(int socket)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (null >= 0)
			dup2(null, fd);
	if (socket != STDERR_FILENO + 1)
		dup2(socket, STDERR_FILENO + 1);
	if (close_range(STDERR_FILENO + 2, ~0u, 0) < 0)
		for (int fd = STDERR_FILENO + 2; fd < 1024; fd++)
			close(fd);
}

/* A supervisor's SIGTERM goes to all processes of a service: the daemon needs this process until it
 * has ended itself. */
static void ignore_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigdelset(&all, SIGCHLD);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGCHLD, SIG_DFL); /* ignored, waitpid() would tell of no child */
}

_Noreturn static void serve(int socket, const char *mount_path)
{
	char word;

	keep_only(socket);
	socket = STDERR_FILENO + 1;
	ignore_signals();
	setsid();
	show_own_name();
	if (chdir("/") < 0)
		_exit(EXIT_FAILURE);
	while (read(socket, &word, 1) == 1) {
		word = umount2(mount_path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 ||
		       run_fusermount(mount_path);
		if (write(socket, &word, 1) != 1)
			break;
	}
	_exit(EXIT_SUCCESS);
}

bool helper_start(const char *mount_path)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	helper.pid = fork();
	if (helper.pid == 0)
		serve(ends[1], mount_path);
	close(ends[1]);
	if (helper.pid < 0) {
		close(ends[0]);
		return false;
	}
	helper.socket = ends[0];
	return true;
}

bool helper_unmount(void)
{
	struct pollfd answer = { .fd = helper.socket, .events = POLLIN };
	char word = 'u';

	if (helper.socket < 0 || send(helper.socket, &word, 1, MSG_NOSIGNAL) != 1)
		return false;
	return poll(&answer, 1, ANSWER_MS) == 1 && read(helper.socket, &word, 1) == 1 && word == 1;
}

void helper_stop(void)
{
	if (helper.socket < 0)
		return;
	close(helper.socket);
	helper.socket = -1;
	waitpid(helper.pid, NULL, 0);
}
