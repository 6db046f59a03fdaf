/*
 * Points where a test can have the process end as kill -9 ends it: crash.def.
 *
 * Passing one costs a comparison of two numbers; each lies beside a write to disk.
 */
#ifndef ENGINE_CRASH_H
#define ENGINE_CRASH_H

#include "engine/base/slice.h"

enum crash_point {
	CRASH_NEVER,
#define CRASH_POINT(name, text) CRASH_##name,
#include "engine/crash.def"
#undef CRASH_POINT
};

/* The process ends when it passes the point of that name, in any case. ERR_NOT_FOUND: there is
 * none. */
int crash_choose(struct slice name);
void crash_at(enum crash_point point);

#endif
