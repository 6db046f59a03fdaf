/* One message at a time, whole, to where the operator looks. */
#include "engine/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

static const struct {
	int priority;
	const char *prefix;
} log_levels[] = {
	[LOG_LEVEL_ERROR] = { LOG_ERR, "error: " },
	[LOG_LEVEL_WARNING] = { LOG_WARNING, "warning: " },
	[LOG_LEVEL_INFO] = { LOG_INFO, "" },
};

static atomic_bool detached;

void log_to_syslog(bool yes)
{
	if (yes)
		openlog("seriesfs", LOG_PID, LOG_DAEMON);
	atomic_store(&detached, yes);
}

void log_message(enum log_level level, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (atomic_load(&detached))
		syslog(log_levels[level].priority, "%s%s", log_levels[level].prefix, text);
	else
		fprintf(stderr, "seriesfs: %s%s\n", log_levels[level].prefix, text);
}

void log_out_of_memory(size_t bytes)
{
	log_error("out of memory: %zu bytes more were needed", bytes);
	abort();
}
