/*
 * Ends the process at a chosen row of crash.def, or tells a test of each row that is passed. Why:
 * between two steps on disk lie microseconds, which no kill from outside meets.
 */
#include "engine/base/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <strings.h>
#include <unistd.h>

#include "engine/base/err.h"

static const char *const crash_names[] = {
#define CRASH_POINT(name, text) [CRASH_##name] = #name,
#define PAUSE_POINT(name, text) CRASH_POINT(name, text)
#include "engine/base/crash.def"
#undef CRASH_POINT
#undef PAUSE_POINT
};

/* Set before there are threads; CRASH_COUNT while a test watches, which starts beside them. */
static _Atomic enum crash_point chosen;
static void (*watch)(void *arg, enum crash_point point);
static void *watch_arg;

int crash_choose(struct slice name)
{
	for (size_t i = 1; i < sizeof(crash_names) / sizeof(crash_names[0]); i++)
		if (strlen(crash_names[i]) == name.length &&
		    strncasecmp(crash_names[i], name.data, name.length) == 0) {
			chosen = (enum crash_point)i;
			return OK;
		}
	return ERR_NOT_FOUND;
}

void crash_at(enum crash_point point)
{
	enum crash_point now = atomic_load_explicit(&chosen, memory_order_acquire);

	if (now == CRASH_NEVER)
		return;
	if (now == point)
		kill(getpid(), SIGKILL);
	if (now == CRASH_COUNT)
		watch(watch_arg, point);
}

void crash_watch(void (*act)(void *arg, enum crash_point point), void *arg)
{
	if (act) {
		watch = act;
		watch_arg = arg;
	}
	atomic_store(&chosen, act ? CRASH_COUNT : CRASH_NEVER);
}
