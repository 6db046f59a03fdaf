/*
 * LD_PRELOAD for the daemon: allocations of its own code fail as a file says.
 *
 *	MEMORY_FAIL=FILE | count: 8 | first: 8 | last: 8 | failed: 8 |
 *
 * Allocations are counted from the moment that the file is made zero; those numbered first to last
 * (0 = none) are refused. What LevelDB, libfuse and libc ask for themselves goes through: who asks
 * is told by where the call comes from.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct control {
	atomic_ullong count, first, last, failed;
} * control;
static uintptr_t text_first, text_end; /* of the program */

/* The C library's, or a sanitizer's, which comes behind this library and must know every block. */
static void *(*next_malloc)(size_t bytes);
static void *(*next_calloc)(size_t count, size_t bytes);
static void *(*next_realloc)(void *memory, size_t bytes);

#define NEXT(name) (next_##name ? next_##name : (next_##name = dlsym(RTLD_NEXT, #name)))

static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X)) {
			text_first = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			text_end = text_first + info->dlpi_phdr[i].p_memsz;
		}
	return 1; /* the program is the first */
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("MEMORY_FAIL");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *memory;

	if (fd < 0)
		return;
	dl_iterate_phdr(find_text, NULL);
	memory = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (memory != MAP_FAILED)
		control = memory;
}

static int fails(void *caller)
{
	unsigned long long number;

	if (!control || (uintptr_t)caller < text_first || (uintptr_t)caller >= text_end)
		return 0;
	number = atomic_fetch_add(&control->count, 1) + 1;
	if (number < atomic_load(&control->first) || number > atomic_load(&control->last))
		return 0;
	atomic_fetch_add(&control->failed, 1);
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t bytes)
{
	return fails(__builtin_return_address(0)) ? NULL : NEXT(malloc)(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return fails(__builtin_return_address(0)) ? NULL : NEXT(calloc)(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
	return fails(__builtin_return_address(0)) ? NULL : NEXT(realloc)(memory, bytes);
}
