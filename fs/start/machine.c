/*
 * Measures the memory that defaults are made for. What fits a server of 64 GB ends a small
 * machine, and nobody sets options before that has happened.
 */
#include "fs/start/machine.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number in a file of one; UINT64_MAX where there is none ("max"). */
static uint64_t read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned long long number;
	bool is_there = file && fscanf(file, "%llu", &number) == 1;

	if (file)
		fclose(file);
	return is_there ? number : UINT64_MAX;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * The limits of a control group and of all above it. `path` is as /proc/self/cgroup has it; in a
 * container that sees but its own part, the last look, at the root, finds the limit.
 */
static uint64_t limit_of_group(const char *mount, char *path, const char *file)
{
	uint64_t limit = UINT64_MAX;
	char name[4096 + 256];

	for (;;) {
		char *slash = strrchr(path, '/');

		if ((size_t)snprintf(name, sizeof(name), "%s%s/%s", mount, path, file) <
		    sizeof(name))
			limit = least(limit, read_number(name));
		if (!slash)
			return limit;
		*slash = '\0';
	}
}

/* Lines are `0::/path` (version 2) or `4:cpu,memory:/path`. */
static uint64_t limit_of_line(char *line)
{
	char *controllers = strchr(line, ':'), *path;

	if (!controllers || !(path = strchr(controllers + 1, ':')))
		return UINT64_MAX;
	*path++ = '\0';
	path[strcspn(path, "\n")] = '\0';
	if (controllers[1] == '\0')
		return limit_of_group("/sys/fs/cgroup", path, "memory.max");
	if (!strstr(controllers, "memory"))
		return UINT64_MAX;
	return limit_of_group("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
}

static uint64_t limit_of_groups(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	uint64_t limit = UINT64_MAX;
	char line[4096];

	while (file && fgets(line, sizeof(line), file))
		limit = least(limit, limit_of_line(line));
	if (file)
		fclose(file);
	return limit;
}

static uint64_t limit_of_process(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

uint64_t machine_memory_bytes(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
	uint64_t bytes = pages > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;

	bytes = least(bytes, limit_of_groups());
	bytes = least(bytes, limit_of_process(RLIMIT_AS));
	return least(bytes, limit_of_process(RLIMIT_DATA));
}
