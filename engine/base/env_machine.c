/*
 * Asks the kernel about the machine and this process: descriptors, stacks, the disk, memory,
 * clocks, chance.
 *
 * Why: a test moves the wall clock in one place (env_move_clock) and the whole program believes it,
 * and no other file below fs/ reads /proc or a limit.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/env.h"
#include "engine/base/env_inner.h"
#include "engine/base/map.h"

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
			return env_failed("open", "/dev/null");
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
		return env_failed("statvfs", path);
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

/* How far a test moved the wall clock; 0 in every run that is none. */
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
