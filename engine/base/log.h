/* Messages for the operator: stderr in the foreground, syslog once detached. */
#ifndef ENGINE_BASE_LOG_H
#define ENGINE_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO };

void log_to_syslog(bool yes);
/*
 * Give each error to `heard`, too: the first ones of those that came before at once, the others as
 * they come. `heard` logs nothing. NULL ends it.
 */
void log_hear(void (*heard)(void *arg, const char *text), void *arg);
void log_message(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* For memory that nobody can do without: says how much was asked for, and ends the process. */
_Noreturn void log_out_of_memory(size_t bytes);

#define log_error(...)	 log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_message(LOG_LEVEL_INFO, __VA_ARGS__)

#endif
