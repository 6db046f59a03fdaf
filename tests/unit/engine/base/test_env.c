/* Files, locks and removal, on a real directory. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/env.h"
#include "engine/base/err.h"
#include "tests/lib/test.h"

static char path[600];

static const char *below(const char *dir, const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

TEST(env__a_written_file_reads_back_and_is_replaced_whole)
{
	const char *dir = test_dir();
	struct buf content = { 0 };

	CHECK_INT(env_mkdir(dir), OK);
	CHECK_INT(env_mkdir(dir), OK);
	CHECK_INT(env_write_file(below(dir, "f"), SLICE("one")), OK);
	CHECK_INT(env_write_file(below(dir, "f"), SLICE("second")), OK);
	CHECK_INT(env_read_file(below(dir, "f"), &content), OK);
	CHECK_SLICE(buf_slice(&content), "second");
	CHECK_INT(env_read_file(below(dir, "absent"), &content), ERR_NOT_FOUND);
	CHECK(!env_exists(below(dir, "f.new")));
	buf_release(&content);
}

TEST(env__append_goes_to_the_end_and_truncate_cuts)
{
	const char *dir = test_dir();
	struct buf content = { 0 };
	uint64_t size;
	int fd;

	env_mkdir(dir);
	REQUIRE(env_open_append(below(dir, "log"), &fd, &size) == OK);
	CHECK_INT(size, 0);
	CHECK_INT(env_append(fd, "abcdef", 6), OK);
	CHECK_INT(env_truncate(fd, 3), OK);
	CHECK_INT(env_append(fd, "x", 1), OK);
	CHECK_INT(env_sync(fd), OK);
	env_close(fd);
	REQUIRE(env_open_append(below(dir, "log"), &fd, &size) == OK);
	CHECK_INT(size, 4);
	env_close(fd);
	env_read_file(below(dir, "log"), &content);
	CHECK_SLICE(buf_slice(&content), "abcx");
	buf_release(&content);
}

TEST(env__a_full_disk_is_told_from_a_broken_one)
{
	uint64_t size;
	int fd = open("/dev/full", O_WRONLY);

	REQUIRE(fd >= 0);
	CHECK_INT(env_append(fd, "x", 1), ERR_SPACE);
	env_close(fd);
	CHECK_INT(env_open_append("/nowhere/at/all", &fd, &size), ERR_NOT_FOUND);
}

/* Opened as a file a pipe holds up its reader for ever, and an endless device fills the memory. */
TEST(env__a_pipe_or_a_device_is_no_file)
{
	const char *dir = test_dir();
	struct buf content = { 0 };
	struct env_lock_owner owner;
	uint64_t size;
	int fd;

	env_mkdir(dir);
	REQUIRE(mkfifo(below(dir, "pipe"), 0600) == 0);
	CHECK_INT(env_read_file(path, &content), ERR_IO);
	CHECK_INT(env_open_append(path, &fd, &size), ERR_IO);
	CHECK_INT(env_open_write(path, &fd), ERR_IO);
	CHECK_INT(env_lock(path, ENV_LOCK_WRITES, &fd, &owner), ERR_IO);
	CHECK_INT(env_lock(path, ENV_LOCK_READS, &fd, &owner), ERR_IO);
	env_overwrite(path, SLICE("text"));
	CHECK_INT(env_read_file("/dev/zero", &content), ERR_IO);
	CHECK_INT(content.length, 0);
	buf_release(&content);
}

TEST(env__a_tree_is_removed_but_not_what_its_links_name)
{
	const char *dir = test_dir();
	char keep[600], link_path[600];

	env_mkdir(dir);
	snprintf(keep, sizeof(keep), "%s/keep", dir);
	env_write_file(keep, SLICE("kept"));
	env_mkdir(below(dir, "tree"));
	env_mkdir(below(dir, "tree/sub"));
	env_write_file(below(dir, "tree/sub/f"), SLICE("gone"));
	snprintf(link_path, sizeof(link_path), "%s/tree/link", dir);
	REQUIRE(symlink(dir, link_path) == 0);
	CHECK_INT(env_remove_tree(below(dir, "tree")), OK);
	CHECK(!env_exists(below(dir, "tree")));
	CHECK(env_exists(keep));
	CHECK_INT(env_remove_tree(below(dir, "tree")), OK);
}

TEST(env__a_second_process_is_told_who_holds_the_lock)
{
	const char *dir = test_dir();
	struct env_lock_owner owner;
	char host[65] = "";
	int fd, status;

	env_mkdir(dir);
	gethostname(host, sizeof(host) - 1);
	REQUIRE(env_lock(below(dir, "lock"), ENV_LOCK_WRITES, &fd, &owner) == OK);
	pid_t child = fork();
	if (child == 0) {
		int other;

		_exit(env_lock(path, ENV_LOCK_WRITES, &other, &owner) == ERR_BUSY &&
				      owner.pid == getppid() && strcmp(owner.host, host) == 0 &&
				      !owner.stopping
			      ? 0
			      : 1);
	}
	waitpid(child, &status, 0);
	CHECK_INT(status, 0);
	env_close(fd);
	CHECK_INT(env_lock(path, ENV_LOCK_WRITES, &fd, &owner), OK);
	env_close(fd);
}

TEST(env__who_waits_for_a_lock_gets_it_from_one_that_is_stopping)
{
	const char *dir = test_dir();
	struct env_lock_owner owner;
	int fd, status;

	env_mkdir(dir);
	REQUIRE(env_lock(below(dir, "lock"), ENV_LOCK_WRITES, &fd, &owner) == OK);
	env_lock_stopping(fd);
	pid_t child = fork();
	if (child == 0) {
		int other;

		close(fd);
		_exit(env_lock_wait(path, ENV_LOCK_WRITES, &other, &owner) == OK ? 0 : 1);
	}
	usleep(1000000); /* longer than one that stays is waited for */
	env_close(fd);
	waitpid(child, &status, 0);
	CHECK_INT(status, 0);
}

/* What others wrote there, or half of it: nobody is named, and nothing is read beyond its end. */
TEST(env__any_text_in_a_lock_is_judged)
{
	static const struct {
		const char *text;
		int pid;
		const char *host;
		bool stopping;
	} rows[] = {
		{ "", 0, "", false },
		{ "12", 0, "", false },
		{ "12\n", 12, "", false },
		{ "12 pi4\nstopping\n", 12, "pi4", false },
		{ "12 pi4 stopping\n", 12, "pi4", true },
		{ "-3 pi4\n", 0, "", false },
		{ "x y stopping\n", 0, "", false },
		{ "99999999999999999999 h\n", 999999999, "9999999999", false },
	};
	const char *dir = test_dir();
	struct env_lock_owner owner;
	int fd, other;

	env_mkdir(dir);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		REQUIRE(env_lock(below(dir, "lock"), ENV_LOCK_WRITES, &fd, &owner) == OK);
		REQUIRE(truncate(path, 0) == 0);
		REQUIRE(pwrite(fd, rows[i].text, strlen(rows[i].text), 0) ==
			(ssize_t)strlen(rows[i].text));
		CHECK_INT(env_lock(path, ENV_LOCK_WRITES, &other, &owner), ERR_BUSY);
		if (i + 1 < sizeof(rows) / sizeof(*rows)) { /* the last: any number will do */
			CHECK_INT(owner.pid, rows[i].pid);
			CHECK_STR(owner.host, rows[i].host);
			CHECK_INT(owner.stopping, rows[i].stopping);
		}
		env_close(fd);
	}
}

TEST(env__no_file_is_opened_through_a_link)
{
	const char *dir = test_dir();
	struct env_lock_owner owner;
	struct buf text = { 0 };
	char keep[600], link_path[600];
	uint64_t size;
	int fd;

	env_mkdir(dir);
	snprintf(keep, sizeof(keep), "%s/keep", dir);
	snprintf(link_path, sizeof(link_path), "%s/link", dir);
	env_write_file(keep, SLICE("kept"));
	REQUIRE(symlink(keep, link_path) == 0);
	CHECK_INT(env_lock(link_path, ENV_LOCK_WRITES, &fd, &owner), ERR_IO);
	CHECK_INT(env_open_append(link_path, &fd, &size), ERR_IO);
	CHECK_INT(env_read_file(link_path, &text), ERR_IO);
	CHECK_INT(env_copy(link_path, below(dir, "copy"), 100), ERR_IO);
	CHECK_INT(env_write_file(link_path, SLICE("new")), OK); /* in its place */
	CHECK_INT(env_read_file(keep, &text), OK);
	CHECK_STR(buf_text(&text), "kept");
	buf_release(&text);
}

TEST(env__the_monotonic_clock_never_steps_back)
{
	int64_t last = env_monotonic_ns();

	for (int i = 0; i < 1000; i++) {
		int64_t now = env_monotonic_ns();

		REQUIRE(now >= last);
		last = now;
	}
	CHECK(env_now_ns() > 1600000000000000000);
}
