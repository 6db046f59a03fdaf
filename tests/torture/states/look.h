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
/* The same of what a mount of it shows, file by file, and no more: nothing is written. */
void look_mounted(const struct model *model, const char *mountpoint, const struct choice *choice,
		  struct buf *out);

#endif
