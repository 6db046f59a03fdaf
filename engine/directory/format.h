/*
 * The version of a data directory: the text of DATADIR/format, `seriesfs N`.
 *
 *	1	what commit eda9f34 and all before it wrote
 *	2	records beside shards, groups and databases that tell what must be there;
 *		a program that knows 1 alone would leave them behind what it writes
 *
 * A version is raised by the first start that writes. A start that only reads leaves it. A program
 * refuses what is newer than it knows, naming both numbers.
 */
#ifndef ENGINE_DIRECTORY_FORMAT_H
#define ENGINE_DIRECTORY_FORMAT_H

#include <stdint.h>

#include "engine/base/slice.h"

#define FORMAT_NEWEST	   2u
#define FORMAT_NEWEST_TEXT "seriesfs 2\n"

/* What the text of a format file says: 0, it is none. */
uint64_t format_parse(struct slice text);

#endif
