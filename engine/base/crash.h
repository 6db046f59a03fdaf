/*
 * Points where a test can have the process end as kill -9 ends it: crash.def.
 *
 * Passing one costs a comparison of two numbers; each lies beside a write to disk.
 */
#ifndef ENGINE_BASE_CRASH_H
#define ENGINE_BASE_CRASH_H

#include "engine/base/slice.h"

enum crash_point {
	CRASH_NEVER,
#define CRASH_POINT(name, text) CRASH_##name,
#define PAUSE_POINT(name, text) CRASH_##name,
#include "engine/base/crash.def"
#undef CRASH_POINT
#undef PAUSE_POINT
	CRASH_COUNT
};

/* The process ends when it passes the point of that name, in any case. ERR_NOT_FOUND: there is
 * none. */
int crash_choose(struct slice name);
void crash_at(enum crash_point point);
/*
 * For unit tests: every thread calls `act` at each point that it passes, and so can be held there.
 * NULL ends it; the caller sees to it that nobody is within.
 */
void crash_watch(void (*act)(void *arg, enum crash_point point), void *arg);

#endif
