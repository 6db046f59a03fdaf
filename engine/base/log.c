/* One message at a time, whole, to where the operator looks. */
#include "engine/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Errors that came before anybody listened: those of a start, which is when damage is found. */
#define KEPT_MAX 64u
static pthread_mutex_t hearing_lock = PTHREAD_MUTEX_INITIALIZER;
static char *kept[KEPT_MAX]; /* protected by hearing_lock, as what follows */
static size_t kept_count;
static void (*hearer)(void *arg, const char *text);
static void *hearer_arg;

void log_hear(void (*heard)(void *arg, const char *text), void *arg)
{
	pthread_mutex_lock(&hearing_lock);
	hearer = heard;
	hearer_arg = arg;
	for (size_t i = 0; heard && i < kept_count; i++) {
		heard(arg, kept[i]);
		free(kept[i]);
	}
	if (heard)
		kept_count = 0;
	pthread_mutex_unlock(&hearing_lock);
}

static void hear(const char *text)
{
	pthread_mutex_lock(&hearing_lock);
	if (hearer)
		hearer(hearer_arg, text);
	else if (kept_count < KEPT_MAX && (kept[kept_count] = strdup(text)))
		kept_count++;
	pthread_mutex_unlock(&hearing_lock);
}

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
	if (level == LOG_LEVEL_ERROR)
		hear(text);
}

void log_out_of_memory(size_t bytes)
{
	log_error("out of memory: %zu bytes more were needed", bytes);
	abort();
}
