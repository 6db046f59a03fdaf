/* Opens directories as a start does, reads everything in them, and goes on writing. */
#ifndef TESTS_TORTURE_LOOK_H
#define TESTS_TORTURE_LOOK_H

#include "tests/torture/states/model.h"

/*
 * All of it: start, judge, write more, flush, close, start again and compare, and seriesfs-check.
 * Faults are printed to `out`, one a line; nothing: it is well.
 */
void look(const struct model *model, const char *path, const struct choice *choice,
	  struct buf *out);

#endif
