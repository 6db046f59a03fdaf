/*
 * Confines the daemon to its data directory by Landlock, with raw system calls: the C library
 * has no functions for it.
 */
#include "fs/start/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/log.h"

/* Of later kernels than the headers here may be. */
#define ACCESS_TRUNCATE (UINT64_C(1) << 14) /* version 3 */

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE                                                                                      \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                           \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                            \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER)
/* Handled and allowed nowhere, but for links to what cannot be written: no program is run, nothing
 * but files and directories is made. */
#define NEVER                                                                                      \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                               \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                             \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* Renames and links between directories are what drops and snapshots are made of: version 2. */
#define VERSION_LEAST 2

struct rules {
	int fd;
	uint64_t handled;
};

static void allow_at(const struct rules *rules, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
			  ACCESS_TRUNCATE | LANDLOCK_ACCESS_FS_EXECUTE;
	rule.allowed_access = access & rules->handled;
	syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* What is not there needs no rule. */
static void allow(const struct rules *rules, const char *path, uint64_t access)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return;
	allow_at(rules, fd, access);
	close(fd);
}

/* A directory in it may be a link to another disk, which its owner made. */
static void allow_data(const struct rules *rules, const char *data_path)
{
	DIR *dir = opendir(data_path);
	const struct dirent *entry;
	char path[PATH_MAX + NAME_MAX + 2];

	allow(rules, data_path, READ | WRITE | ACCESS_TRUNCATE);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_LNK)
			continue;
		snprintf(path, sizeof(path), "%s/%s", data_path, entry->d_name);
		allow(rules, path, READ | WRITE | ACCESS_TRUNCATE);
	}
	if (dir)
		closedir(dir);
}

/* Time zones; callers and itself; processors and memory; libraries that libc loads when it needs
 * them. */
static void allow_system(const struct rules *rules)
{
	static const char *const read_only[] = {
		"/etc/localtime",
		"/usr/share/zoneinfo",
		"/usr/lib/zoneinfo",
		"/proc",
		"/sys/fs/cgroup",
		"/sys/devices/system",
		"/dev/urandom",
		"/lib",
		"/lib64",
		"/usr/lib",
		"/usr/lib64",
		"/etc/ld.so.cache",
	};
	const char *zones = getenv("TZDIR");

	for (size_t i = 0; i < sizeof(read_only) / sizeof(*read_only); i++)
		allow(rules, read_only[i], READ);
	if (zones)
		allow(rules, zones, READ);
	allow(rules, "/dev/null", READ | LANDLOCK_ACCESS_FS_WRITE_FILE);
}

static bool is_left_out(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true; /* its reports go where its options say */
#else
	return getenv("LD_PRELOAD") != NULL;
#endif
}

static bool confine(const char *data_path, const char *links_path)
{
	struct landlock_ruleset_attr attributes = { 0 };
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct rules rules;

	if (version < VERSION_LEAST)
		return false;
	attributes.handled_access_fs = READ | WRITE | NEVER | (version >= 3 ? ACCESS_TRUNCATE : 0);
	rules.handled = attributes.handled_access_fs;
	/* The first field alone: a kernel that knows fewer fields than the headers takes it, too.
	 */
	rules.fd = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(uint64_t), 0);
	if (rules.fd < 0)
		return false;
	allow_data(&rules, data_path);
	if (links_path)
		allow(&rules, links_path,
		      READ | WRITE | ACCESS_TRUNCATE | LANDLOCK_ACCESS_FS_MAKE_SYM);
	allow_system(&rules);
	bool confined = syscall(SYS_landlock_restrict_self, rules.fd, 0) == 0;
	close(rules.fd);
	return confined;
}

bool sandbox_enter(const char *data_path, const char *links_path, bool files)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		log_warning("no_new_privs cannot be had: %s", strerror(errno));
		return false;
	}
	return files && !is_left_out() && confine(data_path, links_path);
}
