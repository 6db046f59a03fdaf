/* Why: between two steps on disk lie microseconds, which no kill from outside meets. */
#include "engine/crash.h"

#include <signal.h>
#include <strings.h>
#include <unistd.h>

#include "engine/base/err.h"

static const char *const crash_names[] = {
#define CRASH_POINT(name, text) [CRASH_##name] = #name,
#include "engine/crash.def"
#undef CRASH_POINT
};

/* Set before there are threads. */
static enum crash_point chosen;

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
	if (point == chosen)
		kill(getpid(), SIGKILL);
}
