/*
 * The handler of SIGBUS, as journald has one: it puts a page of zeros over the one that is lost,
 * and returns, so that the access is repeated and succeeds. It calls nothing but system calls.
 *
 * Pages of the program and its libraries are left to the kernel: to run zeros is worse than to end.
 */
#include "engine/base/lost_page.h"

#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#define OBJECTS_MAX 128

/* Where the program and its libraries lie; written once, before the handler is there. */
static struct {
	uintptr_t from, to;
} objects[OBJECTS_MAX];
static size_t object_count;
static uintptr_t page_bytes;

static bool is_of_program(uintptr_t address)
{
	for (size_t i = 0; i < object_count; i++)
		if (address >= objects[i].from && address < objects[i].to)
			return true;
	return false;
}

static void on_lost_page(int number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	void *page = (void *)(address & ~(page_bytes - 1));

	/* BUS_ADRERR: the file has no such page. What memory itself lost stays an end. */
	if (info->si_code == BUS_ADRERR && !is_of_program(address) &&
	    mmap(page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		    page)
		return;
	signal(SIGBUS, SIG_DFL); /* the access is repeated, and ends the process */
}

static int note_object(struct dl_phdr_info *object, size_t size, void *arg)
{
	for (size_t i = 0; i < object->dlpi_phnum && object_count < OBJECTS_MAX; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];

		if (part->p_type != PT_LOAD)
			continue;
		objects[object_count].from = object->dlpi_addr + part->p_vaddr;
		objects[object_count++].to = object->dlpi_addr + part->p_vaddr + part->p_memsz;
	}
	return 0;
}

static void install(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_RESTART };

	page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	dl_iterate_phdr(note_object, NULL);
	action.sa_sigaction = on_lost_page;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

void lost_pages_survive(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install);
}
